/* SPDX-License-Identifier: MIT */
/* GET /auth_info: whose key it is, and its rights. `{}` means that the stack
 * heard no key. universal_rights are an administrator's, or empty, and don't
 * tell what the key may do: only its own rights do. */
#include "tts/decode.h"
#include "tts/decode_body.h"

#include <string.h>

enum field_id {
  F_AUTH_INFO,
  F_ACCESS,
  F_KEY,
  F_RIGHTS,
  F_RIGHT,
  F_ENTITY_IDS,
  F_IDS,
  F_USER,
  F_ORGANIZATION,
  F_GATEWAY,
  F_IS_ADMIN,
  F_OTHER,
  F_UNIVERSAL_RIGHTS /* part of an answer, and not used */
};

/* The stack knows some 90 rights. */
#define RIGHTS_MAX 1024

static const struct ttn_json_shape key_shape = TTN_JSON_SHAPE({
    TTN_ARRAY("rights", "api_key.", F_RIGHTS,
              TTN_EACH(TTN_STRING("rights", "api_key.", F_RIGHT))),
});

static const struct ttn_json_shape user_shape = TTN_JSON_SHAPE({
    TTN_STRING("user_id", "entity_ids.", F_USER),
});

static const struct ttn_json_shape organization_shape = TTN_JSON_SHAPE({
    TTN_STRING("organization_id", "entity_ids.", F_ORGANIZATION),
});

static const struct ttn_json_shape gateway_shape = TTN_JSON_SHAPE({
    TTN_STRING("gateway_id", "entity_ids.", F_GATEWAY),
});

static const struct ttn_json_shape entity_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("user_ids", "entity_ids.", F_IDS, &user_shape),
    TTN_OBJECT("organization_ids", "entity_ids.", F_IDS, &organization_shape),
    TTN_OBJECT("gateway_ids", "entity_ids.", F_IDS, &gateway_shape),
});

static const struct ttn_json_shape access_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("api_key", "", F_KEY, &key_shape),
    TTN_OBJECT("entity_ids", "", F_ENTITY_IDS, &entity_shape),
});

/* Other ways to authenticate than a key: nothing more is needed of them. */
static const struct ttn_json_shape other_shape = {.n = 0};

static const struct ttn_json_shape info_shape = TTN_JSON_SHAPE({
    TTN_OBJECT("api_key", "", F_ACCESS, &access_shape),
    TTN_OBJECT("oauth_access_token", "", F_OTHER, &other_shape),
    TTN_OBJECT("user_session", "", F_OTHER, &other_shape),
    TTN_OBJECT("gateway_token", "", F_OTHER, &other_shape),
    TTN_JSON_FIELD("is_admin", "", F_IS_ADMIN, TTN_JSON_BOOLEAN, NULL),
    TTN_OBJECT("universal_rights", "", F_UNIVERSAL_RIGHTS, &other_shape),
});

static void auth_info_wrong(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  ttn_json_fail(decoder->json, TTN_FAIL_JSON,
                "%s has a wrong type or comes twice", field->path);
}

static void auth_info_open(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  if (field->id == F_ACCESS || field->id == F_OTHER)
    decoder->auth.info.kind = TTN_KEY_OTHER;
}

static void auth_info_close(void *ctx, const struct ttn_json_field *field) {
  struct ttn_decoder *decoder = ctx;
  if (field->id != F_AUTH_INFO)
    return;
  decoder->auth.info.rights = decoder->auth.rights;
  decoder->auth.info.n_rights = decoder->auth.n;
}

/* Does what a key has include the right `wanted`, on gateways? */
static bool includes(const char *name, const char *wanted) {
  return strcmp(name, wanted) == 0 || strcmp(name, "RIGHT_GATEWAY_ALL") == 0 ||
         strcmp(name, "RIGHT_ALL") == 0;
}

static void take_right(struct ttn_decoder *decoder, const char *name) {
  struct ttn_auth_work *work = &decoder->auth;
  struct ttn_auth_info *info = &work->info;
  void *rights = work->rights;
  ttn_json_grow(decoder->json, &rights, &work->room, work->n + 1,
                sizeof(*work->rights), RIGHTS_MAX, "rights");
  work->rights = rights;
  work->rights[work->n++] = name;

  info->can_read_status |= includes(name, "RIGHT_GATEWAY_STATUS_READ");
  info->can_read_traffic |= includes(name, "RIGHT_GATEWAY_TRAFFIC_READ");
}

static void take_entity(struct ttn_auth_info *info, enum ttn_key_owner kind,
                        const char *id) {
  info->kind = kind;
  info->entity_id = id;
}

static void auth_info_value(void *ctx, const struct ttn_json_field *field,
                            const struct ttn_json_value *value) {
  struct ttn_decoder *decoder = ctx;
  struct ttn_auth_info *info = &decoder->auth.info;
  if (field->id == F_IS_ADMIN) {
    info->is_admin = value->boolean;
    return;
  }
  const char *text = ttn_decode_text(decoder, value);
  switch (field->id) {
  case F_RIGHT:
    take_right(decoder, text);
    break;
  case F_USER:
    take_entity(info, TTN_KEY_USER, text);
    break;
  case F_ORGANIZATION:
    take_entity(info, TTN_KEY_ORGANIZATION, text);
    break;
  case F_GATEWAY:
    take_entity(info, TTN_KEY_GATEWAY, text);
    break;
  }
}

const struct ttn_json_body ttn_body_auth_info = {
    .root = TTN_OBJECT("", "", F_AUTH_INFO, &info_shape),
    .strict = true,
    .open = auth_info_open,
    .close = auth_info_close,
    .value = auth_info_value,
    .wrong = auth_info_wrong,
};

void ttn_decode_auth_info_begin(struct ttn_auth_work *work) {
  work->n = 0;
  work->info = (struct ttn_auth_info){.kind = TTN_KEY_MISSING};
}

static size_t text_size(const char *text) {
  return text == NULL ? 0 : strlen(text) + 1;
}

/* Copies text to *at, which moves behind it. */
static const char *put_text(char **at, const char *text) {
  size_t size = text_size(text);
  char *copy = *at;
  if (size == 0)
    return NULL;
  memcpy(copy, text, size);
  *at += size;
  return copy;
}

struct ttn_auth_info *ttn_auth_info_copy(const struct ttn_env *env,
                                         const struct ttn_auth_info *info) {
  size_t rights = info->n_rights * sizeof(*info->rights);
  size_t texts = text_size(info->entity_id);
  for (size_t i = 0; i < info->n_rights; i++)
    texts += text_size(info->rights[i]);
  struct ttn_auth_info *copy = ttn_alloc(env, sizeof(*copy) + rights + texts);
  if (copy == NULL)
    return NULL;
  const char **list = (const char **)(copy + 1);
  char *at = (char *)(list + info->n_rights);
  *copy = *info;
  copy->entity_id = put_text(&at, info->entity_id);
  copy->rights = list;
  for (size_t i = 0; i < info->n_rights; i++)
    list[i] = put_text(&at, info->rights[i]);
  return copy;
}
