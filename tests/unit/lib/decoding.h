/* SPDX-License-Identifier: MIT */
/* For the tests of the decoder: each text is decoded both whole and byte by
 * byte. */
#ifndef TTN_DECODING_H
#define TTN_DECODING_H

#include "tts/decode.h"
#include "lib/testing.h"

struct decoding {
  struct test_env test;
  struct ttn_decoder *decoder;
};

void decoding_open(struct decoding *decoding);

/* Fails the test if memory is left. */
void decoding_close(struct decoding *decoding);

/* Decodes n bytes in pieces of `step` bytes. Each piece has memory of its own,
 * so that reading past it or keeping a pointer into it is found. */
enum ttn_failure decode_in_pieces(struct ttn_decoder *decoder,
                                  enum ttn_body body, const char *text,
                                  size_t n, size_t step);

/* Decodes a text byte by byte and whole, which must have the same result. The
 * decoder then has the records of the whole text. */
enum ttn_failure decode_n(struct decoding *decoding, enum ttn_body body,
                          const char *text, size_t n);
enum ttn_failure decode(struct decoding *decoding, enum ttn_body body,
                        const char *text);

/* A text with n times the filler in it; the caller frees it. */
char *repeat(const char *before, const char *filler, size_t n,
             const char *after);

#endif
