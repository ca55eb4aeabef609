/* SPDX-License-Identifier: MIT */
/* This runs for each of some 18 values of up to 100,000 gateways a poll, so one
 * struct ttn_value is filled in again and again, and labels that hold numbers
 * are put together by hand instead of by printf. */
#include "report/values.h"

#include "report/groups.h"

#include <math.h>
#include <string.h>

/* If it is older, a status says what was, not what is. */
#define STATUS_FRESH (600 * TTN_SECOND)

/* The clocks of the servers that wrote server_time and then differ a little: an
 * age is never below 0. */
static double seconds_since(int64_t server_time, int64_t then) {
  return server_time > then ? (double)(server_time - then) / (double)TTN_SECOND
                            : 0;
}

static void put_counts(const struct ttn_sink *sink, struct ttn_value *value,
                       const struct ttn_outcome *outcome) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((outcome->counts & 1u << k) != 0)
      ttn_put_count(sink, value, TTN_SERIES_UPLINK + k, outcome->value[k]);
}

static void put_ages(const struct ttn_sink *sink, struct ttn_value *value,
                     const struct ttn_stats *stats, int64_t server_time) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((stats->has & (uint32_t)TTN_HAS_LAST << k) != 0 && stats->last[k] != 0)
      ttn_put_gauge(sink, value, TTN_SERIES_SINCE_UPLINK + k,
                    seconds_since(server_time, stats->last[k]));
  if ((stats->has & TTN_HAS_LAST_STATUS) != 0 && stats->last_status != 0)
    ttn_put_gauge(sink, value, TTN_SERIES_SINCE_STATUS,
                  seconds_since(server_time, stats->last_status));
}

static void put_round_trips(const struct ttn_sink *sink,
                            struct ttn_value *value, bool details,
                            const struct ttn_stats *stats) {
  ttn_put_gauge(sink, value, TTN_SERIES_RTT_MIN, stats->rtt_min);
  ttn_put_gauge(sink, value, TTN_SERIES_RTT_MEDIAN, stats->rtt_median);
  ttn_put_gauge(sink, value, TTN_SERIES_RTT_MAX, stats->rtt_max);
  if (details)
    ttn_put_gauge(sink, value, TTN_SERIES_RTT_SAMPLES, stats->rtt_count);
}

