/* SPDX-License-Identifier: MIT */
/* Slots: easy handles, what they tell while an answer comes, and those that
 * wait for a later call. When calls begin and end is http.c's. */
#include "http/internal.h"

#include "tts/decode.h"

/* Idle handles kept for later calls; some 10 KB each within libcurl. */
#define IDLE_MAX 128

/* CURLINFO_ACTIVESOCKET is no good: -1 for streams of 7.88. CURLINFO_CONN_ID
 * needs 8.2. Without a connection 8.14 says -1. */
long ttn_slot_connection(struct slot *slot) {
  long port = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_LOCAL_PORT, &port);
  return port > 0 ? port : 0;
}

/* Two connections that share an entry make each other look silent: which
 * costs a request, no more. */
static void note_heard(struct slot *slot) {
  struct http *http = slot->http;
  long port = ttn_slot_connection(slot);
  http->heard[port % TTN_HEARD] = (struct heard){port, ttn_http_mono(http)};
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

struct slot *ttn_slot_take(struct http *http) {
  struct link *link = http->idle.prev;
  if (ttn_list_empty(&http->idle))
    return slot_new(http);
  ttn_list_remove(link);
  http->n_idle--;
  return ttn_slot_of(link);
}

/* Trap: libcurl 8.16 keeps a failure to resolve a name with the handle
 * (collectd issue 4399), so such a handle is not used again. Another: 8.14
 * keeps the text of the last request with it, and so the key. */
void ttn_slot_give(struct slot *slot) {
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
  ttn_list_append(&http->idle, &slot->link);
  http->n_idle++;
}

void ttn_slots_drop(struct link *list) {
  while (!ttn_list_empty(list)) {
    struct slot *slot = ttn_slot_of(list->next);
    ttn_list_remove(&slot->link);
    if (slot->call != NULL)
      slot->call->net = NULL;
    if (slot->call != NULL && !slot->ended)
      curl_multi_remove_handle(slot->http->multi, slot->easy);
    slot_free(slot);
  }
}

void ttn_slots_drop_idle(struct http *http) {
  ttn_slots_drop(&http->idle);
  http->n_idle = 0;
}
