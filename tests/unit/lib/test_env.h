/* SPDX-License-Identifier: MIT */
/* The outside world as tests stage it: an env whose memory is counted and can
 * fail, with a clock that stands still and a log to look into. For the unit
 * tests, which have it from testing.h, and for the fuzzers. */
#ifndef TTN_TEST_ENV_H
#define TTN_TEST_ENV_H

#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_env {
  struct ttn_env env;         /* env.ctx is this struct: it must not be moved */
  size_t blocks, bytes, peak; /* of memory, held now */
  size_t calls;               /* for memory, so far */
  size_t fail_at;             /* the call that fails, counted from 1; 0: none */
  bool for_good;              /* and so do all calls after it */
  int phase, failed_in;       /* the test's own: now, and at fail_at */
  int64_t wall, mono;
  char log[1 << 16]; /* "LEVEL line\n", in order; cut when full */
  size_t lines;
};

/* Before each block, so that what is held is known. */
union test_block {
  size_t size;
  max_align_t align;
};

static inline void test_release(struct test_env *test,
                                union test_block *block) {
  test->blocks--;
  test->bytes -= block->size;
  free(block);
}

/* Moves with every change of size: who keeps an old pointer is found out. */
static inline void *test_resize(void *ctx, void *p, size_t size) {
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

static inline int64_t test_wall(void *ctx) {
  return ((struct test_env *)ctx)->wall;
}

static inline int64_t test_mono(void *ctx) {
  return ((struct test_env *)ctx)->mono;
}

static inline void test_log(void *ctx, enum ttn_level level, const char *line) {
  static const char *const names[] = {"ERROR", "WARNING", "NOTICE", "INFO",
                                      "DEBUG"};
  struct test_env *test = ctx;
  size_t used = strlen(test->log);
  snprintf(test->log + used, sizeof(test->log) - used, "%s %s\n", names[level],
           line);
  test->lines++;
}

/* 2026-11-22T16:00:00Z, a while after most of the answers were recorded. */
#define TEST_WALL (INT64_C(1795363200) * TTN_SECOND)

static inline struct test_env *test_env_init(struct test_env *test) {
  *test = (struct test_env){.wall = TEST_WALL, .mono = 1000 * TTN_SECOND};
  test->env =
      (struct ttn_env){test, test_resize, test_wall, test_mono, test_log};
  return test;
}

/* A directory of its own, in memory where there is such a place: elsewhere
 * thousands of fsync(2) take minutes. NULL: it can't be made. */
static inline char *test_directory(char path[64]) {
  strcpy(path, "/dev/shm/ttn-test-XXXXXX");
  if (mkdtemp(path) == NULL)
    return mkdtemp(strcpy(path, "/tmp/ttn-test-XXXXXX"));
  return path;
}

#endif
