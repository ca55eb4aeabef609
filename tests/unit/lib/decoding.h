/* SPDX-License-Identifier: MIT */
/* For the tests of the decoder: texts in, results out, each text both whole
 * and byte by byte. Include it after cmocka.h. */
#ifndef TTN_DECODING_H
#define TTN_DECODING_H

#include "tts/decode.h"
#include "lib/testing.h"

struct decoding {
  struct test_env test;
  struct ttn_decoder *decoder;
};

static inline void decoding_open(struct decoding *decoding) {
  decoding->decoder = ttn_decoder_new(&test_env_init(&decoding->test)->env);
  assert_non_null(decoding->decoder);
}

static inline void decoding_close(struct decoding *decoding) {
  ttn_decoder_free(decoding->decoder);
  assert_int_equal(decoding->test.blocks, 0);
}

/* Each piece in memory of its own, so that reading past it or keeping a
 * pointer into it is seen. */
static inline enum ttn_failure decode_in_pieces(struct ttn_decoder *decoder,
                                                enum ttn_body body,
                                                const char *text, size_t n,
                                                size_t step) {
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

/* The records that are left are those of the whole text. */
static inline enum ttn_failure decode_n(struct decoding *decoding,
                                        enum ttn_body body, const char *text,
                                        size_t n) {
  const enum ttn_failure bytes =
      decode_in_pieces(decoding->decoder, body, text, n, 1);
  const enum ttn_failure whole =
      decode_in_pieces(decoding->decoder, body, text, n, n + 1);
  if (bytes != whole)
    fail_msg("byte by byte %s, whole %s: %.100s", ttn_failure_name(bytes),
             ttn_failure_name(whole), text);
  return whole;
}

static inline enum ttn_failure decode(struct decoding *decoding,
                                      enum ttn_body body, const char *text) {
  return decode_n(decoding, body, text, strlen(text));
}

/* A text with n times the filler in it; the caller frees it. */
static inline char *repeat(const char *before, const char *filler, size_t n,
                           const char *after) {
  const size_t size = strlen(filler);
  char *text = malloc(strlen(before) + n * size + strlen(after) + 1);
  char *end = stpcpy(text, before);
  for (size_t i = 0; i < n; i++)
    end = mempcpy(end, filler, size);
  strcpy(end, after);
  return text;
}

#endif
