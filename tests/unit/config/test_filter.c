/* SPDX-License-Identifier: MIT */
/* Which gateways an account wants, and which shard has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/filter.h"
#include "lib/testing.h"

/* FNV-1a as published (64 bit), taken modulo n, plus 1: worked out apart from
 * the code. A change here would move users' gateways between collectds. */
static void test_shard(void **state) {
  static const struct {
    const char *id;
    int of_2, of_3, of_4, of_7, of_100;
  } fixed[] = {
      {"a23", 2, 2, 4, 4, 4},         {"roof", 2, 1, 4, 4, 92},
      {"alice-gw-1", 1, 2, 3, 1, 63}, {"eui-0080000000000001", 1, 2, 3, 4, 67},
      {"zz-top-99", 1, 2, 1, 4, 9},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
    assert_int_equal(ttn_shard(fixed[i].id, 1), 1);
    assert_int_equal(ttn_shard(fixed[i].id, 2), fixed[i].of_2);
    assert_int_equal(ttn_shard(fixed[i].id, 3), fixed[i].of_3);
    assert_int_equal(ttn_shard(fixed[i].id, 4), fixed[i].of_4);
    assert_int_equal(ttn_shard(fixed[i].id, 7), fixed[i].of_7);
    assert_int_equal(ttn_shard(fixed[i].id, 100), fixed[i].of_100);
  }
}

static struct ttn_filter *make(struct test_env *test, char **lines, size_t n,
                               bool ignore, char *why, size_t why_size) {
  struct ttn_settings settings = {.gateways = lines,
                                  .n_gateways = n,
                                  .ignore_selected = ignore,
                                  .shard_index = 1,
                                  .shard_count = 1};
  return ttn_filter_new(&test->env, &settings, why, why_size);
}

static void test_lines(void **state) {
  struct test_env test;
  char why[256];
  char *none[] = {NULL};
  char *lines[] = {"roof", "/^lab-[0-9]+$/", "cellar"};
  (void)state;
  test_env_init(&test);
  struct ttn_filter *s = make(&test, none, 0, false, why, sizeof(why));
  assert_true(ttn_filter_wanted(s, "roof"));
  assert_false(ttn_filter_exact(s));
  ttn_filter_free(&test.env, s);
  s = make(&test, none, 0, true, why, sizeof(why));
  assert_true(ttn_filter_wanted(s, "roof"));
  ttn_filter_free(&test.env, s);
  for (int ignore = 0; ignore < 2; ignore++) {
    s = make(&test, lines, 3, ignore != 0, why, sizeof(why));
    assert_int_equal(ttn_filter_wanted(s, "roof"), !ignore);
    assert_int_equal(ttn_filter_wanted(s, "cellar"), !ignore);
    assert_int_equal(ttn_filter_wanted(s, "lab-12"), !ignore);
    assert_int_equal(ttn_filter_wanted(s, "lab-x"), ignore);
    assert_int_equal(ttn_filter_wanted(s, "roof-2"), ignore);
    assert_false(ttn_filter_exact(s));
    ttn_filter_free(&test.env, s);
  }
  s = make(&test, lines, 1, false, why, sizeof(why));
  assert_true(ttn_filter_exact(s));
  ttn_filter_free(&test.env, s);
  s = make(&test, lines, 1, true, why, sizeof(why));
  assert_false(ttn_filter_exact(s));
  ttn_filter_free(&test.env, s);
  assert_int_equal(test.blocks, 0);
}

static void test_bad_expression(void **state) {
  struct test_env test;
  char why[256];
  char *lines[] = {"roof", "/^lab-(/"};
  (void)state;
  test_env_init(&test);
  assert_null(make(&test, lines, 2, false, why, sizeof(why)));
  assert_non_null(strstr(why, "Gateway \"/^lab-(/\" is not a POSIX extended "
                              "expression"));
  assert_int_equal(test.blocks, 0);
}

static void select_once(struct test_env *test, void *arg) {
  char why[256];
  char *lines[] = {"roof", "/^lab-/"};
  (void)arg;
  struct ttn_filter *s = make(test, lines, 2, false, why, sizeof(why));
  if (s == NULL)
    assert_string_equal(why, "no memory");
  ttn_filter_free(&test->env, s);
}

static void test_memory(void **state) {
  struct test_env test;
  (void)state;
  test_fail_each(&test, select_once, NULL);
}

/* What stands at the end of the first part, behind a hyphen, and only that. */
static void test_ordinal(void **state) {
  static const struct {
    const char *host;
    int ordinal;
  } rows[] = {
      {"ttn-0", 0},
      {"ttn-12", 12},
      {"my-ttn-007", 7},
      {"ttn-3.ttn.monitoring.svc.cluster.local", 3},
      {"a-999999", 999999},
      {"ttn", -1},
      {"ttn0", -1},
      {"ttn-", -1},
      {"-1", -1},
      {"", -1},
      {"ttn-1a", -1},
      {"ttn.lab-3", -1},
      {"9f86d081884c", -1}, /* a container's, unless it gets one */
      {"9f86d0818841", -1},
      {"a-1000000", -1},
      {"a-99999999999999999999", -1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (ttn_ordinal(rows[i].host) != rows[i].ordinal)
      fail_msg("%s: %d", rows[i].host, ttn_ordinal(rows[i].host));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ordinal), cmocka_unit_test(test_shard),
      cmocka_unit_test(test_lines),   cmocka_unit_test(test_bad_expression),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
