/* SPDX-License-Identifier: MIT */
/* Which account reports which gateway: the set of owners that accounts share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/ownership.h"
#include "lib/testing.h"

static void ownership_once(struct test_env *test, void *arg) {
  int one, two;
  char id[16];
  (void)arg;
  struct ttn_ownership *ownership = ttn_ownership_new(&test->env);
  for (int i = 0; i < 200 && ownership != NULL; i++) {
    snprintf(id, sizeof(id), "gw-%03d", i);
    enum ttn_owned owned = ttn_ownership_acquire(ownership, &one, "host", id);
    assert_true(owned != TTN_OWNED_BY_OTHER);
    if (owned == TTN_OWNED)
      assert_true(ttn_ownership_acquire(ownership, &two, "host", id) != TTN_OWNED);
  }
  ttn_ownership_free(ownership);
}

static void test_ownership(void **state) {
  struct test_env test;
  int one, two;
  char id[16];
  (void)state;
  test_env_init(&test);
  struct ttn_ownership *ownership = ttn_ownership_new(&test.env);
  assert_int_equal(ttn_ownership_acquire(ownership, &one, "host", "roof"),
                   TTN_OWNED);
  assert_int_equal(ttn_ownership_acquire(ownership, &one, "host", "roof"),
                   TTN_OWNED);
  assert_int_equal(ttn_ownership_acquire(ownership, &two, "host", "roof"),
                   TTN_OWNED_BY_OTHER);
  assert_int_equal(ttn_ownership_acquire(ownership, &two, "other", "roof"),
                   TTN_OWNED);
  ttn_ownership_release(ownership, &two, "host", "roof"); /* not its own: stays */
  assert_int_equal(ttn_ownership_acquire(ownership, &two, "host", "roof"),
                   TTN_OWNED_BY_OTHER);
  ttn_ownership_release(ownership, &one, "host", "roof");
  assert_int_equal(ttn_ownership_acquire(ownership, &two, "host", "roof"),
                   TTN_OWNED);
  for (int i = 0; i < 5000; i++) {
    snprintf(id, sizeof(id), "gw-%04d", i);
    assert_int_equal(ttn_ownership_acquire(ownership, i % 2 ? &one : &two, "host", id),
                     TTN_OWNED);
  }
  ttn_ownership_release_all(ownership, &two);
  for (int i = 0; i < 5000; i++) {
    snprintf(id, sizeof(id), "gw-%04d", i);
    assert_int_equal(ttn_ownership_acquire(ownership, &two, "host", id),
                     i % 2 == 0 ? TTN_OWNED : TTN_OWNED_BY_OTHER);
  }
  assert_int_equal(ttn_ownership_acquire(NULL, &two, "host", "roof"), TTN_OWNED);
  ttn_ownership_free(ownership);
  assert_int_equal(test.blocks, 0);
}

static void test_memory(void **state) {
  struct test_env test;
  (void)state;
  test_fail_each(&test, ownership_once, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ownership),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("ownership", tests, NULL, NULL);
}
