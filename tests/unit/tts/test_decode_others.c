/* SPDX-License-Identifier: MIT */
/* Lists, errors and auth_info: what each field becomes, and what is left out
 * or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/decoding.h"
#include "base/text.h"

/* A list of these gateways, which must be well. */
static const struct ttn_listed *list(struct decoding *d, const char *gateways,
                                     size_t count, size_t left_out) {
  char *text = NULL;
  size_t n, skipped;
  if (asprintf(&text, "{\"gateways\":[%s]}", gateways) < 0)
    fail();
  const enum ttn_failure failure = decode(d, TTN_BODY_LIST, text);
  free(text);
  if (failure != TTN_OK)
    fail_msg("%s: %s", gateways, ttn_decoder_why(d->decoder));
  const struct ttn_listed *listed =
      ttn_decoder_listed(d->decoder, &n, &skipped);
  if (n != count || skipped != left_out)
    fail_msg("%s: %zu and %zu left out", gateways, n, skipped);
  return listed;
}

static void lists(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const struct ttn_listed *listed =
      list(&d,
           "{\"ids\":{\"gateway_id\":\"my-gw\",\"eui\":\"00800000C0000001\"},"
           "\"updated_at\":\"2026-11-22T15:41:27.5Z\","
           "\"name\":\"B\\u00fcro \\\"1\\\" \\\\ Dach\","
           "\"gateway_server_address\":\"wss://eu1.example:8887\","
           "\"attributes\":{\"name\":5},\"version_ids\":{\"ids\":[]},"
           "\"antennas\":[{\"gain\":3},{\"location\":{\"latitude\":52.5,"
           "\"longitude\":-13.25,\"altitude\":40,\"source\":3}},"
           "{\"location\":{\"latitude\":1}}]},"
           "{\"ids\":{\"gateway_id\":\"bare\"},\"name\":null,"
           "\"updated_at\":\"yesterday\","
           "\"gateway_server_address\":null,\"antennas\":null}",
           2, 0);
  assert_string_equal(listed[0].id, "my-gw");
  assert_string_equal(listed[0].eui, "00800000C0000001");
  assert_string_equal(listed[0].name, "B\xc3\xbcro \"1\" \\ Dach");
  assert_string_equal(listed[0].address, "wss://eu1.example:8887");
  assert_true(listed[0].has_location);
  assert_int_equal((int)(listed[0].location.latitude * 100), 5250);
  assert_int_equal((int)(listed[0].location.longitude * 100), -1325);
  assert_int_equal((int)(listed[0].location.altitude), 40);
  assert_true(listed[0].updated_at == INT64_C(1795362087500000000));
  assert_string_equal(listed[1].id, "bare");
  assert_true(listed[1].updated_at == 0);
  assert_null(listed[1].eui);
  assert_null(listed[1].name);
  assert_null(listed[1].address);
  assert_false(listed[1].has_location);
  decoding_close(&d);
}

static void lists_of_nothing(void **state) {
  (void)state;
  static const char *const empty[] = {"{}", "{\"gateways\":[]}"};
  static const char *const wrong[] = {
      "{\"gateways\":null}",
      "{\"status\":\"maintenance\"}",
      "{\"gateways\":{}}",
      "{\"gateways\":5}",
      "{\"gateways\":\"\"}",
      "{\"gateways\":[],\"gateways\":[]}",
      "[]",
      "null",
      "",
      "{\"gateways\":[",
      "{\"gateways\":[{\"ids\":{\"gateway_id\":\"my-gw\"}}"};
  struct decoding d;
  size_t n, skipped;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
    assert_int_equal(decode(&d, TTN_BODY_LIST, empty[i]), TTN_OK);
    ttn_decoder_listed(d.decoder, &n, &skipped);
    assert_int_equal(n + skipped, 0);
  }
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    assert_int_equal(decode(&d, TTN_BODY_LIST, wrong[i]), TTN_FAIL_JSON);
    ttn_decoder_listed(d.decoder, &n, &skipped);
    assert_int_equal(n + skipped, 0);
  }
  decoding_close(&d);
}

