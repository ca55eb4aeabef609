/* SPDX-License-Identifier: MIT */
/* GatewayConnectionStats: a batch's entries and a single GET's answer, which
 * is such an entry without a name. Says what an answer proves, not what it
 * means for a gateway.
 *
 * Traps:
 * - Zero values are left out by the stack, so an absent member of a sub-band
 *   or of a location is 0; an absent count is not (gateway.c knows more).
 * - Old stacks (before 3.17.2) send connected_at and disconnected_at at once,
 *   and times that were never set as the year 1: those are absent.
 * - What the gateway itself sends stands in last_status, up to free JSON in
 *   `advanced`. A metric that isn't one is left out.
 * - Only a field that proves a state or a count makes an entry bad. */
#include "tts/decode.h"
#include "tts/decode_body.h"
#include "tts/stats_fields.h"
#include "base/secret.h"
#include "base/timestamp.h"
#include "base/utf8.h"

#include <string.h>

#define ALL_ROUND_TRIPS 0xf /* bits F_RTT_MIN to F_RTT_COUNT */
/* Protocols are words; the longest address is an IPv6 one with a zone. */
#define WORD_MAX 64

static struct ttn_entry *current(struct ttn_stats_work *work) {
  return &work->entries[work->n - 1];
}

static bool is_left_out(const struct ttn_stats_work *work, int id) {
  return (work->left_out & 1u << ttn_stats_group(id)) != 0;
}

/* The first field that is wrong is named. */
static void spoil(struct ttn_stats_work *work,
                  const struct ttn_json_field *field) {
  struct ttn_entry *entry = current(work);
  const char **name = ttn_stats_is_proof(field->id) ? &entry->bad : &entry->odd;
  if (*name == NULL)
    *name = field->path;
  work->left_out |= 1u << ttn_stats_group(field->id);
}

/* Only while a sub-band is open. */
static struct ttn_band *last_band(struct ttn_stats_work *work) {
  return &work->bands[work->n_bands - 1];
}

static void add_entry(struct ttn_decoder *decoder, const char *id) {
  struct ttn_stats_work *work = &decoder->stats;
  void *entries = work->entries;
  ttn_json_grow(decoder->json, &entries, &work->room, work->n + 1,
                sizeof(*work->entries), TTN_BATCH_MAX, "entries");
  work->entries = entries;
  work->entries[work->n++] = (struct ttn_entry){.id = id};
  work->n_bands = work->n_metrics = work->n_versions = 0;
  work->round_trips = work->left_out = 0;
}

/* The stack sorts entries by id, so that one that is larger than all before
 * it is new; but map order is no promise. */
static void check_new(struct ttn_decoder *decoder, const char *id) {
  struct ttn_stats_work *work = &decoder->stats;
  if (work->largest == NULL || strcmp(id, work->largest) > 0) {
    work->largest = id;
    return;
  }
  for (size_t i = 0; i < work->n; i++)
    if (strcmp(id, work->entries[i].id) == 0)
      ttn_json_fail(decoder->json, TTN_FAIL_JSON,
                    "entries has the gateway %s twice", id);
}

static void stats_key(void *ctx, const struct ttn_json_field *field,
                      const char *text, size_t n) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_stats_work *work = &decoder->stats;
  if (field->id == F_METRIC || field->id == F_VERSION) {
    work->name_length = ttn_name_valid(text, n, "_-") ? n : 0;
    memcpy(work->name, text, work->name_length);
    return;
  }
  if (!ttn_id_valid(text, n))
    ttn_json_fail(decoder->json, TTN_FAIL_JSON,
                  "entries has an id that no gateway can have");
  const char *id = ttn_json_copy(decoder->json, text, n);
  check_new(decoder, id);
  add_entry(decoder, id);
}

