/* SPDX-License-Identifier: MIT */
/* From what is known to values: which series there are, what they are called,
 * and when they are silent. The names are a promise: README has the table, and
 * a change here breaks somebody's dashboard. It must not know of collectd, nor
 * keep anything: what it is given goes out, or nothing.
 *
 * All types are of collectd's own types.db, because one of ours would have to
 * be installed on every receiver. Both instances are always set:
 * write_prometheus merges a series that has only one with that which has only
 * the other.
 *
 * This runs for each of some 26 values of up to 100,000 gateways a poll, so
 * one struct ttn_value is filled in again and again, and names that hold
 * numbers are put together by hand instead of by printf. */
#include "report/report.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* Older, a status says what was, not what is. */
#define STATUS_FRESH (600 * TTN_SECOND)

static const char *const kind_names[TTN_MESSAGES] = {"uplink", "downlink",
                                                  "tx_ack"};
static const char *const age_names[TTN_MESSAGES] = {
    "since_uplink", "since_downlink", "since_tx_ack"};

/* Paths of GatewayConnectionStats, and the groups that need each. */
static const struct {
  const char *path;
  uint32_t groups;
  bool always, meta_data;
} path_table[] = {
    {"connected_at", 0, true, false},
    {"disconnected_at", 0, true, false},
    {"uplink_count", TTN_COLLECT_PACKETS, false, false},
    {"downlink_count", TTN_COLLECT_PACKETS, false, false},
    {"tx_acknowledgment_count", TTN_COLLECT_PACKETS, false, false},
    {"last_uplink_received_at", TTN_COLLECT_AGES, false, false},
    {"last_downlink_received_at", TTN_COLLECT_AGES, false, false},
    {"last_tx_acknowledgment_received_at", TTN_COLLECT_AGES, false, false},
    {"last_status_received_at", TTN_COLLECT_AGES | TTN_COLLECT_STATUS, false,
     false},
    {"round_trip_times", TTN_COLLECT_ROUND_TRIPS, false, false},
    {"sub_bands", TTN_COLLECT_DUTY_CYCLE, false, false},
    {"last_status.metrics", TTN_COLLECT_STATUS, false, false},
    {"protocol", 0, false, true},
    {"gateway_remote_address", 0, false, true},
};
#define N_PATHS (sizeof path_table / sizeof path_table[0])
_Static_assert(N_PATHS <= TTN_PATHS, "callers have room for TTN_PATHS");

size_t ttn_report_paths(uint32_t collect, bool meta_data, uint32_t without,
                        const char *paths[TTN_PATHS]) {
  size_t n = 0;
  for (size_t i = 0; i < N_PATHS; i++) {
    bool wanted = (path_table[i].groups & collect) != 0 ||
                  (path_table[i].meta_data && meta_data);
    if (path_table[i].always || (wanted && (without & 1u << i) == 0))
      paths[n++] = path_table[i].path;
  }
  return n;
}

/* A server that doesn't know last_status names that, not what was asked. */
static bool same_or_parent(const char *path, const char *name, size_t n) {
  return n > 0 && strncmp(path, name, n) == 0 &&
         (path[n] == '\0' || path[n] == '.');
}

uint32_t ttn_report_path_bits(const char *list) {
  uint32_t bits = 0;
  while (*list != '\0') {
    list += strspn(list, ", ");
    size_t n = strcspn(list, ", ");
    for (size_t i = 0; i < N_PATHS; i++)
      if (same_or_parent(path_table[i].path, list, n))
        bits |= 1u << i;
    list += n;
  }
  return bits;
}

static void put_gauge(const struct ttn_sink *sink, struct ttn_value *value,
                      const char *type, const char *type_instance,
                      double gauge) {
  value->type = type;
  value->type_instance = type_instance;
  value->derive = false;
  value->gauge = gauge;
  sink->value(sink->ctx, value);
}

static void put_derive(const struct ttn_sink *sink, struct ttn_value *value,
                       const char *type, const char *type_instance,
                       uint64_t count) {
  value->type = type;
  value->type_instance = type_instance;
  value->derive = true;
  value->count = count > INT64_MAX ? INT64_MAX : (int64_t)count;
  sink->value(sink->ctx, value);
}

