/* SPDX-License-Identifier: MIT */
/* When somebody is called, and with which words. */
#include "report/notifications.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define AT(seconds) ((int64_t)(seconds)*TTN_SECOND)
#define U TTN_UNKNOWN
#define C TTN_CONNECTED
#define D TTN_DISCONNECTED

struct recorder {
  struct ttn_sink sink;
  struct ttn_changes changes;
  int sent;
  char last[512]; /* severity plugin-instance/type-type_instance: message */
  char severities[64];
};

static void record(void *ctx, const struct ttn_notification *n) {
  static const char *const names[] = {"OKAY", "WARNING", "FAILURE"};
  struct recorder *recorder = ctx;
  recorder->severities[recorder->sent++] = names[n->severity][0];
  const struct ttn_series_name *name = &ttn_series_names[n->series];
  snprintf(recorder->last, sizeof recorder->last, "%s %s-%s/%s-%s: %s",
           names[n->severity], name->plugin, n->subject, name->type,
           name->type_instance, n->message);
  assert_true(strlen(n->message) <= 255);
}

static struct recorder *start(struct recorder *recorder) {
  memset(recorder, 0, sizeof *recorder);
  recorder->sink = (struct ttn_sink){.ctx = recorder, .notify = record};
  ttn_changes_begin(&recorder->changes, 10);
  return recorder;
}

/* One answer a minute; returns the first letters of what was told. */
static const char *told(struct recorder *recorder, int64_t offline_after,
                        const enum ttn_state *states, size_t n) {
  struct ttn_notice notice = {0};
  start(recorder);
  for (size_t i = 0; i < n; i++)
    ttn_notify_gateway(&recorder->sink, &recorder->changes, &notice, "roof",
                       NULL, states[i], AT(60 * (int64_t)i), 0,
                       AT(offline_after), "");
  return recorder->severities;
}

static void expect_told(int64_t offline_after, const enum ttn_state *states,
                        size_t n, const char *expected) {
  struct recorder recorder;
  assert_string_equal(told(&recorder, offline_after, states, n), expected);
}

#define EXPECT(offline_after, expected, ...)                                   \
  do {                                                                         \
    static const enum ttn_state states[] = {__VA_ARGS__};                      \
    expect_told(offline_after, states, sizeof states / sizeof states[0],       \
                expected);                                                     \
  } while (0)

static void tells_changes_seen_twice(void **state) {
  (void)state;
  EXPECT(0, "", C, C, C);
  EXPECT(0, "", C, D);
  EXPECT(0, "W", C, D, D);
  EXPECT(0, "W", C, D, D, D, D);
  EXPECT(0, "W", C, D, D, C);
  EXPECT(0, "WO", C, D, D, C, C);
  EXPECT(0, "WO", C, D, D, C, C, C, C);
  EXPECT(0, "WOWO", C, D, D, C, C, D, D, C, C);
}

static void is_silent_at_start(void **state) {
  (void)state;
  EXPECT(0, "", D, D, D);
  EXPECT(0, "", D, D, C, C, C);
  EXPECT(0, "", D, C, C);
  EXPECT(0, "W", D, C, C, D, D);
  EXPECT(0, "", U, U, D, D, D, C, C);
}

/* Nothing is known, so nothing changed, and nothing is forgotten. */
static void passes_over_the_unknown(void **state) {
  (void)state;
  EXPECT(0, "", C, U, U, U, C);
  EXPECT(0, "W", C, U, D, U, U, D);
  EXPECT(0, "WO", C, D, D, U, C, U, C);
}

static void is_silent_on_flapping(void **state) {
  (void)state;
  EXPECT(0, "", C, D, C, D, C, D, C, D, C);
  EXPECT(300, "", C, D, D, C, D, D, D, C, D, D, D, D, D, C);
  EXPECT(0, "W", C, D, D, C, D, C, D, D, D);
}

