/* SPDX-License-Identifier: MIT */
/* Which gateways an account wants, and which shard has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/filter.h"
#include "lib/testing.h"

/* As a program of its own gave them, of FNV-1a and SplitMix64 as published. A
 * change here would move users' gateways between collectds. */
static void test_shard(void **state) {
  static const struct {
    const char *id;
    int of_2, of_3, of_4, of_7, of_100;
  } fixed[] = {
      {"a23", 1, 1, 1, 7, 81},        {"roof", 1, 1, 4, 6, 85},
      {"alice-gw-1", 2, 3, 4, 6, 33}, {"eui-0080000000000001", 2, 3, 4, 7, 98},
      {"zz-top-99", 1, 1, 4, 4, 4},
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

/* Ids as they are: EUIs of one vendor, and numbers. */
#define FLEET 20000
#define SHARDS 12

static const char *id_of(size_t i) {
  static char id[32];
  snprintf(id, sizeof(id), i % 2 == 0 ? "eui-0016c001f%07zx" : "gw-%05zu", i);
  return id;
}

/* From n to n + 1 shards about one in n + 1 moves, and only to the new one; the
 * shards stay alike. */
static void test_shard_more(void **state) {
  static int shard[FLEET];
  (void)state;
  for (int n = 1; n <= SHARDS; n++) {
    int size[SHARDS + 1] = {0}, moved = 0;
    for (size_t i = 0; i < FLEET; i++) {
      int now = ttn_shard(id_of(i), n);
      assert_in_range(now, 1, n);
      if (n > 1 && now != shard[i]) {
        assert_int_equal(now, n);
        moved++;
      }
      shard[i] = now;
      size[now]++;
    }
    int share = FLEET / n;
    if (n > 1)
      assert_in_range(moved, share - share / 10, share + share / 10);
    for (int k = 1; k <= n; k++)
      assert_in_range(size[k], share - share / 10, share + share / 10);
  }
}

/* Each gateway is wanted by one shard of all, whatever else is selected. */
static void test_shard_wanted(void **state) {
  struct test_env test;
  char why[256];
  char *lines[] = {"/^gw-/"};
  (void)state;
  test_env_init(&test);
  for (int n = 1; n <= SHARDS; n++) {
    static int wanted[1000];
    memset(wanted, 0, sizeof(wanted));
    for (int k = 1; k <= n; k++) {
      struct ttn_settings settings = {.gateways = lines,
                                      .n_gateways = 1,
                                      .shard_index = k,
                                      .shard_count = n};
      struct ttn_filter *s =
          ttn_filter_new(&test.env, &settings, why, sizeof(why));
      for (size_t i = 0; i < 1000; i++)
        wanted[i] += ttn_filter_wanted(s, id_of(i));
      ttn_filter_free(&test.env, s);
    }
    for (size_t i = 0; i < 1000; i++)
      assert_int_equal(wanted[i], i % 2);
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
      cmocka_unit_test(test_ordinal),
      cmocka_unit_test(test_shard),
      cmocka_unit_test(test_shard_more),
      cmocka_unit_test(test_shard_wanted),
      cmocka_unit_test(test_lines),
      cmocka_unit_test(test_bad_expression),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
