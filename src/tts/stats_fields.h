/* SPDX-License-Identifier: MIT */
/* The fields of GatewayConnectionStats that are read: where they are in a body,
 * and what is left out when one has no meaning. decode_stats.c reads them. */
#ifndef TTN_STATS_FIELDS_H
#define TTN_STATS_FIELDS_H

#include "tts/decode_body.h"

enum ttn_stats_field {
  F_ENTRIES,
  F_ENTRY,
  F_CONNECTED_AT,
  F_DISCONNECTED_AT,
  F_PROTOCOL,
  F_STATUS_AT,
  F_STATUS,
  F_METRICS,
  F_METRIC,
  F_LAST, /* + enum ttn_message */
  F_LAST_UPLINK = F_LAST + TTN_UPLINK,
  F_LAST_DOWNLINK = F_LAST + TTN_DOWNLINK,
  F_LAST_TX_ACK = F_LAST + TTN_TX_ACK,
  F_COUNT = F_LAST + TTN_MESSAGES, /* + enum ttn_message */
  F_COUNT_UPLINK = F_COUNT + TTN_UPLINK,
  F_COUNT_DOWNLINK = F_COUNT + TTN_DOWNLINK,
  F_COUNT_TX_ACK = F_COUNT + TTN_TX_ACK,
  F_RTT = F_COUNT + TTN_MESSAGES,
  F_RTT_MIN,
  F_RTT_MAX,
  F_RTT_MEDIAN,
  F_RTT_COUNT,
  F_BANDS,
  F_BAND,
  F_BAND_MIN,
  F_BAND_MAX,
  F_BAND_LIMIT,
  F_BAND_UTILIZATION,
  F_REMOTE,
  F_REMOTE_IP,
  F_BOOT_TIME,
  F_VERSIONS,
  F_VERSION,
  F_PLACES,
  F_PLACE,
  F_LATITUDE, /* + enum ttn_place_member */
  F_LONGITUDE = F_LATITUDE + TTN_LONGITUDE,
  F_ALTITUDE = F_LATITUDE + TTN_ALTITUDE
};

/* A batch's body, and a single GET's. */
extern const struct ttn_json_shape ttn_batch_shape, ttn_stats_shape;

/* The first one of the fields that are left out together with this one: fields
 * that follow each other in the enum. */
int ttn_stats_group(int id);
/* Does the field prove a state or a count? */
bool ttn_stats_is_proof(int id);

#endif
