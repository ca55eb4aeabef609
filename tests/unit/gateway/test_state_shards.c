/* SPDX-License-Identifier: MIT */
/* Which files are other shards', and which of two rows of a gateway holds. */
#include "gateway/state_shards.h"

#include "gateway/counter_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/testing.h"

static void test_suffix(void **state) {
  char suffix[TTN_STATE_SUFFIX_MAX];
  (void)state;
  assert_string_equal(ttn_state_suffix(suffix, 1), "");
  assert_string_equal(ttn_state_suffix(suffix, 2), ".2");
  assert_string_equal(ttn_state_suffix(suffix, 10000), ".10000");
}

static void add_name(void *ctx, const char *path) {
  char *names = ctx;
  size_t n = strlen(names);
  snprintf(names + n, 256 - n, "%s ", strrchr(path, '/') + 1);
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names that are found, sorted. */
static void check(const char *directory, const char *name, int shard,
                  const char *wanted) {
  char path[128], names[256] = "", *list[8], sorted[256] = "";
  size_t n = 0;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  ttn_state_others(path, shard, add_name, names);
  for (char *one = strtok(names, " "); one != NULL; one = strtok(NULL, " "))
    list[n++] = one;
  qsort(list, n, sizeof *list, by_text);
  for (size_t i = 0; i < n; i++)
    snprintf(sorted + strlen(sorted), sizeof sorted - strlen(sorted), "%s ",
             list[i]);
  assert_string_equal(sorted, wanted);
}

static void test_others(void **state) {
  static const char *const names[] = {
      "home.state",  "home.state.2",     "home.state.12", "home.state.2.tmp",
      "home.state.", "home.state.x",     "home.state2",   "home.state.tmp",
      "hom.state",   "home.state.2.3",   "at-home.state", "home.state.-3",
      "other.state", "other.state.2.tmp"};
  char directory[] = "/tmp/test_state_shards.XXXXXX", path[128];
  (void)state;
  assert_non_null(mkdtemp(directory));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
  }
  check(directory, "home.state", 1, "home.state.12 home.state.2 ");
  check(directory, "home.state.2", 2, "home.state home.state.12 ");
  check(directory, "home.state.12", 12, "home.state home.state.2 ");
  /* Its own is not there yet. */
  check(directory, "home.state.3", 3, "home.state home.state.12 home.state.2 ");
  check(directory, "other.state", 1, "");
  check(directory, "nowhere/home.state", 1, "");
  snprintf(path, sizeof path, "rm -r %s", directory);
  assert_int_equal(system(path), 0);
}

/* What two servers' counters are known of since `answered_at`. */
static void hold(struct test_env *test, struct ttn_state_row *row,
                 int64_t answered_at) {
  struct ttn_counter_sets sets = {.answered_at = answered_at};
  ttn_counters_add(&sets.now[0], 5, 0);
  ttn_counters_add(&sets.now[0], 9, 0);
  assert_true(
      ttn_counter_store_keep(&test->env, &row->gateway.counters, &sets));
}

static void test_later(void **state) {
  struct test_env test;
  struct ttn_state_row a = {.gateway = {.connected_at = 100, .offset = {7}}};
  struct ttn_state_row b = a;
  (void)state;
  test_env_init(&test);
  assert_false(ttn_state_row_later(&a, &b));
  b.gateway.offset[0] = 8;
  assert_false(ttn_state_row_later(&a, &b));
  assert_true(ttn_state_row_later(&b, &a));
  /* A later connection has the larger offset, even if it is another kind's. */
  a.gateway.connected_at = 101;
  assert_true(ttn_state_row_later(&a, &b));
  assert_false(ttn_state_row_later(&b, &a));
  /* Of several servers each answer is later than what was known before. */
  b.gateway.offset[0] = 0;
  hold(&test, &b, 102);
  assert_true(ttn_state_row_later(&b, &a));
  assert_false(ttn_state_row_later(&a, &b));
  a.gateway.connected_at = 103;
  assert_true(ttn_state_row_later(&a, &b));
  a.gateway.offset[0] = 0;
  hold(&test, &a, 101);
  assert_true(ttn_state_row_later(&b, &a));
  ttn_gateway_free(&a.gateway, &test.env);
  ttn_gateway_free(&b.gateway, &test.env);
  assert_int_equal(test.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_suffix),
      cmocka_unit_test(test_others),
      cmocka_unit_test(test_later),
  };
  return cmocka_run_group_tests_name("state_shards", tests, NULL, NULL);
}
