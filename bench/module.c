/* SPDX-License-Identifier: MIT */
/* The benchmark's two ends in collectd: a writer that only counts, and a read
 * that is the floor under the plugin's. Both as collectd modules have them, so
 * that what collectd does in between is the same for all that is compared.
 *
 *   <Plugin bench>
 *     Count "ttn"      the plugin whose values are counted
 *     Round 16000      as many of them are a round
 *     Gates 5          reads happen on command, see below
 *     Floor "https://127.0.0.1:8443" "ca.pem" 500    URL, CA, gateways
 *   </Plugin>
 *
 * At the end of a round it prints "wall US cpu US" to standard output: from the
 * command until the round's last value was with the writer, and the process'
 * CPU time since the round before.
 *
 * A gate is a read that waits for a byte on standard input: a "b", which begins
 * a round, or any other. With as many gates as collectd has read threads no
 * other read happens meanwhile; once their bytes came all others do, one time
 * each: they are overdue, and a read that was late is due again at once, but
 * behind the gates. So polls need no waiting for an interval, and none begins
 * before all values of the last are written. With several threads a gate that
 * ends later than the first reads lets these happen twice; what they bring
 * after the round is not counted. */
#include "plugin.h"

#include "floor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define NAME "bench"
/* The Interval of all that reads has to be READ_INTERVAL, too. */
#define READ_INTERVAL MS_TO_CDTIME_T(100)
#define GATE_INTERVAL MS_TO_CDTIME_T(10)

static struct {
  char counted[DATA_MAX_NAME_LEN];
  uint64_t round;
  char url[256], ca_cert[256];
  size_t gateways;
  struct floor *floor;
  cdtime_t time; /* of the floor's poll under way */
  char (*ids)[DATA_MAX_NAME_LEN];
  /* of the writer, which five threads call at once */
  atomic_uint_fast64_t values;
  _Atomic cdtime_t begin; /* of the round */
  int64_t cpu;
} bench;

/* What doesn't fit is cut. */
static void copy(char *to, const char *text, size_t size) {
  size_t n = strnlen(text, size - 1);
  memcpy(to, text, n);
  to[n] = '\0';
}

/* -- the writer -- */

static int64_t process_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void end_round(void) {
  cdtime_t wall = cdtime() - atomic_load(&bench.begin);
  int64_t cpu = process_cpu();
  dprintf(STDOUT_FILENO, "wall %llu cpu %lld\n",
          (unsigned long long)CDTIME_T_TO_US(wall),
          (long long)(cpu - bench.cpu));
  bench.cpu = cpu;
}

static int count(const data_set_t *set, const value_list_t *list,
                 user_data_t *user) {
  (void)set, (void)user;
  if (strcmp(list->plugin, bench.counted) != 0)
    return 0;
  if (atomic_fetch_add(&bench.values, 1) + 1 == bench.round)
    end_round();
  return 0;
}

/* -- the floor -- */

static void begin_list(value_list_t *list, value_t *number,
                       const char *plugin) {
  *list = (value_list_t)VALUE_LIST_INIT;
  list->values = number;
  list->values_len = 1;
  list->time = bench.time;
  list->interval = READ_INTERVAL;
  copy(list->host, hostname_g, sizeof(list->host));
  copy(list->plugin, plugin, sizeof(list->plugin));
}

static void dispatch(void *ctx, size_t first, size_t n) {
  value_t number;
  value_list_t list;
  (void)ctx;
  begin_list(&list, &number, NAME);
  for (size_t i = first; i < first + n; i++) {
    copy(list.plugin_instance, bench.ids[i], sizeof(list.plugin_instance));
    for (size_t v = 0; v < FLOOR_VALUES; v++) {
      const struct floor_value *value = &floor_values[v];
      copy(list.type, value->type, sizeof(list.type));
      copy(list.type_instance, value->type_instance,
           sizeof(list.type_instance));
      if (value->derive)
        number.derive = 1;
      else
        number.gauge = 1;
      plugin_dispatch_values(&list);
    }
  }
}

/* As many as the plugin says of the poll itself. */
static void dispatch_api(void) {
  value_t number = {.gauge = 1};
  value_list_t list;
  begin_list(&list, &number, NAME "_api");
  copy(list.type, "count", sizeof(list.type));
  for (int i = 0; i < FLOOR_API_VALUES; i++) {
    snprintf(list.type_instance, sizeof(list.type_instance), "%d", i);
    plugin_dispatch_values(&list);
  }
}

static int read_floor(user_data_t *user) {
  (void)user;
  bench.time = cdtime();
  if (!floor_poll(bench.floor, dispatch, NULL))
    plugin_log(LOG_ERR, NAME " plugin: the floor's poll failed");
  dispatch_api();
  return 0;
}

/* -- the gate -- */

static int wait_at_gate(user_data_t *user) {
  char byte;
  (void)user;
  if (read(STDIN_FILENO, &byte, 1) != 1)
    return -1;
  if (byte == 'b') {
    atomic_store(&bench.values, 0);
    atomic_store(&bench.begin, cdtime());
  }
  return 0;
}

/* Reads begin in the order of their registration: within the configuration, so
 * that the gates come before those of all plugins that are configured later. */
static void put_up_gates(int n) {
  char name[32];
  for (int i = 0; i < n; i++) {
    snprintf(name, sizeof(name), NAME "/gate%d", i);
    plugin_register_complex_read(NULL, name, wait_at_gate, GATE_INTERVAL, NULL);
  }
}

/* -- life -- */

static int configure(oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++) {
    const oconfig_item_t *item = &block->children[i];
    const oconfig_value_t *values = item->values;
    if (strcmp(item->key, "Count") == 0) {
      copy(bench.counted, values[0].value.string, sizeof(bench.counted));
    } else if (strcmp(item->key, "Round") == 0) {
      bench.round = (uint64_t)values[0].value.number;
    } else if (strcmp(item->key, "Gates") == 0) {
      put_up_gates((int)values[0].value.number);
    } else if (strcmp(item->key, "Floor") == 0 && item->values_num == 3) {
      copy(bench.url, values[0].value.string, sizeof(bench.url));
      copy(bench.ca_cert, values[1].value.string, sizeof(bench.ca_cert));
      bench.gateways = (size_t)values[2].value.number;
    }
  }
  return 0;
}

static int init(void) {
  if (bench.gateways == 0)
    return 0;
  bench.ids = calloc(bench.gateways, sizeof(*bench.ids));
  bench.floor = floor_new(bench.url, bench.ca_cert, bench.gateways);
  if (bench.ids == NULL || bench.floor == NULL)
    return -1;
  for (size_t i = 0; i < bench.gateways; i++)
    floor_id(bench.ids[i], sizeof(bench.ids[i]), i);
  return plugin_register_complex_read(NULL, NAME, read_floor, READ_INTERVAL,
                                      NULL);
}

static int stop(void) {
  floor_free(bench.floor);
  free(bench.ids);
  return 0;
}

void module_register(void);
void module_register(void) {
  bench.round = 1;
  plugin_register_complex_config(NAME, configure);
  plugin_register_init(NAME, init);
  plugin_register_write(NAME, count, NULL);
  plugin_register_shutdown(NAME, stop);
}
