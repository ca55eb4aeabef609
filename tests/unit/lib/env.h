/* SPDX-License-Identifier: MIT */
/* The environment of a test: an env whose memory is counted and can fail, whose
 * clock stands still, and whose log can be read. For the unit tests, which get
 * it from testing.h, and for the fuzzers. */
#ifndef TTN_LIB_ENV_H
#define TTN_LIB_ENV_H

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

/* The env's functions, for a test that mixes them with others; ctx is the
 * struct test_env. A block moves with every change of its size, so that the
 * use of an old pointer is found. */
void *test_resize(void *ctx, void *p, size_t size);
void test_log(void *ctx, enum ttn_level level, const char *line);

/* 2026-11-22T16:00:00Z, a while after most of the answers were recorded. */
#define TEST_WALL (INT64_C(1795363200) * TTN_SECOND)

/* Resets everything, the wall clock to TEST_WALL; returns test. */
struct test_env *test_env_init(struct test_env *test);

/* Makes a new directory and returns path, its name. It is in memory where that
 * is possible: elsewhere thousands of fsync(2) take minutes. NULL: it cannot be
 * made. The caller removes it. */
char *test_directory(char path[64]);

#endif
