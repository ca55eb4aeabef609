/* SPDX-License-Identifier: MIT */
/* When the gateways of a poll are asked: the places themselves, and polls of
 * some hundred gateways that keep to them, with hosts that fail meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/spread.h"
#include "base/timestamp.h"
#include "lib/stack.h"

#include <unistd.h>

/* ---- places ---- */

static void test_places(void **state) {
  static const struct {
    size_t before, n;
    int64_t place;
  } rows[] = {
      {0, 0, 0},         {0, 100, 0},         {99, 100, 0},
      {0, 101, 0},       {0, 500, 0},         {100, 500, 4000},
      {400, 500, 16000}, {1900, 2000, 19000}, {999999, 1000000, 19999},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(spread_place(20 * TTN_SECOND, rows[i].before, rows[i].n) /
                         TTN_MS,
                     rows[i].place);
    assert_int_equal(spread_place(0, rows[i].before, rows[i].n), 0);
  }
  /* As far as Spread and the number of gateways go. */
  assert_int_equal(
      spread_place(1800 * TTN_SECOND, 3999900, 4000000) / TTN_SECOND, 1799);
}

static void test_late_places(void **state) {
  static const struct {
    int64_t place, late, at;
  } rows[] = {{0, 0, 0}, {4, 0, 4},   {0, 3, 3},   {2, 3, 4},   {5, 3, 5},
              {6, 3, 6}, {20, 3, 20}, {0, 30, 30}, {20, 30, 40}};
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    assert_int_equal(spread_late(rows[i].place, rows[i].late), rows[i].at);
}

static void test_pauses(void **state) {
  static const struct {
    size_t n;
    int64_t pause;
  } rows[] = {{0, 0},      {100, 0},    {101, 250},  {500, 250},
              {2000, 250}, {4000, 125}, {10000, 50}, {1000000, 0}};
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(spread_pause(20 * TTN_SECOND, rows[i].n) / TTN_MS,
                     rows[i].pause);
    assert_int_equal(spread_pause(0, rows[i].n), 0);
  }
  assert_true(spread_pause(20 * TTN_SECOND, 1000000) > 0);
}

/* ---- polls ---- */

/* Gateways gw-000 … at eu1; those from `at_nam1` on at nam1. */
static int n_gateways, at_nam1;
/* Requests of statistics in the last poll: when, and the first gateway. */
static struct {
  int64_t ms;
  int number;
} asked[64];
static size_t n_asked;
static int64_t poll_began, poll_took;
/* ms after the poll's start; if > 0, the last batch is answered then. */
static int64_t last_answer;
/* How long the list takes, ms; < 0: it fails. */
static int64_t list_takes;
/* Requests of statistics that fail: from the first to before the second. */
static size_t fail_from, fail_to;
static enum ttn_failure failure;
/* A gateway that nam1 alone has, wherever it is registered; NULL: none. */
static const char *moved;

static void list_fleet(struct stack *p, struct ttn_call *call) {
  if (list_takes < 0) {
    answer_error(p, call, 500, "{}");
    return;
  }
  p->test.mono += (list_takes - 20) * TTN_MS;
  answer_add(p, "{\"gateways\":[");
  for (int i = 0; i < n_gateways; i++)
    answer_add(p,
               "%s{\"ids\":{\"gateway_id\":\"gw-%03d\"},"
               "\"gateway_server_address\":\"%s\"}",
               i == 0 ? "" : ",", i, i < at_nam1 ? EU1 : NAM1);
  answer_add(p, "]}");
  call->answer.total_count = n_gateways;
}

/* Those that the host has. */
static void answer_some(struct stack *p, const struct ttn_call *call) {
  char body[1 << 14], key[32];
  snprintf(body, sizeof(body), "%s", call->body);
  if (moved != NULL && is_at(call, EU1)) {
    snprintf(key, sizeof(key), "\"gateway_id\":\"%s", moved);
    char *at = strstr(body, key);
    if (at != NULL)
      at[1] = 'x'; /* as if it was not asked for */
  }
  answer_batch(p, &(struct ttn_call){.body = body}, CONNECTED);
}

