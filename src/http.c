/* SPDX-License-Identifier: MIT */
/* struct ttn_net by libcurl's multi interface: every call a slot with an easy
 * handle of its own, all of one account in one multi handle, which keeps the
 * connections from poll to poll. http_headers.c reads headers, http_errors.c
 * puts failures into words. Nothing here knows JSON, gateways or polls.
 *
 * Time. libcurl limits the time to connect; the time for the whole call is
 * kept here (expire), for the sake of the next point, and because calls that
 * wait for a connection are to be counted from their start.
 *
 * Silent connections. When one stream of an HTTP/2 connection times out,
 * libcurl 7.88 keeps the connection and uses it again, for ever, though nobody
 * answers at the other end. So a call forbids the reuse of its connection
 * from its start until the first header line of its answer, and again when
 * its time is up or it is cancelled: libcurl then closes the connection as
 * soon as the last call leaves it. Calls that come before that must ask for a
 * fresh one, which is the caller's part (ttn_call.fresh).
 *
 * Dead connections. One that died between polls, or dies before a byte of the
 * answer came, is no failure of the server: the call is made once more
 * (try_again). libcurl does it by itself in some cases; not after a GOAWAY or
 * a reset of the stream.
 *
 * Shutdown. getaddrinfo(3) can't be interrupted. CURLOPT_QUICK_EXIT (libcurl
 * 7.87) leaves its thread behind; an older libcurl waits for it whenever a
 * handle is removed, so there a dead name server can delay the end of a poll.
 *
 * The key. It is in the caller's ttn_auth and in the request that libcurl
 * sends. Neither redirects nor proxies get it: FOLLOWLOCATION is off, and
 * CURLHEADER_SEPARATE keeps it out of CONNECT. */
#include "http.h"

#include "decode.h"
#include "http_errors.h"
#include "http_headers.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#if LIBCURL_VERSION_NUM < 0x074200
#error "libcurl 7.66 or later is needed (curl_multi_poll)"
#endif

#define CONNECT_TIMEOUT (10 * TTN_SECOND)
/* Idle handles kept for later calls; some 10 KB each within libcurl. */
#define IDLE_MAX 128
/* Hosts whose connections are kept from poll to poll. */
#define HOSTS_KEPT 16
/* A name server's new word is followed though the old address still works:
 * not at once, for a connection costs a handshake. */
#define CONNECTION_LIFE 600L

struct ttn_auth {
  size_t size;
  char header[]; /* "Authorization: Bearer …" */
};

/* A member of one of the circular lists in struct http. */
struct link {
  struct link *next, *prev;
};

struct slot {
  struct link link; /* first: a slot is found by its link */
  struct http *http;
  struct ttn_call *call;
  CURL *easy;
  bool ended; /* in http->ended */
  bool retried;
  bool answering; /* a header line of the answer itself came */
  int64_t deadline;
  int64_t connect_timeout;
  size_t body; /* bytes given to the caller */
  struct ttn_headers headers;
  struct curl_slist lines[3]; /* request headers */
  char error[CURL_ERROR_SIZE];
};

struct http {
  struct ttn_net net;
  const struct ttn_env *env;
  CURLM *multi;
  struct link under_way, ended, idle;
  size_t n_idle;
  int64_t next_deadline; /* no call's is earlier */
  atomic_bool woken;
  /* The options, copied. */
  char *ca_cert, *client_cert, *client_key, *proxy, *user_agent;
  bool ca_cert_is_dir, verify_peer, verify_host;
  long ip_resolve;
};

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

/* Only before the answer and after the end of a call's time: see above. */
static void forbid_reuse(struct slot *slot, bool forbid) {
  curl_easy_setopt(slot->easy, CURLOPT_FORBID_REUSE, forbid ? 1L : 0L);
}

