/* SPDX-License-Identifier: MIT */
/* What --follow says of events, and when it says that they come late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/event_words.h"
#include "cli/lateness.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static void test_words(void **state) {
  (void)state;
  static const struct {
    struct ttn_event event;
    const char *name, *reason, *data_rate;
  } cases[] = {
      {{.kind = TTN_EVENT_CONNECT}, "connected", NULL, ""},
      {{.kind = TTN_EVENT_DISCONNECT, .reason = "expired"},
       "disconnected",
       "expired",
       ""},
      {{.kind = TTN_EVENT_DISCONNECT}, "disconnected", NULL, ""},
      {{.kind = TTN_EVENT_UPLINK}, "uplink", NULL, ""},
      {{.kind = TTN_EVENT_UPLINK,
        .traffic = {.modulation = TTN_MODULATION_LORA,
                    .spreading_factor = 7,
                    .bandwidth = 125000}},
       "uplink",
       NULL,
       "SF7BW125"},
      {{.kind = TTN_EVENT_UPLINK,
        .traffic = {.modulation = TTN_MODULATION_LORA,
                    .spreading_factor = 12,
                    .bandwidth = 812500}},
       "uplink",
       NULL,
       "SF12BW812.5"},
      {{.kind = TTN_EVENT_UPLINK,
        .traffic = {.modulation = TTN_MODULATION_LORA, .spreading_factor = 9}},
       "uplink",
       NULL,
       "SF9"},
      {{.kind = TTN_EVENT_UPLINK,
        .traffic = {.modulation = TTN_MODULATION_FSK}},
       "uplink",
       NULL,
       "FSK"},
      {{.kind = TTN_EVENT_UPLINK,
        .traffic = {.modulation = TTN_MODULATION_LRFHSS}},
       "uplink",
       NULL,
       "LR-FHSS"},
      {{.kind = TTN_EVENT_UPLINK_DROP, .traffic = {.error = "message_crc"}},
       "uplink_dropped",
       "message_crc",
       ""},
      {{.kind = TTN_EVENT_UPLINK_DROP}, "uplink_dropped", NULL, ""},
      {{.kind = TTN_EVENT_DOWNLINK}, "downlink", NULL, ""},
      {{.kind = TTN_EVENT_TX_SUCCESS}, "transmitted", NULL, ""},
      {{.kind = TTN_EVENT_TX_FAIL, .traffic = {.result = 2}},
       "transmit_failed",
       "too_late",
       ""},
      {{.kind = TTN_EVENT_TX_FAIL, .traffic = {.result = 99}},
       "transmit_failed",
       "unknown_error",
       ""},
      {{.kind = TTN_EVENT_SCHEDULE_FAIL, .traffic = {.error = "blocked"}},
       "not_scheduled",
       "blocked",
       ""},
      {{.kind = TTN_EVENT_STATS}, NULL, NULL, NULL},
      {{.kind = TTN_EVENT_OTHER}, NULL, NULL, NULL},
      {{.kind = TTN_EVENT_START}, NULL, NULL, NULL},
      {{.kind = TTN_EVENT_ERROR}, NULL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct event_words words;
    bool shown = event_words(&words, &cases[i].event);
    print_message("# case %zu\n", i);
    assert_int_equal(shown, cases[i].name != NULL);
    if (!shown)
      continue;
    assert_string_equal(words.name, cases[i].name);
    assert_string_equal(words.data_rate, cases[i].data_rate);
    assert_int_equal(words.reason == NULL, cases[i].reason == NULL);
    if (words.reason != NULL)
      assert_string_equal(words.reason, cases[i].reason);
    assert_true(strlen(words.what) <= EVENT_WHAT_WIDTH);
  }
}

static void test_clock(void **state) {
  (void)state;
  char buffer[TEXT_CLOCK];
  setenv("TZ", "UTC-2", 1);
  assert_string_equal(text_clock(buffer, 0), "02:00:00");
  assert_string_equal(text_clock(buffer, 86399 * TTN_SECOND + 999), "01:59:59");
}

/* ---- lateness ---- */

/* A moment at which events arrive, by this machine's clock, in ms; and the
 * stack's times of the first and the last of them, in s. */
struct moment {
  int64_t at, first, last;
  int host;
};

