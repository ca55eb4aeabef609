/* SPDX-License-Identifier: MIT */
/* An answer counts only when the transfer ended well, the status was 200, and
 * the JSON was whole: libcurl accepts a body that a wrong Content-Length cut
 * short, and only the decoder's end notices it. */
#include "account/request.h"

#include "report/field_mask.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
  enum ttn_body body; /* of a 200 */
  const char *name;
} calls[API_CALLS] = {
    [API_LIST] = {TTN_BODY_LIST, "list of gateways"},
    [API_BATCH] = {TTN_BODY_BATCH, "statistics"},
    [API_SINGLE] = {TTN_BODY_SINGLE, "statistics"},
    [API_AUTH_INFO] = {TTN_BODY_AUTH_INFO, "auth_info"},
};

void requests_init(struct requests *r, const struct ttn_net *net) {
  r->net = *net;
}

static void free_all(const struct ttn_env *env, struct request *requests) {
  for (struct request *one = requests, *next; one != NULL; one = next) {
    next = one->next;
    ttn_decoder_free(one->decoder);
    ttn_free(env, one->body.bytes);
    ttn_free(env, one);
  }
}

void requests_free(struct requests *r, const struct ttn_env *env) {
  free_all(env, r->idle);
  r->net.free(r->net.ctx);
}

void requests_wake(const struct requests *r) { r->net.wake(r->net.ctx); }

void requests_trim(struct requests *r, const struct ttn_env *env) {
  if (r->idle == NULL)
    return;
  free_all(env, r->idle->next);
  r->idle->next = NULL;
}

static struct request *request_alloc(const struct ttn_env *env) {
  struct request *request = ttn_alloc(env, sizeof(*request));
  if (request == NULL)
    return NULL;
  request->decoder = ttn_decoder_new(env);
  if (request->decoder != NULL)
    return request;
  ttn_free(env, request);
  return NULL;
}

struct request *request_new(struct requests *r, struct account_context *c,
                            enum api_call api, int host) {
  struct request *request = r->idle;
  if (request != NULL)
    r->idle = request->next;
  else
    request = request_alloc(c->env);
  if (request == NULL) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return NULL;
  }
  request->api = api;
  request->host = host;
  request->begun = false;
  request->n_taken = 0;
  request->decoded = TTN_OK;
  request->batch = (struct batch){0};
  request->page = (struct page){0};
  request->call = (struct ttn_call){0};
  return request;
}

bool request_match(struct request *request, struct gateway *const *gateways) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(request->decoder, &n);
  if (request->api == API_SINGLE) {
    request->gateway_of[0] = 0;
    return n == 1;
  }
  for (size_t i = 0; i < n; i++) {
    struct gateway *const *gw =
        bsearch(entries[i].id, gateways, request->batch.n, sizeof(*gateways),
                gateway_compare_id);
    if (gw == NULL)
      return false;
    request->gateway_of[i] = (uint8_t)(gw - gateways);
  }
  return true;
}

void request_taken(struct request *request, size_t n) { request->n_taken = n; }

void request_hold(struct requests *r, struct request *request,
                  int64_t more_at) {
  struct request **link = &r->held;
  while (*link != NULL && (*link)->more_at < more_at)
    link = &(*link)->next;
  request->more_at = more_at;
  request->next = *link;
  *link = request;
}

int64_t requests_held_until(const struct requests *r) {
  return r->held == NULL ? INT64_MAX : r->held->more_at;
}

struct request *requests_release(struct requests *r, int64_t now) {
  struct request *request = r->held;
  if (request == NULL || request->more_at > now)
    return NULL;
  r->held = request->next;
  return request;
}

void request_done(struct requests *r, struct request *request) {
  request->next = r->idle;
  r->idle = request;
}

uint8_t request_tries(const struct request *request) {
  return request->api == API_LIST ? request->page.tries : request->batch.tries;
}

bool request_is_batch(const struct request *request) {
  return request->api == API_BATCH || request->api == API_SINGLE;
}

