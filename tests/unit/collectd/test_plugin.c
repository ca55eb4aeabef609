/* SPDX-License-Identifier: MIT */
/* The module as collectd loads it, in a collectd that this program plays.
 * End-to-end tests see the same with the real one; here are the moments that
 * are hard to meet there: a poll that hangs, a refused registration, reads on
 * the thread that ran init. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/collectd.h"
#include "lib/web.h"

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

/* -- a daemon's life -- */

static int load(void **state) {
  (void)state;
  collectd_load();
  web_start(&web, web_answer);
  return 0;
}

static int unload(void **state) {
  (void)state;
  web_stop(&web);
  return 0;
}

static int start(void **state) {
  (void)state;
  collectd.n_reads = collectd.n_values = collectd.refuse = 0;
  collectd.log[0] = '\0';
  collectd.now = TIME_T_TO_CDTIME_T(1000);
  hang = false;
  memset(collectd.gateway_names, 0, sizeof(collectd.gateway_names));
  return 0;
}

static void end_reads(void) {
  for (int i = 0; i < collectd.n_reads; i++)
    collectd.reads[i].data.free_func(collectd.reads[i].data.data);
  collectd.n_reads = 0;
}

static int stop(void **state) {
  (void)state;
  end_reads();
  return collectd.shutdown();
}

static void *read_once(void *arg) {
  struct collectd_read *read = arg;
  int64_t before = ttn_env_system.mono(NULL);
  assert_int_equal(read->callback(&read->data), 0);
  assert_true(ttn_env_system.mono(NULL) - before < TTN_SECOND / 2);
  return NULL;
}

/* On a thread that isn't the one of init. */
static void read_elsewhere(struct collectd_read *read) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, read_once, read), 0);
  pthread_join(thread, NULL);
}

static bool logged(const char *text) {
  pthread_mutex_lock(&collectd.lock);
  bool found = strstr(collectd.log, text) != NULL;
  pthread_mutex_unlock(&collectd.lock);
  return found;
}

/* The value's place in collectd.values, or -1. */
static int find(const char *plugin, const char *type, const char *instance) {
  int found = -1;
  pthread_mutex_lock(&collectd.lock);
  for (int i = 0; i < collectd.n_values && found < 0; i++)
    if (strcmp(collectd.values[i].plugin, plugin) == 0 &&
        strcmp(collectd.values[i].type, type) == 0 &&
        strcmp(collectd.values[i].type_instance, instance) == 0)
      found = i;
  pthread_mutex_unlock(&collectd.lock);
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
  fail_msg("no %s/%s-%s; log:\n%s", plugin, type, instance, collectd.log);
  return -1;
}

/* -- tests -- */

static void test_nothing_configured(void **state) {
  oconfig_item_t plugin = collectd_item("Plugin", NULL);
  (void)state;
  assert_int_equal(collectd.config(&plugin), 0);
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.n_reads, 0);
  assert_string_equal(
      collectd.log,
      "ERROR ttn plugin: no account is left, nothing will be polled: a "
      "<Plugin ttn> block needs an <Account \"name\"> with an APIKeyFile\n");
}

static void test_values(void **state) {
  (void)state;
  collectd_configure("home", web.port, "");
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.n_reads, 1);
  assert_string_equal(collectd.reads[0].name, "ttn/home");
  assert_int_equal(collectd.reads[0].interval, TIME_T_TO_CDTIME_T(1) / 2);
  assert_int_equal(collectd.n_values, 0);
  read_elsewhere(&collectd.reads[0]);
  int up = wait_value("ttn_api", "bool", "up");
  int count = find("ttn", "packets", "uplink");
  assert_true(count >= 0);
  assert_true(collectd.gauges[up] == 1.0);
  assert_int_equal(collectd.counts[count], 41);
  const value_list_t *list = &collectd.values[count];
  assert_string_equal(list->host, "box");
  assert_string_equal(list->plugin_instance, "roof");
  assert_true(list->time == TIME_T_TO_CDTIME_T(1000));
  assert_true(list->interval == TIME_T_TO_CDTIME_T(1) / 2);
  assert_int_equal(list->values_len, 1);
  assert_string_equal(collectd.gateway_names[count], "The roof");
  assert_string_equal(collectd.gateway_names[up], "");
  for (int i = 0; i < collectd.n_values; i++)
    assert_true(collectd.values[i].time == TIME_T_TO_CDTIME_T(1000));
}

/* As with `collectd -T`: all values are there when the read returns. */
static void test_in_place(void **state) {
  (void)state;
  collectd_configure("home", web.port, "");
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.reads[0].callback(&collectd.reads[0].data), 0);
  assert_true(find("ttn_api", "bool", "up") >= 0);
  assert_true(find("ttn", "packets", "uplink") >= 0);
}

/* Reads go on at once while a poll hangs, skipped ones are told of at the 1st,
 * 2nd and 4th time, and the end comes within a second. */
static void test_hang(void **state) {
  (void)state;
  hang = true;
  collectd_configure("home", web.port, "");
  assert_int_equal(collectd.init(), 0);
  web_forget(&web);
  read_elsewhere(&collectd.reads[0]);
  for (int i = 0; i < 400 && !web_saw(&web, "GET "); i++)
    web_sleep(25);
  assert_true(web_saw(&web, "GET "));
  for (int i = 0; i < 5; i++)
    read_elsewhere(&collectd.reads[0]);
  assert_true(logged("NOTICE ttn plugin: account \"home\": a poll takes "
                     "longer than the interval; polls skipped so far: 1\n"));
  assert_true(logged(" skipped so far: 2\n"));
  assert_false(logged(" skipped so far: 3\n"));
  assert_true(logged(" skipped so far: 4\n"));
  assert_false(logged(" skipped so far: 5\n"));
  int64_t before = ttn_env_system.mono(NULL);
  end_reads();
  assert_true(ttn_env_system.mono(NULL) - before < TTN_SECOND);
  assert_int_equal(find("ttn", "packets", "uplink"), -1);
}

static void test_refused(void **state) {
  (void)state;
  collectd.refuse = 22;
  collectd_configure("home", web.port, "");
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.n_reads, 0);
  assert_true(logged("ERROR ttn plugin: collectd refuses to read ttn/home: "
                     "error 22\n"));
  assert_true(logged("ERROR ttn plugin: no account is left"));
}

static void test_same_state_file(void **state) {
  (void)state;
  collectd_configure("a", web.port, "counts");
  collectd_configure("b", web.port, "/nonexistent/counts");
  collectd_configure("c", web.port, "");
  collectd_configure("d", web.port, "");
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.n_reads, 3);
  assert_string_equal(collectd.reads[0].name, "ttn/a");
  assert_string_equal(collectd.reads[1].name, "ttn/c");
  assert_string_equal(collectd.reads[2].name, "ttn/d");
  assert_true(logged("ERROR ttn plugin: account \"b\" is left out: its "
                     "StateFile /nonexistent/counts is account \"a\"'s; give "
                     "it one of its own\n"));
}

/* Options are taken before the fork, and perhaps never used. */
static void test_config_only(void **state) {
  (void)state;
  collectd_configure("home", web.port, "");
  collectd_configure("home", web.port, "");
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
