/* SPDX-License-Identifier: MIT */
/* How much of one kind of call a host accepts: first calls, bursts, refill,
 * 429 with and without headers, clock steps, and kinds of call apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/rate_limit.h"

#define SECONDS(n) ((n)*TTN_SECOND)
#define T0 SECONDS(1000) /* some time of the monotonic clock */

/* An answer with these X-Rate-Limit headers; -1: none. */
static struct ttn_answer with(int status, int64_t limit, int64_t available,
                              int64_t reset, int64_t retry) {
  return (struct ttn_answer){.status = status,
                             .rate_limit = limit,
                             .rate_available = available,
                             .rate_reset = reset,
                             .rate_retry = retry,
                             .retry_after = -1};
}

/* Sends a call and lets it end with an answer. */
static void call(struct rate_limit *limit, struct ttn_answer answer,
                 int64_t now) {
  rate_limit_call_sent(limit);
  rate_limit_call_ended(limit);
  rate_limit_learn(limit, &answer, now);
}

/* How many calls can be sent at once, at most `most`. */
static unsigned burst(struct rate_limit *limit, int64_t now, unsigned most) {
  unsigned n = 0;
  int64_t until = INT64_MAX;
  while (n < most && rate_limit_allows(limit, now, &until)) {
    rate_limit_call_sent(limit);
    n++;
  }
  for (unsigned i = 0; i < n; i++)
    rate_limit_call_ended(limit);
  return n;
}

/* When there is something to send again, or INT64_MAX: not a matter of time. */
static int64_t next(const struct rate_limit *limit, int64_t now) {
  int64_t until = INT64_MAX;
  assert_false(rate_limit_allows(limit, now, &until));
  return until;
}

/* The first call is sent alone; its answer opens the way for others. */
static void test_first(void **state) {
  struct rate_limit limit = {0};
  (void)state;
  assert_int_equal(burst(&limit, T0, 10), 1);
  rate_limit_call_sent(&limit);
  assert_int_equal(next(&limit, T0), INT64_MAX);
  rate_limit_call_ended(&limit);
  /* No headers: not limited. */
  call(&limit, with(200, -1, -1, -1, -1), T0);
  assert_int_equal(burst(&limit, T0, 1000), 1000);
}

/* As many as are available, and none of those under way counts twice. */
static void test_burst(void **state) {
  struct rate_limit limit = {0};
  (void)state;
  call(&limit, with(200, 20, 19, 2, 0), T0);
  assert_int_equal(burst(&limit, T0, 100), 19);
  for (int i = 0; i < 19; i++)
    rate_limit_call_sent(&limit);
  assert_int_equal(next(&limit, T0), INT64_MAX); /* an answer comes first */
  rate_limit_call_ended(&limit);
  struct ttn_answer empty = with(200, 20, 0, 59, 3);
  rate_limit_learn(&limit, &empty, T0);
  /* An answer that was overtaken says more; the lower figure holds. */
  rate_limit_call_ended(&limit);
  struct ttn_answer late = with(200, 20, 12, 24, 0);
  rate_limit_learn(&limit, &late, T0);
  assert_int_equal(burst(&limit, T0, 100), 0);
}

/* 20 in 60 s: one more each 3 s, and all again after Reset. */
static void test_refill(void **state) {
  struct rate_limit limit = {0};
  (void)state;
  call(&limit, with(200, 20, 0, 59, 3), T0); /* Reset is truncated: 60 s */
  assert_int_equal(burst(&limit, T0, 100), 0);
  assert_int_equal(next(&limit, T0), T0 + SECONDS(3));
  assert_int_equal(burst(&limit, T0 + SECONDS(3) - 1, 100), 0);
  assert_int_equal(burst(&limit, T0 + SECONDS(3), 100), 1);
  assert_int_equal(burst(&limit, T0 + SECONDS(30), 100), 10);
  assert_int_equal(burst(&limit, T0 + SECONDS(57), 100), 19);
  assert_int_equal(burst(&limit, T0 + SECONDS(60), 100), 20);
  assert_int_equal(burst(&limit, T0 + SECONDS(9000), 100), 20);
  /* A time to look again does not replace an earlier one. */
  int64_t until = T0 + 1;
  assert_false(rate_limit_allows(&limit, T0, &until));
  assert_int_equal(until, T0 + 1);
}

/* 429 with X-Rate-Limit-Retry: 7 means less than 8 s. Then one call alone. */
static void test_refused(void **state) {
  struct rate_limit limit = {0};
  struct ttn_answer refused = with(429, 20, 0, 59, 7);
  (void)state;
  assert_int_equal(rate_limit_wait(&refused), SECONDS(8));
  call(&limit, refused, T0);
  assert_int_equal(next(&limit, T0), T0 + SECONDS(8));
  assert_int_equal(next(&limit, T0 + SECONDS(8) - 1), T0 + SECONDS(8));
  assert_int_equal(burst(&limit, T0 + SECONDS(8), 100), 1);
  assert_int_equal(burst(&limit, T0 + SECONDS(60), 100), 1);
  call(&limit, with(200, 20, 18, 9, 0), T0 + SECONDS(60));
  assert_int_equal(burst(&limit, T0 + SECONDS(60), 100), 18);
}

