/* SPDX-License-Identifier: MIT */
/* The module as collectd loads it, in a collectd that this program plays: it
 * exports what ttn.so takes from the daemon and writes down what it gets.
 * End-to-end tests see the same with the real one; here are the moments that
 * are hard to meet there: a poll that hangs, a refused registration, reads on
 * the thread that ran init. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "testing.h"

#include <dlfcn.h>
#include <plugin.h>

#include "web.h"

#define KEY                                                                    \
  "NNSXS.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG."                             \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST"
#define READS 4
#define VALUES 200

/* -- collectd -- */

char *hostname_g;

struct read {
  char name[160];
  plugin_read_cb callback;
  cdtime_t interval;
  user_data_t data;
};

static struct {
  int (*config)(oconfig_item_t *);
  plugin_init_cb init;
  plugin_shutdown_cb shutdown;
  struct read reads[READS];
  int n_reads;
  int refuse; /* plugin_register_complex_read returns this */
  cdtime_t now;

  pthread_mutex_t lock;
  char log[1 << 14];
  value_list_t values[VALUES];
  double gauges[VALUES];
  derive_t counts[VALUES];
  char gateway_names[VALUES][64]; /* of the meta data */
  int n_values;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

int plugin_register_complex_config(const char *type,
                                   int (*callback)(oconfig_item_t *)) {
  assert_string_equal(type, "ttn");
  host.config = callback;
  return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback) {
  assert_string_equal(name, "ttn");
  host.init = callback;
  return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  assert_string_equal(name, "ttn");
  host.shutdown = callback;
  return 0;
}

/* Frees the user data when it refuses, as collectd does. */
int plugin_register_complex_read(const char *group, const char *name,
                                 plugin_read_cb callback, cdtime_t interval,
                                 user_data_t const *data) {
  assert_string_equal(group, "ttn");
  assert_true(host.n_reads < READS);
  if (host.refuse != 0) {
    data->free_func(data->data);
    return host.refuse;
  }
  struct read *read = &host.reads[host.n_reads++];
  snprintf(read->name, sizeof(read->name), "%s", name);
  read->callback = callback;
  read->interval = interval;
  read->data = *data;
  return 0;
}

/* The meta data is a string here: the gateway's name. */
meta_data_t *meta_data_create(void) { return calloc(1, 64); }

void meta_data_destroy(meta_data_t *meta) { free(meta); }

int meta_data_add_string(meta_data_t *meta, const char *key,
                         const char *value) {
  if (strcmp(key, "gateway_name") == 0)
    snprintf((char *)meta, 64, "%s", value);
  return 0;
}

int meta_data_add_double(meta_data_t *meta, const char *key, double value) {
  (void)meta;
  (void)key;
  (void)value;
  return 0;
}

int plugin_dispatch_values(value_list_t const *list) {
  pthread_mutex_lock(&host.lock);
  if (host.n_values < VALUES) {
    int i = host.n_values++;
    host.values[i] = *list;
    host.gauges[i] = list->values[0].gauge;
    host.counts[i] = list->values[0].derive;
    if (list->meta != NULL)
      snprintf(host.gateway_names[i], 64, "%s", (const char *)list->meta);
  }
  pthread_mutex_unlock(&host.lock);
  return 0;
}

int plugin_dispatch_notification(const notification_t *note) {
  (void)note;
  return -1;
}

void plugin_log(int level, const char *format, ...) {
  static const char *const names[] = {
      [LOG_ERR] = "ERROR", [LOG_WARNING] = "WARNING", [LOG_NOTICE] = "NOTICE",
      [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG",
  };
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  pthread_mutex_lock(&host.lock);
  size_t used = strlen(host.log);
  snprintf(host.log + used, sizeof(host.log) - used, "%s %s\n", names[level],
           line);
  pthread_mutex_unlock(&host.lock);
}

int plugin_thread_create(pthread_t *thread, void *(*run)(void *), void *arg,
                         char const *name) {
  assert_true(strlen(name) <= 15);
  return pthread_create(thread, NULL, run, arg);
}

cdtime_t plugin_get_interval(void) { return TIME_T_TO_CDTIME_T(10); }

cdtime_t cdtime(void) { return host.now; }

const char *global_option_get(const char *option) {
  assert_string_equal(option, "BaseDir");
  return "/nonexistent";
}

/* -- the stack: one gateway, or none at all -- */

static atomic_bool hang; /* the stack takes requests and never answers */

static void web_answer(struct web_request *request) {
  static const char list[] =
      "{\"gateways\":[{\"ids\":{\"gateway_id\":\"roof\"},\"name\":\"The "
      "roof\"}]}";
  static const char batch[] =
      "{\"entries\":{\"roof\":{\"connected_at\":\"2026-11-22T15:00:00Z\","
      "\"uplink_count\":\"41\"}}}";
  if (hang)
    web_hang(request);
  else if (strstr(request->path, "connection/stats") != NULL)
    web_reply(request, "200 OK", "", batch, sizeof(batch) - 1);
  else
    web_reply(request, "200 OK", "X-Total-Count: 1\r\n", list,
              sizeof(list) - 1);
}

static struct web web;

/* -- configuration, as collectd's parser gives it -- */

static oconfig_value_t string(const char *text) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_STRING};
  value.value.string = (char *)(uintptr_t)text;
  return value;
}

