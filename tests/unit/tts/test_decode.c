/* SPDX-License-Identifier: MIT */
/* The decoder whatever the body: syntax, bounds, lack of memory, and one body
 * after another. What is in the bodies: test_decode_stats.c and
 * test_decode_others.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/decoding.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static size_t count_entries(const struct decoding *d) {
  size_t n;
  ttn_decoder_entries(d->decoder, &n);
  return n;
}

static void check(struct decoding *d, const char *text,
                  enum ttn_failure expected) {
  const enum ttn_failure failure = decode(d, TTN_BODY_BATCH, text);
  if (failure != expected)
    fail_msg("%.60s: %s (%s)", text, ttn_failure_name(failure),
             ttn_decoder_why(d->decoder));
  if (failure != TTN_OK)
    assert_int_equal(count_entries(d), 0);
}

static void what_is_whole(void **state) {
  (void)state;
  static const char *const good[] = {
      "{}",
      " \t\r\n{ } \n",
      "{\"entries\":{}}",
      "{\"a\":[1,-2.5e-3,\"\",null,{},[[{\"entries\":5}]]],\"entries\":{}}",
      "{\"\":{\"\":{\"entries\":[]}},\"entries\":{}}",
      "{\"other\":{\"entries\":{\"x\":1}},\"entries\":{}}",
      "{\"entrie\":1,\"entries\":{},\"entriesx\":2}",
      /* an escaped name is the same name */
      "{\"\\u0065ntries\":{}}",
  };
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    check(&d, good[i], TTN_OK);
    assert_int_equal(count_entries(&d), 0);
  }
  decoding_close(&d);
}

static void what_is_not(void **state) {
  (void)state;
  static const char *const bad[] = {
      /* nothing, or cut short */
      "", " ", "{", "{\"", "{\"entries", "{\"entries\"",
      /* an answer to something else */
      "{\"entries\":null}", "{\"status\":\"maintenance\"}",
      "{\"a\":{\"entries\":{}}}", "{\"entrie\":1,\"entriesx\":2}",
      "{\"entries\":", "{\"entries\":{", "{\"entries\":{}", "{\"entries\":{},",
      "{\"entries\":{\"abc\":{\"uplink_count\":\"1\"}}",
      /* something after it; yajl misses what begins like a token */
      "{}{}", "{} {}", "{}x", "{} \"a", "{}\"", "{} tru", "{}1", "{},", "{}]",
      "{}}", "{} /* */",
      /* another JSON text */
      "null", "true", "5", "\"entries\"", "[]", "[{}]",
      /* no JSON */
      "<html><body>502 Bad Gateway</body></html>", "nul", "{entries:{}}",
      "{'entries':{}}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}",
      "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":1,}", "{\"a\":[1,]}",
      "{\"a\" 1}", "{\"a\":tru}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}",
      "{\"a\":\"\n\"}", "{\"a\":/**/1}", "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}",
      "{\"a\":\"\xc3\"}",
      /* of a wrong shape */
      "{\"entries\":[]}", "{\"entries\":5}", "{\"entries\":\"\"}",
      "{\"entries\":{},\"entries\":{}}", "{\"entries\":null,\"entries\":{}}",
      /* ids that no gateway has */
      "{\"entries\":{\"\":{}}}", "{\"entries\":{\"UPPER\":{}}}",
      "{\"entries\":{\"ab\":{}}}", "{\"entries\":{\"a/../b\":{}}}",
      "{\"entries\":{\"abc\\u0000\":{}}}",
      /* and twice the same, next to each other or not */
      "{\"entries\":{\"abc\":{},\"abc\":{}}}",
      "{\"entries\":{\"abc\":{},\"def\":{},\"abc\":{}}}",
      "{\"entries\":{\"def\":{},\"abc\":{},\"abc\":{}}}"};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    check(&d, bad[i], TTN_FAIL_JSON);
    check(&d, "{\"entries\":{\"abc\":{}}}", TTN_OK);
    assert_int_equal(count_entries(&d), 1);
  }
  assert_int_equal(
      decode_n(&d, TTN_BODY_BATCH, "{\"entries\":{\"ab\0\":{}}}", 21),
      TTN_FAIL_JSON);
  decoding_close(&d);
}

static void ids_in_any_order(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  check(&d, "{\"entries\":{\"ccc\":{},\"aaa\":{},\"bbb\":{},\"ddd\":{}}}",
        TTN_OK);
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(d.decoder, &n);
  assert_int_equal(n, 4);
  assert_string_equal(entries[0].id, "ccc");
  assert_string_equal(entries[1].id, "aaa");
  assert_string_equal(entries[2].id, "bbb");
  assert_string_equal(entries[3].id, "ddd");
  decoding_close(&d);
}

