/* SPDX-License-Identifier: MIT */
#include "account/response.h"

#include "tts/key_errors.h"
#include "base/text.h"

#include <string.h>

/* A connection that breaks once is no reason to go without an answer. */
#define TRIES_MAX 2
/* More gateways than this are seldom lost at once. */
#define FEW_GATEWAYS 3

bool response_is_name(const char *text) {
  return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_/:.,")] ==
         '\0';
}

static void print_status(char *buffer, size_t size, int status,
                         const struct ttn_api_error *e) {
  if (!e->json)
    ttn_print(buffer, size,
              "answered %d without JSON (a proxy or load balancer?)", status);
  else if (e->name[0] != '\0' && response_is_name(e->space) &&
           response_is_name(e->name))
    ttn_print(buffer, size, "answered %d, %s:%s", status, e->space, e->name);
  else
    ttn_print(buffer, size, "answered %d, code %d", status, e->code);
}

static enum verdict broken(const struct response *r, enum ttn_failure *failure,
                           char *reason, size_t size) {
  if (r->decoded != TTN_OK) {
    *failure = r->decoded;
    ttn_print(reason, size, "%s", r->decoded_why);
    return VERDICT_FAILED;
  }
  *failure = r->answer->failure;
  ttn_print(reason, size, "%s", r->answer->why);
  return *failure != TTN_FAIL_TOO_LARGE && r->tries + 1 < TRIES_MAX &&
                 r->api != API_AUTH_INFO
             ? VERDICT_RETRY
             : VERDICT_FAILED;
}

/* The stack answers {} without X-Total-Count to a key that did not arrive, and
 * to a gateway's own key (tests/answers/list/{no-key,bearer-forgotten,gateway}
 * .json). An account without gateways has X-Total-Count 0. */
static enum verdict good(const struct response *r) {
  return r->api == API_LIST && r->first_page && r->n_listed == 0 &&
                 r->answer->total_count == -1
             ? VERDICT_LIST_EMPTY
             : VERDICT_OK;
}

/* {} for gateways that were connected is what the stack answers when all are
 * gone, and what many a proxy answers when the stack is. */
static enum verdict nothing_there(const struct response *r,
                                  enum ttn_failure *failure, char *reason,
                                  size_t size) {
  *failure = TTN_FAIL_ANSWER;
  ttn_print(reason, size,
            "the answer has none of %zu gateways that were connected, and not "
            "the stack's headers (a proxy?)",
            r->n_lost);
  if (r->tries + 1 < TRIES_MAX)
    return VERDICT_DOUBTED;
  return r->answer->from_stack ? VERDICT_OK : VERDICT_FAILED;
}

static bool has_name(const struct ttn_api_error *error, const char *name) {
  return strcmp(error->name, name) == 0;
}

/* A routing error: a server that has no such call. */
static bool no_such_call(int status, const struct ttn_api_error *error) {
  return status == 404 && error->json && !error->details;
}

static enum verdict refused(enum api_call api, int status,
                            const struct ttn_api_error *error) {
  switch (api) {
  case API_LIST:
    return status == 403 && error->json ? VERDICT_LIST_DENIED : VERDICT_FAILED;
  case API_AUTH_INFO:
    return no_such_call(status, error) ? VERDICT_NO_IDENTITY_SERVER
                                       : VERDICT_FAILED;
  case API_SINGLE:
    if (status == 404 && has_name(error, "not_connected"))
      return VERDICT_NOT_CONNECTED;
    break;
  default:
    if (status == 403 && has_name(error, "neither_user_nor_organization"))
      return VERDICT_SINGLE_GATEWAY_KEY;
    if (no_such_call(status, error))
      return VERDICT_NO_BATCH_API;
    if (status == 400 && has_name(error, "field_mask_paths"))
      return VERDICT_UNKNOWN_FIELDS;
  }
  return ttn_key_error_batch(status, error) ? VERDICT_RIGHTS_UNCLEAR
                                            : VERDICT_FAILED;
}

enum verdict response_verdict(const struct response *r,
                              enum ttn_failure *failure, char *reason,
                              size_t reason_size) {
  int status = r->answer->status;
  *failure = TTN_FAIL_HTTP;
  reason[0] = '\0';
  if (r->answer->failure != TTN_OK || r->decoded != TTN_OK)
    return broken(r, failure, reason, reason_size);
  if (status == 200 && r->n_lost > FEW_GATEWAYS)
    return nothing_there(r, failure, reason, reason_size);
  if (status == 200)
    return good(r);
  print_status(reason, reason_size, status, r->error);
  if (status == 429)
    return VERDICT_RATE_LIMITED;
  if (ttn_key_error_rejected(status, r->error))
    return VERDICT_KEY_REJECTED;
  return refused(r->api, status, r->error);
}