static oconfig_value_t number(double n) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_NUMBER};
  value.value.number = n;
  return value;
}

static oconfig_value_t boolean(bool yes) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_BOOLEAN};
  value.value.boolean = yes ? 1 : 0;
  return value;
}

static oconfig_item_t item(const char *key, oconfig_value_t *value) {
  return (oconfig_item_t){.key = (char *)(uintptr_t)key,
                          .values = value,
                          .values_num = value != NULL ? 1 : 0};
}

/* <Plugin ttn> with one account at the stack above. */
static void configure(const char *account, const char *state_file) {
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", web.port);
  oconfig_value_t values[] = {string(url),    string(KEY),   number(0.5),
                              boolean(true),  number(60000), string(state_file),
                              string(account)};
  oconfig_item_t lines[] = {
      item("URL", &values[0]),      item("APIKey", &values[1]),
      item("Interval", &values[2]), item("MetaData", &values[3]),
      item("Timeout", &values[4]),  item("StateFile", &values[5]),
  };
  oconfig_item_t block = item("Account", &values[6]);
  block.children = lines;
  block.children_num = 6;
  oconfig_item_t plugin = item("Plugin", NULL);
  plugin.children = &block;
  plugin.children_num = 1;
  assert_int_equal(host.config(&plugin), 0);
}

/* -- a daemon's life -- */

static void *module;

static int load(void **state) {
  const char *path = getenv("TTN_PLUGIN");
  static char name[] = "box";
  void (*module_register)(void);
  (void)state;
  hostname_g = name;
  signal(SIGPIPE, SIG_IGN);
  module =
      dlopen(path != NULL ? path : "src/.libs/ttn.so", RTLD_NOW | RTLD_LOCAL);
  if (module == NULL)
    fail_msg("%s", dlerror());
  *(void **)&module_register = dlsym(module, "module_register");
  assert_non_null(module_register);
  module_register();
  web_start(&web);
  return 0;
}

static int unload(void **state) {
  (void)state;
  web_stop(&web);
  return 0;
}

static int start(void **state) {
  (void)state;
  host.n_reads = host.n_values = host.refuse = 0;
  host.log[0] = '\0';
  host.now = TIME_T_TO_CDTIME_T(1000);
  hang = false;
  memset(host.gateway_names, 0, sizeof(host.gateway_names));
  return 0;
}

static void end_reads(void) {
  for (int i = 0; i < host.n_reads; i++)
    host.reads[i].data.free_func(host.reads[i].data.data);
  host.n_reads = 0;
}

static int stop(void **state) {
  (void)state;
  end_reads();
  return host.shutdown();
}

static void *read_once(void *arg) {
  struct read *read = arg;
  int64_t before = ttn_env_system.mono(NULL);
  assert_int_equal(read->callback(&read->data), 0);
  assert_true(ttn_env_system.mono(NULL) - before < TTN_SECOND / 2);
  return NULL;
}

/* On a thread that isn't the one of init. */
static void read_elsewhere(struct read *read) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, read_once, read), 0);
  pthread_join(thread, NULL);
}

static bool logged(const char *text) {
  pthread_mutex_lock(&host.lock);
  bool found = strstr(host.log, text) != NULL;
  pthread_mutex_unlock(&host.lock);
  return found;
}

/* The value's place in host.values, or -1. */
static int find(const char *plugin, const char *type, const char *instance) {
  int found = -1;
  pthread_mutex_lock(&host.lock);
  for (int i = 0; i < host.n_values && found < 0; i++)
    if (strcmp(host.values[i].plugin, plugin) == 0 &&
        strcmp(host.values[i].type, type) == 0 &&
        strcmp(host.values[i].type_instance, instance) == 0)
      found = i;
  pthread_mutex_unlock(&host.lock);
  return found;
}

static int wait_value(const char *plugin, const char *type,
                      const char *instance) {
  for (int i = 0; i < 400; i++) {
    int found = find(plugin, type, instance);
    if (found >= 0)
      return found;
    web_sleep(25);
  }
  fail_msg("no %s/%s-%s; log:\n%s", plugin, type, instance, host.log);
  return -1;
}

/* -- tests -- */

static void test_nothing_configured(void **state) {
  oconfig_item_t plugin = item("Plugin", NULL);
  (void)state;
  assert_int_equal(host.config(&plugin), 0);
  assert_int_equal(host.init(), 0);
  assert_int_equal(host.n_reads, 0);
  assert_string_equal(
      host.log,
      "ERROR ttn plugin: no account is left, nothing will be polled: a "
      "<Plugin ttn> block needs an <Account \"name\"> with an APIKeyFile\n");
}

