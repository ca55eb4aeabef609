/* SPDX-License-Identifier: MIT */
/* Radio values against what a gateway received: random uplinks with their
 * levels, and stories in which events are lost, late and repeated while a
 * server's statistics count every uplink. */
#include "gateway/radio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/testing.h"

#define STORIES 3000
#define STEPS 200

static uint64_t seed = 1;
static unsigned pick(unsigned n) { /* xorshift64* */
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n);
}

static struct ttn_traffic lora(unsigned sf, uint64_t frequency, double rssi,
                               double snr) {
  return (struct ttn_traffic){.modulation = TTN_MODULATION_LORA,
                              .spreading_factor = sf,
                              .frequency = frequency,
                              .has_rssi = true,
                              .rssi = rssi,
                              .snr = snr};
}

/* The value of a name in the next report; -1: there is none. */
static int64_t value_of(struct ttn_radio *radio, const char *wanted) {
  char name[TTN_RADIO_NAME_SIZE];
  int64_t found = -1;
  for (unsigned i = 0; i < TTN_RADIO_COUNTS; i++) {
    uint64_t value;
    if (ttn_radio_count(radio, i, name, &value) != NULL &&
        strcmp(name, wanted) == 0) {
      assert_int_equal(found, -1);
      found = (int64_t)value;
    }
  }
  return found;
}