/* The caller sees to gateways that come twice. */
static void a_list_may_name_a_gateway_twice(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  list(&d,
       "{\"ids\":{\"gateway_id\":\"abc\"}},{\"ids\":{\"gateway_id\":\"abc\"}}",
       2, 0);
  decoding_close(&d);
}

static void gateways_that_are_left_out(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "5",
      "null",
      "[]",
      "\"abc\"",
      "{}",
      "{\"ids\":null}",
      "{\"ids\":5}",
      "{\"ids\":{}}",
      "{\"ids\":{\"gateway_id\":5}}",
      "{\"ids\":{\"gateway_id\":null}}",
      "{\"ids\":{\"gateway_id\":\"\"}}",
      "{\"ids\":{\"gateway_id\":\"UPPER\"}}",
      "{\"ids\":{\"gateway_id\":\"a/b/c\"}}",
      "{\"ids\":{\"gateway_id\":\"abc\\u0000\"}}",
      "{\"ids\":{\"gateway_id\":\"abc\\n\"}}",
      "{\"ids\":{\"gateway_id\":\"abcdefghijklmnopqrstuvwxyz01234567890\"}}",
      "{\"ids\":{\"gateway_id\":\"abc\",\"gateway_id\":\"def\"}}",
      "{\"ids\":{\"gateway_id\":\"abc\"},\"ids\":{\"gateway_id\":\"abc\"}}",
      "{\"ids\":{\"gateway_id\":\"abc\"},\"gateway_server_address\":5}",
      "{\"ids\":{\"gateway_id\":\"abc\"},\"gateway_server_address\":{}}",
      "{\"ids\":{\"gateway_id\":\"abc\"},"
      "\"gateway_server_address\":\"eu1.example\\u0000.evil\"}",
      "{\"ids\":{\"gateway_id\":\"abc\"},\"gateway_server_address\":\"a\","
      "\"gateway_server_address\":\"b\"}"};
  struct decoding d;
  char *gateways = NULL;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    if (asprintf(&gateways,
                 "{\"ids\":{\"gateway_id\":\"first\"}},%s,"
                 "{\"ids\":{\"gateway_id\":\"last\"}}",
                 wrong[i]) < 0)
      fail();
    const struct ttn_listed *listed = list(&d, gateways, 2, 1);
    assert_string_equal(listed[0].id, "first");
    assert_string_equal(listed[1].id, "last");
    assert_null(listed[1].address);
    free(gateways);
  }
  /* an address of 256 bytes, and of 257 */
  const char *const before =
      "{\"ids\":{\"gateway_id\":\"abc\"},\"gateway_server_address\":\"";
  gateways = repeat(before, "a", 256, "\"}");
  assert_int_equal(strlen(list(&d, gateways, 1, 0)->address), 256);
  free(gateways);
  gateways = repeat(before, "a", 257, "\"}");
  list(&d, gateways, 0, 1);
  free(gateways);
  decoding_close(&d);
}

