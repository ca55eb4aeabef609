/* SPDX-License-Identifier: MIT */
/* The decoder, and what the files that know one body each share.
 *
 * A body's records live in memory of the walk that its next begin takes back;
 * the arrays of entries and gateways stay and are filled again. */
#include "tts/decode.h"

#include "base/utf8.h"
#include "tts/decode_body.h"

#include <string.h>

/* Longest text for people: a gateway's name has at most 50 characters. */
#define TEXT_SIZE 257

struct ttn_decoder *ttn_decoder_new(const struct ttn_env *env) {
  struct ttn_decoder *decoder = ttn_alloc(env, sizeof(*decoder));
  if (decoder == NULL)
    return NULL;
  decoder->env = env;
  decoder->json = ttn_json_new(env);
  if (decoder->json == NULL) {
    ttn_free(env, decoder);
    return NULL;
  }
  return decoder;
}

void ttn_decoder_free(struct ttn_decoder *decoder) {
  if (decoder == NULL)
    return;
  ttn_json_free(decoder->json);
  ttn_free(decoder->env, decoder->stats.entries);
  ttn_free(decoder->env, decoder->list.gateways);
  ttn_free(decoder->env, decoder->auth.rights);
  ttn_free(decoder->env, decoder);
}

static void forget_records(struct ttn_decoder *decoder) {
  ttn_decode_stats_begin(&decoder->stats);
  ttn_decode_gateways_begin(&decoder->list);
  if (decoder->error.used)
    decoder->error = (struct ttn_error_work){.details = 0};
  ttn_decode_auth_info_begin(&decoder->auth);
  decoder->event = (struct ttn_event){.kind = TTN_EVENT_OTHER};
}

void ttn_decoder_begin(struct ttn_decoder *decoder, enum ttn_body body) {
  static const struct ttn_json_body *const bodies[] = {
      [TTN_BODY_LIST] = &ttn_body_list,
      [TTN_BODY_BATCH] = &ttn_body_batch,
      [TTN_BODY_SINGLE] = &ttn_body_single,
      [TTN_BODY_ERROR] = &ttn_body_error,
      [TTN_BODY_AUTH_INFO] = &ttn_body_auth_info,
      [TTN_BODY_EVENT] = &ttn_body_event,
  };
  forget_records(decoder);
  decoder->body = body;
  decoder->failure = TTN_OK;
  ttn_json_begin(decoder->json, bodies[body], decoder);
}

/* An error answer may be anything: only memory makes it fail. */
static enum ttn_failure result(struct ttn_decoder *decoder,
                               enum ttn_failure failure) {
  decoder->failure =
      decoder->body == TTN_BODY_ERROR && failure != TTN_FAIL_MEMORY ? TTN_OK
                                                                    : failure;
  return decoder->failure;
}

enum ttn_failure ttn_decoder_feed(struct ttn_decoder *decoder,
                                  const char *bytes, size_t n) {
  return result(decoder, ttn_json_feed(decoder->json, bytes, n));
}

enum ttn_failure ttn_decoder_end(struct ttn_decoder *decoder) {
  enum ttn_failure failure = ttn_json_end(decoder->json);
  if (failure != TTN_OK)
    forget_records(decoder); /* half an answer is none */
  else if (decoder->error.used && !decoder->error.error.json)
    decoder->error = (struct ttn_error_work){.details = 0};
  return result(decoder, failure);
}

const char *ttn_decoder_why(const struct ttn_decoder *decoder) {
  return decoder->failure == TTN_OK ? "" : ttn_json_why(decoder->json);
}

const struct ttn_entry *ttn_decoder_entries(const struct ttn_decoder *decoder,
                                            size_t *n) {
  *n = decoder->stats.n;
  return decoder->stats.entries;
}

const struct ttn_listed *ttn_decoder_listed(const struct ttn_decoder *decoder,
                                            size_t *n, size_t *skipped) {
  *n = decoder->list.n;
  *skipped = decoder->list.skipped;
  return decoder->list.gateways;
}

const struct ttn_api_error *
ttn_decoder_error(const struct ttn_decoder *decoder) {
  return &decoder->error.error;
}

const struct ttn_auth_info *
ttn_decoder_auth_info(const struct ttn_decoder *decoder) {
  return &decoder->auth.info;
}

const struct ttn_event *ttn_decoder_event(const struct ttn_decoder *decoder) {
  return &decoder->event;
}

char *ttn_decode_string(struct ttn_decoder *decoder,
                        const struct ttn_json_value *value, size_t most) {
  if (value->n > most || memchr(value->text, '\0', value->n) != NULL)
    return NULL;
  return ttn_json_copy(decoder->json, value->text, value->n);
}

const char *ttn_decode_text(struct ttn_decoder *decoder,
                            const struct ttn_json_value *value) {
  char text[TEXT_SIZE];
  size_t n = ttn_utf8_clean(text, sizeof(text), value->text, value->n);
  return ttn_json_copy(decoder->json, text, n);
}

void ttn_place_take(struct ttn_place_work *work, enum ttn_place_member member,
                    const struct ttn_json_value *value) {
  if (value == NULL || !ttn_json_double(value, &work->member[member]))
    work->wrong = true;
}

bool ttn_place_end(const struct ttn_place_work *work,
                   struct ttn_location *place) {
  double latitude = work->member[TTN_LATITUDE];
  double longitude = work->member[TTN_LONGITUDE];
  if (work->wrong || (latitude == 0 && longitude == 0) || latitude < -90 ||
      latitude > 90 || longitude < -180 || longitude > 180)
    return false;
  *place =
      (struct ttn_location){latitude, longitude, work->member[TTN_ALTITUDE]};
  return true;
}
