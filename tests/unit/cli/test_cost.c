/* SPDX-License-Identifier: MIT */
/* What a configuration costs, by what a poll showed. That the constants are
 * right, tests/e2e/test_check_cost.py shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cost.h"

static void values(struct cost_meter *meter, enum ttn_series series, int n) {
  const struct ttn_value value = {.series = series, .subject = "roof"};
  for (int i = 0; i < n; i++)
    cost_value(meter, &value);
}

static void requests(struct cost_meter *meter, enum answer_kind kind, int n) {
  for (int i = 0; i < n; i++)
    cost_request(meter, kind);
}

/* 100 gateways with 17 values each, read by a list and 1 batch. */
static struct cost_meter hundred(void) {
  struct cost_meter meter = {0};
  cost_poll_begins(&meter);
  requests(&meter, ANSWER_AUTH_INFO, 1);
  requests(&meter, ANSWER_LIST, 1);
  requests(&meter, ANSWER_BATCH, 1);
  values(&meter, TTN_SERIES_CONNECTED, 100);
  values(&meter, TTN_SERIES_UPLINK, 1600);
  return meter;
}

static const struct cost_settings defaults = {.interval = 60, .discovery = 300};

static void near(double got, double wanted) {
  assert_true(got > wanted * 0.9999 && got < wanted * 1.0001);
}

static void counts_a_poll(void **state) {
  (void)state;
  struct cost_meter meter = hundred();
  struct cost cost = cost_of(&meter, &defaults);
  assert_int_equal(cost.series, 1700);
  near(cost.memory, 2380000);
  near(cost.packets, 50);
  near(cost.requests, 1.2);
}

static void follows_the_interval(void **state) {
  (void)state;
  struct cost_meter meter = hundred();
  static const struct {
    struct cost_settings settings;
    double packets, requests;
  } cases[] = {
      {{.interval = 10, .discovery = 300}, 300, 6.2},
      {{.interval = 120, .discovery = 300}, 25, 0.5 + 1.0 / 6},
      {{.interval = 60, .discovery = 0}, 50, 2},
      {{.interval = 60, .discovery = 10}, 50, 2},
      {{.interval = 60, .discovery = 301}, 50, 1 + 1.0 / 6},
      {{.interval = 60, .discovery = 300, .all = true}, 50, 1.4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cost cost = cost_of(&meter, &cases[i].settings);
    assert_int_equal(cost.series, 1700);
    near(cost.packets, cases[i].packets);
    near(cost.requests, cases[i].requests);
  }
}

/* A later poll reads no list; its requests are those of the last reading. */
static void remembers_the_list(void **state) {
  (void)state;
  struct cost_meter meter = hundred();
  cost_poll_begins(&meter);
  requests(&meter, ANSWER_BATCH, 2);
  requests(&meter, ANSWER_SINGLE, 1);
  values(&meter, TTN_SERIES_CONNECTED, 1);
  struct cost cost = cost_of(&meter, &defaults);
  assert_int_equal(cost.series, 1);
  near(cost.requests, 3.2);
  cost_poll_begins(&meter);
  requests(&meter, ANSWER_LIST, 5);
  near(cost_of(&meter, &defaults).requests, 1);
}

/* Events adds a value to each gateway whose state is known. */
static void knows_what_events_add(void **state) {
  (void)state;
  struct cost_meter meter = hundred();
  struct cost_settings events = defaults;
  events.events = true;
  assert_int_equal(cost_of(&meter, &events).series, 1800);
  values(&meter, TTN_SERIES_CONNECTS, 100); /* they are there already */
  assert_int_equal(cost_of(&meter, &events).series, 1800);
  assert_int_equal(cost_of(&meter, &defaults).series, 1700);
}

static void costs_nothing_at_first(void **state) {
  (void)state;
  struct cost_meter meter = {0};
  struct cost_settings all = defaults;
  all.all = true;
  struct cost cost = cost_of(&meter, &all);
  assert_int_equal(cost.series, 0);
  assert_true(cost.memory + cost.packets + cost.requests < 1e-9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_a_poll),
      cmocka_unit_test(follows_the_interval),
      cmocka_unit_test(remembers_the_list),
      cmocka_unit_test(knows_what_events_add),
      cmocka_unit_test(costs_nothing_at_first),
  };
  return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
