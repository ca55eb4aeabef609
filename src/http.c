/* SPDX-License-Identifier: MIT */
/* struct ttn_net by libcurl's multi interface: every call a slot with an easy
 * handle of its own, all of one account in one multi handle, which keeps the
 * connections from poll to poll. http_setup.c says what a request is,
 * http_headers.c reads headers, http_errors.c puts failures into words.
 * Nothing here knows JSON, gateways or polls.
 *
 * Time. libcurl limits the time to connect; the time for the whole call is
 * kept here (expire), because calls that wait for a connection are to be
 * counted from their start, and for the sake of the next point.
 *
 * Silent connections. When a stream of an HTTP/2 connection times out, libcurl
 * keeps the connection and uses it again, for ever, though nobody answers at
 * the other end; and as long as another call is on it, even a fresh one
 * beside it is passed over, the oldest being tried first (seen with 7.88). So
 * - a call whose time is up, or that is cancelled, forbids the reuse of its
 *   connection: libcurl then closes it as soon as the last call leaves it;
 * - and when a call's time is up and nothing came over its connection in all
 *   that time, the other calls leave it, too (leave).
 *
 * Dead connections. One that died between polls, or dies before a byte of the
 * answer came, is no failure of the server: the call is made anew
 * (try_again). libcurl does it by itself in most cases.
 *
 * Shutdown. getaddrinfo(3) can't be interrupted. CURLOPT_QUICK_EXIT (libcurl
 * 7.87) leaves its thread behind; an older libcurl waits for it whenever a
 * handle is removed, so there a dead name server can delay the end of a poll.
 */
#include "http_int.h"

#include "decode.h"
#include "http_errors.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CONNECT_TIMEOUT (10 * TTN_SECOND)
/* A connection that was silent for less is not given up. */
#define SILENCE TTN_SECOND
/* Idle handles kept for later calls; some 10 KB each within libcurl. */
#define IDLE_MAX 128
/* Hosts whose connections are kept from poll to poll. */
#define HOSTS_KEPT 16

static void list_init(struct link *list) { list->next = list->prev = list; }

static bool list_empty(const struct link *list) { return list->next == list; }

static void list_append(struct link *list, struct link *link) {
  link->prev = list->prev;
  link->next = list;
  list->prev->next = link;
  list->prev = link;
}

static void list_remove(struct link *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
}

static struct slot *slot_of(struct link *link) { return (struct slot *)link; }

static int64_t mono(const struct http *http) {
  return http->env->mono(http->env->ctx);
}

/* For a call that is about to be taken from libcurl before its end: closes its
 * connection, as soon as no other call is on it. */
static void forbid_reuse(struct slot *slot, bool forbid) {
  curl_easy_setopt(slot->easy, CURLOPT_FORBID_REUSE, forbid ? 1L : 0L);
}

/* The port of the slot's connection on this machine, which tells connections
 * apart; 0: it has none yet, for which 8.14 says -1. (CURLINFO_ACTIVESOCKET is
 * no good: -1 for streams of 7.88. CURLINFO_CONN_ID needs 8.2.) */
static long connection_of(struct slot *slot) {
  long port = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_LOCAL_PORT, &port);
  return port > 0 ? port : 0;
}

/* Two connections that share an entry make each other look silent: which
 * costs a request, no more. */
static void note_heard(struct slot *slot) {
  struct http *http = slot->http;
  long port = connection_of(slot);
  http->heard[port % TTN_HEARD] = (struct heard){port, mono(http)};
}

static size_t on_header(char *line, size_t size, size_t n, void *user) {
  struct slot *slot = user;
  n *= size;
  if (!slot->answering) {
    slot->answering = true;
    note_heard(slot);
  }
  if (ttn_headers_line(&slot->headers, line, n))
    return n;
  slot->call->answer.failure = TTN_FAIL_TOO_LARGE;
  return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user) {
  struct slot *slot = user;
  struct ttn_call *call = slot->call;
  long status = 0;

  n *= size;
  if (n > TTN_BODY_MAX - slot->body) {
    call->answer.failure = TTN_FAIL_TOO_LARGE;
    return 0;
  }
  if (slot->body == 0 && curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE,
                                           &status) == CURLE_OK)
    call->answer.status = (int)status;
  slot->body += n;
  note_heard(slot);
  if (n == 0 || call->data(call, call->answer.status, bytes, n))
    return n;
  call->answer.failure = TTN_FAIL_JSON;
  return 0;
}

/* A connection is about to be made. Trap: libcurl keeps the first text of a
 * call, though it went on by itself to another connection. */
static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose) {
  struct slot *slot = user;
  (void)fd;
  (void)purpose;
  slot->old_text = slot->error[0] != '\0';
  return CURL_SOCKOPT_OK;
}

/* The handshake is about to begin: somebody accepted the connection, of which
 * 8.14 tells nothing else until the handshake is over. */