/* Gone at 60 s. */
static void waits_for_offline_after(void **state) {
  (void)state;
  EXPECT(300, "", C, D, D, D, D, D);
  EXPECT(300, "W", C, D, D, D, D, D, D);
  EXPECT(300, "WO", C, D, D, D, D, D, D, D, C, C);
  EXPECT(86400, "", C, D, D, D, D, D, D, D, D, D);
}

static void says_what_to_look_at(void **state) {
  (void)state;
  struct recorder recorder;
  struct ttn_notice notice = {0};
  struct ttn_sink *sink = &start(&recorder)->sink;
  ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", "The roof", C,
                     AT(0), 0, 0, "");
  ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", "The roof", D,
                     AT(60), AT(1714557600), 0, "");
  ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", "The roof", D,
                     AT(120), AT(1714557600), 0, "");
  assert_string_equal(
      recorder.last,
      "WARNING ttn-roof/bool-connected: Gateway \"The roof\" (roof) has been "
      "disconnected since 2024-05-01T10:00:00Z. Check its power, its network, "
      "and the server address in its packet forwarder.");
  ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", "The roof", C,
                     AT(180), AT(1714557750), 0, "");
  ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", "The roof", C,
                     AT(240), AT(1714557750), 0, "");
  assert_string_equal(
      recorder.last,
      "OKAY ttn-roof/bool-connected: Gateway \"The roof\" (roof) has been "
      "connected again since 2024-05-01T10:02:30Z.");
}

static void says_it_without_a_time_and_a_name(void **state) {
  (void)state;
  struct recorder recorder;
  static const enum ttn_state gone[] = {C, D, D, D};
  static const enum ttn_state back[] = {C, D, D, D, C, C};
  told(&recorder, 100, gone, 4);
  assert_string_equal(
      recorder.last,
      "WARNING ttn-roof/bool-connected: Gateway roof has been disconnected for "
      "at least 120 s. Check its power, its network, and the server address in "
      "its packet forwarder.");
  told(&recorder, 100, back, 6);
  assert_string_equal(recorder.last,
                      "OKAY ttn-roof/bool-connected: Gateway roof has been "
                      "connected again for at least 60 s.");
}

/* The name is the owner's words, of any length. */
static void bounds_the_name(void **state) {
  (void)state;
  static const char id[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  static const struct {
    const char *name, *shown;
  } names[] = {
      {"", "Gateway abcdefghijklmnopqrstuvwxyz0123456789 has been"},
      {"a\n\"b\"\x7f\t", "Gateway \"a??b???\" (abc"},
      /* 55 bytes fit. */
      {"0123456789012345678901234567890123456789012345678901234",
       "\"0123456789012345678901234567890123456789012345678901234\" (abc"},
      {"01234567890123456789012345678901234567890123456789012345",
       "\"0123456789012345678901234567890123456789012345678901234\" (abc"},
      /* The 55th byte is the first of two: ä. */
      {"012345678901234567890123456789012345678901234567890123\xc3\xa4",
       "\"012345678901234567890123456789012345678901234567890123\" (abc"},
      /* No UTF-8 at all. */
      {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
       "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
       "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
       "\x80\x80\x80\x80\x80\x80",
       "Gateway \"\" (abc"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct recorder recorder;
    struct ttn_notice notice = {0};
    struct ttn_sink *sink = &start(&recorder)->sink;
    ttn_notify_gateway(sink, &recorder.changes, &notice, id, names[i].name, C,
                       AT(0), 0, 0, "");
    for (int minute = 1; minute < 3; minute++)
      ttn_notify_gateway(sink, &recorder.changes, &notice, id, names[i].name, D,
                         AT(60 * minute), AT(1714557600), 0, "");
    assert_int_equal(recorder.sent, 1);
    assert_non_null(strstr(recorder.last, names[i].shown));
    /* Nothing of the fix is cut off. */
    assert_non_null(strstr(recorder.last, "its packet forwarder."));
  }
}

/* The reason is the stack's words: at most 40 bytes, all of them UTF-8. */
static void bounds_the_reason(void **state) {
  (void)state;
  static const struct {
    const char *reason, *shown;
  } reasons[] = {
      {"0123456789012345678901234567890123456789",
       "Z (0123456789012345678901234567890123456789). Check"},
      {"01234567890123456789012345678901234567890",
       "Z (0123456789012345678901234567890123456789). Check"},
      /* The 40th byte is the first of two: ä. */
      {"012345678901234567890123456789012345678\xc3\xa4",
       "Z (012345678901234567890123456789012345678). Check"},
  };
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    struct recorder recorder;
    struct ttn_notice notice = {0};
    struct ttn_sink *sink = &start(&recorder)->sink;
    ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", NULL, C, AT(0),
                       0, 0, "");
    for (int minute = 1; minute < 3; minute++)
      ttn_notify_gateway(sink, &recorder.changes, &notice, "roof", NULL, D,
                         AT(60 * minute), AT(1714557600), 0, reasons[i].reason);
    assert_int_equal(recorder.sent, 1);
    assert_non_null(strstr(recorder.last, reasons[i].shown));
  }
}

