/* SPDX-License-Identifier: MIT */
#include "tts/stats_fields.h"

/* protojson writes 64 bit integers as strings and takes numbers as well. */
#define INTEGER (TTN_JSON_STRING | TTN_JSON_NUMBER)

static const struct ttn_json_shape place_shape = TTN_JSON_SHAPE({
    TTN_PLACE_FIELDS("last_status.antenna_locations.", F_LATITUDE),
});

static const struct ttn_json_shape status_shape = TTN_JSON_SHAPE({
    TTN_STRING("boot_time", "last_status.", F_BOOT_TIME),
    TTN_OBJECT("versions", "last_status.", F_VERSIONS,
               TTN_EACH(TTN_STRING("", "last_status.versions", F_VERSION))),
    TTN_OBJECTS("antenna_locations", "last_status.", F_PLACES, F_PLACE,
                &place_shape),
    TTN_OBJECT("metrics", "last_status.", F_METRICS,
               TTN_EACH(TTN_NUMBER("", "last_status.metrics", F_METRIC))),
});

static const struct ttn_json_shape round_trip_shape = TTN_JSON_SHAPE({
    TTN_STRING("min", "round_trip_times.", F_RTT_MIN),
    TTN_STRING("max", "round_trip_times.", F_RTT_MAX),
    TTN_STRING("median", "round_trip_times.", F_RTT_MEDIAN),
    TTN_JSON_FIELD("count", "round_trip_times.", F_RTT_COUNT, INTEGER, NULL),
});

static const struct ttn_json_shape band_shape = TTN_JSON_SHAPE({
    TTN_JSON_FIELD("min_frequency", "sub_bands.", F_BAND_MIN, INTEGER, NULL),
    TTN_JSON_FIELD("max_frequency", "sub_bands.", F_BAND_MAX, INTEGER, NULL),
    TTN_NUMBER("downlink_utilization_limit", "sub_bands.", F_BAND_LIMIT),
    TTN_NUMBER("downlink_utilization", "sub_bands.", F_BAND_UTILIZATION),
});

static const struct ttn_json_shape remote_shape = TTN_JSON_SHAPE({
    TTN_STRING("ip", "gateway_remote_address.", F_REMOTE_IP),
});

/* In the stack's order, which makes the search short. */
const struct ttn_json_shape ttn_stats_shape = TTN_JSON_SHAPE({
    TTN_STRING("connected_at", "", F_CONNECTED_AT),
    TTN_STRING("disconnected_at", "", F_DISCONNECTED_AT),
    TTN_STRING("protocol", "", F_PROTOCOL),
    TTN_STRING("last_status_received_at", "", F_STATUS_AT),
    TTN_OBJECT("last_status", "", F_STATUS, &status_shape),
    TTN_STRING("last_uplink_received_at", "", F_LAST_UPLINK),
    TTN_JSON_FIELD("uplink_count", "", F_COUNT_UPLINK, INTEGER, NULL),
    TTN_STRING("last_downlink_received_at", "", F_LAST_DOWNLINK),
    TTN_JSON_FIELD("downlink_count", "", F_COUNT_DOWNLINK, INTEGER, NULL),
    TTN_STRING("last_tx_acknowledgment_received_at", "", F_LAST_TX_ACK),
    TTN_JSON_FIELD("tx_acknowledgment_count", "", F_COUNT_TX_ACK, INTEGER,
                   NULL),
    TTN_OBJECT("round_trip_times", "", F_RTT, &round_trip_shape),
    TTN_OBJECTS("sub_bands", "", F_BANDS, F_BAND, &band_shape),
    TTN_OBJECT("gateway_remote_address", "", F_REMOTE, &remote_shape),
});

const struct ttn_json_shape ttn_batch_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("entries", "", F_ENTRIES,
               TTN_EACH(TTN_OBJECT("entries", "", F_ENTRY, &ttn_stats_shape))),
});

int ttn_stats_group(int id) {
  static const uint8_t groups[][2] = {
      {F_STATUS, F_METRIC},          {F_RTT, F_RTT_COUNT},
      {F_BANDS, F_BAND_UTILIZATION}, {F_REMOTE, F_REMOTE_IP},
      {F_BOOT_TIME, F_VERSION},
  };
  for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
    if (id >= groups[i][0] && id <= groups[i][1])
      return groups[i][0];
  return id;
}

bool ttn_stats_is_proof(int id) {
  return (id >= F_ENTRY && id <= F_DISCONNECTED_AT) ||
         (id >= F_COUNT_UPLINK && id <= F_COUNT_TX_ACK);
}
