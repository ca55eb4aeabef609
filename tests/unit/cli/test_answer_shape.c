/* SPDX-License-Identifier: MIT */
/* The shape of an answer: of answers that were recorded, of others that the
 * stack never sent, and of what is no JSON. Nothing of a value is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer_shape.h"
#include "lib/testing.h"

/* A poll that has found two gateways. */
static struct row rows[] = {{.seen = {.id = "alice-gw-1"}},
                            {.seen = {.id = "roof"}}};
static struct snapshot snap = {.rows = rows, .n_rows = 2};
static const struct disguise disguise = {.snap = &snap};

static void print_shape(struct text *text, const char *bytes, size_t n,
                        bool cut) {
  answer_shape_print(text, &disguise, bytes, n, cut, 0);
}

static void check_shape(const char *json, const char *shape) {
  struct text text = {.env = &ttn_env_system};
  print_shape(&text, json, strlen(json), false);
  assert_string_equal(text.bytes, shape);
  text_free(&text);
}

/* ---- recorded answers ---- */

static void check_recorded(const char *path, const char *shape) {
  struct test_answer answer;
  struct text text = {.env = &ttn_env_system};
  test_answer_open(&answer, path);
  print_shape(&text, answer.body, answer.body_size, false);
  assert_string_equal(text.bytes, shape);
  text_free(&text);
  test_answer_close(&answer);
}

static void test_list(void **state) {
  (void)state;
  check_recorded("list/user.json", "{\n"
                                   "  gateways: [\n"
                                   "    {\n"
                                   "      ids: {\n"
                                   "        gateway_id: string(10)\n"
                                   "        eui: string(16)\n"
                                   "      }\n"
                                   "      created_at: timestamp\n"
                                   "      updated_at: timestamp\n"
                                   "      gateway_server_address: string(9)\n"
                                   "    }\n"
                                   "  ] 6 elements\n"
                                   "}\n");
}

/* Ids of gateways are names of members there. */
static void test_batch(void **state) {
  (void)state;
  check_recorded("live/batch-masked-uplink_count.json",
                 "{\n"
                 "  entries: {\n"
                 "    <gateway>: {\n"
                 "      uplink_count: string(1)\n"
                 "    }\n"
                 "  } 2 gateways\n"
                 "}\n");
}

static void test_single(void **state) {
  (void)state;
  check_recorded("live/traffic.get.json",
                 "{\n"
                 "  connected_at: timestamp\n"
                 "  protocol: string(3)\n"
                 "  last_uplink_received_at: timestamp\n"
                 "  uplink_count: string(1)\n"
                 "  last_downlink_received_at: timestamp\n"
                 "  downlink_count: string(1)\n"
                 "  last_tx_acknowledgment_received_at: timestamp\n"
                 "  tx_acknowledgment_count: string(1)\n"
                 "  round_trip_times: {\n"
                 "    min: duration\n"
                 "    max: duration\n"
                 "    median: duration\n"
                 "    count: number\n"
                 "  }\n"
                 "  sub_bands: [\n"
                 "    {\n"
                 "      min_frequency: string(9)\n"
                 "      max_frequency: string(9)\n"
                 "      downlink_utilization_limit: number\n"
                 "    }\n"
                 "  ] 6 elements\n"
                 "  gateway_remote_address: {\n"
                 "    ip: string(9)\n"
                 "  }\n"
                 "}\n");
}

static void test_error(void **state) {
  (void)state;
  check_recorded("list/wrong-secret.json", "{\n"
                                           "  code: number\n"
                                           "  message: string(70)\n"
                                           "  details: [\n"
                                           "    {\n"
                                           "      @type: string(47)\n"
                                           "      namespace: string(18)\n"
                                           "      name: string(21)\n"
                                           "      message_format: string(21)\n"
                                           "      correlation_id: string(32)\n"
                                           "      code: number\n"
                                           "    }\n"
                                           "  ] 1 element\n"
                                           "}\n");
}

/* ---- all that JSON can be ---- */

static void test_types(void **state) {
  (void)state;
  check_shape("{}", "{\n}\n");
  check_shape("[]", "[\n] 0 elements\n");
  check_shape("{\"a_\":null,\"b_\":true,\"c_\":-1.5e3,\"d_\":\"\",\"e_\":[],"
              "\"f_\":{}}",
              "{\n"
              "  a_: null\n"
              "  b_: true/false\n"
              "  c_: number\n"
              "  d_: string(0)\n"
              "  e_: [\n"
              "  ] 0 elements\n"
              "  f_: {\n"
              "  }\n"
              "}\n");
  check_shape("[null,1,[2]]", "[\n  null\n] 3 elements\n");
  check_shape("[[[1,2],[3]],{\"a_\":4}]", "[\n"
                                          "  [\n"
                                          "    [\n"
                                          "      number\n"
                                          "    ] 2 elements\n"
                                          "  ] 2 elements\n"
                                          "] 2 elements\n");
  check_shape("{\"entries\":{}}", "{\n  entries: {\n  } 0 gateways\n}\n");
  check_shape("{\"entries\":[{\"a_\":1}],\"b_\":{\"c_\":1,\"d_\":2}}",
              "{\n"
              "  entries: [\n"
              "    {\n"
              "      a_: number\n"
              "    }\n"
              "  ] 1 element\n"
              "  b_: {\n"
              "    c_: number\n"
              "    d_: number\n"
              "  }\n"
              "}\n");
}

