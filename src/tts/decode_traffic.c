/* SPDX-License-Identifier: MIT */
/* The data of the event stream's events of traffic: what the radio heard, and
 * what became of downlinks. Of a frame no more is read than how it was sent and
 * heard: payloads, addresses and identifiers of devices are skipped.
 *
 * Facts: lorawan-stack pkg/gatewayserver/observability.go, and
 * tests/answers/events. The stack omits numbers that are 0. */
#include "tts/decode.h"
#include "base/timestamp.h"
#include "tts/decode_body.h"

#include <string.h>

enum field_id {
  F_MESSAGE = TTN_TRAFFIC_FIELDS,
  F_SETTINGS,
  F_DATA_RATE,
  F_LORA,
  F_SPREADING_FACTOR,
  F_BANDWIDTH,
  F_FSK,
  F_LRFHSS,
  F_FREQUENCY,
  F_ANTENNAS,
  F_ANTENNA,
  F_RSSI,
  F_SNR,
  F_RECEIVED_AT,
  F_ERROR_NAME,
  F_DETAILS,
  F_DETAIL,
  F_PATH_ERRORS,
  F_PATH_ERROR,
  F_CAUSE,
  F_RESULT
};

/* ---- GatewayUplinkMessage ---- */

static const struct ttn_json_shape lora_shape = TTN_JSON_SHAPE({
    TTN_NUMBER("spreading_factor", "data.message.settings.data_rate.lora.",
               F_SPREADING_FACTOR),
    TTN_NUMBER("bandwidth", "data.message.settings.data_rate.lora.",
               F_BANDWIDTH),
});

static const struct ttn_json_shape nothing_shape = {.n = 0};

static const struct ttn_json_shape rate_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("lora", "data.message.settings.data_rate.", F_LORA, &lora_shape),
    TTN_OBJECT("fsk", "data.message.settings.data_rate.", F_FSK,
               &nothing_shape),
    TTN_OBJECT("lrfhss", "data.message.settings.data_rate.", F_LRFHSS,
               &nothing_shape),
});

static const struct ttn_json_shape settings_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("data_rate", "data.message.settings.", F_DATA_RATE, &rate_shape),
    TTN_STRING("frequency", "data.message.settings.", F_FREQUENCY),
});

static const struct ttn_json_shape antenna_shape = TTN_JSON_SHAPE({
    TTN_NUMBER("rssi", "data.message.rx_metadata.", F_RSSI),
    TTN_NUMBER("snr", "data.message.rx_metadata.", F_SNR),
});

static const struct ttn_json_shape message_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("settings", "data.message.", F_SETTINGS, &settings_shape),
    TTN_OBJECTS("rx_metadata", "data.message.", F_ANTENNAS, F_ANTENNA,
                &antenna_shape),
    TTN_STRING("received_at", "data.message.", F_RECEIVED_AT),
});

static const struct ttn_json_shape uplink_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("message", "data.", F_MESSAGE, &message_shape),
});

/* ---- ErrorDetails ---- */

/* Causes nest, to the depth that the walk allows. */
static const struct ttn_json_shape cause_shape = TTN_JSON_SHAPE({
    TTN_STRING("name", "data.cause.", F_ERROR_NAME),
    TTN_OBJECT("cause", "data.cause.", F_CAUSE, &cause_shape),
});

static const struct ttn_json_shape detail_shape = TTN_JSON_SHAPE({
    TTN_OBJECTS("path_errors", "data.details.", F_PATH_ERRORS, F_PATH_ERROR,
                &cause_shape),
});

static const struct ttn_json_shape drop_shape = TTN_JSON_SHAPE({
    TTN_STRING("name", "data.", F_ERROR_NAME),
});

static const struct ttn_json_shape schedule_shape = TTN_JSON_SHAPE({
    TTN_STRING("name", "data.", F_ERROR_NAME),
    TTN_OBJECTS("details", "data.", F_DETAILS, F_DETAIL, &detail_shape),
});

/* ---- TxAcknowledgment.Result ---- */

static const struct ttn_json_shape result_shape = TTN_JSON_SHAPE({
    TTN_NUMBER("value", "data.", F_RESULT),
});

const struct ttn_json_shape *ttn_traffic_shape(enum ttn_event_kind kind) {
  switch (kind) {
  case TTN_EVENT_UPLINK:
    return &uplink_shape;
  case TTN_EVENT_UPLINK_DROP:
    return &drop_shape;
  case TTN_EVENT_SCHEDULE_FAIL:
    return &schedule_shape;
  case TTN_EVENT_TX_FAIL:
    return &result_shape;
  default:
    return NULL;
  }
}

bool ttn_event_is_traffic(const struct ttn_event *event) {
  return event->kind >= TTN_EVENT_UPLINK;
}

void ttn_traffic_open(struct ttn_decoder *decoder, int id) {
  struct ttn_traffic *traffic = &decoder->event.traffic;
  switch (id) {
  case F_LORA:
    traffic->modulation = TTN_MODULATION_LORA;
    return;
  case F_FSK:
    traffic->modulation = TTN_MODULATION_FSK;
    return;
  case F_LRFHSS:
    traffic->modulation = TTN_MODULATION_LRFHSS;
    return;
  case F_ANTENNA:
    decoder->antenna = (struct ttn_antenna_work){.has_rssi = false};
    return;
  }
}

void ttn_traffic_close(struct ttn_decoder *decoder, int id) {
  struct ttn_traffic *traffic = &decoder->event.traffic;
  const struct ttn_antenna_work *read = &decoder->antenna;
  if (id != F_ANTENNA || !read->has_rssi ||
      (traffic->has_rssi && traffic->rssi >= read->rssi))
    return;
  traffic->has_rssi = true;
  traffic->rssi = read->rssi;
  traffic->snr = read->snr;
}

/* A name of the stack's own; others are no part of a value's name. */
static bool take_name(struct ttn_traffic *traffic,
                      const struct ttn_json_value *value) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
  traffic->error[0] = '\0';
  if (value->n > TTN_ERROR_NAME_MAX)
    return true;
  for (size_t i = 0; i < value->n; i++)
    if (memchr(letters, value->text[i], sizeof letters - 1) == NULL)
      return true;
  memcpy(traffic->error, value->text, value->n);
  traffic->error[value->n] = '\0';
  return true;
}

bool ttn_traffic_value(struct ttn_decoder *decoder, int id,
                       const struct ttn_json_value *value) {
  struct ttn_traffic *traffic = &decoder->event.traffic;
  switch (id) {
  case F_SPREADING_FACTOR:
    return ttn_json_u32(value, TTN_SF_MIN, TTN_SF_MAX,
                        &traffic->spreading_factor);
  case F_BANDWIDTH:
    return ttn_json_u32(value, 0, UINT32_MAX, &traffic->bandwidth);
  case F_FREQUENCY:
    return ttn_json_u64(value, &traffic->frequency);
  case F_RSSI:
    return decoder->antenna.has_rssi =
               ttn_json_double(value, &decoder->antenna.rssi);
  case F_SNR:
    return ttn_json_double(value, &decoder->antenna.snr);
  case F_RECEIVED_AT:
    return ttn_time_parse(value->text, value->n, &traffic->received_at);
  case F_ERROR_NAME:
    return take_name(traffic, value);
  case F_RESULT:
    return ttn_json_u64(value, &traffic->result);
  }
  return false;
}
