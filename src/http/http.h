/* SPDX-License-Identifier: MIT */
/* struct ttn_net over libcurl's multi interface. It knows neither JSON nor what
 * is asked. */
#ifndef TTN_HTTP_H
#define TTN_HTTP_H

#include "http/net.h"

/* Initialises libcurl, once, while there is one thread. False: libcurl can't be
 * used. */
bool ttn_http_global_init(void);
/* libcurl's version and those of its libraries, as curl -V prints them. */
const char *ttn_http_version(void);
/* Can this libcurl log in at a proxy in that way? */
bool ttn_http_can_log_in(enum ttn_proxy_auth how);
/* One per account. The strings of the options must outlive it. NULL: no memory.
 */
struct ttn_net *ttn_http_new(const struct ttn_env *env,
                             const struct ttn_http_options *options);

/* The key as a header, in memory that is wiped when freed. key: one that
 * ttn_key_check lets pass. NULL: no memory. */
struct ttn_auth;
struct ttn_auth *ttn_auth_new(const struct ttn_env *env, const char *key);
void ttn_auth_free(const struct ttn_env *env, struct ttn_auth *auth);

#endif
