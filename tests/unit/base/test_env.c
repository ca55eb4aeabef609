/* SPDX-License-Identifier: MIT */
/* The small helpers, and the env that the daemon uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/testing.h"
#include "base/failure.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/text.h"

#include <time.h>
#include <unistd.h>

static void memory(void **state) {
  (void)state;
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char *zeroed = ttn_alloc(env, 100);
  for (size_t i = 0; i < 100; i++)
    assert_int_equal(zeroed[i], 0);
  ttn_free(env, zeroed);
  ttn_free(env, NULL);
  char *copy = ttn_strdup(env, "text");
  assert_string_equal(copy, "text");
  ttn_secret_wipe(copy, 4);
  assert_memory_equal(copy, "\0\0\0\0", 5);
  ttn_free(env, copy);
  assert_int_equal(test.blocks, 0);
  test.fail_at = 1;
  test.for_good = true;
  assert_null(ttn_alloc(env, 100));
  assert_null(ttn_strdup(env, "text"));
}

static void growth(void **state) {
  (void)state;
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  void *array = NULL;
  size_t room = 0;
  assert_true(ttn_grow(env, &array, &room, 0, 8, 100));
  assert_null(array);
  assert_true(ttn_grow(env, &array, &room, 3, 8, 100));
  assert_int_equal(room, 3);
  assert_true(ttn_grow(env, &array, &room, 4, 8, 100));
  assert_int_equal(room, 6);
  assert_int_equal(test.bytes, 48);
  assert_true(ttn_grow(env, &array, &room, 60, 8, 100));
  assert_int_equal(room, 60);
  const void *before = array;
  assert_true(ttn_grow(env, &array, &room, 60, 8, 100));
  assert_false(ttn_grow(env, &array, &room, 101, 8, 100));
  assert_false(ttn_grow(env, &array, &room, 61, 8, SIZE_MAX));
  test.fail_at = test.calls + 1;
  assert_false(ttn_grow(env, &array, &room, 61, 8, 100));
  assert_ptr_equal(array, before);
  assert_int_equal(room, 60);
  assert_true(ttn_grow(env, &array, &room, 61, 8, 100));
  assert_int_equal(room, 100);
  ttn_free(env, array);
  assert_int_equal(test.blocks, 0);
}

static void lines(void **state) {
  (void)state;
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  ttn_log(env, TTN_ERROR, "one %d", 1);
  ttn_log(env, TTN_WARNING, "%s", "a\nERROR b\r\x1b[0m\x7f\tc\xc3\xbc");
  assert_string_equal(test.log,
                      "ERROR one 1\nWARNING a?ERROR b??[0m??c\xc3\xbc\n");
  assert_int_equal(test.lines, 2);
  test_env_init(&test);
  ttn_log(env, TTN_NOTICE, "%02000d", 5);
  assert_int_equal(strlen(test.log), strlen("NOTICE ") + 1000 + 1);
  /* A line that is cut has no half of a character at its end. */
  test_env_init(&test);
  ttn_log(env, TTN_NOTICE, "%0999d\xc3\xbc", 5);
  assert_int_equal(strlen(test.log), strlen("NOTICE ") + 999 + 1);
  test_env_init(&test);
  ttn_log(env, TTN_NOTICE, "%.2s", "a\xc3\xbc");
  assert_string_equal(test.log, "NOTICE a\n");
}

static void printing(void **state) {
  (void)state;
  char buffer[6] = "xxxxx";
  assert_ptr_equal(ttn_print(buffer, sizeof(buffer), "%d", 12345), buffer);
  assert_string_equal(buffer, "12345");
  assert_string_equal(ttn_print(buffer, sizeof(buffer), "%d", 123456), "12345");
}

/* A promise: they are the type instances of `errors`. */
static void failure_names(void **state) {
  (void)state;
  static const char *const names[] = {
      "ok",      "dns",      "connect",   "proxy",      "tls",
      "timeout", "transfer", "http",      "rate_limit", "key",
      "json",    "answer",   "too_large", "memory",     "state_file"};
  assert_int_equal(sizeof(names) / sizeof(names[0]), TTN_FAILURES);
  for (int i = 0; i < TTN_FAILURES; i++)
    assert_string_equal(ttn_failure_name((enum ttn_failure)i), names[i]);
  assert_string_equal(ttn_failure_name(TTN_FAILURES), "unknown");
}

/* The published values of FNV-1a, and in two steps what one gives. */
static void hashing(void **state) {
  (void)state;
  assert_true(ttn_hash(TTN_HASH, "", 0) == UINT64_C(0xcbf29ce484222325));
  assert_true(ttn_hash(TTN_HASH, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
  assert_true(ttn_hash(TTN_HASH, "foobar", 6) == UINT64_C(0x85944171f73967e8));
  assert_true(ttn_hash(ttn_hash(TTN_HASH, "foo", 3), "bar", 3) ==
              UINT64_C(0x85944171f73967e8));
}

static void the_system(void **state) {
  (void)state;
  const struct ttn_env *env = &ttn_env_system;
  char *p = env->resize(env->ctx, NULL, 3);
  strcpy(p, "ab");
  p = env->resize(env->ctx, p, 100000);
  assert_string_equal(p, "ab");
  assert_null(env->resize(env->ctx, p, 0));

  const int64_t wall = env->wall(env->ctx);
  assert_true(llabs(wall / TTN_SECOND - (int64_t)time(NULL)) <= 1);
  const int64_t mono = env->mono(env->ctx);
  assert_true(mono > 0 && env->mono(env->ctx) >= mono);

  int pipes[2], before = dup(STDERR_FILENO);
  char line[100];
  assert_int_equal(pipe(pipes), 0);
  dup2(pipes[1], STDERR_FILENO);
  ttn_log(env, TTN_WARNING, "a line");
  dup2(before, STDERR_FILENO);
  const ssize_t n = read(pipes[0], line, sizeof(line) - 1);
  assert_true(n > 0);
  line[n] = '\0';
  assert_string_equal(line, "warning: a line\n");
  close(before);
  close(pipes[0]);
  close(pipes[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory),        cmocka_unit_test(growth),
      cmocka_unit_test(lines),         cmocka_unit_test(printing),
      cmocka_unit_test(failure_names), cmocka_unit_test(hashing),
      cmocka_unit_test(the_system),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