static void stats_wrong(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  switch (field->id) {
  case F_ENTRIES:
    ttn_json_fail(decoder->json, TTN_FAIL_JSON,
                  "entries is not an object or comes twice");
  case F_LATITUDE:
  case F_LONGITUDE:
  case F_ALTITUDE:
    ttn_place_take(&decoder->stats.place,
                   (enum ttn_place_member)(field->id - F_LATITUDE), NULL);
    break;
  case F_METRIC: /* for people: these are left out alone */
  case F_VERSION:
  case F_PLACES:
  case F_PLACE:
    break;
  default:
    spoil(&decoder->stats, field);
  }
}

static void stats_open(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_stats_work *work = &decoder->stats;
  if (field == &ttn_body_single.root)
    add_entry(decoder, NULL);
  if (field->id == F_PLACE)
    work->place = (struct ttn_place_work){0};
  if (field->id != F_BAND)
    return;
  if (work->n_bands == TTN_BANDS_MAX) {
    spoil(work, field);
    work->n_bands--;
  }
  work->bands[work->n_bands++] = (struct ttn_band){0};
}

/* A band that ends before it begins, or that came before: two values would
 * have one name. */
static bool band_possible(struct ttn_stats_work *work) {
  const struct ttn_band *last = last_band(work);
  for (const struct ttn_band *other = work->bands; other < last; other++)
    if (other->min_hz == last->min_hz && other->max_hz == last->max_hz)
      return false;
  return last->min_hz < last->max_hz;
}

static void close_round_trips(struct ttn_stats_work *work,
                              const struct ttn_json_field *field) {
  struct ttn_stats *stats = &current(work)->stats;
  if (work->round_trips != ALL_ROUND_TRIPS)
    return;
  if (stats->rtt_min > stats->rtt_median || stats->rtt_median > stats->rtt_max)
    spoil(work, field);
  stats->has |= TTN_HAS_ROUND_TRIPS;
}

static void close_place(struct ttn_stats_work *work) {
  struct ttn_stats *stats = &current(work)->stats;
  if ((stats->has & TTN_HAS_PLACE) == 0 &&
      ttn_place_end(&work->place, &stats->place))
    stats->has |= TTN_HAS_PLACE;
}

static void *keep(struct ttn_decoder *decoder, const void *array, size_t size) {
  return size == 0 ? NULL
                   : memcpy(ttn_json_take(decoder->json, size), array, size);
}

static void leave_out_time(struct ttn_stats *stats, uint32_t has,
                           int64_t *time) {
  stats->has &= ~has;
  *time = 0;
}

static void leave_out_odd(struct ttn_stats_work *work) {
  struct ttn_stats *stats = &current(work)->stats;
  if (work->left_out == 0)
    return;
  if (is_left_out(work, F_PROTOCOL))
    stats->protocol = NULL;
  if (is_left_out(work, F_REMOTE))
    stats->remote_address = NULL;
  if (is_left_out(work, F_STATUS_AT))
    leave_out_time(stats, TTN_HAS_LAST_STATUS, &stats->last_status);
  for (int kind = 0; kind < TTN_MESSAGES; kind++)
    if (is_left_out(work, F_LAST + kind))
      leave_out_time(stats, (uint32_t)TTN_HAS_LAST << kind, &stats->last[kind]);
  if (is_left_out(work, F_RTT))
    stats->has &= ~(uint32_t)TTN_HAS_ROUND_TRIPS;
  if (is_left_out(work, F_BANDS))
    work->n_bands = 0;
  if (is_left_out(work, F_METRICS))
    work->n_metrics = 0;
  if (is_left_out(work, F_VERSIONS)) {
    work->n_versions = 0;
    stats->boot_time = NULL;
  }
}

