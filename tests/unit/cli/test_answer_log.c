/* SPDX-License-Identifier: MIT */
/* The log of answers: whose calls they are gets the same bytes as without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer_log.h"
#include "lib/testing.h"

/* Whose calls they are. */
struct owner {
  size_t n;
  bool stop;
};

static bool on_owned(struct ttn_call *call, int status, const char *bytes,
                     size_t n) {
  struct owner *owner = call->ctx;
  (void)bytes;
  assert_int_equal(status, 200);
  owner->n += n;
  return !owner->stop;
}

struct bench {
  struct test_env test;
  struct answer_log log;
  struct owner owner;
  struct ttn_call call;
};

static void open_bench(struct bench *b) {
  memset(b, 0, sizeof(*b));
  test_env_init(&b->test);
  answer_log_init(&b->log, &b->test.env);
}

static void close_bench(struct bench *b) {
  answer_log_free(&b->log);
  assert_int_equal(b->test.blocks, 0);
}

static void begin_call(struct bench *b, const char *url) {
  b->call = (struct ttn_call){.url = url, .data = on_owned, .ctx = &b->owner};
  answer_log_begin(&b->log, &b->call);
}

static void check_given_back(const struct bench *b) {
  assert_ptr_equal(b->call.ctx, &b->owner);
  assert_true(b->call.data == on_owned);
}

static void end_call(struct bench *b, int status, enum ttn_failure failure) {
  b->call.answer = (struct ttn_answer){.status = status,
                                       .failure = failure,
                                       .rate_limit = 20,
                                       .rate_available = 7,
                                       .rate_reset = 1,
                                       .rate_retry = -1,
                                       .retry_after = -1};
  answer_log_end(&b->log, &b->call);
  check_given_back(b);
}

static void test_kept(void **state) {
  (void)state;
  struct bench b;
  open_bench(&b);
  begin_call(&b, "https://a.example:8885/api/v3/gateways?page=1");
  assert_true(b.call.data(&b.call, 200, "{\"a\"", 4));
  b.owner.stop = true;
  assert_false(b.call.data(&b.call, 200, ":1}", 3));
  assert_int_equal(b.owner.n, 7);
  end_call(&b, 200, TTN_FAIL_JSON);
  const struct kept_answer *kept = &b.log.kept[ANSWER_LIST][1];
  assert_true(kept->there);
  assert_string_equal(kept->host, "a.example");
  assert_int_equal(kept->body.n, 7);
  assert_memory_equal(kept->body.bytes, "{\"a\":1}", 7);
  assert_int_equal(b.log.n_counts, 1);
  assert_int_equal(b.log.counts[0].failure, TTN_FAIL_JSON);
  assert_int_equal(b.log.counts[0].rate_available, 7);
  close_bench(&b);
}

static void test_dropped(void **state) {
  (void)state;
  struct bench b;
  open_bench(&b);
  begin_call(&b, "http://a/api/v3/auth_info");
  b.call.data(&b.call, 200, "{", 1);
  answer_log_drop(&b.log, &b.call);
  check_given_back(&b);
  assert_int_equal(b.log.n_counts, 0);
  close_bench(&b);
}

static void test_kinds(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum answer_kind kind;
  } cases[] = {
      {"http://a/api/v3/auth_info", ANSWER_AUTH_INFO},
      {"http://a/x/api/v3/gs/gateways/connection/stats", ANSWER_BATCH},
      {"http://a/api/v3/gs/gateways/roof/connection/stats", ANSWER_SINGLE},
      {"http://a/api/v3/events", ANSWER_EVENTS},
      {"http://a/api/v3/gateways?limit=1000", ANSWER_LIST},
      {"http://[::1]:1885/api/v3/organizations/events/gateways", ANSWER_LIST},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct bench b;
    open_bench(&b);
    begin_call(&b, cases[i].url);
    end_call(&b, 404, TTN_OK);
    assert_int_equal(b.log.counts[0].kind, cases[i].kind);
    assert_string_equal(b.log.counts[0].host, i == 5 ? "::1" : "a");
    assert_true(b.log.kept[cases[i].kind][0].there);
    close_bench(&b);
  }
}

/* The last body of a kind, and no more of it than fits; answers that are alike
 * are one line, and there are not too many lines. */
static void test_bounds(void **state) {
  (void)state;
  static char large[ANSWER_KEPT - 1];
  struct bench b;
  open_bench(&b);
  memset(large, 'x', sizeof(large));
  for (int i = 0; i < 3; i++) {
    begin_call(&b, "http://a/api/v3/auth_info");
    b.call.data(&b.call, 200, large, sizeof(large));
    if (i < 2)
      b.call.data(&b.call, 200, "yz", 2);
    end_call(&b, 200, TTN_OK);
    const struct kept_answer *kept = &b.log.kept[ANSWER_AUTH_INFO][1];
    assert_int_equal(kept->body.n, i < 2 ? ANSWER_KEPT : sizeof(large));
    assert_int_equal(kept->body.cut, i < 2);
  }
  assert_int_equal(b.log.n_counts, 1);
  assert_int_equal(b.log.counts[0].n, 3);
  for (int status = 300; status < 300 + 2 * ANSWER_COUNTS; status++) {
    begin_call(&b, "http://a/api/v3/auth_info");
    end_call(&b, status, TTN_OK);
  }
  assert_int_equal(b.log.n_counts, ANSWER_COUNTS);
  close_bench(&b);
}

static void test_streams(void **state) {
  (void)state;
  struct bench b;
  open_bench(&b);
  begin_call(&b, "http://a/api/v3/events");
  assert_false(answer_log_has_event(&b.log));
  static const char *const pieces[] = {"{\"start\":{}", "}\n", "\n",
                                       "{\"a\":{}"};
  for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
    b.call.data(&b.call, 200, pieces[i], strlen(pieces[i]));
    assert_false(answer_log_has_event(&b.log));
  }
  b.call.data(&b.call, 200, "}\n", 2);
  assert_true(answer_log_has_event(&b.log));
  answer_log_take_streams(&b.log);
  assert_int_equal(b.log.kept[ANSWER_EVENTS][1].body.n, 23);
  assert_int_equal(b.log.counts[0].n, 1);
  b.call.data(&b.call, 200, "{}\n", 3); /* it goes on */
  answer_log_drop(&b.log, &b.call);
  check_given_back(&b);
  close_bench(&b);
}

/* Without memory a call goes its way unseen. */
static void test_memory(void **state) {
  (void)state;
  struct bench b;
  open_bench(&b);
  b.test.fail_at = 1;
  begin_call(&b, "http://a/api/v3/auth_info");
  check_given_back(&b);
  end_call(&b, 200, TTN_OK);
  assert_int_equal(b.log.n_counts, 0);
  begin_call(&b, "http://a/api/v3/auth_info");
  b.test.fail_at = b.test.calls + 1;
  assert_true(b.call.data(&b.call, 200, "{}", 2));
  assert_int_equal(b.owner.n, 2);
  end_call(&b, 200, TTN_OK);
  assert_true(b.log.kept[ANSWER_AUTH_INFO][1].body.cut);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kept),    cmocka_unit_test(test_dropped),
      cmocka_unit_test(test_kinds),   cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_streams), cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("answer_log", tests, NULL, NULL);
}