static void sentences(void **state) {
  (void)state;
  static const struct {
    const char *text, *why;
  } bad[] = {
      {"", "the answer is empty"},
      {"{\"entries\":{", "the answer ends early, at byte 12"},
      {"[1]", "the answer is not an object, at byte 1"},
      {"{\"entries\":[]}",
       "entries is not an object or comes twice, at byte 12"},
      {"{\"entries\":{\"abc\":{},\"abc\":{}}}",
       "entries has the gateway abc twice, at byte 26"},
      {"{\"entries\":{\"NNSXS.KEY\":{}}}",
       "entries has an id that no gateway can have, at byte 23"},
      {"{} <!-- -->", "something follows the JSON text, at byte 3"},
      {"{\"a\":tru}", "lexical error: invalid string in json text., at byte 8"},
  };
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    check(&d, bad[i].text, TTN_FAIL_JSON);
    decode_in_pieces(d.decoder, TTN_BODY_BATCH, bad[i].text,
                     strlen(bad[i].text), 1);
    assert_string_equal(ttn_decoder_why(d.decoder), bad[i].why);
  }
  decoding_close(&d);
}

static void failures_last_until_the_next_begin(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  ttn_decoder_begin(d.decoder, TTN_BODY_BATCH);
  assert_int_equal(ttn_decoder_feed(d.decoder, "{]", 2), TTN_FAIL_JSON);
  assert_int_equal(ttn_decoder_feed(d.decoder, "{}", 2), TTN_FAIL_JSON);
  assert_int_equal(ttn_decoder_end(d.decoder), TTN_FAIL_JSON);
  /* A body that nobody ended. */
  ttn_decoder_begin(d.decoder, TTN_BODY_BATCH);
  assert_int_equal(ttn_decoder_feed(d.decoder, "{\"entries\":{\"abc\"", 17),
                   TTN_OK);
  ttn_decoder_begin(d.decoder, TTN_BODY_SINGLE);
  assert_int_equal(ttn_decoder_feed(d.decoder, "{}", 2), TTN_OK);
  assert_int_equal(ttn_decoder_feed(d.decoder, "", 0), TTN_OK);
  assert_int_equal(ttn_decoder_feed(d.decoder, " ", 1), TTN_OK);
  assert_int_equal(ttn_decoder_end(d.decoder), TTN_OK);
  assert_int_equal(count_entries(&d), 1);
  decoding_close(&d);
  ttn_decoder_free(NULL);
}

static void check_made(struct decoding *d, char *text,
                       enum ttn_failure expected) {
  const size_t n = strlen(text);
  const size_t steps[] = {n + 1, 4099, 61};
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    d->test.peak = 0;
    assert_int_equal(
        decode_in_pieces(d->decoder, TTN_BODY_BATCH, text, n, steps[i]),
        expected);
    assert_true(d->test.peak <= TTN_DECODE_MEMORY);
  }
  free(text);
}

static void depth_is_bounded(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const size_t deep = 10000000;
  check_made(&d, repeat("", "[", deep, ""), TTN_FAIL_JSON);
  check_made(&d, repeat("{\"a\":", "[", deep, ""), TTN_FAIL_TOO_LARGE);
  check_made(&d, repeat("", "{\"a\":", deep, ""), TTN_FAIL_TOO_LARGE);
  check_made(&d, repeat("", "{\"entries\":", deep, ""), TTN_FAIL_TOO_LARGE);
  check_made(&d,
             repeat("{\"entries\":{\"abc\":{\"last_status\":{\"advanced\":",
                    "[", deep, ""),
             TTN_FAIL_TOO_LARGE);
  /* 32 levels are what there is room for, the root among them. */
  char *open = repeat("{\"a\":", "[", 31, "");
  check_made(&d, repeat(open, "]", 31, ",\"entries\":{}}"), TTN_OK);
  free(open);
  check_made(&d, repeat("{\"a\":", "[", 32, ""), TTN_FAIL_TOO_LARGE);
  decoding_close(&d);
}

static void tokens_are_bounded(void **state) {
  (void)state;
  static const char *const before[] = {"{\"entries\":{},\"a\":\"",
                                       "{\"entries\":{},\"",
                                       "{\"entries\":{},\"a\":1"};
  static const char *const after[] = {"\"}", "\":1}", "}"};
  static const char *const filler[] = {"x", "x", "1"};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < 3; i++) {
    /* the number has a digit more */
    const size_t most = 64 * KIB - (i == 2);
    check_made(&d, repeat(before[i], filler[i], most, after[i]), TTN_OK);
    check_made(&d, repeat(before[i], filler[i], most + 1, after[i]),
               TTN_FAIL_TOO_LARGE);
    check_made(&d, repeat(before[i], filler[i], 16 * MIB, after[i]),
               TTN_FAIL_TOO_LARGE);
  }
  check_made(&d, repeat("{\"a\":\"", "\\u0041", 64 * KIB, "\",\"entries\":{}}"),
             TTN_OK);
  check_made(&d, repeat("{\"a\":\"", "\\u0041", 64 * KIB + 1, "\"}"),
             TTN_FAIL_TOO_LARGE);
  check_made(&d, repeat("{\"a\":\"", "\\n", 4 * MIB, "\"}"),
             TTN_FAIL_TOO_LARGE);
  check_made(&d, repeat("{\"a\":\"", "x", 16 * MIB, ""), TTN_FAIL_TOO_LARGE);
  /* What is skipped costs nothing. */
  check_made(&d,
             repeat("{\"a\":[", "\"0123456789\",", MIB, "1],\"entries\":{}}"),
             TTN_OK);
  check_made(&d, repeat("", " ", 16 * MIB, "{}"), TTN_OK);
  decoding_close(&d);
}