static void tells_of_the_key(void **state) {
  (void)state;
  struct recorder recorder;
  start(&recorder);
  ttn_notify_key(&recorder.sink, "home", true,
                 "the key has expired: make a new one in the Console.");
  assert_string_equal(recorder.last,
                      "FAILURE ttn_api-home/bool-up: Account home: the key has "
                      "expired: make a new one in the Console.");
  ttn_notify_key(&recorder.sink, "home", false, NULL);
  assert_string_equal(recorder.last, "OKAY ttn_api-home/bool-up: Account home: "
                                     "the key works again.");
  char why[400];
  memset(why, 'x', sizeof why);
  why[sizeof why - 1] = '\0';
  ttn_notify_key(&recorder.sink, "home", true, why);
  assert_int_equal(recorder.sent, 3);
}

/* Of 12 gateways n disconnect in a poll, and are back in a later one. */
static void lose(struct recorder *recorder, unsigned limit, size_t n,
                 const char *severities) {
  static const enum ttn_state states[] = {C, D, D, C, C};
  struct ttn_notice notices[12] = {{0}};
  start(recorder);
  for (int poll = 0; poll < 5; poll++) {
    ttn_changes_begin(&recorder->changes, limit);
    for (size_t i = 0; i < n; i++) {
      char id[16];
      snprintf(id, sizeof id, "gw-%02zu", i);
      ttn_notify_gateway(&recorder->sink, &recorder->changes, &notices[i], id,
                         NULL, states[poll], AT(60 * poll), 0, 0, "");
    }
    ttn_changes_end(&recorder->changes, &recorder->sink, "home", 12);
    if (poll == 2 && n > limit)
      assert_string_equal(
          strchr(recorder->last, ':') + 2,
          "12 of 12 gateways of account home disconnected at once, the first "
          "is gw-00. The cause may be the stack, or this machine's network.");
  }
  assert_string_equal(recorder->severities, severities);
}

static void sums_up_many(void **state) {
  (void)state;
  struct recorder recorder;
  lose(&recorder, 10, 2, "WWOO");
  lose(&recorder, 12, 12, "WWWWWWWWWWWWOOOOOOOOOOOO");
  lose(&recorder, 2, 12, "WWWOOO");
  assert_string_equal(recorder.last,
                      "OKAY ttn_api-home/count-connected: 12 of 12 gateways of "
                      "account home are connected again, the first is gw-00.");
  lose(&recorder, 0, 12, "WO");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_changes_seen_twice),
      cmocka_unit_test(is_silent_at_start),
      cmocka_unit_test(passes_over_the_unknown),
      cmocka_unit_test(is_silent_on_flapping),
      cmocka_unit_test(waits_for_offline_after),
      cmocka_unit_test(says_what_to_look_at),
      cmocka_unit_test(says_it_without_a_time_and_a_name),
      cmocka_unit_test(bounds_the_name),
      cmocka_unit_test(bounds_the_reason),
      cmocka_unit_test(tells_of_the_key),
      cmocka_unit_test(sums_up_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
