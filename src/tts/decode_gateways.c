/* SPDX-License-Identifier: MIT */
/* GET /gateways: a page of the list, as far as discovery and meta data need
 * it.
 *
 * Only ids and gateway_server_address decide what is polled, where; a gateway
 * for which they are wrong is left out and counted, because with a guess in
 * their place it could be asked for at the wrong host. Name, EUI and location
 * are for people: what makes no sense of them is left out alone. */
#include "tts/decode_body.h"

#include "base/timestamp.h"

#include <ctype.h>

enum field_id {
  F_PAGE,
  F_GATEWAYS,
  F_GATEWAY,
  F_IDS,
  F_ID,
  F_EUI,
  F_UPDATED_AT,
  F_NAME,
  F_ADDRESS,
  F_ANTENNAS,
  F_ANTENNA,
  F_LOCATION,
  F_LATITUDE, /* + enum ttn_place_member */
  F_LONGITUDE = F_LATITUDE + TTN_LONGITUDE,
  F_ALTITUDE = F_LATITUDE + TTN_ALTITUDE
};

#define ADDRESS_MAX 256
#define EUI_DIGITS 16

static const struct ttn_json_shape ids_shape = TTN_JSON_SHAPE({
    TTN_STRING("gateway_id", "ids.", F_ID),
    TTN_STRING("eui", "ids.", F_EUI),
});

static const struct ttn_json_shape location_shape = TTN_JSON_SHAPE({
    TTN_PLACE_FIELDS("antennas.location.", F_LATITUDE),
});

static const struct ttn_json_shape antenna_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("location", "antennas.", F_LOCATION, &location_shape),
});

static const struct ttn_json_shape gateway_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("ids", "", F_IDS, &ids_shape),
    TTN_STRING("updated_at", "", F_UPDATED_AT),
    TTN_STRING("name", "", F_NAME),
    TTN_STRING("gateway_server_address", "", F_ADDRESS),
    TTN_OBJECTS("antennas", "", F_ANTENNAS, F_ANTENNA, &antenna_shape),
});

static const struct ttn_json_shape page_shape = TTN_JSON_SHAPE({
    TTN_OBJECTS("gateways", "", F_GATEWAYS, F_GATEWAY, &gateway_shape),
});

static void check_room(struct ttn_decoder *decoder) {
  if (decoder->list.n + decoder->list.skipped == TTN_LIST_MAX)
    ttn_json_fail(decoder->json, TTN_FAIL_TOO_LARGE,
                  "there are more than %d gateways on a page", TTN_LIST_MAX);
}

static void gateways_wrong(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  switch (field->id) {
  case F_GATEWAYS:
    ttn_json_fail(decoder->json, TTN_FAIL_JSON,
                  "gateways is not a list or comes twice");
  case F_GATEWAY:
    check_room(decoder);
    decoder->list.skipped++;
    break;
  case F_IDS:
  case F_ID:
  case F_ADDRESS:
    decoder->list.bad = true;
    break;
  case F_LATITUDE:
  case F_LONGITUDE:
  case F_ALTITUDE:
    ttn_place_take(&decoder->list.place,
                   (enum ttn_place_member)(field->id - F_LATITUDE), NULL);
    break;
  }
}

static void gateways_open(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_list_work *work = &decoder->list;
  if (field->id == F_GATEWAY) {
    check_room(decoder);
    work->gateway = (struct ttn_listed){0};
    work->bad = false;
  } else if (field->id == F_LOCATION) {
    work->place = (struct ttn_place_work){0};
  }
}

static void close_gateway(struct ttn_decoder *decoder) {
  struct ttn_list_work *work = &decoder->list;
  if (work->bad || work->gateway.id == NULL) {
    work->skipped++;
    return;
  }
  void *gateways = work->gateways;
  ttn_json_grow(decoder->json, &gateways, &work->room, work->n + 1,
                sizeof(*work->gateways), TTN_LIST_MAX, "gateways");
  work->gateways = gateways;
  work->gateways[work->n++] = work->gateway;
}

static void gateways_close(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_list_work *work = &decoder->list;
  if (field->id == F_GATEWAY)
    close_gateway(decoder);
  else if (field->id == F_LOCATION && !work->gateway.has_location)
    work->gateway.has_location =
        ttn_place_end(&work->place, &work->gateway.location);
}

static bool is_eui(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isxdigit((unsigned char)text[i]))
      return false;
  return n == EUI_DIGITS;
}

static void gateways_value(void *ctx, const struct ttn_json_field *field,
                           const struct ttn_json_value *value) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_list_work *work = &decoder->list;
  switch (field->id) {
  case F_ID:
    if (ttn_id_valid(value->text, value->n))
      work->gateway.id = ttn_json_copy(decoder->json, value->text, value->n);
    break;
  case F_EUI:
    if (is_eui(value->text, value->n))
      work->gateway.eui = ttn_json_copy(decoder->json, value->text, value->n);
    break;
  case F_NAME:
    work->gateway.name = ttn_decode_text(decoder, value);
    break;
  case F_ADDRESS:
    work->gateway.address = ttn_decode_string(decoder, value, ADDRESS_MAX);
    work->bad = work->bad || work->gateway.address == NULL;
    break;
  case F_UPDATED_AT:
    (void)ttn_time_parse(value->text, value->n, &work->gateway.updated_at);
    break;
  case F_LATITUDE:
  case F_LONGITUDE:
  case F_ALTITUDE:
    ttn_place_take(&work->place,
                   (enum ttn_place_member)(field->id - F_LATITUDE), value);
    break;
  }
}

const struct ttn_json_body ttn_body_list = {
    .root = TTN_OBJECT("", "", F_PAGE, &page_shape),
    .strict = true,
    .open = gateways_open,
    .close = gateways_close,
    .value = gateways_value,
    .wrong = gateways_wrong,
};

void ttn_decode_gateways_begin(struct ttn_list_work *work) {
  work->n = work->skipped = 0;
}