static void answers(struct stack *p, struct ttn_call *call) {
  if (is_list(call)) {
    list_fleet(p, call);
    return;
  }
  size_t i = n_asked++;
  assert_true(i < sizeof(asked) / sizeof(asked[0]));
  /* An answer takes 20 ms. */
  asked[i].ms = (p->test.mono - poll_began) / TTN_MS - 20;
  const char *id = call->body != NULL ? call->body : call->url;
  asked[i].number = atoi(strstr(id, "gw-") + 3);
  if (last_answer > 0 && asked[i].number + 100 >= n_gateways)
    p->test.mono = poll_began + last_answer * TTN_MS;
  if (i >= fail_from && i < fail_to) {
    call->answer.status = 0;
    call->answer.failure = failure;
    snprintf(call->answer.why, sizeof(call->answer.why), "it failed");
  } else {
    answer_some(p, call);
  }
}

static struct stack *open_fleet(int n, int nam1, const char *const *options) {
  n_gateways = n;
  at_nam1 = nam1;
  fail_from = fail_to = 0;
  last_answer = 0;
  list_takes = 20;
  moved = NULL;
  return stack_open(answers, options);
}

static void poll_fleet(struct stack *p) {
  n_asked = 0;
  poll_began = p->test.mono + 60 * TTN_SECOND;
  stack_poll(p);
  poll_took = (p->test.mono - poll_began) / TTN_MS;
  /* The next one begins a minute after this one began. */
  p->test.mono = poll_began;
}

#define FEW                                                                    \
  "DiscoveryInterval", "3600", "CollectUptime", "false", "CollectPackets",     \
      "false", "CollectRoundTripTimes", "false", "CollectAges", "false",       \
      "CollectDutyCycle", "false", "CollectStatus", "false"
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_asked(size_t i, int64_t ms, int number) {
  assert_true(i < n_asked);
  assert_int_equal(asked[i].ms, ms);
  assert_int_equal(asked[i].number, number);
}

/* From the first poll on, where the list comes first, each gateway has the same
 * place. */
static void test_same_place(void **state) {
  (void)state;
  struct stack *p = open_fleet(450, 450, OPTIONS(FEW));
  for (int poll = 0; poll < 4; poll++) {
    poll_fleet(p);
    assert_int_equal(n_asked, 5);
    assert_asked(0, poll == 0 ? 20 : 0, 0);
    for (int i = 1; i < 5; i++)
      assert_asked((size_t)i, i * 100 * 20000 / 450, i * 100);
    assert_reported(p, "ttn_api/home/bool-up=1");
    assert_reported(p, "ttn_api/home/count-connected=450");
    /* The time between the batches is not the poll's. */
    assert_reported(p, "ttn_api/home/duration-poll=0");
  }
  stack_close(p);
}

/* Those whose place is over when the list is there catch up at twice the pace.
 */
static void test_late_list(void **state) {
  static const int64_t places[] = {6000, 8000, 10000, 12000, 16000};
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW));
  list_takes = 6000;
  poll_fleet(p);
  assert_int_equal(n_asked, 5);
  for (int i = 0; i < 5; i++)
    assert_asked((size_t)i, places[i], i * 100);
  poll_fleet(p);
  for (int i = 0; i < 5; i++)
    assert_asked((size_t)i, i * 4000, i * 100);
  stack_close(p);
}

/* Of what a very slow list leaves of the poll, half is for second attempts. */
static void test_list_leaves_little(void **state) {
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW, "Timeout", "60000"));
  list_takes = 50000;
  poll_fleet(p);
  assert_int_equal(n_asked, 5);
  for (int i = 0; i < 5; i++)
    assert_asked((size_t)i, 50000 + i * 1000, i * 100);
  assert_reported(p, "ttn_api/home/count-connected=500");
  stack_close(p);
}

