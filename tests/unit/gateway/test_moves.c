/* SPDX-License-Identifier: MIT */
/* Stories by hand: a gateway that reconnects or moves to another server, with
 * events, closed streams and kills of collectd. Each was once counted wrong.
 * Expected values are what the servers received. */
#include "gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gateways.h"

#define START INT64_C(1700000000)
#define AT(seconds) ((START + (seconds)) * TTN_SECOND)

/* at, gone: seconds since START, -1: none. */
static struct ttn_stats entry(int64_t at, int64_t gone) {
  struct ttn_stats stats = {0};
  if (at >= 0) {
    stats.has |= TTN_HAS_CONNECTED_AT;
    stats.connected_at = AT(at);
  }
  if (gone >= 0) {
    stats.has |= TTN_HAS_DISCONNECTED_AT;
    stats.disconnected_at = AT(gone);
  }
  return stats;
}

static struct ttn_stats with(struct ttn_stats stats, enum ttn_message k,
                             uint64_t count, int64_t last) {
  stats.has |= (uint32_t)(TTN_HAS_COUNT | TTN_HAS_LAST) << k;
  stats.count[k] = count;
  stats.last[k] = AT(last);
  return stats;
}

static struct ttn_stats up(int64_t at, uint64_t count, int64_t last) {
  return with(entry(at, -1), TTN_UPLINK, count, last);
}

static struct ttn_outcome answer(struct ttn_gateway *gateway,
                                 struct ttn_stats stats, int64_t date) {
  const char *why;
  struct ttn_outcome outcome = ttn_gateway_learn(
      &ttn_env_system, gateway, TTN_PROOF_ENTRY, &stats, AT(date), &why);
  assert_null(why);
  return outcome;
}

/* True: the state changed. */
static bool event(struct ttn_gateway *gateway, enum ttn_event_kind kind,
                  struct ttn_stats stats, int64_t time) {
  return ttn_gateway_event(&ttn_env_system, gateway, kind, &stats, AT(time));
}

static struct ttn_gateway followed(void) {
  struct ttn_gateway gateway = {0};
  assert_true(ttn_gateway_follow(&ttn_env_system, &gateway));
  return gateway;
}

static void free_gateway(struct ttn_gateway *gateway) {
  ttn_gateway_free(gateway, &ttn_env_system);
}

/* collectd is killed, and starts with the file that was saved last. */
static struct ttn_gateway killed(struct ttn_gateway *gateway,
                                 struct ttn_gateway *file) {
  free_gateway(gateway);
  struct ttn_gateway back = test_gateway_copy(file);
  free_gateway(file);
  assert_true(ttn_gateway_follow(&ttn_env_system, &back));
  return back;
}

/* A site loses its power. collectd is back before the gateway. */
static void starts_again_after_a_power_cut(void **state) {
  (void)state;
  struct ttn_gateway gateway = followed();
  answer(&gateway, up(0, 100000, 9), 10);
  answer(&gateway, up(100, 500, 160), 170);
  assert_int_equal(answer(&gateway, up(100, 900, 220), 230).value[0], 100900);
  struct ttn_gateway file = test_gateway_saved(&gateway, false);
  gateway = killed(&gateway, &file);

  struct ttn_stats end = with(entry(-1, 400), TTN_UPLINK, 900, 220);
  assert_int_equal(answer(&gateway, end, 500).counts, 0);
  event(&gateway, TTN_EVENT_CONNECT, entry(510, -1), 511);
  event(&gateway, TTN_EVENT_STATS, up(510, 5, 520), 530);
  struct ttn_outcome outcome = answer(&gateway, up(510, 5, 520), 560);
  assert_int_equal(outcome.value[0], 5);
  assert_true(outcome.offset_moved);
  assert_int_equal(gateway.offset[0], 0);
  free_gateway(&gateway);
}

/* A server's count is seen first by an event, and what it had is not added. The
 * other one ends: the counter that is left is larger than the value. */
