/* SPDX-License-Identifier: MIT */
/* When an account's streams of events are opened again, and with which key.
 * tests/e2e/test_events.py has what they bring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/stack.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const events[] = {"Events", "true", NULL};

/* ---- the stack limits streams ---- */

static const struct limited {
  int64_t rate_retry, retry_after; /* as the answer says; -1: it does not */
  int64_t pause;                   /* s */
} limits[] = {
    {7, -1, 8},
    {7, 30, 8},
    {-1, 30, 31},
    {-1, -1, 11}, /* as polls do */
    {1795363200, -1, 86401},
    {INT64_MAX / TTN_SECOND + 1, -1, 86401},
};
static const struct limited *limited;

static void limits_streams(struct stack *p, struct ttn_call *call) {
  if (is_stream(call)) {
    answer_error(p, call, 429, ERROR("pkg/ratelimit", "rate_limit_exceeded"));
    call->answer.rate_retry = limited->rate_retry;
    call->answer.retry_after = limited->retry_after;
  } else if (is_list(call)) {
    LIST(p, call, "a-gw", EU1);
  } else {
    answer_batch(p, call, CONNECTED);
  }
}

/* A stream that got a 429 waits as a poll's call does, whatever the header
 * says. */
static void test_limits(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
    limited = &limits[i];
    struct stack *p = stack_open(limits_streams, events);
    stack_poll(p);
    p->ends_streams = true;
    p->started = 0;
    ttn_account_follow(p->account);
    assert_int_equal(p->started, 1);
    int64_t refused_at = p->test.mono;
    while (p->started == 1)
      ttn_account_follow(p->account);
    int64_t pause = p->test.mono - 20 * TTN_MS - refused_at;
    assert_int_equal(pause / TTN_SECOND, limited->pause);
    stack_close(p);
  }
}

/* ---- the key is rotated ---- */

static char key_file[80];
static bool rotated;

static void write_key(const char *key) {
  FILE *file = fopen(key_file, "w");
  assert_non_null(file);
  assert_int_equal(fputs(key, file) >= 0, true);
  assert_int_equal(fclose(file), 0);
}

/* The old key is refused in the second poll, once. */
static void rotates(struct stack *p, struct ttn_call *call) {
  if (is_list(call) && p->poll == 1 && !rotated) {
    rotated = true;
    write_key("NNSXS.NEW.SECRET.KEY");
    answer_error(p, call, 401, "{}");
  } else if (is_list(call)) {
    LIST(p, call, "a-gw", EU1);
  } else {
    answer_batch(p, call, CONNECTED);
  }
}

/* A stream has the old key: it ends before that is freed, and is opened with
 * the new one. */
static void test_rotated_key(void **state) {
  static const char start[] =
      "{\"result\":{\"name\":\"events.stream.start\"}}\n\n";
  char directory[64];
  const char *const options[] = {"Events", "true", "APIKeyFile", key_file,
                                 NULL};
  (void)state;
  assert_non_null(test_directory(directory));
  snprintf(key_file, sizeof(key_file), "%s/key", directory);
  write_key("NNSXS.KEY.SECRET");
  assert_int_equal(chmod(key_file, 0600), 0);
  struct stack *p = stack_open(rotates, options);
  stack_poll(p);
  ttn_account_follow(p->account);
  assert_int_equal(count_calls(p, true), 1);
  const struct ttn_auth *old = p->calls[0]->auth;
  p->calls[0]->data(p->calls[0], 200, start, sizeof(start) - 1);
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=1");
  assert_int_equal(count_calls(p, true), 0);
  ttn_account_follow(p->account);
  assert_int_equal(count_calls(p, true), 1);
  assert_ptr_not_equal(p->calls[0]->auth, old);
  stack_close(p);
  unlink(key_file);
  rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_rotated_key),
  };
  return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
