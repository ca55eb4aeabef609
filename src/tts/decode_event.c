/* SPDX-License-Identifier: MIT */
/* One line of the event stream: {"result":{…}}, or {"error":{…}} as its end.
 * The stack writes the name before the data (tests/answers/events), which says
 * what the data is: of events that nobody asked for, they are skipped.
 *
 * Statistics and errors are read as in other answers, by their own bodies'
 * callbacks, while the walk is within one; traffic by decode_traffic.c. */
#include "tts/decode_body.h"
#include "base/hash.h"
#include "base/timestamp.h"

#include <string.h>

/* Beyond those of the bodies within. */
enum field_id {
  F_LINE = 128,
  F_RESULT,
  F_EVENT_NAME,
  F_TIME,
  F_UNIQUE_ID,
  F_IDENTIFIERS,
  F_IDENTIFIER,
  F_GATEWAY_IDS,
  F_GATEWAY_ID,
  F_DATA,
  F_REASON,
  F_ERROR
};

static const struct ttn_json_shape ids_shape = TTN_JSON_SHAPE({
    TTN_STRING("gateway_id", "identifiers.gateway_ids.", F_GATEWAY_ID),
});

static const struct ttn_json_shape identifier_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("gateway_ids", "identifiers.", F_GATEWAY_IDS, &ids_shape),
});

static const struct ttn_json_shape identifiers_shape = TTN_JSON_ANY(
    TTN_OBJECT("identifiers", "", F_IDENTIFIER, &identifier_shape));

/* ErrorDetails. */
static const struct ttn_json_shape reason_shape = TTN_JSON_SHAPE({
    TTN_STRING("message_format", "data.", F_REASON),
});

static const struct ttn_json_shape result_shape = TTN_JSON_SHAPE({
    TTN_STRING("name", "", F_EVENT_NAME),
    TTN_STRING("time", "", F_TIME),
    TTN_ARRAY("identifiers", "", F_IDENTIFIERS, NULL),
    TTN_OBJECT("data", "", F_DATA, NULL),
    TTN_STRING("unique_id", "", F_UNIQUE_ID),
});

static const struct ttn_json_shape line_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("result", "", F_RESULT, &result_shape),
    TTN_OBJECT("error", "", F_ERROR, NULL),
});

static const struct {
  const char *name;
  enum ttn_event_kind kind;
} names[] = {
    {"gs.up.receive", TTN_EVENT_UPLINK},
    {"gs.gateway.connection.stats", TTN_EVENT_STATS},
    {"gs.gateway.connect", TTN_EVENT_CONNECT},
    {"gs.gateway.disconnect", TTN_EVENT_DISCONNECT},
    {"events.stream.start", TTN_EVENT_START},
    {"gs.up.drop", TTN_EVENT_UPLINK_DROP},
    {"gs.down.send", TTN_EVENT_DOWNLINK},
    {"gs.down.tx.success", TTN_EVENT_TX_SUCCESS},
    {"gs.down.tx.fail", TTN_EVENT_TX_FAIL},
    {"gs.down.schedule.fail", TTN_EVENT_SCHEDULE_FAIL},
};

static enum ttn_event_kind kind_of(const struct ttn_json_value *name) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strlen(names[i].name) == name->n &&
        memcmp(names[i].name, name->text, name->n) == 0)
      return names[i].kind;
  return TTN_EVENT_OTHER;
}

static bool is_event_field(const struct ttn_json_field *field) {
  return field->id >= F_LINE;
}

static bool is_traffic_field(const struct ttn_json_field *field) {
  return field->id >= TTN_TRAFFIC_FIELDS;
}

static bool has_stats(const struct ttn_event *event) {
  return event->kind == TTN_EVENT_STATS || event->kind == TTN_EVENT_CONNECT;
}

/* The body whose fields are read within data or error. */
static const struct ttn_json_body *inner(const struct ttn_event *event) {
  return has_stats(event) ? &ttn_body_single : &ttn_body_error;
}

/* Does the field begin what another body reads? */
static bool is_inner_root(const struct ttn_event *event,
                          const struct ttn_json_field *field) {
  return field->id == F_ERROR || (field->id == F_DATA && has_stats(event));
}

static const struct ttn_json_shape *
event_shape(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_event *event = &decoder->event;
  switch (field->id) {
  case F_IDENTIFIERS: /* the start names all that were asked for */
    return event->kind == TTN_EVENT_START ? NULL : &identifiers_shape;
  case F_ERROR:
    event->kind = TTN_EVENT_ERROR;
    return ttn_body_error.root.shape;
  case F_DATA:
    return has_stats(event) ? ttn_body_single.root.shape
           : event->kind == TTN_EVENT_DISCONNECT
               ? &reason_shape
               : ttn_traffic_shape(event->kind);
  }
  return NULL;
}

static void event_open(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  const struct ttn_json_body *body = inner(&decoder->event);
  if (is_traffic_field(field))
    ttn_traffic_open(ctx, field->id);
  else if (!is_event_field(field))
    body->open(ctx, field);
  else if (is_inner_root(&decoder->event, field))
    body->open(ctx, &body->root);
}

static void event_close(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  const struct ttn_json_body *body = inner(&decoder->event);
  if (is_traffic_field(field))
    ttn_traffic_close(ctx, field->id);
  else if (!is_event_field(field))
    body->close(ctx, field);
  else if (is_inner_root(&decoder->event, field))
    body->close(ctx, &body->root);
}

/* Only statistics have objects of any names. */
static void event_key(void *ctx, const struct ttn_json_field *field,
                      const char *text, size_t n) {
  ttn_body_single.key(ctx, field, text, n);
}

static void event_wrong(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  if (!is_event_field(field))
    inner(&decoder->event)->wrong(ctx, field);
  else
    decoder->event.bad = field->path;
}

static bool take_event_id(struct ttn_event *event,
                          const struct ttn_json_value *value) {
  if (event->gateway[0] != '\0')
    return true; /* of several the first */
  if (!ttn_id_valid(value->text, value->n))
    return false;
  memcpy(event->gateway, value->text, value->n);
  event->gateway[value->n] = '\0';
  return true;
}

static bool take_field(struct ttn_decoder *decoder, int id,
                       const struct ttn_json_value *value) {
  struct ttn_event *event = &decoder->event;
  switch (id) {
  case F_EVENT_NAME:
    event->kind = kind_of(value);
    return true;
  case F_TIME:
    return ttn_time_parse(value->text, value->n, &event->time);
  case F_UNIQUE_ID:
    event->unique = ttn_hash(TTN_HASH, value->text, value->n);
    return true;
  case F_GATEWAY_ID:
    return take_event_id(event, value);
  case F_REASON:
    event->reason = ttn_decode_text(decoder, value);
    return true;
  }
  return false;
}

static void event_value(void *ctx, const struct ttn_json_field *field,
                        const struct ttn_json_value *value) {
  struct ttn_decoder *decoder = ctx;
  if (!is_event_field(field))
    inner(&decoder->event)->value(ctx, field, value);
  else if (is_traffic_field(field)
               ? !ttn_traffic_value(decoder, field->id, value)
               : !take_field(decoder, field->id, value))
    decoder->event.bad = field->path;
}

const struct ttn_json_body ttn_body_event = {
    .root = TTN_OBJECT("", "", F_LINE, &line_shape),
    .strict = true,
    .key = event_key,
    .open = event_open,
    .shape = event_shape,
    .close = event_close,
    .value = event_value,
    .wrong = event_wrong,
};