/* A count that appears begins at 0; the next report has all of it. */
static void test_counts(void **state) {
  static const struct {
    enum ttn_event_kind kind;
    struct ttn_traffic traffic;
    const char *name;
  } events[] = {
      {TTN_EVENT_UPLINK,
       {.modulation = TTN_MODULATION_LORA, .spreading_factor = 5},
       "up_sf5"},
      {TTN_EVENT_UPLINK,
       {.modulation = TTN_MODULATION_LORA, .spreading_factor = 12},
       "up_sf12"},
      {TTN_EVENT_UPLINK, {.modulation = TTN_MODULATION_FSK}, "up_fsk"},
      {TTN_EVENT_UPLINK, {.modulation = TTN_MODULATION_LRFHSS}, "up_lrfhss"},
      {TTN_EVENT_UPLINK, {.frequency = 867900000}, "up_867900"},
      {TTN_EVENT_UPLINK, {.frequency = 2403999999}, "up_2403999"},
      {TTN_EVENT_UPLINK_DROP, {.error = "message_crc"}, "drop_message_crc"},
      {TTN_EVENT_UPLINK_DROP, {.error = ""}, "drop_other"},
      {TTN_EVENT_DOWNLINK, {.result = 0}, "down_sent"},
      {TTN_EVENT_TX_SUCCESS, {.result = 0}, "down_ok"},
      {TTN_EVENT_TX_FAIL, {.result = 1}, "down_unknown_error"},
      {TTN_EVENT_TX_FAIL, {.result = 2}, "down_too_late"},
      {TTN_EVENT_TX_FAIL, {.result = 3}, "down_too_early"},
      {TTN_EVENT_TX_FAIL, {.result = 4}, "down_collision_packet"},
      {TTN_EVENT_TX_FAIL, {.result = 5}, "down_collision_beacon"},
      {TTN_EVENT_TX_FAIL, {.result = 6}, "down_tx_freq"},
      {TTN_EVENT_TX_FAIL, {.result = 7}, "down_tx_power"},
      {TTN_EVENT_TX_FAIL, {.result = 8}, "down_gps_unlocked"},
      {TTN_EVENT_TX_FAIL, {.result = UINT64_MAX}, "down_unknown_error"},
      {TTN_EVENT_SCHEDULE_FAIL,
       {.error = "conflict"},
       "down_unscheduled_conflict"},
      {TTN_EVENT_SCHEDULE_FAIL,
       {.error = "duty_cycle"},
       "down_unscheduled_duty_cycle"},
      {TTN_EVENT_SCHEDULE_FAIL,
       {.error = "blocked"},
       "down_unscheduled_duty_cycle"},
      {TTN_EVENT_SCHEDULE_FAIL,
       {.error = "dwell_time"},
       "down_unscheduled_dwell_time"},
      {TTN_EVENT_SCHEDULE_FAIL,
       {.error = "too_late"},
       "down_unscheduled_too_late"},
      {TTN_EVENT_SCHEDULE_FAIL, {.error = "new"}, "down_unscheduled_other"},
      {TTN_EVENT_SCHEDULE_FAIL, {.error = ""}, "down_unscheduled_other"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
    struct ttn_radio radio = {.seen = 0};
    assert_int_equal(value_of(&radio, events[i].name), -1);
    for (int n = 0; n < 3; n++)
      ttn_radio_event(&radio, events[i].kind, &events[i].traffic);
    assert_int_equal(value_of(&radio, events[i].name), 0);
    assert_int_equal(value_of(&radio, events[i].name), 3);
    ttn_radio_next(&radio);
    assert_int_equal(value_of(&radio, events[i].name), 3);
  }
}

/* No more channels and reasons than there is room for; none is lost. */
static void test_bounds(void **state) {
  struct ttn_radio radio = {.seen = 0};
  (void)state;
  for (unsigned i = 0; i < 100; i++) {
    struct ttn_traffic up = lora(7, 900000000 + i * 200000u, -90, 5);
    struct ttn_traffic drop = {.modulation = TTN_MODULATION_UNKNOWN};
    snprintf(drop.error, sizeof drop.error, "reason_%u", i);
    ttn_radio_event(&radio, TTN_EVENT_UPLINK, &up);
    ttn_radio_event(&radio, TTN_EVENT_UPLINK_DROP, &drop);
  }
  value_of(&radio, "");
  assert_int_equal(value_of(&radio, "up_sf7"), 100);
  assert_int_equal(value_of(&radio, "up_900000"), 1);
  assert_int_equal(value_of(&radio, "up_904600"), 1);
  assert_int_equal(value_of(&radio, "up_904800"), -1);
  assert_int_equal(value_of(&radio, "up_other"), 100 - TTN_RADIO_CHANNELS);
  assert_int_equal(value_of(&radio, "drop_reason_7"), 1);
  assert_int_equal(value_of(&radio, "drop_reason_8"), -1);
  assert_int_equal(value_of(&radio, "drop_other"), 100 - TTN_RADIO_DROPS);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double nearest_rank(const double *sorted, size_t n, double quantile) {
  size_t rank = (size_t)ceil(quantile * (double)n);
  return sorted[rank == 0 ? 0 : rank - 1];
}

static void test_levels(void **state) {
  static double rssi[2000], snr[2000];
  struct ttn_radio radio = {.seen = 0};
  (void)state;
  for (int turn = 0; turn < 500; turn++) {
    size_t n = 1 + pick(turn % 2 == 0 ? 5 : 2000);
    for (size_t i = 0; i < n; i++) {
      rssi[i] = -140 + (double)pick(100);
      snr[i] = (double)pick(200) * 0.25 - 25;
      struct ttn_traffic up = lora(7, 868100000, rssi[i], snr[i]);
      ttn_radio_event(&radio, TTN_EVENT_UPLINK, &up);
      up.modulation = TTN_MODULATION_FSK; /* has no SNR */
      up.snr = 0;
      if (i % 2 == 0)
        ttn_radio_event(&radio, TTN_EVENT_UPLINK, &up);
    }
    assert_int_equal(radio.rssi.n, n + (n + 1) / 2);
    assert_int_equal(radio.snr.n, n);
    qsort(snr, n, sizeof snr[0], compare);
    assert_true(radio.snr.min == snr[0] && radio.snr.max == snr[n - 1]);
    for (double quantile = 0; quantile <= 1; quantile += 0.05)
      assert_true(ttn_radio_snr(&radio, quantile) ==
                  nearest_rank(snr, n, quantile));
    qsort(rssi, n, sizeof rssi[0], compare);
    assert_true(radio.rssi.min == rssi[0] && radio.rssi.max == rssi[n - 1]);
    ttn_radio_next(&radio);
    assert_int_equal(radio.rssi.n + radio.snr.n, 0);
  }
}

/* Numbers in double precision, which literals do not have on i386. */
static bool same(double a, double b) { return a == b; }

/* Levels between steps are rounded, levels beyond all sense are kept out of
 * nothing but the median. */
static void test_odd_levels(void **state) {
  struct ttn_radio radio = {.seen = 0};
  struct ttn_traffic odd[] = {lora(7, 0, -90.4, 7.3), lora(7, 0, -91.6, -7.4),
                              lora(7, 0, 20, 90), lora(7, 0, -1e300, -1e300),
                              lora(7, 0, 1e300, 1e300)};
  (void)state;
  ttn_radio_event(&radio, TTN_EVENT_UPLINK, &odd[0]);
  assert_true(same(ttn_radio_rssi(&radio, 0.5), -90.4));
  assert_true(same(ttn_radio_snr(&radio, 0.5), 7.3));
  ttn_radio_event(&radio, TTN_EVENT_UPLINK, &odd[1]);
  assert_true(same(ttn_radio_rssi(&radio, 0.5), -91.6));
  assert_true(same(ttn_radio_rssi(&radio, 1), -90.4));
  assert_true(same(ttn_radio_snr(&radio, 0.05), -7.4));
  for (int i = 2; i < 5; i++)
    ttn_radio_event(&radio, TTN_EVENT_UPLINK, &odd[i]);
  assert_true(same(radio.rssi.min, -1e300) && same(radio.snr.max, 1e300));
  assert_true(ttn_radio_rssi(&radio, 0.5) == -90);
  struct ttn_traffic deaf = {.modulation = TTN_MODULATION_LORA,
                             .spreading_factor = 9};
  ttn_radio_event(&radio, TTN_EVENT_UPLINK, &deaf);
  assert_int_equal(radio.rssi.n, 5);
}

/* ---- missed ---- */

struct story {
  struct ttn_radio radio;
  int64_t time;
  uint64_t counted; /* of this connection */
  int64_t connected_at, last;
  uint64_t lost;    /* events that never come */
  int64_t late[64]; /* events that come later */
  size_t n_late;
};

static void hear(struct story *s, int64_t received_at) {
  struct ttn_traffic up = {.received_at = received_at};
  ttn_radio_event(&s->radio, TTN_EVENT_UPLINK, &up);
}

static void hear_late(struct story *s) {
  while (s->n_late > 0)
    hear(s, s->late[--s->n_late]);
}

static void tell_stats(struct story *s) {
  struct ttn_stats stats = {.has = TTN_HAS_CONNECTED_AT,
                            .connected_at = s->connected_at};
  if (s->counted > 0) {
    stats.has |= (uint32_t)TTN_HAS_LAST << TTN_UPLINK;
    stats.last[TTN_UPLINK] = s->last;
    stats.count[TTN_UPLINK] = s->counted;
  }
  ttn_radio_counted(&s->radio, &stats);
}

static void connect_again(struct story *s) {
  ttn_radio_connection(&s->radio);
  s->counted = 0;
  s->connected_at = s->time;
  ttn_radio_connection(&s->radio);
  tell_stats(s);
}

/* losses: of 100 events so many never come, and so many come late. */
static void step(struct story *s, unsigned losses, unsigned lates) {
  s->time += 1 + pick(1000);
  if (pick(8) == 0) {
    hear_late(s);
    return;
  }
  if (pick(6) == 0) {
    tell_stats(s);
    return;
  }
  s->counted++;
  s->last = s->time;
  if (pick(100) < losses)
    s->lost++;
  else if (pick(100) < lates && s->n_late < 64)
    s->late[s->n_late++] = s->time;
  else
    hear(s, s->time);
}

static void settle(struct story *s) {
  hear_late(s);
  tell_stats(s);
  tell_stats(s);
}

/* One connection: what is missing is the number itself once all was told, and
 * never above it where events come before the statistics after next. */
static void test_missed(void **state) {
  uint64_t all = 0;
  (void)state;
  for (int turn = 0; turn < STORIES; turn++) {
    struct story s = {.connected_at = 1, .time = 1};
    tell_stats(&s);
    tell_stats(&s);
    assert_int_equal(value_of(&s.radio, "events_missed"), 0);
    for (int i = 0; i < STEPS; i++)
      step(&s, 3, 0);
    assert_true(s.radio.count[TTN_RADIO_MISSED] <= s.lost);
    settle(&s);
    assert_int_equal(value_of(&s.radio, "events_missed"), s.lost);
    all += s.lost;
  }
  assert_true(all > STORIES);
}

/* An event may come after the statistics that count it. */
static void test_late_events(void **state) {
  (void)state;
  for (int turn = 0; turn < STORIES; turn++) {
    struct story s = {.connected_at = 1, .time = 1};
    settle(&s);
    for (int i = 0; i < STEPS; i++) {
      step(&s, 3, 10);
      if (pick(4) == 0)
        hear_late(&s);
      tell_stats(&s);
      hear_late(&s);
      assert_true(s.radio.count[TTN_RADIO_MISSED] <= s.lost);
    }
    settle(&s);
    assert_int_equal(s.radio.count[TTN_RADIO_MISSED], s.lost);
  }
}

/* Connections that end take uplinks with them that no statistics told of. Then
 * too little may be missing, never too much. */
static void test_missed_connections(void **state) {
  uint64_t found = 0, lost = 0;
  (void)state;
  for (int turn = 0; turn < STORIES; turn++) {
    struct story s = {.connected_at = 1, .time = 1};
    settle(&s);
    for (int i = 0; i < STEPS; i++) {
      step(&s, 3, 0);
      if (pick(60) == 0)
        connect_again(&s);
      if (pick(5) == 0)
        tell_stats(&s);
      assert_true(s.radio.count[TTN_RADIO_MISSED] <= s.lost);
    }
    settle(&s);
    assert_true(s.radio.count[TTN_RADIO_MISSED] <= s.lost);
    found += s.radio.count[TTN_RADIO_MISSED];
    lost += s.lost;
  }
  print_message("%.1f %% of the lost are missed\n",
                100 * (double)found / (double)lost);
  assert_true(found > lost / 2);
}

/* Three servers hold the gateway, and each tells its own statistics. */
static void test_servers(void **state) {
  (void)state;
  for (int turn = 0; turn < STORIES; turn++) {
    struct story servers[3];
    uint64_t lost = 0;
    for (int k = 0; k < 3; k++)
      servers[k] = (struct story){.connected_at = 1 + k, .time = 3};
    struct ttn_radio radio = {.seen = 0};
    for (int i = 0; i < STEPS; i++) {
      struct story *s = &servers[pick(3)];
      s->radio = radio;
      for (int k = 0; k < 3; k++)
        s->time = servers[k].time > s->time ? servers[k].time : s->time;
      step(s, 3, 0);
      if (pick(80) == 0)
        connect_again(s);
      radio = s->radio;
      lost = servers[0].lost + servers[1].lost + servers[2].lost;
      assert_true(radio.count[TTN_RADIO_MISSED] <= lost);
    }
  }
}

/* A forwarder that only pulls has no uplinks in its statistics. */
static void test_silent(void **state) {
  struct story s = {.connected_at = 1, .time = 1};
  (void)state;
  settle(&s);
  for (int i = 0; i < 50; i++) {
    s.counted++;
    s.last = ++s.time;
    hear(&s, s.time);
    settle(&s);
  }
  struct ttn_stats stats = {.has = TTN_HAS_CONNECTED_AT, .connected_at = 1};
  for (int i = 0; i < 3; i++)
    ttn_radio_counted(&s.radio, &stats);
  settle(&s);
  assert_int_equal(s.radio.count[TTN_RADIO_MISSED], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_levels),
      cmocka_unit_test(test_odd_levels),
      cmocka_unit_test(test_missed),
      cmocka_unit_test(test_late_events),
      cmocka_unit_test(test_missed_connections),
      cmocka_unit_test(test_servers),
      cmocka_unit_test(test_silent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
