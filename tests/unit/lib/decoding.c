/* SPDX-License-Identifier: MIT */
#include "lib/decoding.h"

void decoding_open(struct decoding *decoding) {
  decoding->decoder = ttn_decoder_new(&test_env_init(&decoding->test)->env);
  assert_non_null(decoding->decoder);
}

void decoding_close(struct decoding *decoding) {
  ttn_decoder_free(decoding->decoder);
  assert_int_equal(decoding->test.blocks, 0);
}

enum ttn_failure decode_in_pieces(struct ttn_decoder *decoder,
                                  enum ttn_body body, const char *text,
                                  size_t n, size_t step) {
  enum ttn_failure failure = TTN_OK;
  ttn_decoder_begin(decoder, body);
  for (size_t at = 0; at < n && failure == TTN_OK; at += step) {
    const size_t size = n - at < step ? n - at : step;
    char *piece = malloc(size);
    memcpy(piece, text + at, size);
    failure = ttn_decoder_feed(decoder, piece, size);
    free(piece);
  }
  const enum ttn_failure end = ttn_decoder_end(decoder);
  if (failure != TTN_OK)
    assert_int_equal(end, failure);
  assert_true((end == TTN_OK) == (ttn_decoder_why(decoder)[0] == '\0'));
  assert_true(strlen(ttn_decoder_why(decoder)) <= 200);
  return end;
}

enum ttn_failure decode_n(struct decoding *decoding, enum ttn_body body,
                          const char *text, size_t n) {
  const enum ttn_failure bytes =
      decode_in_pieces(decoding->decoder, body, text, n, 1);
  const enum ttn_failure whole =
      decode_in_pieces(decoding->decoder, body, text, n, n + 1);
  if (bytes != whole)
    fail_msg("byte by byte %s, whole %s: %.100s", ttn_failure_name(bytes),
             ttn_failure_name(whole), text);
  return whole;
}

enum ttn_failure decode(struct decoding *decoding, enum ttn_body body,
                        const char *text) {
  return decode_n(decoding, body, text, strlen(text));
}

char *repeat(const char *before, const char *filler, size_t n,
             const char *after) {
  const size_t size = strlen(filler);
  char *text = malloc(strlen(before) + n * size + strlen(after) + 1);
  char *end = stpcpy(text, before);
  for (size_t i = 0; i < n; i++)
    end = mempcpy(end, filler, size);
  strcpy(end, after);
  return text;
}
