/* SPDX-License-Identifier: MIT */
/* struct ttn_net over libcurl's multi interface. It knows neither JSON nor what
 * is asked. */
#ifndef TTN_HTTP_H
#define TTN_HTTP_H

#include "http/net.h"

/* Strings may be NULL and are copied by ttn_http_new. The caller fills it. */
struct ttn_http_options {
  const char *ca_cert; /* a file, or a directory of hashed certificates */
  bool verify_peer, verify_host;
  bool allow_plain; /* http:// URLs may go through a proxy: else they go to
                     * this machine, and never leave it */
  const char *client_cert, *client_key; /* PEM files */
  const char *proxy;                    /* NULL: as the environment says */
  const char *proxy_user;               /* "user:password" */
  enum ttn_proxy_auth proxy_auth;       /* one that ttn_http_can_log_in */
  enum ttn_http_version version;
  char *const *headers; /* "Name: value", sent with each request */
  size_t n_headers;
  enum ttn_family family;
  int max_connections; /* to one host */
  int max_streams;     /* of one HTTP/2 connection */
  const char *user_agent;
};

/* libcurl's global initialisation; once, while there is one thread. False:
 * libcurl can't be used. */
bool ttn_http_global_init(void);
/* libcurl's version and those of its libraries, as curl -V prints them. */
const char *ttn_http_version(void);
/* Can this libcurl log in so? */
bool ttn_http_can_log_in(enum ttn_proxy_auth how);
/* One per account. NULL: no memory. */
struct ttn_net *ttn_http_new(const struct ttn_env *env,
                             const struct ttn_http_options *options);

/* The key as a header, in memory that is wiped when freed. key: one that
 * ttn_key_check lets pass. NULL: no memory. */
struct ttn_auth;
struct ttn_auth *ttn_auth_new(const struct ttn_env *env, const char *key);
void ttn_auth_free(const struct ttn_env *env, struct ttn_auth *auth);

#endif