static void stats_close(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_stats_work *work = &decoder->stats;
  if (field->id == F_BAND && !band_possible(work))
    spoil(work, field);
  if (field->id == F_RTT)
    close_round_trips(work, field);
  if (field->id == F_PLACE)
    close_place(work);
  if (field->id != F_ENTRY)
    return;
  leave_out_odd(work);
  struct ttn_stats *stats = &current(work)->stats;
  stats->n_bands = work->n_bands;
  stats->bands =
      keep(decoder, work->bands, work->n_bands * sizeof(work->bands[0]));
  stats->n_metrics = work->n_metrics;
  stats->metrics =
      keep(decoder, work->metrics, work->n_metrics * sizeof(work->metrics[0]));
  stats->n_versions = work->n_versions;
  stats->versions = keep(decoder, work->versions,
                         work->n_versions * sizeof(work->versions[0]));
}

static bool take_time(const struct ttn_json_value *value,
                      struct ttn_stats *stats, uint32_t has, int64_t *time) {
  if (!ttn_time_parse(value->text, value->n, time))
    return false;
  if (*time != 0)
    stats->has |= has;
  return true;
}

static bool take_count(const struct ttn_json_value *value,
                       struct ttn_stats *stats, int kind) {
  if (!ttn_json_u64(value, &stats->count[kind]) ||
      stats->count[kind] > INT64_MAX)
    return false;
  stats->has |= (uint32_t)TTN_HAS_COUNT << kind;
  return true;
}

static bool take_word(struct ttn_decoder *decoder,
                      const struct ttn_json_value *value, const char **word) {
  char *copy = ttn_decode_string(decoder, value, WORD_MAX);
  if (copy != NULL && !ttn_utf8_plain(copy))
    copy = NULL;
  if (copy != NULL)
    ttn_secret_mask(copy);
  *word = copy;
  return copy != NULL;
}

/* A share of time. */
static bool take_share(const struct ttn_json_value *value, double *share) {
  return ttn_json_double(value, share) && *share >= 0 && *share <= 1;
}

/* Is this the name of the metric or version that is read? */
static bool name_is(const struct ttn_stats_work *work, const char *name) {
  return strlen(name) == work->name_length &&
         memcmp(name, work->name, work->name_length) == 0;
}

/* Never false: what isn't a metric is left out. */
static bool take_metric(struct ttn_decoder *decoder,
                        const struct ttn_json_value *value) {
  struct ttn_stats_work *work = &decoder->stats;
  double number;
  if (work->name_length == 0 || work->n_metrics == TTN_METRICS_MAX ||
      !ttn_json_double(value, &number))
    return true;
  for (size_t i = 0; i < work->n_metrics; i++)
    if (name_is(work, work->metrics[i].name))
      return true;
  work->metrics[work->n_metrics++] = (struct ttn_metric){
      ttn_json_copy(decoder->json, work->name, work->name_length), number};
  return true;
}

/* Never false, as above. The stack adds its own version to the gateway's. */
static bool take_version(struct ttn_decoder *decoder,
                         const struct ttn_json_value *value) {
  struct ttn_stats_work *work = &decoder->stats;
  const char *text;
  if (work->name_length == 0 || work->n_versions == TTN_VERSIONS_MAX ||
      name_is(work, "ttn-lw-gateway-server") ||
      !take_word(decoder, value, &text))
    return true;
  for (size_t i = 0; i < work->n_versions; i++)
    if (name_is(work, work->versions[i].name))
      return true;
  work->versions[work->n_versions++] = (struct ttn_version){
      ttn_json_copy(decoder->json, work->name, work->name_length), text};
  return true;
}

static bool take_boot_time(struct ttn_decoder *decoder,
                           const struct ttn_json_value *value,
                           const char **text) {
  int64_t time;
  return ttn_time_parse(value->text, value->n, &time) &&
         (time == 0 || take_word(decoder, value, text));
}

