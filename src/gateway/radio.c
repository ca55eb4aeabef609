/* SPDX-License-Identifier: MIT */
/* Why `missed` is never above what was lost. Statistics count one connection's
 * uplinks up to the last of them. Of the events, those up to that time are
 * compared with it:
 *
 *   missed = growth of the count - growth of the events seen
 *
 * An event may come after the statistics that count it, so a comparison stands
 * only when the next one is made. Events of uplinks that another server had, or
 * that no statistics count before the connection ends, make the difference
 * smaller, not larger. */
#include "gateway/radio.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define RSSI_LOWEST (-150)
#define SNR_LOWEST (-32)
#define SNR_STEP 0.25

/* TxAcknowledgment.Result, in its order. */
static const char *const results[] = {
    "ok",        "unknown_error",    "too_late",
    "too_early", "collision_packet", "collision_beacon",
    "tx_freq",   "tx_power",         "gps_unlocked",
};
#define RESULTS (sizeof results / sizeof results[0])
#define UNKNOWN_ERROR 1
_Static_assert(TTN_RADIO_RESULT + RESULTS == TTN_RADIO_UNSCHEDULED, "results");

/* Causes of lorawan-stack pkg/gatewayserver/scheduling. */
static const char *const causes[] = {
    "conflict", "duty_cycle", "dwell_time", "too_late", "other",
};
#define CAUSES (sizeof causes / sizeof causes[0])
#define DUTY_CYCLE 1
_Static_assert(TTN_RADIO_UNSCHEDULED + CAUSES == TTN_RADIO_MISSED, "causes");

/* ---- counting ---- */

static unsigned result_of(uint64_t result) {
  return result < RESULTS ? (unsigned)result : UNKNOWN_ERROR;
}

const char *ttn_radio_result(uint64_t result) {
  return results[result_of(result)];
}

static unsigned channel_of(struct ttn_radio *radio, uint64_t frequency) {
  uint64_t khz = frequency / 1000;
  for (unsigned i = 0; i < TTN_RADIO_CHANNELS && khz <= UINT32_MAX; i++) {
    if (radio->channel[i] == 0)
      radio->channel[i] = (uint32_t)khz;
    if (radio->channel[i] == khz)
      return TTN_RADIO_CHANNEL + i;
  }
  return TTN_RADIO_OTHER_CHANNEL;
}

static unsigned drop_of(struct ttn_radio *radio, const char *error) {
  for (unsigned i = 0; i < TTN_RADIO_DROPS && error[0] != '\0'; i++) {
    if (radio->drop[i][0] == '\0')
      ttn_print(radio->drop[i], sizeof radio->drop[i], "%s", error);
    if (strcmp(radio->drop[i], error) == 0)
      return TTN_RADIO_DROP + i;
  }
  return TTN_RADIO_OTHER_DROP;
}

static unsigned cause_of(const char *error) {
  /* The blocking window is a way to keep the duty cycle. */
  if (strcmp(error, "blocked") == 0)
    return TTN_RADIO_UNSCHEDULED + DUTY_CYCLE;
  unsigned i = 0;
  while (i < CAUSES - 1 && strcmp(causes[i], error) != 0)
    i++;
  return TTN_RADIO_UNSCHEDULED + i;
}

static void add_level(struct ttn_levels *levels, uint32_t *bins, unsigned n,
                      double bin, double level) {
  bins[lround(fmin(fmax(bin, 0), n - 1))]++;
  if (levels->n == 0 || level < levels->min)
    levels->min = level;
  if (levels->n == 0 || level > levels->max)
    levels->max = level;
  levels->n++;
}

static void add_uplink(struct ttn_radio *radio, const struct ttn_traffic *up) {
  if (up->modulation == TTN_MODULATION_LORA &&
      up->spreading_factor >= TTN_SF_MIN && up->spreading_factor <= TTN_SF_MAX)
    radio->count[TTN_RADIO_SF + up->spreading_factor - TTN_SF_MIN]++;
  else if (up->modulation == TTN_MODULATION_FSK)
    radio->count[TTN_RADIO_FSK]++;
  else if (up->modulation == TTN_MODULATION_LRFHSS)
    radio->count[TTN_RADIO_LRFHSS]++;
  if (up->frequency >= 1000)
    radio->count[channel_of(radio, up->frequency)]++;
  if (!up->has_rssi)
    return;
  add_level(&radio->rssi, radio->rssi_bins, TTN_RSSI_BINS,
            up->rssi - RSSI_LOWEST, up->rssi);
  if (up->modulation == TTN_MODULATION_LORA)
    add_level(&radio->snr, radio->snr_bins, TTN_SNR_BINS,
              (up->snr - SNR_LOWEST) / SNR_STEP, up->snr);
}

static void see_uplink(struct ttn_radio *radio, int64_t received_at) {
  radio->recent[radio->seen++ % TTN_RADIO_RECENT] = received_at;
  if (radio->check.set && received_at <= radio->check.last)
    radio->check.seen++;
}

void ttn_radio_event(struct ttn_radio *radio, enum ttn_event_kind kind,
                     const struct ttn_traffic *traffic) {
  switch (kind) {
  case TTN_EVENT_UPLINK:
    see_uplink(radio, traffic->received_at);
    add_uplink(radio, traffic);
    return;
  case TTN_EVENT_UPLINK_DROP:
    radio->count[drop_of(radio, traffic->error)]++;
    return;
  case TTN_EVENT_DOWNLINK:
    radio->count[TTN_RADIO_SENT]++;
    return;
  case TTN_EVENT_TX_SUCCESS:
    radio->count[TTN_RADIO_RESULT]++;
    return;
  case TTN_EVENT_TX_FAIL:
    radio->count[TTN_RADIO_RESULT + result_of(traffic->result)]++;
    return;
  case TTN_EVENT_SCHEDULE_FAIL:
    radio->count[cause_of(traffic->error)]++;
    return;
  default:
    return;
  }
}

