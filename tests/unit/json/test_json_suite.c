/* SPDX-License-Identifier: MIT */
/* JSONTestSuite's files as a server's answers: whole, and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/json_suite.h"

static const enum ttn_body bodies[] = {TTN_BODY_LIST, TTN_BODY_BATCH,
                                       TTN_BODY_SINGLE, TTN_BODY_AUTH_INFO,
                                       TTN_BODY_ERROR};

/* *at_once: the first piece was refused by itself. */
static enum ttn_failure decode_cut(struct ttn_decoder *decoder,
                                   enum ttn_body body, const char *text,
                                   size_t n, size_t cut, bool *at_once) {
  ttn_decoder_begin(decoder, body);
  ttn_decoder_feed(decoder, text, cut);
  *at_once = ttn_decoder_why(decoder)[0] != '\0';
  ttn_decoder_feed(decoder, text + cut, n - cut);
  return ttn_decoder_end(decoder);
}

/* Two files are 100 KB and more, and refused within 100 bytes: there, longer
 * first pieces tell nothing new. */
#define LARGE 10000

/* Whole, byte by byte, and in two pieces at each byte: the same each time. */
static enum ttn_failure decode_every_way(struct decoding *decoding,
                                         enum ttn_body body, const char *text,
                                         size_t n) {
  enum ttn_failure whole = decode_n(decoding, body, text, n);
  bool done = false;
  for (size_t cut = 0; cut <= n && !(done && n > LARGE); cut++)
    if (decode_cut(decoding->decoder, body, text, n, cut, &done) != whole)
      fail_msg("cut at byte %zu: %.100s", cut, text);
  return whole;
}

static void check_nothing(const struct ttn_decoder *decoder) {
  size_t n, skipped;
  ttn_decoder_listed(decoder, &n, &skipped);
  assert_int_equal(n + skipped, 0);
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  assert_true(n == 0 || (n == 1 && entries[0].stats.has == 0));
  assert_int_equal(ttn_decoder_auth_info(decoder)->kind, TTN_KEY_MISSING);
  assert_false(ttn_decoder_error(decoder)->json);
}

static void test_as_answers(void **state) {
  struct decoding decoding;
  const struct suite *suite = *state;
  decoding_open(&decoding);
  for (int i = 0; i < suite->n; i++) {
    const struct suite_file *file = &suite->files[i];
    const size_t blank = strspn(file->text, " \t\r\n");
    for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
      enum ttn_failure failure =
          decode_every_way(&decoding, bodies[b], file->text, file->n);
      check_nothing(decoding.decoder);
      /* An answer is an object that has what was asked, or is empty; an error
       * may be anything. */
      const size_t inside =
          blank + 1 + strspn(file->text + blank + 1, " \t\r\n");
      bool taken = file->kind == SUITE_JSON && file->text[blank] == '{' &&
                   file->text[inside] == '}';
      if (file->kind != SUITE_EITHER &&
          (failure == TTN_OK) != (taken || bodies[b] == TTN_BODY_ERROR))
        fail_msg("%s: %s", file->name, ttn_failure_name(failure));
    }
  }
  decoding_close(&decoding);
}

static void test_as_unknown_fields(void **state) {
  struct decoding decoding;
  const struct suite *suite = *state;
  decoding_open(&decoding);
  for (int i = 0; i < suite->n; i++) {
    const struct suite_file *file = &suite->files[i];
    static const char before[] = "{\"gateways\":[],\"x\":", after[] = "}";
    size_t n = strlen(before) + file->n + strlen(after);
    char *text = malloc(n);
    memcpy(mempcpy(mempcpy(text, before, strlen(before)), file->text, file->n),
           after, strlen(after));
    enum ttn_failure failure =
        decode_every_way(&decoding, TTN_BODY_LIST, text, n);
    if ((failure == TTN_OK && file->kind == SUITE_NONE) ||
        (failure != TTN_OK && file->kind == SUITE_JSON))
      fail_msg("%s: %s", file->name, ttn_failure_name(failure));
    check_nothing(decoding.decoder);
    free(text);
  }
  decoding_close(&decoding);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_answers),
      cmocka_unit_test(test_as_unknown_fields),
  };
  return cmocka_run_group_tests_name("json_suite", tests, suite_open,
                                     suite_close);
}