static CURLcode on_handshake(CURL *easy, void *ssl_ctx, void *user) {
  struct slot *slot = user;
  (void)easy;
  (void)ssl_ctx;
  slot->handshake = true;
  return CURLE_OK;
}

#define SET(option, value)                                                     \
  (curl_easy_setopt(slot->easy, option, value) == CURLE_OK)

static bool set_callbacks(struct slot *slot) {
  /* Comfort: GnuTLS doesn't have it, and a time-out is named less well. */
  (void)(SET(CURLOPT_SSL_CTX_FUNCTION, on_handshake) &&
         SET(CURLOPT_SSL_CTX_DATA, slot));
  return SET(CURLOPT_PRIVATE, slot) && SET(CURLOPT_ERRORBUFFER, slot->error) &&
         SET(CURLOPT_SOCKOPTFUNCTION, on_socket) &&
         SET(CURLOPT_SOCKOPTDATA, slot) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) &&
         SET(CURLOPT_HEADERDATA, slot) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
         SET(CURLOPT_WRITEDATA, slot);
}

static void slot_free(struct slot *slot) {
  curl_easy_cleanup(slot->easy);
  ttn_free(slot->http->env, slot);
}

/* An easy handle with all that is the same for every call. Handles are used
 * again without curl_easy_reset: what differs is set by
 * ttn_http_set_call, each time. */
static struct slot *slot_new(struct http *http) {
  struct slot *slot = ttn_alloc(http->env, sizeof *slot);
  if (slot == NULL)
    return NULL;
  slot->http = http;
  slot->easy = curl_easy_init();
  if (slot->easy != NULL && set_callbacks(slot) && ttn_http_set_up(slot))
    return slot;
  slot_free(slot);
  return NULL;
}

static struct slot *slot_take(struct http *http) {
  struct link *link = http->idle.prev;
  if (list_empty(&http->idle))
    return slot_new(http);
  list_remove(link);
  http->n_idle--;
  return slot_of(link);
}

/* The slot is in no list. Trap: libcurl 8.16 keeps a failure to resolve a name
 * with the handle (collectd issue 4399), so such a handle is not used again.
 * Another: 8.14 keeps the text of the last request with it, and so the key. */
static void slot_give(struct slot *slot) {
  struct http *http = slot->http;
  bool stuck = slot->call->answer.failure == TTN_FAIL_DNS ||
               slot->call->auth != http->auth;
  slot->call->net = NULL;
  slot->call = NULL;
  if (stuck || http->n_idle >= IDLE_MAX) {
    slot_free(slot);
    return;
  }
  ttn_http_unset_call(slot);
  list_append(&http->idle, &slot->link);
  http->n_idle++;
}

/* Hands the call to libcurl, for the first time or once more. */
static bool begin(struct slot *slot) {
  struct ttn_answer *answer = &slot->call->answer;
  memset(answer, 0, sizeof *answer);
  ttn_headers_begin(&slot->headers, answer);
  slot->handshake = slot->old_text = slot->answering = false;
  slot->body = 0;
  slot->error[0] = '\0';
  slot->begin = mono(slot->http);
  forbid_reuse(slot, false);
  return curl_multi_add_handle(slot->http->multi, slot->easy) == CURLM_OK;
}

static void drop_slots(struct link *list) {
  while (!list_empty(list)) {
    struct slot *slot = slot_of(list->next);
    list_remove(&slot->link);
    if (slot->call != NULL)
      slot->call->net = NULL;
    if (slot->call != NULL && !slot->ended)
      curl_multi_remove_handle(slot->http->multi, slot->easy);
    slot_free(slot);
  }
}

static void drop_idle(struct http *http) {
  drop_slots(&http->idle);
  http->n_idle = 0;
}

static bool http_start(void *ctx, struct ttn_call *call) {
  struct http *http = ctx;
  if (call->auth != http->auth) /* the key was rotated */
    drop_idle(http);
  http->auth = call->auth;
  struct slot *slot = slot_take(http);
  int64_t timeout = call->timeout > 0 ? call->timeout : 0;

  if (slot == NULL)
    return false;
  slot->call = call;
  slot->ended = false;
  slot->moves = 0;
  slot->deadline = mono(http) + timeout;
  /* libcurl knows whether it was a name or a connection that was missing: let
   * it speak first. */
  slot->connect_timeout = timeout - timeout / 16;
  if (slot->connect_timeout > CONNECT_TIMEOUT)
    slot->connect_timeout = CONNECT_TIMEOUT;
  if (!ttn_http_set_call(slot) || !begin(slot)) {
    slot_give(slot);
    return false;
  }
  call->net = slot;
  list_append(&http->under_way, &slot->link);
  if (slot->deadline < http->next_deadline)
    http->next_deadline = slot->deadline;
  return true;
}