/* The first poll with gateways is another one. */
static void test_list_comes_later(void **state) {
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW));
  list_takes = -1;
  poll_fleet(p);
  assert_int_equal(n_asked, 0);
  list_takes = 20;
  poll_fleet(p);
  assert_int_equal(n_asked, 5);
  assert_asked(1, 4000, 100);
  assert_asked(4, 16000, 400);
  stack_close(p);
}

/* Gateway lines are no list that has to be read. */
static void test_named_gateways(void **state) {
  static char ids[150][8];
  const char *options[2 * 150 + 1] = {NULL};
  (void)state;
  for (int i = 0; i < 150; i++) {
    snprintf(ids[i], sizeof(ids[i]), "gw-%03d", i);
    options[2 * i] = "Gateway";
    options[2 * i + 1] = ids[i];
  }
  struct stack *p = open_fleet(150, 150, options);
  for (int poll = 0; poll < 2; poll++) {
    poll_fleet(p);
    assert_int_equal(n_asked, 2);
    assert_asked(0, 0, 0);
    assert_asked(1, 13333, 100);
  }
  stack_close(p);
}

/* Somebody waits for the poll's end. */
static void test_at_once(void **state) {
  (void)state;
  struct stack *p = open_fleet(450, 450, OPTIONS(FEW));
  for (int poll = 0; poll < 2; poll++) {
    n_asked = 0;
    poll_began = p->test.mono;
    ttn_account_poll_at_once(p->account);
    assert_int_equal(n_asked, 5);
    assert_true(p->test.mono - poll_began < TTN_SECOND);
  }
  stack_close(p);
}

/* When a gateway was reported as connected, ms after the poll's start. */
static int64_t told[450];

static void note_time(void *ctx, const struct ttn_value *v) {
  const struct stack *p = ctx;
  if (v->series == TTN_SERIES_CONNECTED)
    told[atoi(v->subject + 3)] = (p->test.mono - poll_began) / TTN_MS;
}

/* A batch's values are not all reported at once. */
static void test_portions(void **state) {
  (void)state;
  struct stack *p = open_fleet(450, 450, OPTIONS(FEW));
  p->sink.value = note_time;
  for (int poll = 0; poll < 2; poll++) {
    poll_fleet(p);
    int64_t list = poll == 0 ? 20 : 0;
    assert_true(told[0] == 20 + list && told[24] == 20 + list);
    assert_true(told[25] == 270 + list && told[49] == 270 + list);
    assert_true(told[50] == 520 + list && told[75] == 770 + list &&
                told[99] == 770 + list);
    assert_true(told[100] == 4464 && told[449] == 18047);
  }
  stack_close(p);
}

/* The deadline comes before the next portion: the rest is reported at once. */
static void test_deadline(void **state) {
  (void)state;
  struct stack *p = open_fleet(450, 450, OPTIONS(FEW, "Timeout", "1000"));
  poll_fleet(p);
  last_answer = 990;
  poll_fleet(p);
  assert_int_equal(poll_took, 990);
  assert_reported(p, "ttn/gw-449/bool-connected=1");
  assert_reported(p, "ttn_api/home/count-connected=450");
  stack_close(p);
}

static void stop_at_value(void *ctx, const struct ttn_value *v) {
  const struct stack *p = ctx;
  told[atoi(v->subject + 3)] = p->test.mono;
  ttn_account_stop(p->account);
}

/* The account is stopped between two portions. */
static void test_stop(void **state) {
  (void)state;
  struct stack *p = open_fleet(450, 450, OPTIONS(FEW));
  poll_fleet(p);
  memset(told, 0, sizeof(told));
  p->sink.value = stop_at_value;
  poll_fleet(p);
  assert_int_equal(poll_took, 20);
  assert_true(told[24] != 0 && told[25] == 0);
  stack_close(p);
}