static void test_values(void **state) {
  (void)state;
  configure("home", "");
  assert_int_equal(host.init(), 0);
  assert_int_equal(host.n_reads, 1);
  assert_string_equal(host.reads[0].name, "ttn/home");
  assert_int_equal(host.reads[0].interval, TIME_T_TO_CDTIME_T(1) / 2);
  assert_int_equal(host.n_values, 0);
  read_elsewhere(&host.reads[0]);
  int up = wait_value("ttn_api", "bool", "up");
  int count = find("ttn", "packets", "uplink");
  assert_true(count >= 0);
  assert_true(host.gauges[up] == 1.0);
  assert_int_equal(host.counts[count], 41);
  const value_list_t *list = &host.values[count];
  assert_string_equal(list->host, "box");
  assert_string_equal(list->plugin_instance, "roof");
  assert_true(list->time == TIME_T_TO_CDTIME_T(1000));
  assert_true(list->interval == TIME_T_TO_CDTIME_T(1) / 2);
  assert_int_equal(list->values_len, 1);
  assert_string_equal(host.gateway_names[count], "The roof");
  assert_string_equal(host.gateway_names[up], "");
  for (int i = 0; i < host.n_values; i++)
    assert_true(host.values[i].time == TIME_T_TO_CDTIME_T(1000));
}

/* As with `collectd -T`: all values are there when the read returns. */
static void test_in_place(void **state) {
  (void)state;
  configure("home", "");
  assert_int_equal(host.init(), 0);
  assert_int_equal(host.reads[0].callback(&host.reads[0].data), 0);
  assert_true(find("ttn_api", "bool", "up") >= 0);
  assert_true(find("ttn", "packets", "uplink") >= 0);
}

/* Reads go on at once while a poll hangs, skipped ones are told of at the 1st,
 * 2nd and 4th time, and the end comes within a second. */
static void test_hang(void **state) {
  (void)state;
  hang = true;
  configure("home", "");
  assert_int_equal(host.init(), 0);
  web_forget(&web);
  read_elsewhere(&host.reads[0]);
  for (int i = 0; i < 400 && !web_saw(&web, "GET "); i++)
    web_sleep(25);
  assert_true(web_saw(&web, "GET "));
  for (int i = 0; i < 5; i++)
    read_elsewhere(&host.reads[0]);
  assert_true(logged("NOTICE ttn plugin: account \"home\": the poll takes "
                     "longer than the interval; 1 skipped so far\n"));
  assert_true(logged("; 2 skipped so far\n"));
  assert_false(logged("; 3 skipped so far\n"));
  assert_true(logged("; 4 skipped so far\n"));
  assert_false(logged("; 5 skipped so far\n"));
  int64_t before = ttn_env_system.mono(NULL);
  end_reads();
  assert_true(ttn_env_system.mono(NULL) - before < TTN_SECOND);
  assert_int_equal(find("ttn", "packets", "uplink"), -1);
}

static void test_refused(void **state) {
  (void)state;
  host.refuse = 22;
  configure("home", "");
  assert_int_equal(host.init(), 0);
  assert_int_equal(host.n_reads, 0);
  assert_true(logged("ERROR ttn plugin: collectd refuses to read ttn/home: "
                     "error 22\n"));
  assert_true(logged("ERROR ttn plugin: no account is left"));
}

static void test_same_state_file(void **state) {
  (void)state;
  configure("a", "counts");
  configure("b", "/nonexistent/counts");
  configure("c", "");
  configure("d", "");
  assert_int_equal(host.init(), 0);
  assert_int_equal(host.n_reads, 3);
  assert_string_equal(host.reads[0].name, "ttn/a");
  assert_string_equal(host.reads[1].name, "ttn/c");
  assert_string_equal(host.reads[2].name, "ttn/d");
  assert_true(logged("ERROR ttn plugin: account \"b\" is left out: its "
                     "StateFile /nonexistent/counts is account \"a\"'s; give "
                     "it one of its own\n"));
}

/* Options are taken before the fork, and perhaps never used. */
static void test_config_only(void **state) {
  (void)state;
  configure("home", "");
  configure("home", "");
  assert_true(logged("account \"home\" is there twice, the second is left "
                     "out: give it a name of its own\n"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nothing_configured, start, stop),
      cmocka_unit_test_setup_teardown(test_values, start, stop),
      cmocka_unit_test_setup_teardown(test_in_place, start, stop),
      cmocka_unit_test_setup_teardown(test_hang, start, stop),
      cmocka_unit_test_setup_teardown(test_refused, start, stop),
      cmocka_unit_test_setup_teardown(test_same_state_file, start, stop),
      cmocka_unit_test_setup_teardown(test_config_only, start, stop),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