#define FAR INT64_C(1700000000) /* how far the clocks differ, s */

/* What it says, by the index of the moment; `n` where it says nothing. *held:
 * in s. */
static size_t play(const struct moment *moments, size_t n, int64_t *held) {
  static struct lateness late;
  size_t told = n;
  late = (struct lateness){.told = false};
  int64_t now = TTN_SECOND;
  for (size_t i = 0; i < n; i++) {
    const struct moment *m = &moments[i];
    for (; now < m->at * TTN_MS; now += 100 * TTN_MS)
      lateness_turn(&late, now);
    now = m->at * TTN_MS;
    int64_t middle = (m->first + m->last) / 2;
    const int64_t times[] = {m->first, middle, m->last};
    for (size_t k = 0; k < 3; k++) {
      int64_t said = lateness_event(&late, m->host, now + (int64_t)k * TTN_MS,
                                    (FAR + times[k]) * TTN_SECOND);
      if (said == 0)
        continue;
      assert_int_equal(told, n); /* once */
      told = i;
      *held = said / TTN_SECOND;
    }
  }
  return told;
}

#define PLAY(held, ...)                                                        \
  play((const struct moment[]){__VA_ARGS__},                                   \
       sizeof((const struct moment[]){__VA_ARGS__}) / sizeof(struct moment),   \
       held)

static void test_lumps(void **state) {
  (void)state;
  int64_t held = 0;
  /* The second one tells, and only that. */
  assert_int_equal(
      PLAY(&held, {10000, 0, 8, 0}, {20000, 9, 18, 0}, {30000, 19, 28, 0}), 1);
  assert_int_equal(held, 9);
  /* In any order. */
  assert_int_equal(PLAY(&held, {10000, 8, 0, 0}, {20000, 18, 9, 0}), 1);
  /* At once, each of them. */
  assert_int_equal(PLAY(&held, {10000, 10, 10, 0}, {20000, 20, 20, 0}), 2);
  /* Gathered for a moment. */
  assert_int_equal(PLAY(&held, {10000, 7, 10, 0}, {20000, 16, 20, 0}), 2);
  /* A break, then all is well; and another one. */
  assert_int_equal(PLAY(&held, {10000, 0, 8, 0}, {12000, 12, 12, 0},
                        {30000, 20, 29, 0}, {40000, 40, 40, 0}),
                   4);
  /* Hosts whose clocks differ, with each other too. */
  assert_int_equal(PLAY(&held, {10000, 10, 10, 0}, {10010, 99, 99, 1},
                        {11000, 11, 11, 0}, {11010, 100, 100, 1}),
                   4);
  assert_int_equal(
      PLAY(&held, {10000, 0, 8, 0}, {10010, 99, 99, 1}, {20000, 9, 18, 0}), 2);
  /* A host that is not known. */
  assert_int_equal(PLAY(&held, {10000, 0, 8, -1}, {20000, 9, 18, -1}), 2);
  assert_int_equal(
      PLAY(&held, {10000, 0, 8, HOSTS_MAX}, {20000, 9, 18, HOSTS_MAX}), 2);
}

/* Many events, which seldom pause: what arrives within 200 ms is compared. */
static void test_dense(void **state) {
  static struct lateness late;
  (void)state;
  late = (struct lateness){.told = false};
  for (int64_t ms = 0; ms < 60000; ms += ms % 10000 == 9980 ? 400 : 20)
    assert_int_equal(lateness_event(&late, 0, TTN_SECOND + ms * TTN_MS,
                                    FAR * TTN_SECOND + ms * TTN_MS),
                     0);
}

/* The command was stopped, or waited for who reads its output. */
static void test_asleep(void **state) {
  static struct lateness late;
  (void)state;
  late = (struct lateness){.told = false};
  int64_t now = TTN_SECOND;
  for (int64_t i = 0; i < 5; i++) {
    now += 10 * TTN_SECOND;
    for (int64_t s = 0; s < 10; s++)
      assert_int_equal(lateness_event(&late, 0, now + s * TTN_MS,
                                      (FAR + 10 * i + s) * TTN_SECOND),
                       0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),  cmocka_unit_test(test_clock),
      cmocka_unit_test(test_lumps),  cmocka_unit_test(test_dense),
      cmocka_unit_test(test_asleep),
  };
  return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