/* Places of all hosts follow each other. */
static void test_two_hosts(void **state) {
  (void)state;
  struct stack *p = open_fleet(250, 125, OPTIONS(FEW, "Spread", "10"));
  poll_fleet(p);
  poll_fleet(p);
  assert_int_equal(n_asked, 4);
  assert_asked(0, 0, 0);
  assert_asked(1, 4000, 100);
  assert_asked(2, 5000, 125);
  assert_asked(3, 9000, 225);
  stack_close(p);
}

static void test_not_spread(void **state) {
  static const struct {
    int n;
    const char *spread;
  } rows[] = {{100, "20"}, {450, "0"}};
  (void)state;
  for (size_t row = 0; row < 2; row++) {
    /* One gateway of each host is a batch of its own. */
    struct stack *p = open_fleet(rows[row].n, rows[row].n - 1,
                                 OPTIONS(FEW, "Spread", rows[row].spread));
    for (int poll = 0; poll < 3; poll++) {
      poll_fleet(p);
      assert_true(asked[n_asked - 1].ms < 1000);
      assert_reported(p, "ttn_api/home/bool-up=1");
    }
    stack_close(p);
  }
}

/* What is found by a discovery is asked at once, and has its place in the next
 * poll. */
static void test_new_gateways(void **state) {
  (void)state;
  struct stack *p = open_fleet(200, 200, OPTIONS(FEW));
  poll_fleet(p);
  poll_fleet(p);
  n_gateways = at_nam1 = 250;
  p->test.mono += 3600 * TTN_SECOND;
  poll_fleet(p);
  assert_int_equal(n_asked, 3);
  assert_true(asked[0].ms < 100 && asked[0].number == 0);
  assert_true(asked[1].ms < 100 && asked[1].number == 200);
  assert_asked(2, 10000, 100);
  poll_fleet(p);
  assert_asked(1, 8000, 100);
  assert_asked(2, 16000, 200);
  stack_close(p);
}

/* ---- failures meanwhile ---- */

/* A batch that fails is sent again at once, not behind all others. */
static void test_second_attempt(void **state) {
  (void)state;
  struct stack *p = open_fleet(400, 400, OPTIONS(FEW));
  poll_fleet(p);
  fail_from = 1, fail_to = 2, failure = TTN_FAIL_TRANSFER;
  poll_fleet(p);
  assert_int_equal(n_asked, 5);
  assert_asked(1, 5000, 100);
  assert_asked(2, 5020, 100);
  assert_asked(3, 10000, 200);
  assert_reported(p, "ttn_api/home/count-connected=400");
  assert_logged(p, 0, "ERROR");
  stack_close(p);
}

/* A host that fails is probed by each later batch; when it is back, the rest
 * of the poll is as before. */
static void test_short_outage(void **state) {
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW));
  poll_fleet(p);
  fail_from = 1, fail_to = 4, failure = TTN_FAIL_CONNECT;
  poll_fleet(p);
  /* 0; 100 twice; 200 fails at its place; 300, 200 again, 400. */
  assert_int_equal(n_asked, 7);
  assert_asked(2, 4020, 100);
  assert_asked(3, 8000, 200);
  assert_asked(4, 12000, 300);
  assert_asked(5, 12020, 200);
  assert_asked(6, 16000, 400);
  assert_reported(p, "ttn_api/home/count-connected=400");
  assert_reported(p, "ttn_api/home/count-unknown=100");
  fail_to = 0;
  poll_fleet(p);
  for (int i = 0; i < 5; i++)
    assert_asked((size_t)i, i * 4000, i * 100);
  assert_reported(p, "ttn_api/home/bool-up=1");
  assert_logged(p, 1, "ERROR");
  assert_logged(p, 1, "responds again");
  stack_close(p);
}

/* One that does not come back gets as many requests as it would have got, and
 * in later polls one. */