const char *request_name(const struct request *request) {
  return calls[request->api].name;
}

void request_for_batch(struct request *request, struct batch batch) {
  request->batch = batch;
}

void request_for_page(struct request *request, struct page page) {
  request->page = page;
}

static bool on_data(struct ttn_call *call, int status, const char *bytes,
                    size_t n) {
  struct request *request = call->ctx;
  if (!request->begun)
    ttn_decoder_begin(request->decoder, status == 200 ? calls[request->api].body
                                                      : TTN_BODY_ERROR);
  request->begun = true;
  request->decoded = ttn_decoder_feed(request->decoder, bytes, n);
  return request->decoded == TTN_OK;
}

static bool print_request(struct request *request,
                          const struct account_context *c,
                          const struct host *host,
                          struct gateway *const *gateways) {
  const struct ttn_settings *settings = c->settings;
  const struct page *page = &request->page;
  const char *paths[TTN_PATHS];
  if (request->api == API_LIST)
    ttn_request_list(request->url, sizeof(request->url), host->base,
                     (struct ttn_list_of){page->organization, page->search},
                     gateways_need_places(settings), page->limit, page->number);
  else
    ttn_request_url(request->url, sizeof(request->url), host->base,
                    request->api, gateways == NULL ? NULL : gateways[0]->id);
  if (request->api != API_BATCH)
    return true;
  size_t n = ttn_field_mask(settings->collect, settings->meta_data,
                            host->unknown_paths, paths);
  bool good = ttn_request_batch(&request->body, c->env, gateway_id, gateways,
                                request->batch.n, paths, n);
  request->call.body = request->body.bytes;
  request->call.body_size = request->body.n;
  return good;
}

bool request_send(struct requests *r, struct account_context *c,
                  struct hosts *hosts, const struct ttn_auth *auth,
                  struct request *request, struct gateway *const *gateways,
                  int64_t timeout) {
  struct host *host = &hosts->list[request->host];
  /* A second attempt that fails proves as much as a failed probe. */
  request->probe = host->health != HOST_HEALTHY || request_tries(request) > 0;
  request->call.url = request->url;
  request->call.auth = auth;
  request->call.timeout = timeout;
  request->call.data = on_data;
  request->call.ctx = request;
  request->call.fresh = host->fresh_connection;
  if (!print_request(request, c, host, gateways) ||
      !r->net.start(r->net.ctx, &request->call)) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return false;
  }
  host_call_sent(host, request->api);
  request->next = r->busy;
  r->busy = request;
  r->n_busy++;
  return true;
}

static void call_ended(struct requests *r, struct hosts *hosts,
                       struct request *request) {
  struct request **link = &r->busy;
  while (*link != request)
    link = &(*link)->next;
  *link = request->next;
  assert(r->n_busy > 0);
  r->n_busy--;
  host_call_ended(&hosts->list[request->host], request->api);
}

struct ttn_call *requests_wait(struct requests *r, int64_t until) {
  return r->net.wait(r->net.ctx, until);
}

struct request *request_ended(struct requests *r, struct account_context *c,
                              struct hosts *hosts, struct ttn_call *call) {
  struct request *request = call->ctx;
  const struct ttn_answer *answer = &call->answer;
  call_ended(r, hosts, request);
  if (answer->status > 0) {
    host_answered(&hosts->list[request->host], c, request->api, answer,
                  context_mono(c));
    context_count_answer(c, answer);
  }
  if (!request->begun) /* an empty body is no JSON */
    on_data(call, answer->status, "", 0);
  if (answer->failure == TTN_OK && request->decoded == TTN_OK)
    request->decoded = ttn_decoder_end(request->decoder);
  return request;
}

struct request *requests_cancel(struct requests *r, struct hosts *hosts) {
  struct request *request = r->busy;
  if (request == NULL)
    return NULL;
  r->net.cancel(r->net.ctx, &request->call);
  call_ended(r, hosts, request);
  return request;
}
