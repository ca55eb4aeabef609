/* SPDX-License-Identifier: MIT */
/* What is wrong with a key, in a sentence with the fix. Pure text. */
#ifndef TTN_KEY_ERRORS_H
#define TTN_KEY_ERRORS_H

#include "tts/decode.h"

/* The right for events of traffic, as the Console and the stack name it. */
#define TTN_TRAFFIC_RIGHT                                                      \
  "\"read gateway traffic\" (RIGHT_GATEWAY_TRAFFIC_READ; Console: API keys)"

/* Each sentence of this file is "what is wrong: the fix". Where the fix
 * begins; `Organization "…": ` may stand in front. */
const char *ttn_key_error_fix(const char *sentence);

/* True when the answer says that the key itself was not accepted: 401, or the
 * 400 that a text which is no key gets. */
bool ttn_key_error_rejected(int status, const struct ttn_api_error *error);

/* True when a batch was refused as a whole for one of its gateways, or for the
 * key's rights: what auth_info and halving are for. */
bool ttn_key_error_batch(int status, const struct ttn_api_error *error);

/* The sentence for an answer that refuses the key or lacks a right. warning:
 * X-Warning, "" = none. */
char *ttn_key_error_print(char *buffer, size_t size, int status,
                          const struct ttn_api_error *error,
                          const char *warning);

/* The sentence for a list that is empty without X-Total-Count, and for a key
 * that auth_info shows to lack the status right. */
char *ttn_key_error_missing(char *buffer, size_t size,
                            const struct ttn_auth_info *info);
/* Scope "all" needs an admin's key, and this is none. */
char *ttn_key_error_no_admin(char *buffer, size_t size, const char *warning);
char *ttn_key_error_no_status(char *buffer, size_t size,
                              const struct ttn_auth_info *info,
                              const char *warning);

#endif
