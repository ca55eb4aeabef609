/* SPDX-License-Identifier: MIT */
/* Once when it begins, once when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/episode.h"

static void test_episode(void **state) {
  struct ttn_episode episode = {0};
  (void)state;
  assert_false(ttn_episode_end(&episode));
  assert_true(ttn_episode_begin(&episode));
  assert_false(ttn_episode_begin(&episode));
  assert_true(ttn_episode_end(&episode));
  assert_false(ttn_episode_end(&episode));
  assert_true(ttn_episode_begin(&episode));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_episode)};
  return cmocka_run_group_tests_name("episode", tests, NULL, NULL);
}
