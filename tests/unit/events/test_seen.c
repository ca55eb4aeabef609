/* SPDX-License-Identifier: MIT */
/* Repeated events are recognised for some seconds, within bounded memory. */
#include "events/seen.h"

#include "lib/testing.h"

static uint64_t nth(uint64_t n) { /* splitmix64 */
  n += UINT64_C(0x9e3779b97f4a7c15) * (n + 1);
  n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
  return (n ^ n >> 31) | 1;
}

/* At each rate up to 1,800 events a second, all of the last 35 s are known. */
static void test_rates(void **state) {
  (void)state;
  for (uint64_t rate = 1; rate <= 1800; rate *= 12) {
    struct test_env test;
    const struct ttn_env *env = &test_env_init(&test)->env;
    struct ttn_seen seen = {.began = 0};
    for (uint64_t i = 0; i < 120 * rate; i++) {
      int64_t time = (int64_t)(i * (uint64_t)TTN_SECOND / rate);
      assert_false(ttn_seen_again(&seen, env, nth(i), time));
      assert_true(ttn_seen_again(&seen, env, nth(i), time));
      if (i >= 35 * rate && i % 7 == 0)
        assert_true(ttn_seen_again(&seen, env, nth(i - 35 * rate), time));
    }
    assert_true(test.peak <= 5 * 8 * TTN_SEEN_MAX);
    ttn_seen_free(&seen, env);
    assert_int_equal(test.blocks, 0);
  }
}

/* More are let through, and take no memory. */
static void test_flood(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct ttn_seen seen = {.began = 0};
  (void)state;
  for (uint64_t i = 0; i < 5 * TTN_SEEN_MAX; i++)
    assert_false(ttn_seen_again(&seen, env, nth(i), 0));
  assert_true(ttn_seen_again(&seen, env, nth(5), 0));
  assert_true(test.peak <= 3 * 8 * TTN_SEEN_MAX);
  /* After quiet times the memory is given back. */
  for (uint64_t i = 0; i < 4; i++)
    assert_false(ttn_seen_again(&seen, env, nth(1u << 30 | i),
                                (int64_t)(i + 1) * 100 * TTN_SECOND));
  assert_true(seen.now.room + seen.before.room < TTN_SEEN_MAX);
  ttn_seen_free(&seen, env);
  assert_int_equal(test.blocks, 0);
}

static void use(struct test_env *test, void *arg) {
  struct ttn_seen seen = {.began = 0};
  (void)arg;
  for (uint64_t i = 0; i < 300; i++)
    assert_false(ttn_seen_again(&seen, &test->env, nth(i), (int64_t)i));
  ttn_seen_free(&seen, &test->env);
}

static void test_no_memory(void **state) {
  struct test_env test;
  (void)state;
  test_fail_each(test_env_init(&test), use, NULL);
}

/* An event without unique_id is never a repeated one. */
static void test_no_id(void **state) {
  struct ttn_seen seen = {.began = 0};
  (void)state;
  assert_false(ttn_seen_again(&seen, &ttn_env_system, 0, 0));
  assert_false(ttn_seen_again(&seen, &ttn_env_system, 0, 0));
  ttn_seen_free(&seen, &ttn_env_system);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rates),
      cmocka_unit_test(test_flood),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_no_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