static void test_long_outage(void **state) {
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW));
  poll_fleet(p);
  fail_from = 2, fail_to = 64, failure = TTN_FAIL_CONNECT;
  poll_fleet(p);
  assert_int_equal(n_asked, 6);
  assert_asked(5, 16000, 400);
  assert_reported(p, "ttn_api/home/count-connected=200");
  fail_from = 0;
  for (int poll = 0; poll < 3; poll++) {
    poll_fleet(p);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked[0].ms, 0);
    assert_int_equal(poll_took, 20);
  }
  fail_to = 0;
  poll_fleet(p);
  assert_int_equal(n_asked, 5);
  assert_reported(p, "ttn_api/home/bool-up=1");
  /* All have their place again. */
  poll_fleet(p);
  for (int i = 0; i < 5; i++)
    assert_asked((size_t)i, i * 4000, i * 100);
  stack_close(p);
}

/* A host that never answers in a poll is given up, and no place is waited for.
 */
static void test_outage_from_the_start(void **state) {
  (void)state;
  struct stack *p = open_fleet(500, 500, OPTIONS(FEW));
  poll_fleet(p);
  fail_to = 64, failure = TTN_FAIL_CONNECT;
  poll_fleet(p);
  assert_int_equal(n_asked, 2);
  assert_int_equal(poll_took, 40);
  stack_close(p);
}

/* Another host's failures move no place. */
static void test_other_host_fails(void **state) {
  (void)state;
  struct stack *p = open_fleet(300, 200, OPTIONS(FEW));
  poll_fleet(p);
  fail_from = 2, fail_to = 4, failure = TTN_FAIL_CONNECT;
  poll_fleet(p);
  assert_int_equal(n_asked, 4);
  assert_asked(0, 0, 0);
  assert_true(asked[1].number == 100 && asked[2].number == 200);
  assert_reported(p, "ttn_api/home/count-connected=200");
  stack_close(p);
}

/* ---- gateways that are elsewhere ---- */

/* It is looked up when the last batch of its own host was answered; then it is
 * one of the other host's. */
static void test_moved_gateway(void **state) {
  (void)state;
  struct stack *p = open_fleet(300, 200, OPTIONS(FEW));
  poll_fleet(p);
  moved = "gw-010";
  poll_fleet(p);
  assert_int_equal(n_asked, 4);
  assert_asked(0, 0, 0);
  assert_asked(1, 6666, 100);
  assert_true(asked[2].number == 10 && asked[2].ms >= 6686 &&
              asked[2].ms < 8000);
  assert_asked(3, 13333, 200);
  assert_reported(p, "ttn/gw-010/bool-connected=1");
  assert_reported(p, "ttn_api/home/count-connected=300");
  assert_logged(p, 1, "gw-010");
  poll_fleet(p);
  assert_int_equal(n_asked, 4);
  assert_asked(1, 6666, 101);
  assert_asked(2, 13266, 10);
  assert_reported(p, "ttn_api/home/count-connected=300");
  stack_close(p);
}

/* The other host was not heard in this poll, and fails at the lookup twice: it
 * is given up as at a place. The gateway is unknown, not disconnected. */
static void test_lookup_fails(void **state) {
  (void)state;
  struct stack *p = open_fleet(300, 200, OPTIONS(FEW));
  poll_fleet(p);
  moved = "gw-010";
  fail_from = 2, fail_to = 64, failure = TTN_FAIL_CONNECT;
  poll_fleet(p);
  assert_int_equal(n_asked, 4);
  assert_true(asked[3].number == 10 && asked[3].ms < 8000);
  assert_true(poll_took < 8000);
  assert_not_reported(p, "ttn/gw-010/");
  assert_reported(p, "ttn_api/home/count-connected=199");
  assert_reported(p, "ttn_api/home/count-unknown=101");
  fail_to = 0;
  poll_fleet(p);
  assert_reported(p, "ttn/gw-010/bool-connected=1");
  assert_reported(p, "ttn_api/home/count-connected=300");
  stack_close(p);
}

/* A lookup fails once: it is sent again at once, and the host's batches go out
 * at their places. */
