/* SPDX-License-Identifier: MIT */
/* Requests and answers over the network, many at a time: the interface. http.c
 * implements it with libcurl, a unit test with a script. */
#ifndef TTN_NET_H
#define TTN_NET_H

#include "base/env.h"
#include "base/failure.h"

/* The largest body that is read. */
#define TTN_BODY_MAX (16u << 20)
/* Calls at once over HTTP/2. 20,000 gateways at 20 ms take 1.0 s; with 8, they
 * take 1.7 s. */
#define TTN_STREAMS_MAX 32

/* The end of a call. If `failure` is not TTN_OK, the other members say what
 * arrived before it failed. http.c, transfer.c, headers.c and errors.c write
 * it. */
struct ttn_answer {
  enum ttn_failure failure; /* of the transfer: TTN_OK even with status 500 */
  char why[300];            /* failure in words, with the fix where known */
  int status;               /* HTTP status, 0 = none came */
  int64_t date;             /* Date header, ns; 0 = none or malformed */
  int64_t total_count;      /* X-Total-Count, -1 = none, -2 = malformed */
  /* X-Rate-Limit-*: seconds and counts, -1 = none */
  int64_t rate_limit, rate_available, rate_reset, rate_retry;
  int64_t retry_after; /* Retry-After in seconds, -1 = none, or a date: */
  int64_t retry_at;    /* ns, 0 = none */
  bool from_stack;     /* has "Cache-Control: no-store", as every answer of the
                        * stack (tests/answers), or X-Request-Id */
  char warning[128]; /* X-Warning, "" = none; all but printable ASCII as '?' */
  bool http2;
  bool reused; /* over a connection that was there before */
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
  bool fresh;      /* on a connection of its own, not on one that is there */
  bool endless;    /* a stream: only the time to connect is limited, and the
                    * answer's size is not */
  int64_t timeout; /* ns from start to the whole answer */
  /* Gets the body as it arrives, decompressed. False: give up; the answer then
   * has TTN_FAIL_JSON and the caller knows why. Beyond TTN_BODY_MAX bytes the
   * transfer is ended with TTN_FAIL_TOO_LARGE. */
  bool (*data)(struct ttn_call *call, int status, const char *bytes, size_t n);
  void *ctx; /* the caller's */

  struct ttn_answer answer;
  void *net; /* the implementation's */
};

/* Which addresses of a host are used. */
enum ttn_family { TTN_FAMILY_ANY, TTN_FAMILY_IPV4, TTN_FAMILY_IPV6 };

/* "2": over TLS if the server has it, else 1.1. */
enum ttn_http_version { TTN_HTTP_2, TTN_HTTP_1_1 };

/* How to log in at a proxy. */
enum ttn_proxy_auth {
  TTN_PROXY_BASIC,
  TTN_PROXY_DIGEST,
  TTN_PROXY_NTLM,
  TTN_PROXY_NEGOTIATE, /* Kerberos */
  TTN_PROXY_ANY        /* what the proxy offers */
};

/* How an account's network is. Strings may be NULL. The caller fills it. */
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

#endif
