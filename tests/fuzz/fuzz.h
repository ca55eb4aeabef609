/* SPDX-License-Identifier: MIT */
/* What the fuzzers share. A fuzzer is one file that defines fuzz_one. Linked
 * with libFuzzer it makes up inputs, linked with replay.c it reads those of
 * corpus/. It ends the program when a property that it checks does not hold. */
#ifndef TTN_FUZZ_H
#define TTN_FUZZ_H

#include "lib/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One run, by each fuzzer. test is as test_env_init leaves it, and when the run
 * ends all of its memory must be free. */
void fuzz_one(struct test_env *test, const char *bytes, size_t n);

#define REQUIRE(condition)                                                     \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

/* Lets calls for memory fail. 0: none. 1 to 127: that one; from 128 on: the
 * (which - 128)th and all that follow. */
void fuzz_fail_memory(struct test_env *test, uint8_t which);

/* What is left of an input. */
struct fuzz_input {
  const char *bytes;
  size_t n;
};

/* Takes the next byte; 0 at the end of the input. */
uint8_t fuzz_byte(struct fuzz_input *input);

/* Takes the bytes up to a line's end, as a string in memory of its own size;
 * the caller frees it. NULL at the end of the input. */
char *fuzz_line(struct fuzz_input *input);

#endif
