/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

/* Requires that all memory is free. Then no call for memory fails, and the log
 * is empty. */
static void fuzz_reset(struct test_env *test) {
  REQUIRE(test->blocks == 0 && test->bytes == 0);
  test->calls = test->fail_at = test->peak = test->lines = 0;
  test->for_good = false;
  test->log[0] = '\0';
}

void fuzz_fail_memory(struct test_env *test, uint8_t which) {
  test->fail_at = which & 0x7f;
  test->for_good = which >= 0x80;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* Made once: clearing its log of 64 KiB would be most of a run's work. */
  static struct test_env *test;
  if (test == NULL)
    test = test_env_init(malloc(sizeof(*test)));
  fuzz_reset(test);
  fuzz_one(test, (const char *)data, size);
  fuzz_reset(test);
  return 0;
}

uint8_t fuzz_byte(struct fuzz_input *input) {
  if (input->n == 0)
    return 0;
  input->n--;
  return (uint8_t)*input->bytes++;
}

char *fuzz_line(struct fuzz_input *input) {
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