static size_t on_header(char *line, size_t size, size_t n, void *user) {
  struct slot *slot = user;
  n *= size;
  if (!slot->answering) {
    slot->answering = true;
    forbid_reuse(slot, false);
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
  if (n == 0 || call->data(call, call->answer.status, bytes, n))
    return n;
  call->answer.failure = TTN_FAIL_JSON;
  return 0;
}

#define SET(option, value)                                                     \
  (curl_easy_setopt(slot->easy, option, value) == CURLE_OK)

/* What makes a connection trustworthy: nothing of it may fail unseen.
 * Trap: Debian's libcurl has a default CAINFO and a default CAPATH; who sets
 * one still trusts the other, so both are set. */
static bool set_tls(struct slot *slot) {
  const struct http *http = slot->http;
  bool ok = SET(CURLOPT_SSL_VERIFYPEER, http->verify_peer ? 1L : 0L) &&
            SET(CURLOPT_SSL_VERIFYHOST, http->verify_host ? 2L : 0L) &&
            SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (http->ca_cert != NULL) {
    const char *dir = http->ca_cert_is_dir ? http->ca_cert : NULL;
    const char *file = http->ca_cert_is_dir ? NULL : http->ca_cert;
    ok = ok && SET(CURLOPT_CAINFO, file) && SET(CURLOPT_CAPATH, dir);
  }
  if (http->client_cert != NULL)
    ok = ok && SET(CURLOPT_SSLCERT, http->client_cert);
  if (http->client_key != NULL)
    ok = ok && SET(CURLOPT_SSLKEY, http->client_key);
#if LIBCURL_VERSION_NUM >= 0x075700
  /* A renewed CACert is seen within a minute; the default is a day. */
  (void)SET(CURLOPT_CA_CACHE_TIMEOUT, 60L);
#endif
  return ok;
}

/* Where a request may go, and how it is sent. */
static bool set_ways(struct slot *slot) {
  const struct http *http = slot->http;
  bool ok = SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
            SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) &&
            SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
            SET(CURLOPT_IPRESOLVE, http->ip_resolve);
#if LIBCURL_VERSION_NUM >= 0x075500
  ok = ok && SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  ok = ok && SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  if (http->proxy != NULL)
    ok = ok && SET(CURLOPT_PROXY, http->proxy);
  /* Comfort: a libcurl without it still does its work. */
  (void)SET(CURLOPT_ACCEPT_ENCODING, "gzip");
  (void)SET(CURLOPT_PIPEWAIT, 1L);
  (void)SET(CURLOPT_TCP_KEEPALIVE, 1L);
  (void)SET(CURLOPT_DNS_CACHE_TIMEOUT, 60L);
#if LIBCURL_VERSION_NUM >= 0x075000
  (void)SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)SET(CURLOPT_QUICK_EXIT, 1L);
#endif
  return ok;
}

static bool set_callbacks(struct slot *slot) {
  return SET(CURLOPT_PRIVATE, slot) && SET(CURLOPT_ERRORBUFFER, slot->error) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) &&
         SET(CURLOPT_HEADERDATA, slot) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
         SET(CURLOPT_WRITEDATA, slot);
}

static void slot_free(struct slot *slot) {
  curl_easy_cleanup(slot->easy);
  ttn_free(slot->http->env, slot);
}

/* An easy handle with all that is the same for every call. Handles are used
 * again without curl_easy_reset: what differs is set by set_call, each time. */
static struct slot *slot_new(struct http *http) {
  struct slot *slot = ttn_alloc(http->env, sizeof *slot);
  if (slot == NULL)
    return NULL;
  slot->http = http;
  slot->easy = curl_easy_init();
  if (slot->easy != NULL && set_callbacks(slot) && set_ways(slot) &&
      set_tls(slot) &&
      (http->user_agent == NULL || SET(CURLOPT_USERAGENT, http->user_agent)))
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
 * with the handle (collectd issue 4399), so such a handle is not used again. */
static void slot_give(struct slot *slot) {
  struct http *http = slot->http;
  bool stuck = slot->call->answer.failure == TTN_FAIL_DNS;
  slot->call->net = NULL;
  slot->call = NULL;
  if (stuck || http->n_idle >= IDLE_MAX) {
    slot_free(slot);
    return;
  }
  /* Both point into memory that is the caller's. */
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
  curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, NULL);
  list_append(&http->idle, &slot->link);
  http->n_idle++;
}

/* curl_slist_append would copy the key; libcurl only reads the list. */
static void add_line(struct slot *slot, size_t *n, const char *line) {
  slot->lines[*n] = (struct curl_slist){.data = (char *)(uintptr_t)line};
  if (*n > 0)
    slot->lines[*n - 1].next = &slot->lines[*n];
  ++*n;
}

static bool set_call(struct slot *slot) {
  const struct ttn_call *call = slot->call;
  bool https = strncasecmp(call->url, "https:", 6) == 0;
  size_t n = 0;

  if (call->body != NULL) {
    add_line(slot, &n, "Content-Type: application/json");
    /* Else libcurl waits up to a second for a 100 Continue, from 1 MiB on, or
     * from 1 KiB on before libcurl 7.84. */
    add_line(slot, &n, "Expect:");
  }
  if (call->auth != NULL)
    add_line(slot, &n, call->auth->header);
  if (!SET(CURLOPT_URL, call->url) ||
      !SET(CURLOPT_HTTPHEADER, n > 0 ? slot->lines : NULL) ||
      !SET(CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L) ||
      !SET(CURLOPT_CONNECTTIMEOUT_MS,
           (long)(slot->connect_timeout / TTN_MS) + 1))
    return false;
  if (call->body != NULL) {
    if (!SET(CURLOPT_POST, 1L) || !SET(CURLOPT_POSTFIELDS, call->body) ||
        !SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size))
      return false;
  } else if (!SET(CURLOPT_HTTPGET, 1L)) {
    return false;
  }
  forbid_reuse(slot, true);
  /* The stack speaks HTTP/2 without TLS, too, but a proxy in between may not,
   * and nothing would tell. */
  return (https && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS)) ||
         SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void begin_answer(struct slot *slot) {
  struct ttn_answer *answer = &slot->call->answer;
  memset(answer, 0, sizeof *answer);
  ttn_headers_begin(&slot->headers, answer);
  slot->answering = false;
  slot->body = 0;
  slot->error[0] = '\0';
}