/* A load balancer's 429 has no headers: 11 s. An absurd one waits a day. */
static void test_refused_bare(void **state) {
  struct rate_limit limit = {0};
  struct ttn_answer bare = with(429, -1, -1, -1, -1);
  struct ttn_answer absurd = with(429, -1, -1, -1, INT64_MAX);
  (void)state;
  assert_int_equal(rate_limit_wait(&absurd), SECONDS(86401));
  call(&limit, bare, T0);
  assert_int_equal(next(&limit, T0), T0 + SECONDS(11));
  assert_int_equal(burst(&limit, T0 + SECONDS(11), 100), 1);
  call(&limit, with(200, -1, -1, -1, -1), T0 + SECONDS(11));
  assert_int_equal(burst(&limit, T0 + SECONDS(11), 100), 100);
}

/* Retry-After is a proxy's: the stack's own header comes first. */
static void test_retry_after(void **state) {
  struct ttn_answer answer = with(429, -1, -1, -1, -1);
  (void)state;
  answer.retry_after = 120;
  assert_int_equal(rate_limit_wait(&answer), SECONDS(121));
  answer.rate_retry = 5;
  assert_int_equal(rate_limit_wait(&answer), SECONDS(6));
  answer = with(429, -1, -1, -1, -1);
  answer.retry_at = SECONDS(5000);
  assert_int_equal(rate_limit_wait(&answer), SECONDS(11)); /* no Date */
  answer.date = SECONDS(4970);
  assert_int_equal(rate_limit_wait(&answer), SECONDS(31));
  answer.date = SECONDS(6000);
  assert_int_equal(rate_limit_wait(&answer), SECONDS(1));
}

/* A 503 tells by seconds or a date how long its host wants to be left alone. */
static void test_break(void **state) {
  static const struct {
    int status;
    int64_t retry_after, retry_at, date; /* s */
    int64_t wait;
  } rows[] = {
      {503, -1, 0, 5000, 0},      {503, 30, 0, 5000, 30},
      {503, 0, 0, 5000, 0},       {503, 86400, 0, 5000, 600},
      {503, -1, 5120, 5000, 120}, {503, -1, 4000, 5000, 0},
      {503, -1, 5120, 0, 0},      {503, -1, 90000, 5000, 600},
      {429, 30, 0, 5000, 0},      {500, 30, 0, 5000, 0},
      {200, 30, 0, 5000, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_answer answer = with(rows[i].status, -1, -1, -1, -1);
    answer.retry_after = rows[i].retry_after;
    answer.retry_at = SECONDS(rows[i].retry_at);
    answer.date = SECONDS(rows[i].date);
    assert_int_equal(rate_limit_break(&answer), SECONDS(rows[i].wait));
  }
}

/* Headers that contradict themselves or are absurd limit nothing for ever. */
static void test_odd_headers(void **state) {
  static const int64_t odd[][3] = {{0, 0, 0},        {-5, 3, 1},
                                   {20, -1, 59},     {20, 3, -1},
                                   {1000001, 0, 59}, {20, 0, 86401}};
  (void)state;
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    struct rate_limit limit = {0};
    call(&limit, with(200, odd[i][0], odd[i][1], odd[i][2], 0), T0);
    assert_int_equal(burst(&limit, T0, 50), 50);
  }
  struct rate_limit more = {0};
  call(&more, with(200, 20, 30, 0, 0), T0); /* more available than there are */
  assert_int_equal(burst(&more, T0, 50), 20);
  struct rate_limit most = {0};
  call(&most, with(200, 1000000, 0, 0, 0), T0);
  assert_int_equal(burst(&most, T0 + SECONDS(1), 50), 50);
}

/* The monotonic clock may jump ahead while a machine sleeps; and an answer may
 * be looked at with an instant that was read before another's. */
static void test_clock(void **state) {
  struct rate_limit limit = {0};
  (void)state;
  call(&limit, with(429, 20, 0, 59, 7), T0);
  call(&limit, with(200, 20, 0, 59, 3), T0 + SECONDS(8));
  assert_int_equal(burst(&limit, T0 + SECONDS(86400 * 365), 100), 20);
  assert_int_equal(next(&limit, T0 + SECONDS(7)), T0 + SECONDS(8));
  assert_int_equal(burst(&limit, T0 + SECONDS(8), 100), 0);
  assert_int_equal(burst(&limit, INT64_MAX, 100), 20);
}

/* One kind of call that is refused holds up no other. Calls for a single
 * gateway are limited for each gateway apart: the caller makes that one wait.
 */
static void test_kinds(void **state) {
  struct rate_limit list = {0}, batch = {0}, single = {.per_gateway = true};
  (void)state;
  call(&list, with(429, 20, 0, 59, 30), T0);
  call(&batch, with(200, 60, 59, 0, 0), T0);
  assert_int_equal(next(&list, T0), T0 + SECONDS(31));
  assert_int_equal(burst(&batch, T0, 100), 59);
  assert_int_equal(burst(&single, T0, 100), 1);
  call(&single, with(429, 1, 0, 299, 299), T0);
  assert_int_equal(burst(&single, T0, 100), 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first),        cmocka_unit_test(test_burst),
      cmocka_unit_test(test_refill),       cmocka_unit_test(test_refused),
      cmocka_unit_test(test_refused_bare), cmocka_unit_test(test_retry_after),
      cmocka_unit_test(test_break),        cmocka_unit_test(test_odd_headers),
      cmocka_unit_test(test_clock),        cmocka_unit_test(test_kinds),
  };
  return cmocka_run_group_tests_name("rate_limit", tests, NULL, NULL);
}