/* The clocks of those who wrote date and then differ a little: an age is never
 * below 0. */
static double seconds_since(int64_t date, int64_t then) {
  return date > then ? (double)(date - then) / (double)TTN_SECOND : 0;
}

static void put_counts(const struct ttn_sink *sink, struct ttn_value *value,
                       const struct ttn_outcome *outcome) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((outcome->counts & 1u << k) != 0)
      put_derive(sink, value, "packets", kind_names[k], outcome->value[k]);
}

static void put_ages(const struct ttn_sink *sink, struct ttn_value *value,
                     const struct ttn_stats *stats, int64_t date) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((stats->has & (uint32_t)TTN_HAS_LAST << k) != 0 && stats->last[k] != 0)
      put_gauge(sink, value, "duration", age_names[k],
                seconds_since(date, stats->last[k]));
  if ((stats->has & TTN_HAS_LAST_STATUS) != 0 && stats->last_status != 0)
    put_gauge(sink, value, "duration", "since_status",
              seconds_since(date, stats->last_status));
}

static void put_round_trips(const struct ttn_sink *sink,
                            struct ttn_value *value,
                            const struct ttn_stats *stats) {
  put_gauge(sink, value, "duration", "rtt_min", stats->rtt_min);
  put_gauge(sink, value, "duration", "rtt_median", stats->rtt_median);
  put_gauge(sink, value, "duration", "rtt_max", stats->rtt_max);
  put_gauge(sink, value, "count", "rtt_samples", stats->rtt_count);
}

/* Both return the end of what they wrote, without a '\0'. */
static char *copy(char *to, const char *text, size_t n) {
  memcpy(to, text, n);
  return to + n;
}

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

static void put_percent(const struct ttn_sink *sink, struct ttn_value *value,
                        const char *prefix, const struct ttn_band *band,
                        double number) {
  char name[sizeof "duty_cycle_limit_" + 2 * 20 + 1] = "";
  char *end = copy_number(copy(name, prefix, strlen(prefix)),
                          band->min_hz / 1000);
  *end++ = '_';
  end = copy_number(end, band->max_hz / 1000);
  *end = '\0';
  put_gauge(sink, value, "percent", name, number);
}

static void put_band(const struct ttn_sink *sink, struct ttn_value *value,
                     const struct ttn_band *band) {
  put_percent(sink, value, "duty_cycle_", band,
              100 * band->utilization / band->limit);
  put_percent(sink, value, "duty_cycle_limit_", band, 100 * band->limit);
}

/* Of two bands of one name, the first: collectd would call the second one's
 * values too old. */
static void put_bands(const struct ttn_sink *sink, struct ttn_value *value,
                      const struct ttn_stats *stats) {
  for (size_t i = 0; i < stats->n_bands; i++) {
    const struct ttn_band *band = &stats->bands[i];
    bool first = has_duty_cycle(band);
    for (size_t j = 0; j < i && first; j++)
      first = !has_duty_cycle(&stats->bands[j]) ||
              !same_name(&stats->bands[j], band);
    if (first)
      put_band(sink, value, band);
  }
}

static void put_status(const struct ttn_sink *sink, struct ttn_value *value,
                       const struct ttn_stats *stats) {
  static const char prefix[] = "status_";
  char name[sizeof prefix + TTN_ID_MAX];

  copy(name, prefix, sizeof prefix - 1);
  for (size_t i = 0; i < stats->n_metrics; i++) {
    const struct ttn_metric *metric = &stats->metrics[i];
    size_t n = strlen(metric->name);
    bool first = n <= TTN_ID_MAX;
    for (size_t j = 0; j < i && first; j++)
      first = strcmp(stats->metrics[j].name, metric->name) != 0;
    if (!first)
      continue;
    copy(name + sizeof prefix - 1, metric->name, n + 1);
    put_gauge(sink, value, "gauge", name, metric->value);
  }
}

/* What holds only while the gateway is connected: the rest of a disconnected
 * entry is history. */