static bool http_start(void *ctx, struct ttn_call *call) {
  struct http *http = ctx;
  struct slot *slot = slot_take(http);
  int64_t timeout = call->timeout > 0 ? call->timeout : 0;

  if (slot == NULL)
    return false;
  slot->call = call;
  slot->ended = slot->retried = false;
  slot->deadline = http->env->mono(http->env->ctx) + timeout;
  /* libcurl knows whether it was a name or a connection that was missing: let
   * it speak first. */
  slot->connect_timeout = timeout - timeout / 16;
  if (slot->connect_timeout > CONNECT_TIMEOUT)
    slot->connect_timeout = CONNECT_TIMEOUT;
  begin_answer(slot);
  if (!set_call(slot) ||
      curl_multi_add_handle(http->multi, slot->easy) != CURLM_OK) {
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
 * that never got a connection made none, either. */
static bool used_old_connection(struct slot *slot) {
  long connects = 1;
  curl_off_t sent = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo(slot->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
  return connects == 0 && sent > 0;
}

/* Once more, if nothing but the connection can be to blame: it was there
 * before, and no byte of an answer came over it. All of this project's
 * requests only ask, so one that was heard all the same does no harm. */
static bool try_again(struct slot *slot, CURLcode code) {
  switch (code) {
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    break;
  default:
    return false;
  }
  if (slot->retried || slot->answering || !used_old_connection(slot))
    return false;
  curl_multi_remove_handle(slot->http->multi, slot->easy);
  slot->retried = true;
  begin_answer(slot);
  return curl_multi_add_handle(slot->http->multi, slot->easy) == CURLM_OK;
}

static void explain(struct slot *slot, CURLcode code) {
  struct ttn_http_end end = {
      .code = code,
      .url = slot->call->url,
      .text = slot->error,
      .timeout =
          slot->error[0] != '\0' ? slot->connect_timeout : slot->call->timeout,
      .answering = slot->answering,
      .proxy = slot->http->proxy != NULL,
  };
  curl_off_t resolved = 0, connected = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(slot->easy, CURLINFO_CONNECT_TIME_T, &connected);
  curl_easy_getinfo(slot->easy, CURLINFO_HTTP_CONNECTCODE, &end.proxy_status);
  end.resolved = resolved > 0;
  end.connected = connected > 0;
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

/* Ends the calls whose time is up. The list is walked only then. */
static void expire(struct http *http, int64_t now) {
  struct link *link, *next;
  if (now < http->next_deadline)
    return;
  http->next_deadline = INT64_MAX;
  for (link = http->under_way.next; link != &http->under_way; link = next) {
    struct slot *slot = slot_of(link);
    next = link->next;
    if (slot->deadline <= now) {
      forbid_reuse(slot, true);
      finish(slot, CURLE_OPERATION_TIMEDOUT);
    } else if (slot->deadline < http->next_deadline) {
      http->next_deadline = slot->deadline;
    }
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
    now = http->env->mono(http->env->ctx);
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

static void http_free(void *ctx) {
  struct http *http = ctx;
  drop_slots(&http->under_way);
  drop_slots(&http->ended);
  drop_slots(&http->idle);
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
  http->ip_resolve = options->family == TTN_FAMILY_IPV4 ? CURL_IPRESOLVE_V4
                     : options->family == TTN_FAMILY_IPV6
                         ? CURL_IPRESOLVE_V6
                         : CURL_IPRESOLVE_WHATEVER;
  return copy_option(http, &http->ca_cert, options->ca_cert) &&
         copy_option(http, &http->client_cert, options->client_cert) &&
         copy_option(http, &http->client_key, options->client_key) &&
         copy_option(http, &http->proxy, options->proxy) &&
         copy_option(http, &http->user_agent, options->user_agent);
}

static bool set_multi(CURLM *multi, const struct ttn_http_options *options) {
  long connections =
      options->max_connections > 0 ? options->max_connections : 1;
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
      set_multi(http->multi, options))
    return &http->net;
  http_free(http);
  return NULL;
}

/* Never undone: curl_global_cleanup must not run while any other thread of the
 * process uses libcurl, and other plugins do until collectd is gone; nor while
 * a resolver's thread that QUICK_EXIT left behind still runs. What it would
 * give back is one allocation for the whole process. */
bool ttn_http_global_init(void) {
  return curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

struct ttn_auth *ttn_auth_new(const struct ttn_env *env, const char *key) {
  static const char lead[] = "Authorization: Bearer ";
  size_t n = strlen(key);
  struct ttn_auth *auth = ttn_alloc(env, sizeof *auth + sizeof lead + n);
  if (auth == NULL)
    return NULL;
  auth->size = sizeof lead + n;
  memcpy(auth->header, lead, sizeof lead - 1);
  memcpy(auth->header + sizeof lead - 1, key, n + 1);
  return auth;
}

void ttn_auth_free(const struct ttn_env *env, struct ttn_auth *auth) {
  if (auth == NULL)
    return;
  ttn_wipe(auth->header, auth->size);
  ttn_free(env, auth);
}