static void test_lookup_fails_once(void **state) {
  (void)state;
  struct stack *p = open_fleet(400, 100, OPTIONS(FEW));
  poll_fleet(p);
  moved = "gw-010";
  /* eu1's only batch, then the lookup; nam1's are at 5, 10 and 15 s. */
  fail_from = 1, fail_to = 2, failure = TTN_FAIL_TRANSFER;
  poll_fleet(p);
  assert_int_equal(n_asked, 6);
  assert_true(asked[1].number == 10 && asked[2].number == 10);
  assert_true(asked[2].ms < 1000);
  for (int i = 1; i < 4; i++)
    assert_asked((size_t)i + 2, i * 5000, i * 100);
  assert_reported(p, "ttn/gw-010/bool-connected=1");
  assert_reported(p, "ttn_api/home/count-connected=400");
  assert_logged(p, 0, "ERROR");
  stack_close(p);
}

/* ---- counts that wait for the state file ---- */

static size_t reported_by_300;

/* Another connection in each poll: the offset moves, and the count waits. */
static void reconnects(struct stack *p, struct ttn_call *call) {
  char fields[100], began[32];
  if (is_list(call)) {
    list_fleet(p, call);
    return;
  }
  if (strstr(call->body, "gw-300") != NULL)
    reported_by_300 = count(p->reported, "/packets-uplink=");
  snprintf(fields, sizeof(fields),
           "\"connected_at\":\"%s\",\"uplink_count\":\"5\"",
           ttn_time_print(began, sizeof(began), p->test.wall));
  answer_batch(p, call, fields);
}

/* They are reported a quarter of Spread later, at the next answer, and not all
 * at the poll's end. */
static void test_counts_do_not_wait(void **state) {
  char path[] = "/tmp/ttn-spread-XXXXXX";
  (void)state;
  assert_non_null(mkdtemp(path));
  char file[sizeof(path) + 8];
  snprintf(file, sizeof(file), "%s/state", path);
  n_gateways = at_nam1 = 400;
  list_takes = 20;
  struct stack *p = stack_open(
      reconnects,
      OPTIONS("StateFile", file, "DiscoveryInterval", "3600", "CollectUptime",
              "false", "CollectConnected", "false", "CollectRoundTripTimes",
              "false", "CollectAges", "false", "CollectDutyCycle", "false",
              "CollectStatus", "false"));
  for (int poll = 0; poll < 4; poll++) {
    poll_fleet(p);
    /* Places: 0, 5, 10 and 15 s; saved: at 5 s or later, and so on. */
    assert_true(reported_by_300 >= 200);
    assert_int_equal(count(p->reported, "/packets-uplink="), 400);
  }
  assert_reported(p, "ttn/gw-399/packets-uplink=20");
  stack_close(p);
  assert_int_equal(unlink(file), 0);
  assert_int_equal(rmdir(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_places),
      cmocka_unit_test(test_late_places),
      cmocka_unit_test(test_pauses),
      cmocka_unit_test(test_same_place),
      cmocka_unit_test(test_late_list),
      cmocka_unit_test(test_list_leaves_little),
      cmocka_unit_test(test_list_comes_later),
      cmocka_unit_test(test_named_gateways),
      cmocka_unit_test(test_at_once),
      cmocka_unit_test(test_portions),
      cmocka_unit_test(test_deadline),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_two_hosts),
      cmocka_unit_test(test_not_spread),
      cmocka_unit_test(test_new_gateways),
      cmocka_unit_test(test_second_attempt),
      cmocka_unit_test(test_short_outage),
      cmocka_unit_test(test_long_outage),
      cmocka_unit_test(test_outage_from_the_start),
      cmocka_unit_test(test_other_host_fails),
      cmocka_unit_test(test_moved_gateway),
      cmocka_unit_test(test_lookup_fails),
      cmocka_unit_test(test_lookup_fails_once),
      cmocka_unit_test(test_counts_do_not_wait),
  };
  return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