static void what_is_for_people_is_left_out_alone(void **state) {
  (void)state;
  static const char *const odd[] = {
      "\"name\":5",
      "\"name\":[]",
      "\"antennas\":{}",
      "\"antennas\":[5]",
      "\"antennas\":[null]",
      "\"antennas\":[{}]",
      "\"antennas\":[{\"location\":[]}]",
      "\"antennas\":[{\"location\":{}}]",
      "\"antennas\":[{\"location\":null}]",
      "\"antennas\":[{\"location\":{\"source\":3}}]",
      "\"antennas\":[{\"location\":{\"latitude\":\"52\"}}]",
      "\"antennas\":[{\"location\":{\"latitude\":1e999}}]",
      "\"antennas\":[{\"location\":{\"latitude\":\"52\",\"longitude\":5}}]",
      "\"antennas\":[{\"location\":{\"latitude\":52,\"longitude\":1e999}}]",
      "\"antennas\":[{\"location\":{\"altitude\":40}}]",
      "\"antennas\":[{\"location\":{\"latitude\":90.1}}]",
      "\"antennas\":[{\"location\":{\"latitude\":-90.1}}]",
      "\"antennas\":[{\"location\":{\"longitude\":180.1}}]",
      "\"antennas\":[{\"location\":{\"longitude\":-180.1}}]"};
  static const char *const euis[] = {"5",
                                     "\"\"",
                                     "\"00800000C000000\"",
                                     "\"00800000C00000011\"",
                                     "\"00800000C000000x\"",
                                     "{}"};
  struct decoding d;
  char gateways[200];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    ttn_print(gateways, sizeof(gateways),
              "{\"ids\":{\"gateway_id\":\"abc\"},%s}", odd[i]);
    const struct ttn_listed *listed = list(&d, gateways, 1, 0);
    assert_null(listed->name);
    assert_false(listed->has_location);
  }
  for (size_t i = 0; i < sizeof(euis) / sizeof(euis[0]); i++) {
    ttn_print(gateways, sizeof(gateways),
              "{\"ids\":{\"eui\":%s,\"gateway_id\":\"abc\"}}", euis[i]);
    assert_null(list(&d, gateways, 1, 0)->eui);
  }
  /* 0 is left out by the stack */
  const struct ttn_listed *listed =
      list(&d,
           "{\"ids\":{\"gateway_id\":\"abc\"},\"antennas\":[{\"location\":"
           "{\"latitude\":91}},{\"location\":{\"longitude\":-180}}]}",
           1, 0);
  assert_true(listed->has_location);
  assert_int_equal((int)(listed->location.latitude), 0);
  assert_int_equal((int)(listed->location.longitude), -180);
  assert_int_equal((int)(listed->location.altitude), 0);
  decoding_close(&d);
}

/* Names go into log lines and notifications. */
static void names_for_people(void **state) {
  (void)state;
  static const struct {
    const char *sent, *shown;
  } names[] = {
      {"", ""},
      {"a\\nb\\tc\\u0000d\\u001b[31m\x7f", "a?b?c?d?[31m?"},
      {"\\u0080\\u009f\\u00a0", "??\xc2\xa0"},
      {"\\ud83d\\udce1", "\xf0\x9f\x93\xa1"},
      {"\xe6\xbc\xa2\xf0\x9f\x93\xa1", "\xe6\xbc\xa2\xf0\x9f\x93\xa1"},
      /* yajl lets these pass: overlong, a surrogate, beyond Unicode */
      {"\xc0\xaf", "??"},
      {"\xe0\x80\xaf", "???"},
      {"\xf0\x80\x80\xaf", "????"},
      {"\xed\xa0\x80", "???"},
      {"\xf4\x90\x80\x80", "????"},
      {"\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
       "\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
  };
  struct decoding d;
  char gateways[200];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    ttn_print(gateways, sizeof(gateways),
              "{\"ids\":{\"gateway_id\":\"abc\"},\"name\":\"%s\"}",
              names[i].sent);
    assert_string_equal(list(&d, gateways, 1, 0)->name, names[i].shown);
  }
  /* cut at 256 bytes, but not within a character: 85 of three bytes are 255 */
  char *text = repeat("{\"ids\":{\"gateway_id\":\"abc\"},\"name\":\"",
                      "\xe6\xbc\xa2", 100, "\"}");
  assert_int_equal(strlen(list(&d, text, 1, 0)->name), 255);
  free(text);
  decoding_close(&d);
}

static const struct ttn_api_error *error(struct decoding *d, const char *text) {
  assert_int_equal(decode(d, TTN_BODY_ERROR, text), TTN_OK);
  assert_string_equal(ttn_decoder_why(d->decoder), "");
  return ttn_decoder_error(d->decoder);
}

