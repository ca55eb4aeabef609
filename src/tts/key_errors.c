/* SPDX-License-Identifier: MIT */
/* Sentences for what is wrong with a key. Names of errors as recorded in
 * tests/answers/{auth_info,list,registry/keys,account}; names of rights as the
 * Console shows them where API keys are made. The text of an answer is not
 * trusted: only names that we know are repeated, so that no line can hold more
 * than what stands here. */
#include "tts/key_errors.h"

#include "base/text.h"

#include <string.h>

#define LIST_RIGHT                                                             \
  "\"list gateways the user is a collaborator of\" (RIGHT_USER_GATEWAYS_LIST)"
#define LIST_RIGHT_ORGANIZATION                                                \
  "\"list gateways the organization is a collaborator of\" "                   \
  "(RIGHT_ORGANIZATION_GATEWAYS_LIST)"
#define STATUS_RIGHT "\"view gateway status\" (RIGHT_GATEWAY_STATUS_READ)"

static bool named(const struct ttn_api_error *error, const char *name) {
  return strcmp(error->name, name) == 0;
}

const char *ttn_key_error_fix(const char *sentence) {
  static const char lead[] = "Organization \"";
  const char *name = strncmp(sentence, lead, sizeof(lead) - 1) == 0
                         ? strstr(sentence, "\": ")
                         : NULL;
  const char *colon = strstr(name != NULL ? name + 3 : sentence, ": ");
  return colon == NULL ? "" : colon + 2;
}

bool ttn_key_error_rejected(int status, const struct ttn_api_error *error) {
  return status == 401 || (status == 400 && named(error, "token") &&
                           strcmp(error->space, "pkg/auth") == 0);
}

bool ttn_key_error_batch(int status, const struct ttn_api_error *error) {
  if (status == 404)
    return named(error, "some_gateways_not_found") ||
           named(error, "gateway_not_found");
  return status == 403 && error->json;
}

static const char *sentence(int status, const struct ttn_api_error *error,
                            const char *warning) {
  if (status == 400)
    return "the key is malformed, no key of The Things Stack: paste all of it, "
           "NNSXS.….… with two dots";
  if (named(error, "api_key_not_found"))
    return "the stack does not know this key (it was deleted, or belongs to "
           "another stack or tenant): make a new one, or set URL to the stack "
           "that made it";
  if (named(error, "invalid_authorization"))
    return "the secret part of the key is wrong: paste all of it again, or "
           "make a new one";
  if (named(error, "api_key_expired"))
    return "the key has expired: make a new one";
  if (status == 401)
    return "the key was not accepted: paste all of it again, or make a new one";
  if (named(error, "neither_user_nor_organization"))
    return "the key is a gateway's own: it may only ask for that gateway; name "
           "it with a Gateway line, or make a personal or organization key";
  if (named(error, "no_user_rights") && warning[0] != '\0')
    return "the account of this key is restricted: see the X-Warning, and ask "
           "the stack's operator";
  if (strstr(error->missing, "RIGHT_ORGANIZATION_GATEWAYS_LIST") != NULL)
    return "the key may not list gateways: give it the "
           "right " LIST_RIGHT_ORGANIZATION
           ", or name the gateways with Gateway lines";
  if (strstr(error->missing, "RIGHT_USER_GATEWAYS_LIST") != NULL)
    return "the key may not list gateways: give it the right " LIST_RIGHT
           ", or name the gateways with Gateway lines";
  if (named(error, "no_organization_rights"))
    return "the key has no rights on this Organization: see that its id is "
           "right, and that the key is its own or a member's";
  if (named(error, "no_user_rights"))
    return "the key has no rights on its user: give it the right " LIST_RIGHT
           ", or make a new one";
  return "the key lacks a right: it needs " LIST_RIGHT " and " STATUS_RIGHT;
}

static char *add_warning(char *buffer, size_t size, const char *warning) {
  size_t n = strlen(buffer);
  if (warning[0] != '\0')
    ttn_print(buffer + n, size - n, " (the stack warns: %s)", warning);
  return buffer;
}

char *ttn_key_error_print(char *buffer, size_t size, int status,
                          const struct ttn_api_error *error,
                          const char *warning) {
  ttn_print(buffer, size, "%s", sentence(status, error, warning));
  return add_warning(buffer, size, warning);
}

char *ttn_key_error_missing(char *buffer, size_t size,
                            const struct ttn_auth_info *info) {
  if (info != NULL && info->kind == TTN_KEY_GATEWAY &&
      info->entity_id != NULL &&
      ttn_id_valid(info->entity_id, strlen(info->entity_id)))
    return ttn_print(
        buffer, size,
        "the key is gateway %s's own and can't list gateways: to report just "
        "that one, add Gateway \"%s\"; for more, make a personal or "
        "organization key with the rights " LIST_RIGHT " and " STATUS_RIGHT,
        info->entity_id, info->entity_id);
  return ttn_print(
      buffer, size,
      "the key did not reach the stack, or is a gateway's own (the list is "
      "empty, without X-Total-Count): make a personal or organization key with "
      "the rights " LIST_RIGHT " and " STATUS_RIGHT
      "; if it has them, see whether a proxy removes the Authorization header");
}

char *ttn_key_error_no_admin(char *buffer, size_t size, const char *warning) {
  ttn_print(buffer, size,
            "the key is not an admin's, and Scope \"all\" needs one: let an "
            "admin of the stack make a personal key with only the "
            "right " STATUS_RIGHT
            ", or remove Scope to report the gateways of this key");
  return add_warning(buffer, size, warning);
}

char *ttn_key_error_no_status(char *buffer, size_t size,
                              const struct ttn_auth_info *info,
                              const char *warning) {
  if (info->kind == TTN_KEY_MISSING)
    return ttn_key_error_missing(buffer, size, info);
  if (info->n_rights == 0)
    ttn_print(
        buffer, size,
        "the key has no rights at all (its account is suspended, pending or "
        "rejected, or the key was made without any): ask the operator about "
        "the account, or make a key with " LIST_RIGHT " and " STATUS_RIGHT);
  else
    ttn_print(buffer, size,
              "the key lacks the right " STATUS_RIGHT
              ": add it to the key in the Console, or make a new key with it");
  return add_warning(buffer, size, warning);
}