static void put_connection(const struct ttn_sink *sink, struct ttn_value *value,
                           uint32_t collect, const struct ttn_stats *stats,
                           int64_t date) {
  if ((collect & TTN_COLLECT_UPTIME) != 0 && date != 0 &&
      (stats->has & TTN_HAS_CONNECTED_AT) != 0)
    put_gauge(sink, value, "uptime", "connection",
              seconds_since(date, stats->connected_at));
  if ((collect & TTN_COLLECT_ROUND_TRIPS) != 0 &&
      (stats->has & TTN_HAS_ROUND_TRIPS) != 0)
    put_round_trips(sink, value, stats);
  if ((collect & TTN_COLLECT_DUTY_CYCLE) != 0)
    put_bands(sink, value, stats);
  if ((collect & TTN_COLLECT_STATUS) != 0 && date != 0 &&
      (stats->has & TTN_HAS_LAST_STATUS) != 0 &&
      date - stats->last_status < STATUS_FRESH)
    put_status(sink, value, stats);
}

void ttn_report_gateway(const struct ttn_sink *sink, uint32_t collect,
                        const char *id, const struct ttn_outcome *outcome,
                        const struct ttn_stats *stats, int64_t date,
                        const struct ttn_meta *meta, enum ttn_part part) {
  struct ttn_value value = {.plugin = "ttn", .instance = id, .meta = meta};

  if (outcome->state == TTN_UNKNOWN)
    return;
  if (part != TTN_PART_BUT_COUNTS && (collect & TTN_COLLECT_PACKETS) != 0)
    put_counts(sink, &value, outcome);
  if (part == TTN_PART_COUNTS)
    return;
  if ((collect & TTN_COLLECT_CONNECTED) != 0)
    put_gauge(sink, &value, "bool", "connected",
              outcome->state == TTN_CONNECTED);
  if (stats == NULL)
    return;
  if ((collect & TTN_COLLECT_AGES) != 0 && date != 0)
    put_ages(sink, &value, stats, date);
  if (outcome->state == TTN_CONNECTED)
    put_connection(sink, &value, collect, stats, date);
}

/* The failures that a network has sooner or later: a series that is there from
 * the start has a rate when the first one comes. */
static bool always_there(enum ttn_failure failure) {
  return failure == TTN_FAIL_CONNECT || failure == TTN_FAIL_TIMEOUT ||
         failure == TTN_FAIL_HTTP || failure == TTN_FAIL_JSON;
}

static void put_states(const struct ttn_sink *sink, struct ttn_value *value,
                       const struct ttn_api_report *report) {
  put_gauge(sink, value, "count", "gateways", (double)report->gateways);
  put_gauge(sink, value, "count", "connected", (double)report->connected);
  put_gauge(sink, value, "count", "disconnected",
            (double)report->disconnected);
  put_gauge(sink, value, "count", "unknown", (double)report->unknown);
}

void ttn_report_api(const struct ttn_sink *sink, uint32_t collect,
                    const char *account, const struct ttn_api_report *report) {
  struct ttn_value value = {.plugin = "ttn_api", .instance = account};

  if ((collect & TTN_COLLECT_API) == 0)
    return;
  put_gauge(sink, &value, "bool", "up", report->up);
  if (report->listed)
    put_states(sink, &value, report);
  put_gauge(sink, &value, "duration", "poll", seconds_since(report->poll, 0));
  for (size_t i = 0; i < TTN_STATUSES; i++) {
    char status[16];
    if (report->statuses[i].n != 0)
      put_derive(
          sink, &value, "http_response_codes",
          ttn_print(status, sizeof status, "%d", report->statuses[i].status),
          report->statuses[i].n);
  }
  for (int i = TTN_OK + 1; i < TTN_FAILURES; i++) {
    enum ttn_failure failure = (enum ttn_failure)i;
    if (report->failures[i] != 0 || always_there(failure))
      put_derive(sink, &value, "errors", ttn_failure_name(failure),
                 report->failures[i]);
  }
  if (report->rate_available >= 0)
    put_gauge(sink, &value, "gauge", "rate_limit_available",
              (double)report->rate_available);
}
