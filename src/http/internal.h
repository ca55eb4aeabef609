/* SPDX-License-Identifier: MIT */
/* What http.c, transfer.c, curl_options.c and errors.c share. Each struct is
 * written in one of them. */
#ifndef TTN_HTTP_INTERNAL_H
#define TTN_HTTP_INTERNAL_H

#include "http/headers.h"

#include <curl/curl.h>
#include <stdatomic.h>

/* For so many connections it is known when something came over them. */
#define TTN_HEARD 64

/* A member of a circular list. */
struct link {
  struct link *next, *prev;
};

/* transfer.c writes it. */
struct heard {
  long port; /* the connection's on this machine */
  int64_t at;
};

/* What transfers share. transfer.c writes it. */
struct transfers {
  struct link idle; /* handles kept for later calls */
  size_t n_idle;
  struct heard heard[TTN_HEARD];
};

/* An account's network. http.c writes it. */
struct http {
  struct ttn_net net;
  const struct ttn_env *env;
  CURLM *multi;
  struct link under_way, ended; /* transfers */
  struct transfers transfers;
  int n_endless;               /* of these calls under way */
  const struct ttn_auth *auth; /* of the latest call: only compared */
  int64_t next_deadline;       /* no call's is earlier */
  atomic_bool woken;
  struct ttn_http_options options;
  struct curl_slist *headers; /* the options', linked */
};

/* What a call's options point to. curl_options.c writes it. */
struct call_options {
  struct curl_slist lines[3]; /* request headers; http->headers follow */
  bool direct;                /* past any proxy */
};

/* An easy handle, and the call that it is used for. transfer.c writes it. */
struct transfer {
  struct link link; /* first: a transfer is found by its link */
  struct http *http;
  struct ttn_call *call;
  CURL *easy;
  struct call_options options;
  bool ended;     /* in http->ended */
  int moves;      /* how often it was started again on another connection */
  bool handshake; /* its own connection came as far as TLS */
  bool old_text;  /* error is of a connection before the present one */
  long port;      /* of its connection, once an answer came; else 0 */
  bool answering; /* a header line of the answer itself came */
  int64_t begin;  /* when it was started, or started again */
  int64_t deadline;
  int64_t connect_timeout;
  size_t body; /* bytes given to the caller */
  struct ttn_headers headers;
  char error[CURL_ERROR_SIZE];
};

static inline void ttn_list_init(struct link *list) {
  list->next = list->prev = list;
}

static inline bool ttn_list_empty(const struct link *list) {
  return list->next == list;
}

static inline void ttn_list_append(struct link *list, struct link *link) {
  link->prev = list->prev;
  link->next = list;
  list->prev->next = link;
  list->prev = link;
}

static inline void ttn_list_remove(struct link *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
}

static inline struct transfer *ttn_transfer_of(struct link *link) {
  return (struct transfer *)link;
}

static inline int64_t ttn_http_mono(const struct http *http) {
  return http->env->mono(http->env->ctx);
}

/* Whether libcurl took an option of the transfer t. */
#define SET(option, value)                                                     \
  (curl_easy_setopt(t->easy, option, value) == CURLE_OK)

/* transfer.c */

/* A transfer for a call, in no list. NULL: no memory. */
struct transfer *ttn_transfer_acquire(struct http *http, struct ttn_call *call);
/* Releases a transfer that is in no list from its call, and keeps it for
 * another or frees it. */
void ttn_transfer_release(struct transfer *t);
/* Frees all transfers of a list; their calls are no longer under way. */
void ttn_transfers_free(struct link *list);
void ttn_transfers_free_idle(struct http *http);
/* Hands the call to libcurl, for the first time or once more. */
bool ttn_transfer_begin(struct transfer *t);
/* Takes the call from its connection and starts it again on another. False: it
 * was moved too often, or an answer has begun. */
bool ttn_transfer_move(struct transfer *t);
/* Says why it ends, where libcurl does not know. */
void ttn_transfer_set_error(struct transfer *t, const char *text);
/* It ended: libcurl has it no more. */
void ttn_transfer_ended(struct transfer *t);
/* For a call that is taken from libcurl before its end: closes its connection,
 * as soon as no other call is on it. */
void ttn_transfer_forbid_reuse(struct transfer *t, bool forbid);
/* The port of its connection on this machine, which tells connections apart; 0:
 * it has none yet. */
long ttn_transfer_connection(struct transfer *t);

/* errors.c */

/* Sets failure and why of the answer. For CURLE_WRITE_ERROR a failure other
 * than TTN_OK that is there already stays: the callbacks know better than
 * libcurl why they gave up. */
void ttn_http_explain(struct transfer *t, CURLcode code);

/* curl_options.c */

/* Sets what is the same for all calls. False: no memory, or libcurl lacks
 * something without which no request may be sent. */
bool ttn_http_set_up(struct transfer *t);
/* Sets what is the call's own; nothing of the call before is left. */
bool ttn_http_set_call(struct transfer *t);
/* Takes back what points into the caller's memory. */
void ttn_http_unset_call(struct transfer *t);

#endif