static void goes_on_from_a_larger_counter(void **state) {
  (void)state;
  struct ttn_gateway gateway = followed(), file;
  answer(&gateway, up(0, 5, 10000), 10001);
  event(&gateway, TTN_EVENT_STATS, up(0, 100000, 10003), 10005);
  event(&gateway, TTN_EVENT_STATS, up(9000, 6, 10010), 10011);
  event(&gateway, TTN_EVENT_STATS, entry(-1, 10060), 10060);
  event(&gateway, TTN_EVENT_DISCONNECT, entry(-1, -1), 10061);
  file = test_gateway_saved(&gateway, false);
  for (int i = 1; i < 20; i++) {
    struct ttn_stats own = up(0, 100000 + 10 * (uint64_t)i, 10060 + i * 60 - 2);
    event(&gateway, TTN_EVENT_STATS, own, 10060 + i * 60);
    if (answer(&gateway, own, 10062 + i * 60).offset_moved) {
      free_gateway(&file);
      file = test_gateway_saved(&gateway, false);
    }
  }
  assert_int_equal(gateway.value[0], 6 + 190);
  assert_int_equal(gateway.offset[0], 6 - 100000);
  gateway = killed(&gateway, &file);
  assert_int_equal(answer(&gateway, up(0, 100200, 11300), 11301).value[0],
                   6 + 200);

  /* A lower count is not of that counter. No value is below 0. */
  file = test_gateway_saved(&gateway, false);
  gateway = killed(&gateway, &file);
  assert_int_equal(answer(&gateway, up(0, 70, 11400), 11401).value[0], 0);
  assert_int_equal(answer(&gateway, up(0, 75, 11450), 11460).value[0], 5);
  free_gateway(&gateway);
}

/* Two servers, then one for good: the file does not keep what it needed before,
 * or a kill would go on from a counter that is gone. */
static void forgets_servers_in_the_file(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0}, file = {0};
  answer(&gateway, up(0, 5000, 59), 60);
  answer(&gateway, up(0, 62, 119), 120);
  answer(&gateway, entry(130, -1), 180);
  for (int i = 1; i < 80; i++)
    if (answer(&gateway, up(130, 2 * (uint64_t)i, 180 + 60 * i - 3),
               180 + 60 * i)
            .offset_moved) {
      free_gateway(&file);
      file = test_gateway_saved(&gateway, false);
    }
  assert_int_equal(gateway.value[0], 5158);
  assert_false(ttn_gateway_has_servers(&gateway));
  gateway = killed(&gateway, &file);
  assert_int_equal(answer(&gateway, up(130, 165, 5000), 5001).value[0], 5165);
  free_gateway(&gateway);
}

/* A gateway moves from A to B. The registry has B's connected_at and uplinks,
 * and still A's downlinks. */
static void knows_a_count_of_the_server_before(void **state) {
  (void)state;
  for (int64_t gap = 1; gap <= 12; gap++) {
    struct ttn_gateway gateway = {0};
    struct ttn_stats a = with(up(0, 5000, 59), TTN_DOWNLINK, 4000, 50);
    answer(&gateway, a, 60);
    a = with(up(0, 5003, 69), TTN_DOWNLINK, 4001, 70 - gap);
    answer(&gateway, a, 120);
    struct ttn_stats b = with(up(70, 7, 134), TTN_DOWNLINK, 4001, 70 - gap);
    struct ttn_outcome outcome = answer(&gateway, b, 180);
    assert_int_equal(outcome.value[TTN_UPLINK], 5003 + 7);
    assert_int_equal(outcome.value[TTN_DOWNLINK], 4001);
    free_gateway(&gateway);
  }
}

/* The same after a stream of events that is closed: answers had shown B all the
 * time. */
