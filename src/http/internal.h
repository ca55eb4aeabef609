/* SPDX-License-Identifier: MIT */
/* What the files of http.c share; no one else includes it. */
#ifndef TTN_HTTP_INT_H
#define TTN_HTTP_INT_H

#include "http/http.h"
#include "http/headers.h"

#include <curl/curl.h>
#include <stdatomic.h>

#if LIBCURL_VERSION_NUM < 0x074200
#error "libcurl 7.66 or later is needed (curl_multi_poll)"
#endif

/* Of which connections it is remembered when something came over them. */
#define TTN_HEARD 64

/* A member of one of the circular lists in struct http. */
struct link {
  struct link *next, *prev;
};

struct heard {
  long port; /* the connection's on this machine */
  int64_t at;
};

struct http {
  struct ttn_net net;
  const struct ttn_env *env;
  CURLM *multi;
  struct link under_way, ended, idle; /* slots */
  size_t n_idle;
  const struct ttn_auth *auth; /* of the latest call: only compared */
  int64_t next_deadline;       /* no call's is earlier */
  struct heard heard[TTN_HEARD];
  atomic_bool woken;
  /* The options, copied. */
  char *ca_cert, *client_cert, *client_key, *proxy, *user_agent;
  bool ca_cert_is_dir, verify_peer, verify_host, allow_plain;
  enum ttn_family family;
  int max_connections; /* to one host */
};

/* An easy handle, and the call that it is used for. */
struct slot {
  struct link link; /* first: a slot is found by its link */
  struct http *http;
  struct ttn_call *call;
  CURL *easy;
  bool ended;     /* in http->ended */
  bool direct;    /* past any proxy */
  int moves;      /* how often it was started anew on another connection */
  bool handshake; /* its own connection came as far as TLS */
  bool old_text;  /* error is of a connection before the present one */
  bool answering; /* a header line of the answer itself came */
  int64_t begin;  /* when it was started, or started anew */
  int64_t deadline;
  int64_t connect_timeout;
  size_t body; /* bytes given to the caller */
  struct ttn_headers headers;
  struct curl_slist lines[3]; /* request headers */
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

static inline struct slot *ttn_slot_of(struct link *link) {
  return (struct slot *)link;
}

static inline int64_t ttn_http_mono(const struct http *http) {
  return http->env->mono(http->env->ctx);
}

/* Whether libcurl took an option of `slot`. */
#define SET(option, value)                                                     \
  (curl_easy_setopt(slot->easy, option, value) == CURLE_OK)

/* http_slot.c */

/* A slot without a call and in no list, to be given back. NULL: no memory. */
struct slot *ttn_slot_take(struct http *http);

/* Takes a slot that is in no list from its call, and keeps it for another or
 * frees it. */
void ttn_slot_give(struct slot *slot);

/* Frees all slots of a list; their calls are under way no more. */
void ttn_slots_drop(struct link *list);

void ttn_slots_drop_idle(struct http *http);

/* The port of the slot's connection on this machine, which tells connections
 * apart; 0: it has none yet. */
long ttn_slot_connection(struct slot *slot);

/* http_setup.c */

/* Sets what is the same for all calls. False: no memory, or libcurl lacks
 * something without which no request may go out. */
bool ttn_http_set_up(struct slot *slot);

/* Sets what is slot->call's own; nothing of the call before is left. */
bool ttn_http_set_call(struct slot *slot);

/* Takes back what points into the caller's memory. */
void ttn_http_unset_call(struct slot *slot);

#endif
