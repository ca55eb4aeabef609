/* SPDX-License-Identifier: MIT */
/* yajl 2.1 crashes when its malloc returns NULL, so json.c never lets it see
 * one: here each of yajl's allocations fails in turn, alone and with all that
 * follow, in hostile documents that are cut at each byte. The documents hold
 * nothing that we know, so that all memory that is asked for is yajl's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/decoding.h"

static const char good[] =
    "{\"gateways\":[{\"ids\":{\"gateway_id\":\"roof\"}}]}";

static size_t n_failed, n_cuts;

static void check_good(struct decoding *decoding) {
  size_t n, skipped;
  assert_int_equal(decode(decoding, TTN_BODY_LIST, good), TTN_OK);
  const struct ttn_listed *listed =
      ttn_decoder_listed(decoding->decoder, &n, &skipped);
  assert_int_equal(n, 1);
  assert_string_equal(listed[0].id, "roof");
}

static enum ttn_failure parse(struct decoding *decoding, const char *text,
                              size_t n, size_t cut) {
  ttn_decoder_begin(decoding->decoder, TTN_BODY_LIST);
  if (cut > n)
    return decode_in_pieces(decoding->decoder, TTN_BODY_LIST, text, n, 1);
  ttn_decoder_feed(decoding->decoder, text, cut);
  ttn_decoder_feed(decoding->decoder, text + cut, n - cut);
  return ttn_decoder_end(decoding->decoder);
}

/* cut: the length of the first of two pieces; beyond n: byte by byte. */
static void fail_each(struct decoding *decoding, const char *text, size_t n,
                      size_t cut) {
  struct test_env *test = &decoding->test;
  const enum ttn_failure result = parse(decoding, text, n, cut);
  const size_t before = test->blocks;
  n_cuts++;
  for (int for_good = 0; for_good < 2; for_good++)
    for (size_t nth = 1;; nth++) {
      test->fail_at = test->calls + nth;
      test->for_good = for_good != 0;
      enum ttn_failure failure = parse(decoding, text, n, cut);
      bool reached = test->calls >= test->fail_at;
      test->fail_at = 0;
      assert_int_equal(failure, reached ? TTN_FAIL_MEMORY : result);
      /* What yajl held is given back at once. */
      assert_int_equal(test->blocks, before);
      if (!reached)
        break;
      n_failed++;
    }
}

static void check_document(const char *text, size_t step) {
  struct decoding decoding;
  const size_t n = strlen(text);
  decoding_open(&decoding);
  for (size_t cut = 0; cut <= n; cut += step)
    fail_each(&decoding, text, n, cut);
  if (step == 1)
    fail_each(&decoding, text, n, n + 1);
  check_good(&decoding);
  decoding_close(&decoding);
}

static void test_short_documents(void **state) {
  static const char *const documents[] = {
      "",
      "{",
      "{}}",
      "{\"a\":tru",
      "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\"}",
      "{\"\\u0061\\u0062\\u0063\":1.5e300}",
      "{\"a\":\"\xff\xfe\"}",
      "{\"a\":\"\\ud800\",\"\\u0000\":[]}",
      "{\"a\":-0.0e-999,\"b\":[null,true,false,{\"c\":[]}]}",
      "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"",
      "{\"a\":\"abc\\",
      "{\"a\":01}",
      "{\"a\" 1}",
      "<html>502 Bad Gateway</html>",
  };
  (void)state;
  for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
    check_document(documents[i], 1);
}

/* Those that make yajl's buffers grow, up to the bound and beyond. */
static void test_long_documents(void **state) {
  char *documents[] = {
      repeat("{\"a\":\"", "\\u0041", 60000, "\"}"),
      repeat("{\"a\":\"", "x", 65000, "\"}"),
      repeat("{\"", "\\n", 60000, "\":1}"),
      repeat("{\"a\":", "9", 65000, "}"),
      repeat("{\"a\":\"", "\\u0041", 200000, "\"}"),
      repeat("{\"a\":\"", "x", 1200000, "\"}"),
      repeat("{\"a\":", "9", 1200000, "}"),
      repeat("{\"a\":", "[", 100000, ""),
  };
  (void)state;
  for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
    check_document(documents[i], strlen(documents[i]) / 8);
    free(documents[i]);
  }
  assert_true(n_failed > 4 * n_cuts);
  print_message("# each of yajl's allocations in %zu ways to cut: %zu failed\n",
                n_cuts, n_failed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_short_documents),
      cmocka_unit_test(test_long_documents),
  };
  return cmocka_run_group_tests_name("json_memory", tests, NULL, NULL);
}
