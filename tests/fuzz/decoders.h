/* SPDX-License-Identifier: MIT */
/* What the fuzzers of decoders share. An input's first byte says how the body
 * is cut in pieces, its second which call for memory fails, the rest is the
 * body. */
#ifndef TTN_DECODERS_H
#define TTN_DECODERS_H

#include "fuzz.h"

#include "tts/decode.h"

/* Checks what must hold of any records, and returns a sum of them. */
typedef uint64_t fuzz_check(const struct ttn_decoder *decoder,
                            enum ttn_body body);

/* Decodes the body whole, in pieces, with a call for memory that fails, and
 * then again: the records are the same, or there are none. */
void fuzz_decode(struct test_env *test, enum ttn_body body,
                 struct fuzz_input input, fuzz_check *check);

/* A body that is valid is so no longer when `twice`, which has one field twice,
 * is added at its end. */
void fuzz_repeat(struct test_env *test, enum ttn_body body,
                 struct fuzz_input input, const char *twice);

/* Sums, of which the first is TTN_HASH. text may be NULL. */
uint64_t sum_bytes(uint64_t sum, const void *p, size_t n);
uint64_t sum_text(uint64_t sum, const char *text);
#define SUM(sum, object) sum_bytes((sum), &(object), sizeof(object))

/* Requires that a log or a value may contain the text: at most so many bytes,
 * no control characters. text may be NULL. */
void require_clean(const char *text, size_t most);

#endif
