/* SPDX-License-Identifier: MIT */
/* The decoder of statistics: of a batch, and of a single gateway when an
 * input's first byte is odd. What an entry proves must also get through
 * gateway.c without a count that goes back. */
#include "decoders.h"

#include "gateway/gateway.h"
#include "base/hash.h"

#include <math.h>

static uint64_t sum_bands(uint64_t sum, const struct ttn_stats *stats) {
  REQUIRE(stats->n_bands <= TTN_BANDS_MAX);
  for (size_t i = 0; i < stats->n_bands; i++) {
    const struct ttn_band *band = &stats->bands[i];
    REQUIRE(band->min_hz < band->max_hz);
    REQUIRE(band->limit >= 0 && band->limit <= 1);
    REQUIRE(band->utilization >= 0 && band->utilization <= 1);
    for (size_t k = 0; k < i; k++)
      REQUIRE(band->min_hz != stats->bands[k].min_hz ||
              band->max_hz != stats->bands[k].max_hz);
    sum = SUM(sum, *band);
  }
  return sum;
}

static uint64_t sum_metrics(uint64_t sum, const struct ttn_stats *stats) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  REQUIRE(stats->n_metrics <= TTN_METRICS_MAX);
  for (size_t i = 0; i < stats->n_metrics; i++) {
    const struct ttn_metric *metric = &stats->metrics[i];
    REQUIRE(strlen(metric->name) >= 1 && strlen(metric->name) <= TTN_ID_MAX);
    REQUIRE(metric->name[strspn(metric->name, plain)] == '\0');
    REQUIRE(isfinite(metric->value));
    for (size_t k = 0; k < i; k++)
      REQUIRE(strcmp(metric->name, stats->metrics[k].name) != 0);
    sum = SUM(sum_text(sum, metric->name), metric->value);
  }
  return sum;
}

static uint64_t sum_stats(uint64_t sum, const struct ttn_stats *stats) {
  const uint32_t has = stats->has;
  REQUIRE(((has & TTN_HAS_CONNECTED_AT) != 0) == (stats->connected_at > 0));
  REQUIRE(((has & TTN_HAS_DISCONNECTED_AT) != 0) ==
          (stats->disconnected_at > 0));
  REQUIRE(((has & TTN_HAS_LAST_STATUS) != 0) == (stats->last_status > 0));
  for (unsigned k = 0; k < TTN_MESSAGES; k++) {
    REQUIRE(((has & (uint32_t)TTN_HAS_LAST << k) != 0) == (stats->last[k] > 0));
    REQUIRE(stats->count[k] <= INT64_MAX);
    REQUIRE((has & (uint32_t)TTN_HAS_COUNT << k) != 0 || stats->count[k] == 0);
    sum = SUM(SUM(sum, stats->count[k]), stats->last[k]);
  }
  if ((has & TTN_HAS_ROUND_TRIPS) != 0)
    REQUIRE(stats->rtt_min >= 0 && stats->rtt_min <= stats->rtt_median &&
            stats->rtt_median <= stats->rtt_max && isfinite(stats->rtt_max));
  if ((has & TTN_HAS_PLACE) != 0)
    REQUIRE(fabs(stats->place.latitude) <= 90 &&
            fabs(stats->place.longitude) <= 180 &&
            isfinite(stats->place.altitude));
  sum = SUM(SUM(SUM(sum, stats->place.latitude), stats->place.longitude),
            stats->place.altitude);
  sum = SUM(SUM(SUM(sum, has), stats->connected_at), stats->disconnected_at);
  sum = SUM(SUM(sum, stats->last_status), stats->rtt_count);
  sum = SUM(SUM(SUM(sum, stats->rtt_min), stats->rtt_median), stats->rtt_max);
  sum = sum_text(sum_text(sum, stats->protocol), stats->remote_address);
  REQUIRE(stats->protocol == NULL || strlen(stats->protocol) <= 64);
  return sum_metrics(sum_bands(sum, stats), stats);
}

/* The same entry twice: the second time adds nothing. */
static void learn(const struct ttn_stats *stats) {
  struct ttn_gateway gateway = {.shown = TTN_UNKNOWN};
  const char *why;
  struct ttn_outcome first = ttn_gateway_learn(
      &ttn_env_system, &gateway, TTN_PROOF_ENTRY, stats, TEST_WALL, &why);
  REQUIRE((why != NULL) == (first.state == TTN_UNKNOWN));
  struct ttn_outcome second = ttn_gateway_learn(
      &ttn_env_system, &gateway, TTN_PROOF_ENTRY, stats, TEST_WALL, &why);
  REQUIRE(second.state == first.state);
  for (unsigned k = 0; k < TTN_MESSAGES; k++)
    if ((first.counts & 1u << k) != 0)
      REQUIRE((second.counts & 1u << k) != 0 &&
              first.value[k] == second.value[k] &&
              first.value[k] == stats->count[k]);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

static uint64_t check_records(const struct ttn_decoder *decoder,
                              enum ttn_body body) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  uint64_t sum = SUM(TTN_HASH, n);
  REQUIRE(n <= (body == TTN_BODY_SINGLE ? 1 : TTN_BATCH_MAX));
  for (size_t i = 0; i < n; i++) {
    const struct ttn_entry *entry = &entries[i];
    REQUIRE((entry->id == NULL) == (body == TTN_BODY_SINGLE));
    if (entry->id != NULL)
      REQUIRE(ttn_id_valid(entry->id, strlen(entry->id)));
    for (size_t k = 0; k < i; k++)
      REQUIRE(strcmp(entry->id, entries[k].id) != 0);
    sum = sum_text(sum_text(sum, entry->id), entry->bad);
    sum = sum_text(sum, entry->odd);
    if (entry->bad == NULL) {
      sum = sum_stats(sum, &entry->stats);
      learn(&entry->stats);
    }
  }
  return sum;
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  const bool single = n > 0 && (bytes[0] & 1) != 0;
  const enum ttn_body body = single ? TTN_BODY_SINGLE : TTN_BODY_BATCH;
  const struct fuzz_input input = {bytes, n};
  fuzz_decode(test, body, input, check_records);
  fuzz_repeat(test, body, input,
              single ? "\"uplink_count\":\"1\",\"uplink_count\":\"2\"}"
                     : "\"entries\":{},\"entries\":{}}");
}
