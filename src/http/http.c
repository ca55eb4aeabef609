/* SPDX-License-Identifier: MIT */
/* struct ttn_net by libcurl's multi interface: every call a transfer with an
 * easy handle of its own, all of one account in one multi handle, which keeps
 * the connections between polls.
 *
 * Time. libcurl limits the time to connect; the time for the whole call is
 * kept here (expire), because it begins at the start of a call that waits for
 * a connection, and because of the next point.
 *
 * Silent connections. When a stream of an HTTP/2 connection times out, libcurl
 * keeps the connection and uses it again for ever, though nobody answers. As
 * long as another call is on it, libcurl tries it first, because it is the
 * oldest, even when a new connection is there (seen with 7.88). So
 * - a call whose time is up, or that is cancelled, forbids the reuse of its
 *   connection: libcurl then closes it as soon as the last call leaves it;
 * - and when a call's time is up and nothing came over its connection in all
 *   that time, the other calls leave it, too (leave).
 *
 * Dead connections. One that died between polls, or dies before a byte of the
 * answer came, is not a failure of the server: the call is sent again
 * (try_again). libcurl does it by itself in most cases.
 *
 * Shutdown. getaddrinfo(3) can't be interrupted. CURLOPT_QUICK_EXIT (libcurl
 * 7.87) leaves its thread behind; an older libcurl waits for it whenever a
 * handle is removed, so there a dead name server can delay the end of a poll.
 */
#include "http/http.h"

#include "http/internal.h"

#include <string.h>
#include <time.h>

/* A connection that was silent for less is not given up. */
#define SILENCE TTN_SECOND
/* Hosts whose connections are kept between polls. */
#define HOSTS_KEPT 16

/* Endless calls take no connection or stream from the others. */
static bool set_limits(const struct http *http) {
  long streams = http->options.max_streams + http->n_endless;
  long connections = http->options.max_connections + http->n_endless;
  (void)curl_multi_setopt(http->multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                          streams);
  return curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                           connections) == CURLM_OK;
}

static void count_endless(struct http *http, const struct ttn_call *call,
                          int more) {
  if (!call->endless)
    return;
  http->n_endless += more;
  (void)set_limits(http);
}

static bool http_start(void *ctx, struct ttn_call *call) {
  struct http *http = ctx;
  if (call->auth != http->auth) /* the key was rotated */
    ttn_transfers_free_idle(http);
  http->auth = call->auth;
  struct transfer *t = ttn_transfer_acquire(http, call);
  if (t == NULL)
    return false;
  count_endless(http, call, 1);
  if (!ttn_transfer_begin(t)) {
    count_endless(http, call, -1);
    ttn_transfer_release(t);
    return false;
  }
  call->net = t;
  ttn_list_append(&http->under_way, &t->link);
  if (t->deadline < http->next_deadline)
    http->next_deadline = t->deadline;
  return true;
}

/* Was the request handed to a connection that was there before? Trap: a call
 * that never got a connection made none, either. (CURLINFO_PRETRANSFER_TIME is
 * no good: 0 when sending fails.) */
static bool used_old_connection(struct transfer *t) {
  long connects = 1;
  curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
  return connects == 0 && ttn_transfer_connection(t) != 0;
}

/* The call is over: its answer is filled in, and wait will give it back. */
static void finish(struct transfer *t, CURLcode code) {
  struct ttn_answer *answer = &t->call->answer;
  long status = 0, version = 0;

  curl_multi_remove_handle(t->http->multi, t->easy);
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
  answer->status = status >= 200 ? (int)status : 0;
  answer->http2 = version == CURL_HTTP_VERSION_2_0;
  answer->reused = used_old_connection(t);
  if (code != CURLE_OK)
    ttn_http_explain(t, code);
  ttn_list_remove(&t->link);
  ttn_list_append(&t->http->ended, &t->link);
  count_endless(t->http, t->call, -1);
  ttn_transfer_ended(t);
}

/* "https://host:port" of two URLs. */
static bool same_origin(const char *a, const char *b) {
  size_t n = strcspn(a, ":") + 3;
  n += strcspn(a + n, "/");
  return strncmp(a, b, n) == 0 && (b[n] == '/' || b[n] == '\0');
}

/* Moves all other calls away from a connection that can't be used any more. A
 * call whose answer has begun can't be sent again: if the connection is silent,
 * it ends now, before its own deadline. */
static void leave(struct transfer *first, long port, bool silent) {
  struct http *http = first->http;
  struct link *link, *next;
  for (link = http->under_way.next; link != &http->under_way; link = next) {
    struct transfer *t = ttn_transfer_of(link);
    next = link->next;
    if (t != first && ttn_transfer_connection(t) == port &&
        same_origin(first->call->url, t->call->url) && !ttn_transfer_move(t) &&
        silent) {
      ttn_transfer_forbid_reuse(t, true);
      ttn_transfer_set_error(t, "its connection fell silent");
      finish(t, CURLE_RECV_ERROR);
    }
  }
}

/* Sends the call again if only the connection can be to blame: it was there
 * before, and no byte of an answer came over it. The calls on the same
 * connection are moved, too, or libcurl would choose the dying connection
 * again. If libcurl has already tried again by itself, one more attempt gives a
 * text that says what is wrong now. */
static bool try_again(struct transfer *t, CURLcode code) {
  long port = ttn_transfer_connection(t);
  if (t->old_text && code != CURLE_OPERATION_TIMEDOUT)
    return ttn_transfer_move(t);
  switch (code) {
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE: /* what a reset is to a stream of 7.88 */
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    if (!used_old_connection(t) || !ttn_transfer_move(t))
      return false;
    leave(t, port, false);
    return true;
  default:
    return false;
  }
}

