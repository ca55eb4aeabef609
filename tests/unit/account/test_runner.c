/* SPDX-License-Identifier: MIT */
/* The thread of an account: a poll at each wake, and what is said while the
 * daemon gives no thread. */
#include "account/runner.h"

#include "lib/stack.h"

static void has_one(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    answer_batch(p, call, CONNECTED);
}

static bool gives_threads;

static int create(pthread_t *thread, void *(*run)(void *), void *arg,
                  const char *name) {
  assert_string_equal(name, "ttn-home");
  return gives_threads ? pthread_create(thread, NULL, run, arg) : -1;
}

static void test_no_thread(void **state) {
  (void)state;
  struct stack *p = stack_open(has_one, NULL);
  p->poll = 0;
  gives_threads = false;
  struct ttn_runner *runner =
      ttn_runner_new(&p->test.env, p->account, "home", create);
  assert_non_null(runner);
  for (int wake = 0; wake < 3; wake++)
    ttn_runner_wake(runner);
  assert_logged(p, 1, "ERROR account \"home\": no thread for it");
  assert_logged(p, 0, "NOTICE");
  gives_threads = true;
  ttn_runner_wake(runner);
  ttn_runner_free(runner);
  p->account = NULL;
  assert_logged(p, 1, "ERROR");
  assert_logged(p, 1, "NOTICE account \"home\": it has its thread now");
  stack_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_thread),
  };
  return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