/* Names that may be an id, an EUI, an address, or anything. */
static void test_members(void **state) {
  (void)state;
  check_shape("{\"roof\":1,\"00800000C0000001\":2,\"gs.example.org\":3,"
              "\"a b\":4,\"ttn-lw\":5,\"10.0.0.1\":6,\"my_own\":7,"
              "\"@type\":8,\"me@home\":9,\"\":10,\"\\u001b[2J_\":11,"
              "\"roof_1\":12,\"eui\":13,\"euis\":14}",
              "{\n"
              "  <name(4)>: number\n"
              "  <name(16)>: number\n"
              "  <name(14)>: number\n"
              "  <name(3)>: number\n"
              "  <name(6)>: number\n"
              "  <name(8)>: number\n"
              "  my_own: number\n"
              "  @type: number\n"
              "  <name(7)>: number\n"
              "  <name(0)>: number\n"
              "  <name(5)>: number\n"
              "  roof_1: number\n"
              "  eui: number\n"
              "  <name(4)>: number\n"
              "}\n");
  check_shape("{\"versions\":{\"ttn-lw\":\"1\",\"260b1234\":\"\",\"a.b\":"
              "\"\",\"in\":{\"ttn-lw\":1},\"roof\":1},\"ttn-lw\":1}",
              "{\n"
              "  versions: {\n"
              "    ttn-lw: string(1)\n"
              "    <name(8)>: string(0)\n"
              "    <name(3)>: string(0)\n"
              "    in: {\n"
              "      <name(6)>: number\n"
              "    }\n"
              "    <name(4)>: number\n"
              "  }\n"
              "  <name(6)>: number\n"
              "}\n");
}

static void test_broken(void **state) {
  (void)state;
  check_shape("<html>secret</html>",
              "This is not whole JSON: lexical error: invalid char in json "
              "text., at byte 1.\n");
  check_shape("\"secret\"", "This is not whole JSON: the answer is not an "
                            "object, at byte 8.\n");
  check_shape("{\"a\":\"sec", "{\nThis is not whole JSON: the answer ends "
                              "early, at byte 9.\n");
  struct text text = {.env = &ttn_env_system};
  print_shape(&text, "{\"a_\":[1,2", 10, true);
  assert_string_equal(text.bytes, "{\n  a_: [\n    number\n"
                                  "… more than the first 10 bytes is not "
                                  "kept\n");
  text_free(&text);
}

/* Deeper than the parser goes, and longer than anybody reads. */
static void test_bounds(void **state) {
  (void)state;
  static char deep[4096], wide[1 << 16];
  struct text text = {.env = &ttn_env_system};
  memset(deep, '[', sizeof(deep));
  print_shape(&text, deep, sizeof(deep), false);
  assert_non_null(strstr(text.bytes, "more than 32 levels are nested"));
  text_free(&text);
  size_t n = 0;
  for (int i = 0; i < 3000; i++)
    n += (size_t)snprintf(wide + n, sizeof(wide) - n, "%sm_x%dx\":{}",
                          i == 0 ? "{\"" : ",\"", i);
  n += (size_t)snprintf(wide + n, sizeof(wide) - n, "}");
  print_shape(&text, wide, n, false);
  size_t lines = 0;
  for (const char *c = text.bytes; *c != '\0'; c++)
    lines += *c == '\n';
  assert_int_equal(lines, SHAPE_LINES + 1);
  assert_string_equal(text.bytes + text.n - strlen("…\n"), "…\n");
  text_free(&text);
}

static void shape_once(struct test_env *test, void *arg) {
  struct text text = {.env = &test->env};
  (void)arg;
  static const char json[] = "{\"entries\":{\"roof\":{\"a\":[1,2,{}],"
                             "\"b\":\"c\",\"d\":null}}}";
  print_shape(&text, json, sizeof(json) - 1, false);
  bool reached = test->fail_at > 0 && test->calls >= test->fail_at;
  assert_true(text.failed == reached);
  text_free(&text);
}

static void test_memory(void **state) {
  (void)state;
  struct test_env test;
  test_env_init(&test);
  test_fail_each(&test, shape_once, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_list),   cmocka_unit_test(test_batch),
      cmocka_unit_test(test_single), cmocka_unit_test(test_error),
      cmocka_unit_test(test_types),  cmocka_unit_test(test_members),
      cmocka_unit_test(test_broken), cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("answer_shape", tests, NULL, NULL);
}
