/* SPDX-License-Identifier: MIT */
/* An error's body: google.rpc.Status, with the stack's ErrorDetails if it was
 * the stack that refused and not its router. For people and for what the poll
 * decides by name, so whatever is not as expected is left out, and nothing
 * makes it fail. */
#include "tts/decode_body.h"
#include "base/utf8.h"

#include <limits.h>
#include <string.h>

enum field_id {
  F_STATUS,
  F_CODE,
  F_MESSAGE,
  F_DETAILS,
  F_DETAIL,
  F_NAMESPACE,
  F_NAME,
  F_ATTRIBUTES,
  F_MISSING,
  F_FORBIDDEN,
  F_GATEWAY
};

#define TEXTS (TTN_JSON_STRING | TTN_JSON_ARRAY)

static const struct ttn_json_shape attributes_shape = TTN_JSON_SHAPE({
    TTN_JSON_FIELD("missing", "", F_MISSING, TEXTS,
                   TTN_EACH(TTN_STRING("missing", "", F_MISSING))),
    TTN_JSON_FIELD("forbidden_paths", "", F_FORBIDDEN, TEXTS,
                   TTN_EACH(TTN_STRING("forbidden_paths", "", F_FORBIDDEN))),
    TTN_STRING("uid", "", F_GATEWAY),
    TTN_STRING("gateway_id", "", F_GATEWAY),
});

static const struct ttn_json_shape detail_shape = TTN_JSON_SHAPE({
    TTN_STRING("namespace", "", F_NAMESPACE),
    TTN_STRING("name", "", F_NAME),
    TTN_OBJECT("attributes", "", F_ATTRIBUTES, &attributes_shape),
});

static const struct ttn_json_shape status_shape = TTN_JSON_SHAPE({
    TTN_NUMBER("code", "", F_CODE),
    TTN_STRING("message", "", F_MESSAGE),
    TTN_OBJECTS("details", "", F_DETAILS, F_DETAIL, &detail_shape),
});

static void ignore(void *ctx, const struct ttn_json_field *field) {
  (void)ctx;
  (void)field;
}

static void error_open(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  if (field->id != F_DETAIL)
    return;
  decoder->error.used = true;
  decoder->error.details++;
  decoder->error.error.details = true;
}

/* Adds an item to a comma-separated list, whole or not at all: a path that
 * was cut could be another path's name. */
static void add_item(char *list, size_t size,
                     const struct ttn_json_value *value) {
  size_t used = strlen(list);
  const size_t comma = used > 0 ? 1 : 0;
  if (used + comma + value->n >= size)
    return;
  if (comma > 0)
    list[used++] = ',';
  ttn_utf8_clean(list + used, size - used, value->text, value->n);
}

/* A uid of several tenants' stack is "id@tenant". */
static void take_refused(struct ttn_api_error *error,
                         const struct ttn_json_value *value) {
  const char *at = memchr(value->text, '@', value->n);
  size_t n = at == NULL ? value->n : (size_t)(at - value->text);
  if (!ttn_id_valid(value->text, n))
    return;
  memcpy(error->gateway, value->text, n);
  error->gateway[n] = '\0';
}

static void take_detail(struct ttn_api_error *error, int id,
                        const struct ttn_json_value *value) {
  switch (id) {
  case F_NAMESPACE:
    ttn_utf8_clean(error->space, sizeof(error->space), value->text, value->n);
    break;
  case F_NAME:
    ttn_utf8_clean(error->name, sizeof(error->name), value->text, value->n);
    break;
  case F_MISSING:
    add_item(error->missing, sizeof(error->missing), value);
    break;
  case F_FORBIDDEN:
    add_item(error->forbidden_paths, sizeof(error->forbidden_paths), value);
    break;
  case F_GATEWAY:
    take_refused(error, value);
    break;
  }
}

static void error_value(void *ctx, const struct ttn_json_field *field,
                        const struct ttn_json_value *value) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_api_error *error = &decoder->error.error;
  uint64_t code;
  decoder->error.used = true;
  if (field->id == F_MESSAGE) {
    error->json = true;
    ttn_utf8_clean(error->message, sizeof(error->message), value->text,
                   value->n);
  } else if (field->id == F_CODE) {
    if (!ttn_json_u64(value, &code) || code > INT_MAX)
      return;
    error->json = true;
    error->code = (int)code;
  } else if (decoder->error.details == 1) {
    /* Only the first: it says what was refused. */
    take_detail(error, field->id, value);
  }
}

const struct ttn_json_body ttn_body_error = {
    .root = TTN_OBJECT("", "", F_STATUS, &status_shape),
    .open = error_open,
    .close = ignore,
    .value = error_value,
    .wrong = ignore,
};