static bool stats_take(struct ttn_decoder *decoder, int id,
                       const struct ttn_json_value *value) {
  struct ttn_stats_work *work = &decoder->stats;
  struct ttn_stats *stats = &current(work)->stats;
  switch (id) {
  case F_CONNECTED_AT:
    return take_time(value, stats, TTN_HAS_CONNECTED_AT, &stats->connected_at);
  case F_DISCONNECTED_AT:
    return take_time(value, stats, TTN_HAS_DISCONNECTED_AT,
                     &stats->disconnected_at);
  case F_PROTOCOL:
    return take_word(decoder, value, &stats->protocol);
  case F_STATUS_AT:
    return take_time(value, stats, TTN_HAS_LAST_STATUS, &stats->last_status);
  case F_METRIC:
    return take_metric(decoder, value);
  case F_LAST_UPLINK:
  case F_LAST_DOWNLINK:
  case F_LAST_TX_ACK:
    return take_time(value, stats, (uint32_t)TTN_HAS_LAST << (id - F_LAST),
                     &stats->last[id - F_LAST]);
  case F_COUNT_UPLINK:
  case F_COUNT_DOWNLINK:
  case F_COUNT_TX_ACK:
    return take_count(value, stats, id - F_COUNT);
  case F_RTT_MIN:
    return ttn_duration_parse(value->text, value->n, &stats->rtt_min);
  case F_RTT_MAX:
    return ttn_duration_parse(value->text, value->n, &stats->rtt_max);
  case F_RTT_MEDIAN:
    return ttn_duration_parse(value->text, value->n, &stats->rtt_median);
  case F_RTT_COUNT:
    return ttn_json_u32(value, 0, UINT32_MAX, &stats->rtt_count);
  case F_BAND_MIN:
    return ttn_json_u64(value, &last_band(work)->min_hz);
  case F_BAND_MAX:
    return ttn_json_u64(value, &last_band(work)->max_hz);
  case F_BAND_LIMIT:
    return take_share(value, &last_band(work)->limit);
  case F_BAND_UTILIZATION:
    return take_share(value, &last_band(work)->utilization);
  case F_REMOTE_IP:
    return take_word(decoder, value, &stats->remote_address);
  case F_BOOT_TIME:
    return take_boot_time(decoder, value, &stats->boot_time);
  case F_VERSION:
    return take_version(decoder, value);
  case F_LATITUDE:
  case F_LONGITUDE:
  case F_ALTITUDE:
    ttn_place_take(&work->place, (enum ttn_place_member)(id - F_LATITUDE),
                   value);
    return true;
  }
  return false;
}

static void stats_value(void *ctx, const struct ttn_json_field *field,
                        const struct ttn_json_value *value) {
  struct ttn_decoder *decoder = ctx;
  if (field->id >= F_RTT_MIN && field->id <= F_RTT_COUNT)
    decoder->stats.round_trips |= 1u << (field->id - F_RTT_MIN);
  if (!stats_take(decoder, field->id, value))
    spoil(&decoder->stats, field);
}

#define STATS_BODY(id_, shape_)                                                \
  {                                                                            \
    .root = TTN_OBJECT("", "", id_, shape_), .strict = true, .key = stats_key, \
    .open = stats_open, .close = stats_close, .value = stats_value,            \
    .wrong = stats_wrong                                                       \
  }

const struct ttn_json_body ttn_body_batch =
    STATS_BODY(F_ENTRIES, &ttn_batch_shape);
const struct ttn_json_body ttn_body_single =
    STATS_BODY(F_ENTRY, &ttn_stats_shape);

void ttn_decode_stats_begin(struct ttn_stats_work *work) {
  work->n = 0;
  work->largest = NULL;
}

struct ttn_stats ttn_stats_without_lists(const struct ttn_stats *stats) {
  struct ttn_stats copy = *stats;
  copy.bands = NULL;
  copy.metrics = NULL;
  copy.versions = NULL;
  copy.n_bands = copy.n_metrics = copy.n_versions = 0;
  copy.protocol = copy.remote_address = copy.boot_time = NULL;
  return copy;
}