static char *make_batch(size_t n) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fputs("{\"entries\":{", out);
  for (size_t i = 0; i < n; i++)
    fprintf(out,
            "%s\"gateway-%04zu\":{\"connected_at\":\"2024-05-01T10:00:00Z\","
            "\"protocol\":\"\\u0075dp\",\"last_status\":{\"metrics\":{"
            "\"temp\":%zu.5}},\"uplink_count\":\"%zu\",\"sub_bands\":[{"
            "\"max_frequency\":\"5\"}]}",
            i > 0 ? "," : "", i, i, i);
  fputs("}}", out);
  fclose(out);
  return text;
}

static char *make_list(size_t n, const char *name) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fputs("{\"gateways\":[", out);
  for (size_t i = 0; i < n; i++)
    fprintf(out,
            "%s{\"ids\":{\"gateway_id\":\"gateway-%04zu\"},\"name\":\"%s\","
            "\"gateway_server_address\":\"%0250d.eu1\"}",
            i > 0 ? "," : "", i, name, 5);
  fputs("]}", out);
  fclose(out);
  return text;
}

static void records_are_bounded(void **state) {
  (void)state;
  struct decoding d;
  size_t n, skipped;
  decoding_open(&d);

  char *text = make_batch(100);
  assert_int_equal(decode(&d, TTN_BODY_BATCH, text), TTN_OK);
  const struct ttn_entry *entries = ttn_decoder_entries(d.decoder, &n);
  assert_int_equal(n, 100);
  for (size_t i = 0; i < n; i++) {
    char id[32];
    snprintf(id, sizeof(id), "gateway-%04zu", i);
    assert_string_equal(entries[i].id, id);
    assert_null(entries[i].bad);
    assert_int_equal(entries[i].stats.count[TTN_UPLINK], i);
    assert_string_equal(entries[i].stats.protocol, "udp");
    assert_string_equal(entries[i].stats.metrics[0].name, "temp");
    assert_int_equal((int)(entries[i].stats.metrics[0].value * 10), i * 10 + 5);
    assert_int_equal(entries[i].stats.bands[0].max_hz, 5);
  }
  free(text);
  text = make_batch(101);
  assert_int_equal(decode(&d, TTN_BODY_BATCH, text), TTN_FAIL_TOO_LARGE);
  assert_non_null(strstr(ttn_decoder_why(d.decoder), "more than 100 entries"));
  free(text);

  char *name = repeat("", "long name ", 30, "");
  text = make_list(1000, name);
  assert_int_equal(decode(&d, TTN_BODY_LIST, text), TTN_OK);
  const struct ttn_listed *listed = ttn_decoder_listed(d.decoder, &n, &skipped);
  assert_int_equal(n, 1000);
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(atoi(listed[i].id + strlen("gateway-")), i);
    assert_int_equal(strlen(listed[i].name), 256);
    assert_memory_equal(listed[i].name, name, 256);
  }
  free(text);
  text = make_list(1001, name);
  assert_int_equal(decode(&d, TTN_BODY_LIST, text), TTN_FAIL_TOO_LARGE);
  free(text);
  free(name);
  text = repeat("{\"gateways\":[1", ",{}", 1000, "]}");
  assert_int_equal(decode(&d, TTN_BODY_LIST, text), TTN_FAIL_TOO_LARGE);
  free(text);
  text = repeat("{\"gateways\":[{}", ",0", 1000, "]}");
  assert_int_equal(decode(&d, TTN_BODY_LIST, text), TTN_FAIL_TOO_LARGE);
  free(text);
  assert_true(d.test.peak <= TTN_DECODE_MEMORY);
  decoding_close(&d);
}