static void collect(struct http *http) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
    CURLcode code = message->data.result;
    char *private = NULL;
    struct transfer *t;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    t = (struct transfer *)(void *)private;
    if (code == CURLE_OK || !try_again(t, code))
      finish(t, code);
  }
}

/* The connection of a call whose time is up, if nothing came over it since the
 * call began; else 0. */
static long silent_connection(struct transfer *t, int64_t now) {
  long port = ttn_transfer_connection(t);
  const struct heard *heard = &t->http->transfers.heard[port % TTN_HEARD];
  if (now - t->begin < SILENCE ||
      (heard->port == port && heard->at >= t->begin))
    return 0;
  return port;
}

/* A call whose time is up; if there is none, sets next_deadline. */
static struct transfer *first_due(struct http *http, int64_t now) {
  struct link *link;
  http->next_deadline = INT64_MAX;
  for (link = http->under_way.next; link != &http->under_way;
       link = link->next) {
    struct transfer *t = ttn_transfer_of(link);
    if (t->deadline <= now)
      return t;
    if (t->deadline < http->next_deadline)
      http->next_deadline = t->deadline;
  }
  return NULL;
}

/* Ends the calls whose time is up. The list is walked only then. */
static void expire(struct http *http, int64_t now) {
  struct transfer *t;
  if (now < http->next_deadline)
    return;
  while ((t = first_due(http, now)) != NULL) {
    long port = silent_connection(t, now);
    ttn_transfer_forbid_reuse(t, true);
    finish(t, CURLE_OPERATION_TIMEDOUT);
    if (port != 0)
      leave(t, port, true);
  }
}

static void sleep_until(struct http *http, int64_t now, int64_t until) {
  int64_t ms;
  if (until > http->next_deadline)
    until = http->next_deadline;
  ms = (until - now) / TTN_MS + 1;
  if (ms > 60000)
    ms = 60000;
  if (curl_multi_poll(http->multi, NULL, 0, (int)ms, NULL) != CURLM_OK) {
    /* No memory within libcurl: not in a busy loop. */
    struct timespec pause = {.tv_nsec = 10 * TTN_MS};
    nanosleep(&pause, NULL);
  }
}

static struct ttn_call *http_wait(void *ctx, int64_t until) {
  struct http *http = ctx;
  for (;;) {
    int running;
    int64_t now;

    if (atomic_exchange(&http->woken, false))
      return NULL;
    if (!ttn_list_empty(&http->ended)) {
      struct transfer *t = ttn_transfer_of(http->ended.next);
      struct ttn_call *call = t->call;
      ttn_list_remove(&t->link);
      ttn_transfer_release(t);
      return call;
    }
    /* A failure is libcurl's lack of memory: the deadlines end what it can't
     * go on with. */
    curl_multi_perform(http->multi, &running);
    collect(http);
    now = ttn_http_mono(http);
    expire(http, now);
    if (!ttn_list_empty(&http->ended))
      continue;
    if (now >= until)
      return NULL;
    sleep_until(http, now, until);
  }
}

static void http_cancel(void *ctx, struct ttn_call *call) {
  struct http *http = ctx;
  struct transfer *t = call->net;
  if (t == NULL)
    return;
  if (!t->ended) {
    ttn_transfer_forbid_reuse(t, !call->endless);
    curl_multi_remove_handle(http->multi, t->easy);
    count_endless(http, call, -1);
  }
  ttn_list_remove(&t->link);
  ttn_transfer_release(t);
}

static void http_wake(void *ctx) {
  struct http *http = ctx;
  atomic_store(&http->woken, true);
  curl_multi_wakeup(http->multi);
}

static void http_free(void *ctx) {
  struct http *http = ctx;
  ttn_transfers_free(&http->under_way);
  ttn_transfers_free(&http->ended);
  ttn_transfers_free_idle(http);
  curl_multi_cleanup(http->multi);
  ttn_free(http->env, http->headers);
  ttn_free(http->env, http);
}

static bool link_headers(struct http *http) {
  size_t n = http->options.n_headers;
  if (n == 0)
    return true;
  http->headers = ttn_alloc(http->env, n * sizeof(*http->headers));
  if (http->headers == NULL)
    return false;
  for (size_t i = 0; i < n; i++)
    http->headers[i] = (struct curl_slist){
        http->options.headers[i], i + 1 < n ? &http->headers[i + 1] : NULL};
  return true;
}

static bool set_multi(const struct http *http) {
  CURLM *multi = http->multi;
  long kept = (long)http->options.max_connections * HOSTS_KEPT;
  return curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                           (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
         set_limits(http) &&
         curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kept) == CURLM_OK &&
         /* Whether wake can work at all is known before it is needed. */
         curl_multi_wakeup(multi) == CURLM_OK;
}

struct ttn_net *ttn_http_new(const struct ttn_env *env,
                             const struct ttn_http_options *options) {
  struct http *http = ttn_alloc(env, sizeof *http);
  if (http == NULL)
    return NULL;
  http->env = env;
  http->options = *options;
  ttn_list_init(&http->under_way);
  ttn_list_init(&http->ended);
  ttn_list_init(&http->transfers.idle);
  http->next_deadline = INT64_MAX;
  atomic_init(&http->woken, false);
  http->net = (struct ttn_net){.ctx = http,
                               .start = http_start,
                               .wait = http_wait,
                               .cancel = http_cancel,
                               .wake = http_wake,
                               .free = http_free};
  http->multi = curl_multi_init();
  if (http->multi != NULL && link_headers(http) && set_multi(http))
    return &http->net;
  http_free(http);
  return NULL;
}
