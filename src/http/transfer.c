/* SPDX-License-Identifier: MIT */
/* Transfers: easy handles, what they tell while an answer comes, and those that
 * are kept for a later call. http.c decides when calls begin and end. */
#include "http/internal.h"
#include "base/text.h"

#include <string.h>

#define CONNECT_TIMEOUT (10 * TTN_SECOND)
/* Idle handles kept for later calls; some 10 KB each within libcurl. */
#define IDLE_MAX 128

/* CURLINFO_ACTIVESOCKET is no good: -1 for streams of 7.88. CURLINFO_CONN_ID
 * needs 8.2. Without a connection 8.14 says -1. */
long ttn_transfer_connection(struct transfer *t) {
  long port = 0;
  curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port);
  return port > 0 ? port : 0;
}

/* Two connections that share an entry make each other look silent: which
 * costs a request, no more. */
static void note_heard(struct transfer *t) {
  struct http *http = t->http;
  long port = t->port > 0 ? t->port : ttn_transfer_connection(t);
  if (t->answering)
    t->port = port;
  http->transfers.heard[port % TTN_HEARD] =
      (struct heard){port, ttn_http_mono(http)};
}

static size_t on_header(char *line, size_t size, size_t n, void *user) {
  struct transfer *t = user;
  n *= size;
  if (!t->answering) {
    t->answering = true;
    note_heard(t);
  }
  if (ttn_headers_line(&t->headers, line, n))
    return n;
  t->call->answer.failure = TTN_FAIL_TOO_LARGE;
  return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user) {
  struct transfer *t = user;
  struct ttn_call *call = t->call;
  long status = 0;

  n *= size;
  if (!call->endless && n > TTN_BODY_MAX - t->body) {
    call->answer.failure = TTN_FAIL_TOO_LARGE;
    return 0;
  }
  if (t->body == 0 &&
      curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
    call->answer.status = (int)status;
  t->body += n;
  note_heard(t);
  if (n == 0 || call->data(call, call->answer.status, bytes, n))
    return n;
  call->answer.failure = TTN_FAIL_JSON;
  return 0;
}

/* A connection is about to be made. Trap: libcurl keeps the first text of a
 * call, though it went on by itself to another connection. */
static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose) {
  struct transfer *t = user;
  (void)fd;
  (void)purpose;
  t->old_text = t->error[0] != '\0';
  return CURL_SOCKOPT_OK;
}

/* The handshake is about to begin: somebody accepted the connection, of which
 * 8.14 tells nothing else until the handshake is over. */
static CURLcode on_handshake(CURL *easy, void *ssl_ctx, void *user) {
  struct transfer *t = user;
  (void)easy;
  (void)ssl_ctx;
  t->handshake = true;
  return CURLE_OK;
}

static bool set_callbacks(struct transfer *t) {
  /* Comfort: GnuTLS doesn't have it, and a time-out is named less well. */
  (void)(SET(CURLOPT_SSL_CTX_FUNCTION, on_handshake) &&
         SET(CURLOPT_SSL_CTX_DATA, t));
  return SET(CURLOPT_PRIVATE, t) && SET(CURLOPT_ERRORBUFFER, t->error) &&
         SET(CURLOPT_SOCKOPTFUNCTION, on_socket) &&
         SET(CURLOPT_SOCKOPTDATA, t) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, t) &&
         SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t);
}

static void transfer_free(struct transfer *t) {
  curl_easy_cleanup(t->easy);
  ttn_free(t->http->env, t);
}

/* An easy handle with all that is the same for every call. Handles are used
 * again without curl_easy_reset: what differs is set by
 * ttn_http_set_call, each time. */
static struct transfer *transfer_new(struct http *http) {
  struct transfer *t = ttn_alloc(http->env, sizeof *t);
  if (t == NULL)
    return NULL;
  t->http = http;
  t->easy = curl_easy_init();
  if (t->easy != NULL && set_callbacks(t) && ttn_http_set_up(t))
    return t;
  transfer_free(t);
  return NULL;
}