/* What comes again and again takes memory once, or is counted. */
static void repetitions_are_bounded(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  char *text = repeat("{\"api_key\":{\"api_key\":{\"rights\":[\"RIGHT_ALL\"",
                      ",\"RIGHT_ALL\"", 1023, "]}}}");
  assert_int_equal(decode(&d, TTN_BODY_AUTH_INFO, text), TTN_OK);
  assert_int_equal(ttn_decoder_auth_info(d.decoder)->n_rights, 1024);
  free(text);
  text = repeat("{\"api_key\":{\"api_key\":{\"rights\":[\"RIGHT_ALL\"",
                ",\"RIGHT_ALL\"", 1024, "]}}}");
  assert_int_equal(decode(&d, TTN_BODY_AUTH_INFO, text), TTN_FAIL_TOO_LARGE);
  free(text);
  text = repeat("{\"gateways\":[{\"name\":\"a\"", ",\"name\":\"a\"", 100000,
                "}]}");
  assert_int_equal(decode(&d, TTN_BODY_LIST, text), TTN_OK);
  free(text);
  assert_true(d.test.peak <= TTN_DECODE_MEMORY);
  decoding_close(&d);
}

/* Every allocation fails in turn. */

struct job {
  enum ttn_body body;
  const char *text;
  size_t step;
};

static void decode_without_memory(struct test_env *test, void *arg) {
  const struct job *job = arg;
  const size_t n = strlen(job->text);
  struct ttn_decoder *decoder = ttn_decoder_new(&test->env);
  if (decoder == NULL) {
    assert_true(test->calls >= test->fail_at);
    return;
  }
  enum ttn_failure failure =
      decode_in_pieces(decoder, job->body, job->text, n, job->step);
  assert_int_equal(failure,
                   test->calls >= test->fail_at ? TTN_FAIL_MEMORY : TTN_OK);
  if (failure != TTN_OK)
    assert_non_null(strstr(ttn_decoder_why(decoder),
                           "there is not enough memory, at byte"));
  /* And when there is memory again, all is well. */
  const size_t fail_at = test->fail_at;
  const size_t calls = test->calls;
  test->fail_at = 0;
  assert_int_equal(
      decode_in_pieces(decoder, job->body, job->text, n, job->step), TTN_OK);
  test->fail_at = fail_at;
  test->calls = calls;
  ttn_decoder_free(decoder);
}

static void every_allocation_fails(void **state) {
  (void)state;
  char *batch = make_batch(100),
       *list = make_list(1000, "B\\u00fcro \\\"1\\\"");
  const char *const single =
      "{\"connected_at\":\"2024-05-01T10:00:00Z\",\"protocol\":\"udp\"}";
  const char *const error = "{\"code\":7,\"message\":\"\\u003cb\\u003e\","
                            "\"details\":[{\"name\":\"x\"}]}";
  const char *const auth_info =
      "{\"api_key\":{\"api_key\":{\"id\":\"X\",\"rights\":[\"A\",\"B\",\"C\"]},"
      "\"entity_ids\":{\"user_ids\":{\"user_id\":\"alice\"}}}}";
  const char *const refused = "{\"code\":\"x\"} garbage";
  struct job jobs[] = {
      {TTN_BODY_BATCH, batch, 1000},      {TTN_BODY_LIST, list, 1000},
      {TTN_BODY_SINGLE, single, 1},       {TTN_BODY_ERROR, error, 1},
      {TTN_BODY_AUTH_INFO, auth_info, 1}, {TTN_BODY_ERROR, refused, 3},
  };
  struct test_env test;
  for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
    test_fail_each(&test, decode_without_memory, &jobs[i]);
  free(batch);
  free(list);
}

static void ids(void **state) {
  (void)state;
  static const char *const good[] = {"abc",
                                     "a1b",
                                     "000",
                                     "a-b-c",
                                     "my-gw",
                                     "eui-00800000c0000001",
                                     "abcdefghijklmnopqrstuvwxyz0123456789"};
  static const char *const bad[] = {
      "",      "a",     "ab",          "a-b",
      "-abc",  "abc-",  "a--bc",       "aBc",
      "a_bc",  "a.bc",  "ab c",        "a/bc",
      "../..", "abc\n", "b\xc3\xbcro", "abcdefghijklmnopqrstuvwxyz01234567890"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (!ttn_id_valid(good[i], strlen(good[i])))
      fail_msg("%s", good[i]);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (ttn_id_valid(bad[i], strlen(bad[i])))
      fail_msg("%s", bad[i]);
  assert_false(ttn_id_valid("ab\0c", 4));
  assert_false(ttn_id_valid("abc\0", 4));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_whole),
      cmocka_unit_test(what_is_not),
      cmocka_unit_test(ids_in_any_order),
      cmocka_unit_test(sentences),
      cmocka_unit_test(failures_last_until_the_next_begin),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(tokens_are_bounded),
      cmocka_unit_test(records_are_bounded),
      cmocka_unit_test(repetitions_are_bounded),
      cmocka_unit_test(every_allocation_fails),
      cmocka_unit_test(ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
