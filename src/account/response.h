/* SPDX-License-Identifier: MIT */
/* What an answer means. Pure: the same answer always has the same verdict;
 * dispatch.c decides what follows from it. */
#ifndef TTN_RESPONSE_H
#define TTN_RESPONSE_H

#include "http/http.h"
#include "tts/decode.h"
#include "tts/request.h"

enum verdict {
  VERDICT_OK,
  VERDICT_RETRY,   /* the transfer broke: worth a second attempt */
  VERDICT_DOUBTED, /* it knows none of many gateways: asked again, once */
  VERDICT_FAILED,  /* no answer of use */
  VERDICT_KEY_REJECTED,
  VERDICT_UNKNOWN_FIELDS, /* forbidden_paths are not known to the server */
  /* With these the host is healthy, whatever becomes of the call. */
  VERDICT_RATE_LIMITED,
  VERDICT_RIGHTS_UNCLEAR, /* a batch is refused for one of its gateways, or for
                           * the key: auth_info tells which */
  VERDICT_SINGLE_GATEWAY_KEY, /* a gateway's own key: it has no batch */
  VERDICT_NO_BATCH_API,       /* a server before 3.21 */
  VERDICT_NOT_CONNECTED,      /* of a single gateway */
  VERDICT_LIST_DENIED,        /* the key lacks the right to list */
  VERDICT_LIST_EMPTY,         /* as the stack answers to no key at all */
  VERDICT_NO_IDENTITY_SERVER  /* auth_info is not there */
};

/* What arrived. Texts are never NULL. */
struct response {
  enum api_call api;
  const struct ttn_answer *answer;
  enum ttn_failure decoded; /* of the body, to its end */
  const char *decoded_why;
  const struct ttn_api_error *error; /* valid if the status is not 200 */
  bool first_page;                   /* of a list, and */
  size_t n_listed; /* gateways on it, those left out included */
  size_t n_lost;   /* of a batch whose answer has no entry: gateways that were
                    * connected there by their last answer */
  uint8_t tries;   /* before this one */
};

/* With VERDICT_RETRY, VERDICT_DOUBTED and VERDICT_FAILED, *failure and reason
 * say what failed. reason: for a log line after "host: what was asked for: ".
 */
enum verdict response_verdict(const struct response *response,
                              enum ttn_failure *failure, char *reason,
                              size_t reason_size);

/* Is it a text that may be repeated in a log line: as the stack names its
 * errors and fields, comma-separated? */
bool response_is_name(const char *text);

#endif
