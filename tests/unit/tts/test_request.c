/* SPDX-License-Identifier: MIT */
/* What is asked of the stack, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/testing.h"
#include "tts/request.h"

#define BASE "https://eu1.example.org"

static void test_urls(void **state) {
  char url[300];
  (void)state;
  assert_string_equal(ttn_request_list(url, sizeof(url), BASE,
                                       (struct ttn_list_of){0}, false, 1000, 1),
                      BASE
                      "/api/v3/gateways?field_mask=name,gateway_server_address"
                      "&limit=1000&page=1");
  assert_string_equal(
      ttn_request_list(url, sizeof(url), BASE,
                       (struct ttn_list_of){"my-town", true}, true, 990, 12),
      BASE "/api/v3/organizations/my-town/gateways?field_mask=name,"
           "gateway_server_address,antennas&limit=990&page=12");
  assert_string_equal(ttn_request_url(url, sizeof(url), BASE, API_BATCH, NULL),
                      BASE "/api/v3/gs/gateways/connection/stats");
  assert_string_equal(
      ttn_request_url(url, sizeof(url), BASE, API_SINGLE, "a-roof"),
      BASE "/api/v3/gs/gateways/a-roof/connection/stats");
  assert_string_equal(
      ttn_request_url(url, sizeof(url), BASE, API_AUTH_INFO, NULL),
      BASE "/api/v3/auth_info");
}

static const char *const ids[] = {"a-gw", "b-gw"};
static const char *const paths[] = {"connected_at", "uplink_count"};

static const char *id_of(const void *ctx, size_t i) {
  return ((const char *const *)ctx)[i];
}

static void test_body(void **state) {
  struct test_env test;
  struct ttn_request_body body = {0};
  (void)state;
  test_env_init(&test);
  /* Memory is kept, and nothing of the body before is left. */
  assert_true(ttn_request_batch(&body, &test.env, id_of, ids, 2, paths, 2));
  assert_string_equal(body.bytes,
                      "{\"gateway_ids\":[{\"gateway_id\":\"a-gw\"},"
                      "{\"gateway_id\":\"b-gw\"}],\"field_mask\":{\"paths\":["
                      "\"connected_at\",\"uplink_count\"]}}");
  assert_int_equal(body.n, strlen(body.bytes));
  assert_true(ttn_request_batch(&body, &test.env, id_of, ids + 1, 1, paths, 1));
  assert_string_equal(body.bytes,
                      "{\"gateway_ids\":[{\"gateway_id\":\"b-gw\"}],"
                      "\"field_mask\":{\"paths\":[\"connected_at\"]}}");
  ttn_free(&test.env, body.bytes);
  assert_int_equal(test.blocks, 0);
}

static void body_once(struct test_env *test, void *arg) {
  struct ttn_request_body body = {0};
  (void)arg;
  ttn_request_batch(&body, &test->env, id_of, ids, 2, paths, 2);
  ttn_free(&test->env, body.bytes);
}

static void test_memory(void **state) {
  struct test_env test;
  (void)state;
  test_fail_each(&test, body_once, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_urls),
      cmocka_unit_test(test_body),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
