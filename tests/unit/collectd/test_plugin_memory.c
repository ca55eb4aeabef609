/* SPDX-License-Identifier: MIT */
/* The module without memory: from the configuration to shutdown, over a real
 * connection, each of its allocations fails in turn, alone and with all that
 * follow. Nothing is lost or left behind, no value is wrong, and the next poll
 * is complete.
 *
 * plugin.c is compiled into this program, with staged_env in place of
 * ttn_env_system (see tests/unit/local.mk). The thread of init reads, so that
 * it also polls, and allocations have one order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/collectd.h"
#include "lib/web.h"

#include <unistd.h>

void module_register(void);

static int64_t wall(void *ctx) { return ttn_env_system.wall(ctx); }

static int64_t mono(void *ctx) { return ttn_env_system.mono(ctx); }

static struct test_env outside;
const struct ttn_env staged_env = {&outside, test_resize, wall, mono, test_log};

/* Of the list and of the batch, whichever is asked for. */
static void web_answer(struct web_request *request) {
  static const char both[] =
      "{\"gateways\":[{\"ids\":{\"gateway_id\":\"roof\"},\"name\":\"Roof\"}],"
      "\"entries\":{\"roof\":{\"connected_at\":\"2026-11-22T15:00:00Z\","
      "\"uplink_count\":\"41\"}}}";
  web_reply(request, "200 OK", "X-Total-Count: 1\r\n", both, sizeof(both) - 1);
}

static struct web web;

/* -- one life of the daemon -- */

enum phase { CONFIG, INIT, READ, AGAIN, ONCE_MORE, END, PHASES };
static const char *const phase_names[] = {
    "config", "init", "first poll", "second poll", "third poll", "shutdown"};

/* How many of a phase's allocations have failed, first of their life. Later
 * polls may have all that they need from the first one. */
static size_t failed[PHASES];

static bool has_failed(const struct test_env *test) {
  return test->fail_at != 0 && test->calls >= test->fail_at;
}

static void note(const struct test_env *test, bool before, enum phase phase) {
  if (!before && has_failed(test) && !test->for_good)
    failed[phase]++;
}

/* What was told of it: 1 or 0; -1: nothing. */
static int told(const char *plugin, const char *type, const char *instance,
                double *number) {
  int n = 0;
  for (int i = 0; i < collectd.n_values; i++) {
    const value_list_t *list = &collectd.values[i];
    if (strcmp(list->plugin, plugin) != 0 || strcmp(list->type, type) != 0 ||
        strcmp(list->type_instance, instance) != 0)
      continue;
    *number = strcmp(type, "packets") == 0 ? (double)collectd.counts[i]
                                           : collectd.gauges[i];
    n++;
  }
  return n;
}

/* Right or not there; whole, if it must be. */
static void check_values(bool whole) {
  double number = -1;
  int n = told("ttn", "packets", "uplink", &number);
  assert_true(n == 0 || (n == 1 && number == 41));
  assert_true(n == 1 || !whole);
  n = told("ttn", "bool", "connected", &number);
  assert_true(n == 0 || (n == 1 && number == 1));
  assert_true(n == 1 || !whole);
  number = 0;
  n = told("ttn_api", "bool", "up", &number);
  assert_true(n <= 1);
  assert_true(!whole || number == 1);
  if (number == 1)
    assert_int_equal(told("ttn", "packets", "uplink", &number), 1);
}

static void read_once(struct test_env *test, enum phase phase) {
  const bool before = has_failed(test);
  collectd.n_values = 0;
  assert_int_equal(collectd.reads[0].callback(&collectd.reads[0].data), 0);
  note(test, before, phase);
  check_values(before ? !test->for_good : !has_failed(test));
}

static void end(struct test_env *test) {
  const bool before = has_failed(test);
  for (int i = 0; i < collectd.n_reads; i++)
    collectd.reads[i].data.free_func(collectd.reads[i].data.data);
  collectd.n_reads = 0;
  assert_int_equal(collectd.shutdown(), 0);
  note(test, before, END);
}

static void life(struct test_env *test, void *state_file) {
  unlink(state_file);
  collectd.n_reads = 0;
  collectd.log[0] = '\0';
  collectd_configure("home", web.port, state_file);
  note(test, false, CONFIG);
  bool before = has_failed(test);
  assert_int_equal(collectd.init(), 0);
  note(test, before, INIT);
  /* The log names what is left out. */
  if (collectd.n_reads == 0) {
    assert_true(has_failed(test));
    assert_non_null(strstr(collectd.log, "ERROR ttn plugin: "));
    assert_non_null(strstr(collectd.log, "nothing will be polled"));
  } else {
    for (enum phase phase = READ; phase <= ONCE_MORE; phase++)
      read_once(test, phase);
  }
  end(test);
  assert_null(strstr(collectd.log, "NNSXS"));
}

static void test_memory(void **state) {
  char path[64], file[80];
  (void)state;
  assert_non_null(test_directory(path));
  snprintf(file, sizeof(file), "%s/state", path);
  test_fail_each(&outside, life, file);
  /* Below BaseDir, which is not there: the values go out all the same. */
  test_fail_each(&outside, life, (char *)"state");
  for (int i = 0; i < PHASES; i++) {
    print_message("# %s: each of %zu allocations failed\n", phase_names[i],
                  failed[i]);
    assert_true(failed[i] > 0 || i == AGAIN || i == ONCE_MORE);
  }
  unlink(file);
  rmdir(path);
}

/* A dispatch takes no memory of the plugin; meta data takes collectd's. */
static void test_no_meta_data(void **state) {
  (void)state;
  test_env_init(&outside);
  collectd.no_meta = true;
  life(&outside, (char *)"");
  collectd.no_meta = false;
  assert_int_equal(outside.blocks, 0);
}

static int load(void **state) {
  static char name[] = "box";
  (void)state;
  hostname_g = name;
  collectd.now = TIME_T_TO_CDTIME_T(1000);
  signal(SIGPIPE, SIG_IGN);
  module_register();
  web_start(&web, web_answer);
  return 0;
}

static int unload(void **state) {
  (void)state;
  web_stop(&web);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_no_meta_data),
  };
  return cmocka_run_group_tests_name("plugin_memory", tests, load, unload);
}