static void errors(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const struct ttn_api_error *found = error(
      &d, "{\"code\":7,\"message\":\"error:a:b (c)\",\"details\":[{"
          "\"@type\":\"x\",\"namespace\":\"a\",\"name\":\"b\","
          "\"attributes\":{\"missing\":[\"R_A\",\"R_B\"],"
          "\"forbidden_paths\":\"p.q\",\"uid\":{}},"
          "\"cause\":{\"namespace\":\"no\",\"name\":\"no\"}},"
          "{\"namespace\":\"other\",\"attributes\":{\"missing\":\"no\"}}]}");
  assert_true(found->json);
  assert_true(found->details);
  assert_int_equal(found->code, 7);
  assert_string_equal(found->message, "error:a:b (c)");
  assert_string_equal(found->space, "a");
  assert_string_equal(found->name, "b");
  assert_string_equal(found->missing, "R_A,R_B");
  assert_string_equal(found->forbidden_paths, "p.q");

  found = error(&d, "{\"code\":5,\"message\":\"Not Found\"}");
  assert_true(found->json);
  assert_false(found->details);
  assert_int_equal(found->code, 5);
  assert_string_equal(found->name, "");

  found = error(&d, "{\"code\":5,\"message\":\"\\n\",\"details\":[{}]}");
  assert_true(found->details);
  assert_string_equal(found->message, "?");
  /* what isn't as expected is left out */
  found = error(&d, "{\"code\":\"5\",\"message\":\"m\",\"details\":{},"
                    "\"message\":\"n\"}");
  assert_true(found->json);
  assert_int_equal(found->code, 0);
  assert_string_equal(found->message, "m");
  found = error(&d, "{\"code\":-5,\"message\":\"m\",\"details\":[5,null]}");
  assert_int_equal(found->code, 0);
  assert_false(found->details);
  found = error(&d, "{\"code\":2147483648}");
  assert_false(found->json);
  found = error(&d, "{\"code\":2147483647}");
  assert_true(found->json);
  decoding_close(&d);
}

static void errors_that_are_no_json(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      " ",
      "<html>502 Bad Gateway</html>",
      "Not Found",
      "[]",
      "null",
      "5",
      "{\"code\":7,\"message\":\"m\"",
      "{\"code\":7,\"message\":\"m\"}x",
      "{}",
      "{\"error\":\"denied\"}",
      "{\"details\":[{\"name\":\"x\"}]}",
      "{\"code\":7,\"message\":\"m\",\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    const struct ttn_api_error *found = error(&d, texts[i]);
    assert_false(found->json);
    assert_false(found->details);
    assert_int_equal(found->code, 0);
    assert_string_equal(found->message, "");
    assert_string_equal(found->name, "");
  }
  decoding_close(&d);
}

static void long_errors_are_cut(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  char *text = repeat("{\"message\":\"", "x", 300, "\"}");
  assert_int_equal(strlen(error(&d, text)->message), 255);
  free(text);
  /* whole items only: 19 of 12 characters, with commas, fit into 255 */
  text = repeat("{\"code\":3,\"details\":[{\"attributes\":{"
                "\"forbidden_paths\":[\"uplink_count\"",
                ",\"uplink_count\"", 30, "]}}]}");
  const struct ttn_api_error *found = error(&d, text);
  assert_int_equal(strlen(found->forbidden_paths), 19 * 13 - 1);
  assert_string_equal(found->forbidden_paths + 18 * 13, "uplink_count");
  free(text);
  decoding_close(&d);
}

static const struct ttn_auth_info *auth_info(struct decoding *d,
                                             const char *text) {
  if (decode(d, TTN_BODY_AUTH_INFO, text) != TTN_OK)
    fail_msg("%s: %s", text, ttn_decoder_why(d->decoder));
  return ttn_decoder_auth_info(d->decoder);
}

