/* SPDX-License-Identifier: MIT */
/* Requests and answers over the network, many at a time. The poll knows only
 * struct ttn_net; http.c implements it with libcurl's multi interface, a test
 * by a script. No JSON here, and no idea of what is asked. */
#ifndef TTN_HTTP_H
#define TTN_HTTP_H

#include "base/env.h"
#include "base/failure.h"

/* The end of a call, valid when `failure` is TTN_OK or not: what did arrive. */
struct ttn_answer {
  enum ttn_failure failure; /* of the transfer: TTN_OK even with status 500 */
  char why[300];            /* failure in words, with the cure where known */
  int status;               /* HTTP status, 0 = none came */
  int64_t date;             /* Date header, ns; 0 = none or malformed */
  int64_t total_count;      /* X-Total-Count, -1 = none, -2 = malformed */
  /* X-Rate-Limit-*: seconds and counts, -1 = none */
  int64_t rate_limit, rate_available, rate_reset, rate_retry;
  char warning[128]; /* X-Warning, "" = none; control characters as '?' */
  bool http2;
  bool reused;    /* over a connection that was there before */
  uint64_t bytes; /* of body as received, before decompression */
};

/* One request. The caller owns it, fills the first part, and leaves it alone
 * between start and the moment that wait or cancel gives it back. */
struct ttn_call {
  const char *url;
  const char *body; /* JSON to POST, or NULL: GET */
  size_t body_size;
  /* "Authorization: Bearer …" as ttn_auth_new made it, or NULL: no key
   * goes out. */
  const struct ttn_auth *auth;
  bool fresh;         /* on a connection of its own, not on one that is there */
  int64_t timeout;    /* ns from start to the whole answer */
  /* Gets the body as it arrives, decompressed. False: give up; the answer then
   * has TTN_FAIL_JSON and the caller knows why. Beyond TTN_BODY_MAX bytes the
   * transfer is ended with TTN_FAIL_TOO_LARGE. */
  bool (*data)(struct ttn_call *call, int status, const char *bytes,
               size_t n);
  void *ctx; /* the caller's */

  struct ttn_answer answer;
  void *net; /* the implementation's */
};

/* Not thread-safe but for wake. */
struct ttn_net {
  void *ctx;
  /* False: no memory; the call was not started. */
  bool (*start)(void *ctx, struct ttn_call *call);
  /* Gives back one call that has ended, or NULL when `until` (mono) is
   * reached or wake was called; with nothing under way it just waits. */
  struct ttn_call *(*wait)(void *ctx, int64_t until);
  /* Ends a call at once; it is the caller's again, its answer is not set. Not
   * from within data. */
  void (*cancel)(void *ctx, struct ttn_call *call);
  /* From any thread: the wait that is under way, or the next one, returns. */
  void (*wake)(void *ctx);
  void (*free)(void *ctx);
};

enum ttn_family { TTN_FAMILY_ANY, TTN_FAMILY_IPV4, TTN_FAMILY_IPV6 };

/* Strings may be NULL and are copied by ttn_http_new. */
struct ttn_http_options {
  const char *ca_cert; /* a file, or a directory of hashed certificates */
  bool verify_peer, verify_host;
  bool allow_plain; /* http:// URLs may go through a proxy: else they go to
                     * this machine, and never leave it */
  const char *client_cert, *client_key; /* PEM files */
  const char *proxy;                    /* NULL: as the environment says */
  enum ttn_family family;
  int max_connections; /* to one host */
  int max_streams;     /* of one HTTP/2 connection */
  const char *user_agent;
};

/* libcurl's global initialisation; once, while there is one thread. False:
 * libcurl can't be used. */
bool ttn_http_global_init(void);
/* One per account. NULL: no memory. */
struct ttn_net *ttn_http_new(const struct ttn_env *env,
                             const struct ttn_http_options *options);

/* The key as a header, in memory that is wiped when freed. key: one that
 * ttn_key_check lets pass. NULL: no memory. */
struct ttn_auth;
struct ttn_auth *ttn_auth_new(const struct ttn_env *env, const char *key);
void ttn_auth_free(const struct ttn_env *env, struct ttn_auth *auth);

#endif