/* ---- what is missing ---- */

static void conclude(struct ttn_radio *radio) {
  struct ttn_radio_check *check = &radio->check;
  if (!check->set)
    return;
  check->set = false;
  int64_t apart = (int64_t)(check->counted - check->seen);
  int64_t missed = (int64_t)radio->count[TTN_RADIO_MISSED];
  if (!radio->based)
    radio->base = apart - missed;
  else if (apart - radio->base > missed)
    radio->count[TTN_RADIO_MISSED] = (uint64_t)(apart - radio->base);
  radio->based = true;
}

void ttn_radio_counted(struct ttn_radio *radio, const struct ttn_stats *stats) {
  const uint32_t has_last = (uint32_t)TTN_HAS_LAST << TTN_UPLINK;
  bool begins = !radio->based && !radio->check.set;
  unsigned later = 0;
  if ((stats->has & TTN_HAS_CONNECTED_AT) == 0 ||
      (!begins && stats->connected_at != radio->connection))
    return;
  /* A forwarder that only pulls has no last one any more. */
  if ((stats->has & has_last) == 0 && !begins && radio->check.counted > 0)
    return;
  int64_t last = (stats->has & has_last) != 0 ? stats->last[TTN_UPLINK]
                                              : stats->connected_at;
  for (unsigned i = 0; i < TTN_RADIO_RECENT && i < radio->seen; i++)
    later += radio->recent[i] > last;
  if (begins && later == TTN_RADIO_RECENT)
    return; /* there may be more of them */
  conclude(radio);
  radio->connection = stats->connected_at;
  radio->check = (struct ttn_radio_check){.set = true,
                                          .last = last,
                                          .counted = stats->count[TTN_UPLINK],
                                          .seen = radio->seen - later};
}

void ttn_radio_connection(struct ttn_radio *radio) {
  conclude(radio);
  radio->based = false;
}

/* ---- what is reported ---- */

static void print_count_name(const struct ttn_radio *radio, unsigned i,
                             char name[TTN_RADIO_NAME_SIZE]) {
  const size_t size = TTN_RADIO_NAME_SIZE;
  if (i < TTN_RADIO_FSK)
    ttn_print(name, size, "up_sf%u", i - TTN_RADIO_SF + TTN_SF_MIN);
  else if (i == TTN_RADIO_FSK)
    ttn_print(name, size, "up_fsk");
  else if (i == TTN_RADIO_LRFHSS)
    ttn_print(name, size, "up_lrfhss");
  else if (i < TTN_RADIO_OTHER_CHANNEL)
    ttn_print(name, size, "up_%lu",
              (unsigned long)radio->channel[i - TTN_RADIO_CHANNEL]);
  else if (i == TTN_RADIO_OTHER_CHANNEL)
    ttn_print(name, size, "up_other");
  else if (i < TTN_RADIO_OTHER_DROP)
    ttn_print(name, size, "drop_%s", radio->drop[i - TTN_RADIO_DROP]);
  else if (i == TTN_RADIO_OTHER_DROP)
    ttn_print(name, size, "drop_other");
  else if (i == TTN_RADIO_SENT)
    ttn_print(name, size, "down_sent");
  else if (i < TTN_RADIO_UNSCHEDULED)
    ttn_print(name, size, "down_%s", results[i - TTN_RADIO_RESULT]);
  else if (i < TTN_RADIO_MISSED)
    ttn_print(name, size, "down_unscheduled_%s",
              causes[i - TTN_RADIO_UNSCHEDULED]);
  else
    ttn_print(name, size, "events_missed");
}

const char *ttn_radio_count(struct ttn_radio *radio, unsigned i,
                            char name[TTN_RADIO_NAME_SIZE], uint64_t *value) {
  if (radio->count[i] == 0 && !radio->shown[i] &&
      !(i == TTN_RADIO_MISSED && radio->based))
    return NULL;
  print_count_name(radio, i, name);
  *value = radio->shown[i] ? radio->count[i] : 0;
  radio->shown[i] = true;
  return name;
}

/* The bin that the quantile's uplink is in. */
static unsigned bin_of(const uint32_t *bins, uint32_t n, double quantile) {
  double rank = ceil(quantile * n);
  unsigned i = 0;
  for (double sum = bins[0]; sum < rank || sum == 0; sum += bins[i])
    i++;
  return i;
}

static double within(double level, const struct ttn_levels *levels) {
  return fmin(fmax(level, levels->min), levels->max);
}

double ttn_radio_rssi(const struct ttn_radio *radio, double quantile) {
  unsigned bin = bin_of(radio->rssi_bins, radio->rssi.n, quantile);
  return within(RSSI_LOWEST + (double)bin, &radio->rssi);
}

double ttn_radio_snr(const struct ttn_radio *radio, double quantile) {
  unsigned bin = bin_of(radio->snr_bins, radio->snr.n, quantile);
  return within(SNR_LOWEST + SNR_STEP * bin, &radio->snr);
}

void ttn_radio_next(struct ttn_radio *radio) {
  if (radio->rssi.n == 0)
    return; /* nothing was heard */
  radio->rssi.n = radio->snr.n = 0;
  memset(radio->rssi_bins, 0, sizeof radio->rssi_bins);
  memset(radio->snr_bins, 0, sizeof radio->snr_bins);
}