static void keys(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum ttn_key_owner kind;
  } kinds[] = {
      {"{}", TTN_KEY_MISSING},
      {"{\"api_key\":null,\"universal_rights\":{}}", TTN_KEY_MISSING},
      {"{\"universal_rights\":{}}", TTN_KEY_MISSING},
      {"{\"api_key\":{}}", TTN_KEY_OTHER},
      {"{\"api_key\":{\"entity_ids\":{\"application_ids\":{"
       "\"application_id\":\"a\"}}}}",
       TTN_KEY_OTHER},
      {"{\"user_session\":{\"user_ids\":{\"user_id\":\"alice\"}}}",
       TTN_KEY_OTHER},
      {"{\"oauth_access_token\":{\"rights\":[\"RIGHT_ALL\"]}}", TTN_KEY_OTHER},
      {"{\"gateway_token\":{}}", TTN_KEY_OTHER},
  };
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    const struct ttn_auth_info *info = auth_info(&d, kinds[i].text);
    assert_int_equal(info->kind, kinds[i].kind);
    assert_null(info->entity_id);
    assert_int_equal(info->n_rights, 0);
    assert_false(info->can_read_status || info->can_read_traffic ||
                 info->is_admin);
  }
  const struct ttn_auth_info *info =
      auth_info(&d, "{\"api_key\":{\"api_key\":{\"id\":\"ID\",\"name\":\"n\","
                    "\"key\":\"secret\",\"rights\":[\"A\",\"B\"]},"
                    "\"entity_ids\":{\"organization_ids\":{"
                    "\"organization_id\":\"town\"}}},\"is_admin\":true}");
  assert_int_equal(info->kind, TTN_KEY_ORGANIZATION);
  assert_string_equal(info->entity_id, "town");
  assert_int_equal(info->n_rights, 2);
  assert_string_equal(info->rights[0], "A");
  assert_string_equal(info->rights[1], "B");
  assert_true(info->is_admin);
  decoding_close(&d);
}

static void rights(void **state) {
  (void)state;
  static const struct {
    const char *right;
    bool status, traffic;
  } cases[] = {
      {"RIGHT_ALL", true, true},
      {"RIGHT_GATEWAY_ALL", true, true},
      {"RIGHT_GATEWAY_STATUS_READ", true, false},
      {"RIGHT_GATEWAY_TRAFFIC_READ", false, true},
      {"RIGHT_USER_ALL", false, false},
      {"RIGHT_USER_GATEWAYS_LIST", false, false},
      {"RIGHT_ORGANIZATION_ALL", false, false},
      {"RIGHT_GATEWAY_INFO", false, false},
      {"RIGHT_GATEWAY_STATUS_READ_", false, false},
      {"right_all", false, false},
  };
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[200];
    ttn_print(text, sizeof(text),
              "{\"api_key\":{\"api_key\":{\"rights\":[\"X\",\"%s\"]}}}",
              cases[i].right);
    const struct ttn_auth_info *info = auth_info(&d, text);
    assert_int_equal(info->can_read_status, cases[i].status);
    assert_int_equal(info->can_read_traffic, cases[i].traffic);
  }
  decoding_close(&d);
}

static void auth_info_of_a_wrong_shape(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "[]",
      "",
      "{\"api_key\":5}",
      "{\"api_key\":{},\"api_key\":{}}",
      "{\"api_key\":{\"api_key\":[]}}",
      "{\"api_key\":{\"api_key\":{\"rights\":\"RIGHT_ALL\"}}}",
      "{\"api_key\":{\"api_key\":{\"rights\":[5]}}}",
      "{\"api_key\":{\"api_key\":{\"rights\":[null]}}}",
      "{\"api_key\":{\"entity_ids\":{\"user_ids\":{\"user_id\":5}}}}",
      "{\"is_admin\":\"true\"}",
      "{\"user_session\":5}"};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    assert_int_equal(decode(&d, TTN_BODY_AUTH_INFO, wrong[i]), TTN_FAIL_JSON);
    assert_int_equal(ttn_decoder_auth_info(d.decoder)->kind, TTN_KEY_MISSING);
    assert_int_equal(ttn_decoder_auth_info(d.decoder)->n_rights, 0);
  }
  decoding_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists),
      cmocka_unit_test(lists_of_nothing),
      cmocka_unit_test(a_list_may_name_a_gateway_twice),
      cmocka_unit_test(gateways_that_are_left_out),
      cmocka_unit_test(what_is_for_people_is_left_out_alone),
      cmocka_unit_test(names_for_people),
      cmocka_unit_test(errors),
      cmocka_unit_test(errors_that_are_no_json),
      cmocka_unit_test(long_errors_are_cut),
      cmocka_unit_test(keys),
      cmocka_unit_test(rights),
      cmocka_unit_test(auth_info_of_a_wrong_shape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
