/* SPDX-License-Identifier: MIT */
#include "lib/env.h"

/* Before each block, so that its size is known. */
union test_block {
  size_t size;
  max_align_t align;
};

static void test_release(struct test_env *test, union test_block *block) {
  test->blocks--;
  test->bytes -= block->size;
  free(block);
}

void *test_resize(void *ctx, void *p, size_t size) {
  struct test_env *test = ctx;
  union test_block *old = p == NULL ? NULL : (union test_block *)p - 1;
  if (size == 0) {
    if (old != NULL)
      test_release(test, old);
    return NULL;
  }
  test->calls++;
  if (test->calls == test->fail_at)
    test->failed_in = test->phase;
  if (test->fail_at != 0 && (test->calls == test->fail_at ||
                             (test->for_good && test->calls > test->fail_at)))
    return NULL;
  union test_block *block = malloc(sizeof(*block) + size);
  if (block == NULL)
    return NULL;
  block->size = size;
  test->blocks++;
  test->bytes += size;
  if (test->bytes > test->peak)
    test->peak = test->bytes;
  if (old != NULL) {
    memcpy(block + 1, old + 1, old->size < size ? old->size : size);
    test_release(test, old);
  }
  return block + 1;
}

static int64_t test_wall(void *ctx) { return ((struct test_env *)ctx)->wall; }

static int64_t test_mono(void *ctx) { return ((struct test_env *)ctx)->mono; }

void test_log(void *ctx, enum ttn_level level, const char *line) {
  static const char *const names[] = {"ERROR", "WARNING", "NOTICE", "INFO",
                                      "DEBUG"};
  struct test_env *test = ctx;
  size_t used = strlen(test->log);
  snprintf(test->log + used, sizeof(test->log) - used, "%s %s\n", names[level],
           line);
  test->lines++;
}

struct test_env *test_env_init(struct test_env *test) {
  *test = (struct test_env){.wall = TEST_WALL, .mono = 1000 * TTN_SECOND};
  test->env =
      (struct ttn_env){test, test_resize, test_wall, test_mono, test_log};
  return test;
}

char *test_directory(char path[64]) {
  strcpy(path, "/dev/shm/ttn-test-XXXXXX");
  if (mkdtemp(path) == NULL)
    return mkdtemp(strcpy(path, "/tmp/ttn-test-XXXXXX"));
  return path;
}