static struct transfer *take_idle(struct http *http) {
  struct link *link = http->transfers.idle.prev;
  if (ttn_list_empty(&http->transfers.idle))
    return transfer_new(http);
  ttn_list_remove(link);
  http->transfers.n_idle--;
  return ttn_transfer_of(link);
}

struct transfer *ttn_transfer_acquire(struct http *http,
                                      struct ttn_call *call) {
  struct transfer *t = take_idle(http);
  int64_t timeout = call->timeout > 0 ? call->timeout : 0;
  if (t == NULL)
    return NULL;
  t->call = call;
  t->ended = false;
  t->moves = 0;
  t->deadline = call->endless ? INT64_MAX : ttn_http_mono(http) + timeout;
  /* libcurl knows whether a name or a connection was missing: its own time-out
   * comes first. */
  t->connect_timeout = timeout - timeout / 16;
  if (t->connect_timeout > CONNECT_TIMEOUT)
    t->connect_timeout = CONNECT_TIMEOUT;
  if (ttn_http_set_call(t))
    return t;
  ttn_transfer_release(t);
  return NULL;
}

void ttn_transfer_forbid_reuse(struct transfer *t, bool forbid) {
  curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, forbid ? 1L : 0L);
}

bool ttn_transfer_begin(struct transfer *t) {
  struct ttn_answer *answer = &t->call->answer;
  memset(answer, 0, sizeof *answer);
  ttn_headers_begin(&t->headers, answer);
  t->handshake = t->old_text = t->answering = false;
  t->body = 0;
  t->port = 0;
  t->error[0] = '\0';
  t->begin = ttn_http_mono(t->http);
  ttn_transfer_forbid_reuse(t, false);
  return curl_multi_add_handle(t->http->multi, t->easy) == CURLM_OK;
}

/* All requests of this project only read, so one that arrived before may be
 * sent again. As many connections as there may be can have died, and it may
 * meet all of them. */
bool ttn_transfer_move(struct transfer *t) {
  if (t->moves == t->http->options.max_connections || t->answering)
    return false;
  t->moves++;
  ttn_transfer_forbid_reuse(t, true);
  curl_multi_remove_handle(t->http->multi, t->easy);
  return ttn_transfer_begin(t);
}

void ttn_transfer_set_error(struct transfer *t, const char *text) {
  t->old_text = false;
  ttn_print(t->error, sizeof t->error, "%s", text);
}

void ttn_transfer_ended(struct transfer *t) { t->ended = true; }

/* Trap: libcurl 8.16 keeps a failure to resolve a name with the handle
 * (collectd issue 4399), so such a handle is not used again. Another: 8.14
 * keeps the text of the last request with it, and so the key. */
void ttn_transfer_release(struct transfer *t) {
  struct http *http = t->http;
  bool stuck =
      t->call->answer.failure == TTN_FAIL_DNS || t->call->auth != http->auth;
  t->call->net = NULL;
  t->call = NULL;
  if (stuck || http->transfers.n_idle >= IDLE_MAX) {
    transfer_free(t);
    return;
  }
  ttn_http_unset_call(t);
  ttn_list_append(&http->transfers.idle, &t->link);
  http->transfers.n_idle++;
}

void ttn_transfers_free(struct link *list) {
  while (!ttn_list_empty(list)) {
    struct transfer *t = ttn_transfer_of(list->next);
    ttn_list_remove(&t->link);
    if (t->call != NULL)
      t->call->net = NULL;
    if (t->call != NULL && !t->ended)
      curl_multi_remove_handle(t->http->multi, t->easy);
    transfer_free(t);
  }
}

void ttn_transfers_free_idle(struct http *http) {
  ttn_transfers_free(&http->transfers.idle);
  http->transfers.n_idle = 0;
}
