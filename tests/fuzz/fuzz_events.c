/* SPDX-License-Identifier: MIT */
/* The lines of the event stream. The first byte says how they are cut, the
 * second which call for memory fails. However they are cut, the same is heard,
 * and memory does not follow what is sent. */
#include "decoders.h"
#include "base/hash.h"
#include "events/lines.h"
#include "gateway/radio.h"

static uint64_t sum_event(uint64_t sum, const struct ttn_decoder *decoder) {
  const struct ttn_event *event = ttn_decoder_event(decoder);
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  REQUIRE(event->bad == NULL);
  REQUIRE(event->gateway[0] == '\0' ||
          ttn_id_valid(event->gateway, strlen(event->gateway)));
  REQUIRE(n <= 1);
  require_clean(event->reason, 256);
  require_clean(ttn_decoder_error(decoder)->message, 256);
  sum = SUM(SUM(sum, event->kind), event->time);
  sum = sum_text(sum_text(sum, event->gateway), event->reason);
  if (n == 1 && entries[0].bad == NULL)
    sum = SUM(SUM(sum, entries[0].stats.has), entries[0].stats.count);
  return sum;
}

static uint64_t sum_radio(struct ttn_radio *radio) {
  char name[TTN_RADIO_NAME_SIZE];
  uint64_t sum = TTN_HASH, value;
  for (unsigned i = 0; i < TTN_RADIO_COUNTS; i++)
    if (ttn_radio_count(radio, i, name, &value) != NULL) {
      /* A part of a value's name, also in a file's. */
      REQUIRE(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0);
      REQUIRE(strlen(name) < 64);
      sum = SUM(sum_text(sum, name), radio->count[i]);
    }
  if (radio->rssi.n > 0) {
    double median = ttn_radio_rssi(radio, 0.5);
    REQUIRE(radio->rssi.min <= median && median <= radio->rssi.max);
  }
  if (radio->snr.n > 0) {
    double low = ttn_radio_snr(radio, 0.05), median = ttn_radio_snr(radio, 0.5);
    REQUIRE(radio->snr.min <= low && low <= median);
    REQUIRE(median <= radio->snr.max);
  }
  return sum;
}

static void hear(struct ttn_radio *radio, const struct ttn_decoder *decoder) {
  const struct ttn_event *event = ttn_decoder_event(decoder);
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  if (ttn_event_is_traffic(event))
    ttn_radio_event(radio, event->kind, &event->traffic);
  else if (event->kind == TTN_EVENT_STATS && n == 1 && entries[0].bad == NULL)
    ttn_radio_counted(radio, &entries[0].stats);
  else
    ttn_radio_connection(radio);
}

/* 0: no memory for it. */
static uint64_t listen(struct test_env *test, struct fuzz_input input,
                       size_t step) {
  struct ttn_lines lines;
  struct ttn_radio radio = {.seen = 0};
  uint64_t sum = TTN_HASH;
  if (!ttn_lines_init(&lines, &test->env))
    return 0;
  for (size_t at = 0; at < input.n; at += step) {
    const char *bytes = input.bytes + at;
    size_t n = input.n - at < step ? input.n - at : step;
    enum ttn_line line;
    while ((line = ttn_lines_next(&lines, &bytes, &n)) != TTN_LINE_NONE)
      if (line == TTN_LINE_EVENT) {
        sum = sum_event(sum, lines.decoder);
        hear(&radio, lines.decoder);
      } else {
        sum = SUM(sum, line);
      }
  }
  ttn_lines_free(&lines);
  uint64_t heard = sum_radio(&radio);
  return SUM(sum, heard);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  struct fuzz_input input = {bytes, n};
  size_t step = (size_t)fuzz_byte(&input) + 1;
  uint8_t failing = fuzz_byte(&input);
  uint64_t whole = listen(test, input, input.n + 1);
  REQUIRE(listen(test, input, step) == whole);
  REQUIRE(test->peak < TTN_DECODE_MEMORY);
  fuzz_fail_memory(test, failing);
  (void)listen(test, input, step);
}