/* Returns the end of what it wrote, without a NUL. */
static char *copy_number(char *to, uint64_t number) {
  char digits[20];
  size_t n = 0;
  do {
    digits[n++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (n > 0)
    *to++ = digits[--n];
  return to;
}

static bool same_name(const struct ttn_band *a, const struct ttn_band *b) {
  return a->min_hz / 1000 == b->min_hz / 1000 &&
         a->max_hz / 1000 == b->max_hz / 1000;
}

/* A gateway without duty cycle has one band up to UINT64_MAX. */
static bool has_duty_cycle(const struct ttn_band *band) {
  return band->max_hz != UINT64_MAX && isfinite(band->limit) &&
         band->limit > 0 && isfinite(band->utilization);
}

static void put_band(const struct ttn_sink *sink, struct ttn_value *value,
                     bool details, const struct ttn_band *band) {
  char label[2 * 20 + 2];
  char *end = copy_number(label, band->min_hz / 1000);
  *end++ = '_';
  end = copy_number(end, band->max_hz / 1000);
  *end = '\0';
  value->label = label;
  ttn_put_gauge(sink, value, TTN_SERIES_DUTY_CYCLE,
                100 * band->utilization / band->limit);
  if (details)
    ttn_put_gauge(sink, value, TTN_SERIES_DUTY_CYCLE_LIMIT, 100 * band->limit);
  value->label = "";
}

/* Most of a plan's sub-bands are never used, and a series of each costs every
 * writer as much as one that tells something. */
static bool is_reported(const struct ttn_outcome *outcome,
                        const struct ttn_stats *stats, size_t i) {
  return (outcome->bands & ttn_band_bit(i)) != 0 &&
         has_duty_cycle(&stats->bands[i]);
}

/* Of two bands with the same name only the first is reported: collectd would
 * reject the second one's values as too old. */
static void put_bands(const struct ttn_sink *sink, struct ttn_value *value,
                      bool details, const struct ttn_outcome *outcome,
                      const struct ttn_stats *stats) {
  for (size_t i = 0; i < stats->n_bands; i++) {
    const struct ttn_band *band = &stats->bands[i];
    bool first = is_reported(outcome, stats, i);
    for (size_t j = 0; j < i && first; j++)
      first =
          !is_reported(outcome, stats, j) || !same_name(&stats->bands[j], band);
    if (first)
      put_band(sink, value, details, band);
  }
}

/* What the forwarder received, forwarded and sent since its last report is in
 * packets, too, where the stack counts it without a gap. */
static bool is_detail(const char *metric) {
  return strcmp(metric, "rxfw") == 0 || strcmp(metric, "txin") == 0 ||
         strcmp(metric, "txok") == 0;
}

static void put_status(const struct ttn_sink *sink, struct ttn_value *value,
                       bool details, const struct ttn_stats *stats) {
  for (size_t i = 0; i < stats->n_metrics; i++) {
    const struct ttn_metric *metric = &stats->metrics[i];
    bool first = strlen(metric->name) <= TTN_ID_MAX &&
                 (details || !is_detail(metric->name));
    for (size_t j = 0; j < i && first; j++)
      first = strcmp(stats->metrics[j].name, metric->name) != 0;
    if (!first)
      continue;
    value->label = metric->name;
    ttn_put_gauge(sink, value, TTN_SERIES_STATUS, metric->value);
  }
  value->label = "";
}

/* What holds only while the gateway is connected: the rest of a disconnected
 * entry is history. */
static void put_connection(const struct ttn_sink *sink, struct ttn_value *value,
                           uint32_t collect, const struct ttn_outcome *outcome,
                           const struct ttn_stats *stats, int64_t server_time) {
  bool details = (collect & TTN_COLLECT_DETAILS) != 0;
  if ((collect & TTN_COLLECT_UPTIME) != 0 && server_time != 0 &&
      (stats->has & TTN_HAS_CONNECTED_AT) != 0)
    ttn_put_gauge(sink, value, TTN_SERIES_UPTIME,
                  seconds_since(server_time, stats->connected_at));
  if ((collect & TTN_COLLECT_ROUND_TRIPS) != 0 &&
      (stats->has & TTN_HAS_ROUND_TRIPS) != 0)
    put_round_trips(sink, value, details, stats);
  if ((collect & TTN_COLLECT_DUTY_CYCLE) != 0)
    put_bands(sink, value, details, outcome, stats);
  if ((collect & TTN_COLLECT_STATUS) != 0 && server_time != 0 &&
      (stats->has & TTN_HAS_LAST_STATUS) != 0 &&
      server_time - stats->last_status < STATUS_FRESH)
    put_status(sink, value, details, stats);
}

void ttn_report_gateway(const struct ttn_sink *sink, uint32_t collect,
                        const char *id, const struct ttn_outcome *outcome,
                        const struct ttn_stats *stats, int64_t server_time,
                        const struct ttn_meta *meta, enum ttn_part part) {
  struct ttn_value value = {.subject = id, .label = "", .meta = meta};

  if (outcome->state == TTN_UNKNOWN)
    return;
  if (part != TTN_PART_BUT_COUNTS && (collect & TTN_COLLECT_PACKETS) != 0)
    put_counts(sink, &value, outcome);
  if (part == TTN_PART_COUNTS)
    return;
  if ((collect & TTN_COLLECT_CONNECTED) != 0)
    ttn_put_gauge(sink, &value, TTN_SERIES_CONNECTED,
                  outcome->state == TTN_CONNECTED);
  if ((collect & TTN_COLLECT_CONNECTED) != 0 && outcome->followed)
    ttn_put_count(sink, &value, TTN_SERIES_CONNECTS, outcome->connects);
  if (stats == NULL)
    return;
  if ((collect & TTN_COLLECT_AGES) != 0 && server_time != 0)
    put_ages(sink, &value, stats, server_time);
  if (outcome->state == TTN_CONNECTED)
    put_connection(sink, &value, collect, outcome, stats, server_time);
}

void ttn_report_place(const struct ttn_sink *sink, const char *id,
                      const struct ttn_location *place,
                      const struct ttn_meta *meta) {
  struct ttn_value value = {.subject = id, .label = "", .meta = meta};
  ttn_put_gauge(sink, &value, TTN_SERIES_LATITUDE, place->latitude);
  ttn_put_gauge(sink, &value, TTN_SERIES_LONGITUDE, place->longitude);
  ttn_put_gauge(sink, &value, TTN_SERIES_ALTITUDE, place->altitude);
}

static void put_traffic(const struct ttn_sink *sink, struct ttn_value *value,
                        struct ttn_radio *radio) {
  char name[TTN_RADIO_NAME_SIZE];
  uint64_t count;
  for (unsigned i = 0; i < TTN_RADIO_COUNTS; i++) {
    value->label = ttn_radio_count(radio, i, name, &count);
    if (value->label != NULL)
      ttn_put_count(sink, value, TTN_SERIES_TRAFFIC, count);
  }
  value->label = "";
}

void ttn_report_radio(const struct ttn_sink *sink, const char *id,
                      struct ttn_radio *radio, const struct ttn_meta *meta) {
  struct ttn_value value = {.subject = id, .label = "", .meta = meta};
  put_traffic(sink, &value, radio);
  if (radio->rssi.n > 0) {
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MIN, radio->rssi.min);
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MEDIAN,
                  ttn_radio_rssi(radio, 0.5));
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MAX, radio->rssi.max);
  }
  if (radio->snr.n > 0) {
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MIN, radio->snr.min);
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_P5, ttn_radio_snr(radio, 0.05));
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MEDIAN,
                  ttn_radio_snr(radio, 0.5));
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MAX, radio->snr.max);
  }
  ttn_radio_next(radio);
}
