/* SPDX-License-Identifier: MIT */
/* What the unit tests share: cmocka, the environment of env.h, files, and
 * the recorded answers of tests/answers. */
#ifndef TTN_TESTING_H
#define TTN_TESTING_H

#include "lib/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

/* Runs `once` repeatedly. In each run one of its calls for memory fails, first
 * alone, then with all that follow; the last run ends before the call that
 * fails. `once` itself checks its result; here it is only checked that all
 * memory was freed. */
void test_fail_each(struct test_env *test,
                    void (*once)(struct test_env *test, void *arg), void *arg);

/* The path of a file of the source tree; returns buffer. */
char *test_path(char *buffer, size_t size, const char *path);

/* The path of a file below tests/answers; returns buffer. */
char *test_answer_path(char *buffer, size_t size, const char *path);

/* Reads a whole file and adds a NUL; the caller frees it. *size is that without
 * the NUL; size may be NULL. A file that cannot be opened fails the test. */
char *test_read_file(const char *path, size_t *size);

/* A recorded answer. Its strings are valid until it is closed. */
struct test_answer {
  yajl_val tree;
  const char *method, *path, *key;
  yajl_val request_body; /* or NULL */
  int status;
  const char *body;
  size_t body_size;
};

/* The string tree[a][b], or tree[a] if b is NULL. NULL: there is none. */
const char *test_string(yajl_val tree, const char *a, const char *b);

/* path is below tests/answers, such as "registry/traffic.batch.json". */
void test_answer_open(struct test_answer *answer, const char *path);

/* NULL: the answer has no such header. */
const char *test_answer_header(const struct test_answer *answer,
                               const char *name);

/* A recorded stream's bytes, as they came, with a NUL: at most size - 1.
 * Returns how many. path is below tests/answers. */
size_t test_stream(const char *path, char *text, size_t size);

void test_answer_close(struct test_answer *answer);

#endif