static void knows_counts_that_events_told(void **state) {
  (void)state;
  struct ttn_gateway gateway = followed();
  struct ttn_stats a = with(up(0, 1000, 59), TTN_DOWNLINK, 700, 59);
  answer(&gateway, a, 60);
  event(&gateway, TTN_EVENT_STATS, a, 65);
  event(&gateway, TTN_EVENT_CONNECT, entry(100, -1), 101);
  answer(&gateway, entry(100, -1), 120);
  for (int i = 0; i < 3; i++) {
    int64_t then = 60 * i;
    struct ttn_stats b = with(up(100, 2000 + 10 * (uint64_t)i, 150 + then),
                              TTN_DOWNLINK, 900, 145);
    event(&gateway, TTN_EVENT_STATS, b, 152 + then);
    a = with(up(0, 1010 + (uint64_t)i, 155 + then), TTN_DOWNLINK, 700, 59);
    event(&gateway, TTN_EVENT_STATS, a, 156 + then);
    answer(&gateway, with(a, TTN_DOWNLINK, 900, 145), 180 + then);
  }
  ttn_gateway_unfollow(&gateway);
  struct ttn_stats b = with(up(100, 2030, 330), TTN_DOWNLINK, 900, 145);
  struct ttn_outcome outcome = answer(&gateway, b, 360);
  assert_int_equal(outcome.value[TTN_UPLINK], 1012 + 2030);
  assert_int_equal(outcome.value[TTN_DOWNLINK], 700 + 900);
  free_gateway(&gateway);
}

/* The gateway reconnects before an event named the connection that an answer
 * showed. It is one server's all the time. */
static void forgets_a_counter_that_no_event_named(void **state) {
  (void)state;
  struct ttn_gateway gateway = followed();
  answer(&gateway, up(0, 1000, 59), 60);
  event(&gateway, TTN_EVENT_DISCONNECT, entry(-1, -1), 70);
  event(&gateway, TTN_EVENT_CONNECT, entry(75, -1), 76);
  int64_t then = 0;
  for (int i = 1; i < 10; i++) {
    then = 75 + 60 * i;
    struct ttn_stats own = up(75, 10 * (uint64_t)i, then);
    event(&gateway, TTN_EVENT_STATS, own, then + 1);
    assert_int_equal(answer(&gateway, own, then + 5).value[0], 1000 + 10 * i);
  }
  assert_false(ttn_gateway_has_servers(&gateway));
  event(&gateway, TTN_EVENT_STATS, entry(-1, then + 20), then + 20);
  assert_true(event(&gateway, TTN_EVENT_DISCONNECT, entry(-1, -1), then + 21));
  assert_int_equal(gateway.shown, TTN_DISCONNECTED);
  free_gateway(&gateway);
}

/* A, A again, then B: A's second connection shows, which was seen. */
static void goes_on_from_one_of_several_set_aside(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  answer(&gateway, up(0, 1000, 59), 60);
  answer(&gateway, up(70, 10, 119), 120);
  answer(&gateway, entry(150, -1), 180);
  assert_int_equal(answer(&gateway, up(70, 60, 190), 240).value[0], 1060);
  assert_int_equal(answer(&gateway, up(70, 65, 250), 300).value[0], 1065);
  free_gateway(&gateway);
}

/* Yesterday's entry at another cluster: neither its state nor its ages are the
 * gateway's. */
static void says_that_an_entry_is_past(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  assert_false(answer(&gateway, up(100, 5, 159), 160).past);
  struct ttn_stats past = with(entry(-1, 50), TTN_UPLINK, 77, 40);
  struct ttn_outcome outcome = answer(&gateway, past, 220);
  assert_true(outcome.past);
  assert_int_equal(outcome.value[0], 5);
  free_gateway(&gateway);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_again_after_a_power_cut),
      cmocka_unit_test(goes_on_from_a_larger_counter),
      cmocka_unit_test(forgets_servers_in_the_file),
      cmocka_unit_test(knows_a_count_of_the_server_before),
      cmocka_unit_test(knows_counts_that_events_told),
      cmocka_unit_test(forgets_a_counter_that_no_event_named),
      cmocka_unit_test(goes_on_from_one_of_several_set_aside),
      cmocka_unit_test(says_that_an_entry_is_past),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
