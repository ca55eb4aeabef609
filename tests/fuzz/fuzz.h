/* SPDX-License-Identifier: MIT */
/* What the fuzzers share. A fuzzer is one file that defines fuzz_one; linked
 * with libFuzzer it makes up inputs, linked with replay.c it reads those of
 * corpus/. It ends the program when a property that it checks doesn't hold.
 *
 * The outside world is made once a process: its log's 64 KiB would be most of
 * the work of a run. */
#ifndef TTN_FUZZ_H
#define TTN_FUZZ_H

#include "lib/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of each fuzzer: one run. */
static void fuzz_one(struct test_env *test, const char *bytes, size_t n);

#define REQUIRE(condition)                                                     \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

/* All memory is back, none fails any more, the log is empty. */
static inline void fuzz_reset(struct test_env *test) {
  REQUIRE(test->blocks == 0 && test->bytes == 0);
  test->calls = test->fail_at = test->peak = test->lines = 0;
  test->for_good = false;
  test->log[0] = '\0';
}

/* 0: none. Else the 1st to 127th call for memory, and from 128 on also all
 * that follow. */
static inline void fuzz_fail_memory(struct test_env *test, uint8_t which) {
  test->fail_at = which & 0x7f;
  test->for_good = which >= 0x80;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct test_env *test;
  if (test == NULL)
    test = test_env_init(malloc(sizeof(*test)));
  fuzz_reset(test);
  fuzz_one(test, (const char *)data, size);
  fuzz_reset(test);
  return 0;
}

/* What is left of an input. */
struct fuzz_input {
  const char *bytes;
  size_t n;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input) {
  if (input->n == 0)
    return 0;
  input->n--;
  return (uint8_t)*input->bytes++;
}

/* The bytes up to a line's end as a string in memory of its own size; the
 * caller frees it. NULL: the input is at its end. */
static inline char *fuzz_line(struct fuzz_input *input) {
  if (input->n == 0)
    return NULL;
  const char *end = memchr(input->bytes, '\n', input->n);
  size_t n = end == NULL ? input->n : (size_t)(end - input->bytes);
  char *line = malloc(n + 1);
  memcpy(line, input->bytes, n);
  line[n] = '\0';
  n += end == NULL ? 0 : 1;
  input->bytes += n;
  input->n -= n;
  return line;
}

#endif