/* Was the request handed to a connection that was there before? Trap: a call
 * that never got a connection made none, either. (CURLINFO_PRETRANSFER_TIME is
 * no good: 0 when sending fails.) */
static bool used_old_connection(struct slot *slot) {
  long connects = 1;
  curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
  return connects == 0 && connection_of(slot) != 0;
}

/* Takes the call from its connection and starts it anew. All of this project's
 * requests only ask, so one that was heard all the same does no harm. As many
 * connections as there may be can have died, and it may come upon all of them.
 */
static bool move(struct slot *slot) {
  if (slot->moves == slot->http->max_connections || slot->answering)
    return false;
  slot->moves++;
  forbid_reuse(slot, true);
  curl_multi_remove_handle(slot->http->multi, slot->easy);
  return begin(slot);
}

static void explain(struct slot *slot, CURLcode code) {
  const char *text = slot->old_text ? "" : slot->error;
  struct ttn_http_end end = {
      .code = code,
      .url = slot->call->url,
      .text = text,
      .timeout = text[0] != '\0' ? slot->connect_timeout : slot->call->timeout,
      .answering = slot->answering,
      .proxy = slot->http->proxy != NULL && !slot->direct,
  };
  curl_off_t resolved = 0, sent = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(slot->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(slot->easy, CURLINFO_HTTP_CONNECTCODE, &end.proxy_status);
  end.resolved = resolved > 0;
  /* CURLINFO_CONNECT_TIME_T is 0 on an old connection, and until TLS is up. */
  end.connected = sent > 0 || slot->handshake || connection_of(slot) != 0;
  ttn_http_explain(&slot->call->answer, &end);
}

/* The call is over: its answer is filled in, and wait will give it back. */
static void finish(struct slot *slot, CURLcode code) {
  struct ttn_answer *answer = &slot->call->answer;
  long status = 0, version = 0;
  curl_off_t bytes = 0;

  curl_multi_remove_handle(slot->http->multi, slot->easy);
  curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(slot->easy, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo(slot->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  answer->status = status >= 200 ? (int)status : 0;
  answer->http2 = version == CURL_HTTP_VERSION_2_0;
  answer->reused = used_old_connection(slot);
  answer->bytes = bytes > 0 ? (uint64_t)bytes : 0;
  if (code != CURLE_OK)
    explain(slot, code);
  list_remove(&slot->link);
  list_append(&slot->http->ended, &slot->link);
  slot->ended = true;
}

/* "https://host:port" of two URLs. */
static bool same_origin(const char *a, const char *b) {
  size_t n = strcspn(a, ":") + 3;
  n += strcspn(a + n, "/");
  return strncmp(a, b, n) == 0 && (b[n] == '/' || b[n] == '\0');
}

/* All other calls leave a connection that is of no use any more. One amid its
 * answer can't be started anew: on a silent connection it ends here, a time-out
 * before its time. */
static void leave(struct slot *first, long port, bool silent) {
  struct http *http = first->http;
  struct link *link, *next;
  for (link = http->under_way.next; link != &http->under_way; link = next) {
    struct slot *slot = slot_of(link);
    next = link->next;
    if (slot != first && connection_of(slot) == port &&
        same_origin(first->call->url, slot->call->url) && !move(slot) &&
        silent) {
      forbid_reuse(slot, true);
      finish(slot, CURLE_OPERATION_TIMEDOUT);
    }
  }
}

/* Anew, if nothing but the connection can be to blame: it was there
 * before, and no byte of an answer came over it. The calls beside it go along,
 * or libcurl would take the dying connection for this one again. And if libcurl
 * did so by itself, once more for a text that tells what is wrong now. */
static bool try_again(struct slot *slot, CURLcode code) {
  long port = connection_of(slot);
  if (slot->old_text && code != CURLE_OPERATION_TIMEDOUT)
    return move(slot);
  switch (code) {
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE: /* what a reset is to a stream of 7.88 */
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    if (!used_old_connection(slot) || !move(slot))
      return false;
    leave(slot, port, false);
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
    struct slot *slot;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    slot = (struct slot *)(void *)private;
    if (code == CURLE_OK || !try_again(slot, code))
      finish(slot, code);
  }
}

/* The connection of a call whose time is up, if nothing came over it since the
 * call began; else 0. */
static long silent_connection(struct slot *slot, int64_t now) {
  long port = connection_of(slot);
  const struct heard *heard = &slot->http->heard[port % TTN_HEARD];
  if (now - slot->begin < SILENCE ||
      (heard->port == port && heard->at >= slot->begin))
    return 0;
  return port;
}

/* A call whose time is up; if there is none, sets next_deadline. */
static struct slot *first_due(struct http *http, int64_t now) {
  struct link *link;
  http->next_deadline = INT64_MAX;
  for (link = http->under_way.next; link != &http->under_way;
       link = link->next) {
    struct slot *slot = slot_of(link);
    if (slot->deadline <= now)
      return slot;
    if (slot->deadline < http->next_deadline)
      http->next_deadline = slot->deadline;
  }
  return NULL;
}

/* Ends the calls whose time is up. The list is walked only then. */
static void expire(struct http *http, int64_t now) {
  struct slot *slot;
  if (now < http->next_deadline)
    return;
  while ((slot = first_due(http, now)) != NULL) {
    long port = silent_connection(slot, now);
    forbid_reuse(slot, true);
    finish(slot, CURLE_OPERATION_TIMEDOUT);
    if (port != 0)
      leave(slot, port, true);
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
    if (!list_empty(&http->ended)) {
      struct slot *slot = slot_of(http->ended.next);
      struct ttn_call *call = slot->call;
      list_remove(&slot->link);
      slot_give(slot);
      return call;
    }
    /* A failure is libcurl's lack of memory: the deadlines end what it can't
     * go on with. */
    curl_multi_perform(http->multi, &running);
    collect(http);
    now = mono(http);
    expire(http, now);
    if (!list_empty(&http->ended))
      continue;
    if (now >= until)
      return NULL;
    sleep_until(http, now, until);
  }
}

static void http_cancel(void *ctx, struct ttn_call *call) {
  struct http *http = ctx;
  struct slot *slot = call->net;
  if (slot == NULL)
    return;
  if (!slot->ended) {
    forbid_reuse(slot, true);
    curl_multi_remove_handle(http->multi, slot->easy);
  }
  list_remove(&slot->link);
  slot_give(slot);
}

static void http_wake(void *ctx) {
  struct http *http = ctx;
  atomic_store(&http->woken, true);
  curl_multi_wakeup(http->multi);
}

static void http_free(void *ctx) {
  struct http *http = ctx;
  drop_slots(&http->under_way);
  drop_slots(&http->ended);
  drop_idle(http);
  curl_multi_cleanup(http->multi);
  ttn_free(http->env, http->ca_cert);
  ttn_free(http->env, http->client_cert);
  ttn_free(http->env, http->client_key);
  if (http->proxy != NULL) /* may hold a password */
    ttn_wipe(http->proxy, strlen(http->proxy));
  ttn_free(http->env, http->proxy);
  ttn_free(http->env, http->user_agent);
  ttn_free(http->env, http);
}

static bool copy_option(struct http *http, char **copy, const char *value) {
  if (value != NULL)
    *copy = ttn_strdup(http->env, value);
  return value == NULL || *copy != NULL;
}

static bool copy_options(struct http *http,
                         const struct ttn_http_options *options) {
  struct stat status;
  http->ca_cert_is_dir = options->ca_cert != NULL &&
                         stat(options->ca_cert, &status) == 0 &&
                         S_ISDIR(status.st_mode);
  http->verify_peer = options->verify_peer;
  http->verify_host = options->verify_host;
  http->allow_plain = options->allow_plain;
  http->family = options->family;
  http->max_connections =
      options->max_connections > 0 ? options->max_connections : 1;
  return copy_option(http, &http->ca_cert, options->ca_cert) &&
         copy_option(http, &http->client_cert, options->client_cert) &&
         copy_option(http, &http->client_key, options->client_key) &&
         copy_option(http, &http->proxy, options->proxy) &&
         copy_option(http, &http->user_agent, options->user_agent);
}

static bool set_multi(const struct http *http,
                      const struct ttn_http_options *options) {
  CURLM *multi = http->multi;
  long connections = http->max_connections;
  long streams = options->max_streams > 0 ? options->max_streams : 1;
#if LIBCURL_VERSION_NUM >= 0x074300
  (void)curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, streams);
#else
  (void)streams;
#endif
  return curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                           (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) ==
             CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                           connections * HOSTS_KEPT) == CURLM_OK &&
         /* Whether wake can work at all is known before it is needed. */
         curl_multi_wakeup(multi) == CURLM_OK;
}

struct ttn_net *ttn_http_new(const struct ttn_env *env,
                             const struct ttn_http_options *options) {
  struct http *http = ttn_alloc(env, sizeof *http);
  if (http == NULL)
    return NULL;
  http->env = env;
  list_init(&http->under_way);
  list_init(&http->ended);
  list_init(&http->idle);
  http->next_deadline = INT64_MAX;
  atomic_init(&http->woken, false);
  http->net = (struct ttn_net){.ctx = http,
                               .start = http_start,
                               .wait = http_wait,
                               .cancel = http_cancel,
                               .wake = http_wake,
                               .free = http_free};
  http->multi = curl_multi_init();
  if (http->multi != NULL && copy_options(http, options) &&
      set_multi(http, options))
    return &http->net;
  http_free(http);
  return NULL;
}
