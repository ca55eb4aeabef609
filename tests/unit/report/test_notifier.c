/* SPDX-License-Identifier: MIT */
/* Notifications through a thread of their own: in order, none lost without a
 * word, and never a wait for a delivery but for the one under way at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "lib/testing.h"
#include "report/notifier.h"

#include <semaphore.h>
#include <unistd.h>

static sem_t begun, go_on; /* a delivery began; it may end */
static int n_delivered, refuse_thread;
static char delivered[NOTIFIER_QUEUE_MAX + 8][256];
static enum ttn_severity severity;

static void deliver(const char *host, const struct ttn_notification *n) {
  assert_string_equal(host, "box");
  assert_string_equal(n->subject, "roof");
  sem_post(&begun);
  sem_wait(&go_on);
  severity = n->severity;
  ttn_print(delivered[n_delivered++], 256, "%s", n->message);
}

static int create(pthread_t *thread, void *(*run)(void *), void *arg,
                  const char *name) {
  assert_true(strlen(name) < 16);
  return refuse_thread ? -1 : pthread_create(thread, NULL, run, arg);
}

static struct ttn_notifier *start(struct test_env *test) {
  n_delivered = refuse_thread = 0;
  sem_init(&begun, 0, 0);
  sem_init(&go_on, 0, 0);
  struct ttn_notifier *notifier =
      ttn_notifier_new(&test_env_init(test)->env, deliver, create);
  assert_non_null(notifier);
  return notifier;
}

static void send_numbers(struct ttn_notifier *notifier, int from, int to) {
  char message[64];
  for (int i = from; i < to; i++) {
    ttn_print(message, sizeof(message), "number %d", i);
    ttn_notifier_send(
        notifier, "box",
        &(struct ttn_notification){i == to - 1 ? TTN_NOTIFY_FAILURE : TTN_OKAY,
                                   TTN_SERIES_CONNECTED, "roof", message});
  }
}

static void wait_until_begun(int n) {
  for (int i = 0; i < n; i++)
    sem_wait(&begun);
}

static void let_go_on(int n) {
  for (int i = 0; i < n; i++)
    sem_post(&go_on);
}

static void assert_numbers(int n) {
  char message[64];
  for (int i = 0; i < n; i++) {
    ttn_print(message, sizeof(message), "number %d", i);
    assert_string_equal(delivered[i], message);
  }
}

static void test_in_order(void **state) {
  struct test_env test;
  struct ttn_notifier *notifier = start(&test);
  (void)state;
  send_numbers(notifier, 0, 100);
  let_go_on(101);
  wait_until_begun(100);
  send_numbers(notifier, 100, 101);
  wait_until_begun(1);
  ttn_notifier_free(notifier);
  assert_int_equal(n_delivered, 101);
  assert_numbers(101);
  assert_string_equal(test.log, "");
  assert_int_equal(test.blocks, 0);
}

/* One is under way, the queue is full, and three more come: none of them waits,
 * and one notification tells of these three, with their worst severity. */
static void test_full(void **state) {
  struct test_env test;
  struct ttn_notifier *notifier = start(&test);
  (void)state;
  send_numbers(notifier, 0, 1);
  wait_until_begun(1);
  send_numbers(notifier, 1, NOTIFIER_QUEUE_MAX + 4);
  let_go_on(NOTIFIER_QUEUE_MAX + 2);
  wait_until_begun(NOTIFIER_QUEUE_MAX + 1);
  ttn_notifier_free(notifier);
  assert_int_equal(n_delivered, NOTIFIER_QUEUE_MAX + 2);
  assert_numbers(NOTIFIER_QUEUE_MAX + 1);
  assert_string_equal(delivered[NOTIFIER_QUEUE_MAX + 1],
                      "3 more notifications are left out, because a plugin "
                      "that gets them is too slow. The first: number 257");
  assert_int_equal(severity, TTN_NOTIFY_FAILURE);
  assert_int_equal(test.blocks, 0);
}

/* The end waits for the one that is under way; the others are logged. */
static void *let_go_on_later(void *arg) {
  usleep(50000);
  let_go_on(1);
  return arg;
}

static void test_end(void **state) {
  struct test_env test;
  struct ttn_notifier *notifier = start(&test);
  pthread_t thread;
  (void)state;
  send_numbers(notifier, 0, 5);
  wait_until_begun(1);
  assert_int_equal(pthread_create(&thread, NULL, let_go_on_later, NULL), 0);
  ttn_notifier_free(notifier);
  pthread_join(thread, NULL);
  assert_int_equal(n_delivered, 1);
  assert_non_null(strstr(test.log, "4 notifications are not sent: the daemon"));
  assert_int_equal(test.blocks, 0);
  ttn_notifier_free(NULL);
}

static void test_no_thread(void **state) {
  struct test_env test;
  struct ttn_notifier *notifier = start(&test);
  (void)state;
  refuse_thread = 1;
  let_go_on(4);
  send_numbers(notifier, 0, 2);
  assert_int_equal(n_delivered, 2);
  assert_non_null(strstr(test.log, "no thread for notifications"));
  test.fail_at = test.calls + 1;
  refuse_thread = 0;
  send_numbers(notifier, 2, 4);
  wait_until_begun(4);
  ttn_notifier_free(notifier);
  assert_numbers(4);
  assert_int_equal(test.blocks, 0);
}

static void test_no_memory(void **state) {
  struct test_env test;
  (void)state;
  n_delivered = 0;
  sem_init(&begun, 0, 0);
  sem_init(&go_on, 0, 1);
  test_env_init(&test)->fail_at = 1;
  assert_null(ttn_notifier_new(&test.env, deliver, create));
  struct ttn_notifier *notifier = ttn_notifier_new(&test.env, deliver, create);
  test.fail_at = test.calls + 1; /* the queue */
  send_numbers(notifier, 0, 1);
  assert_int_equal(n_delivered, 1);
  ttn_notifier_free(notifier);
  assert_int_equal(test.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_in_order),  cmocka_unit_test(test_full),
      cmocka_unit_test(test_end),       cmocka_unit_test(test_no_thread),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
