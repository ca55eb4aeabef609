/* SPDX-License-Identifier: MIT */
/* One poll: requests go out as hosts may take them, until nothing is left to do
 * or the deadline comes. What is done with each answer stands in answers.c.
 *
 * Two-phase: an answer counts only when the transfer ended well, the status was
 * 200, and the JSON was whole (libcurl calls a body good that a wrong
 * Content-Length cut short; only the decoder's end notices). What fails changes
 * nothing and leaves its gateways unknown for this poll. */
#include "account/internal.h"

#include <string.h>

/* A call gets a third of the poll, so that after a connection that went silent
 * there is time for a fresh one. */
#define CALLS_PER_POLL 3


/* ---- jobs ---- */

static bool on_data(struct ttn_call *call, int status, const char *bytes,
                    size_t n) {
  static const enum ttn_body bodies[KINDS] = {
      TTN_BODY_LIST, TTN_BODY_BATCH, TTN_BODY_SINGLE, TTN_BODY_AUTH_INFO};
  struct job *job = call->ctx;
  if (!job->begun) {
    ttn_decoder_begin(job->decoder,
                      status == 200 ? bodies[job->kind] : TTN_BODY_ERROR);
    job->begun = true;
  }
  job->decoded = ttn_decoder_feed(job->decoder, bytes, n);
  return job->decoded == TTN_OK;
}

static struct job *new_job(struct ttn_account *a) {
  struct job *job = a->idle;
  if (job != NULL) {
    a->idle = job->next;
  } else {
    job = ttn_alloc(a->env, sizeof(*job));
    if (job == NULL)
      return NULL;
    job->decoder = ttn_decoder_new(a->env);
    if (job->decoder == NULL) {
      ttn_free(a->env, job);
      return NULL;
    }
    job->account = a;
  }
  job->begun = false;
  job->tries = 0;
  job->decoded = TTN_OK;
  memset(&job->call, 0, sizeof(job->call));
  return job;
}

static void put_job(struct ttn_account *a, struct job *job) {
  job->next = a->idle;
  a->idle = job;
}

static bool append(struct ttn_account *a, struct job *job, size_t *n,
                   const char *text) {
  size_t size = strlen(text);
  void *body = job->body;
  if (!ttn_grow(a->env, &body, &job->room_body, *n + size + 1, 1, 64 * 1024))
    return false;
  job->body = body;
  memcpy(job->body + *n, text, size + 1);
  *n += size;
  return true;
}

/* Ids keep to the stack's own rule (ttn_id_valid): nothing to escape. */
static bool print_batch(struct ttn_account *a, struct job *job) {
  const struct host *host = &a->hosts[job->host];
  const char *paths[TTN_PATHS];
  size_t n_paths = ttn_report_paths(a->settings->collect,
                                    a->settings->meta_data, host->without,
                                    paths);
  size_t n = 0;
  bool good = append(a, job, &n, "{\"gateway_ids\":[");
  for (size_t i = 0; good && i < job->range.n; i++)
    good = append(a, job, &n, i == 0 ? "{\"gateway_id\":\""
                                     : ",{\"gateway_id\":\"") &&
           append(a, job, &n, host->turns[job->range.from + i]->id) &&
           append(a, job, &n, "\"}");
  good = good && append(a, job, &n, "],\"field_mask\":{\"paths\":[");
  for (size_t i = 0; good && i < n_paths; i++)
    good = append(a, job, &n, i == 0 ? "\"" : ",\"") &&
           append(a, job, &n, paths[i]) && append(a, job, &n, "\"");
  good = good && append(a, job, &n, "]}}");
  job->call.body = job->body;
  job->call.body_size = n;
  return good;
}

static bool print_request(struct ttn_account *a, struct job *job) {
  const struct host *host = &a->hosts[job->host];
  switch (job->kind) {
  case KIND_LIST:
    discover_print_url(a, job);
    return true;
  case KIND_SINGLE:
    ttn_print(job->url, sizeof(job->url),
              "%s/api/v3/gs/gateways/%s/connection/stats", host->base,
              host->turns[job->range.from]->id);
    return true;
  case KIND_AUTH:
    ttn_print(job->url, sizeof(job->url), "%s/api/v3/auth_info", host->base);
    return true;
  default:
    ttn_print(job->url, sizeof(job->url),
              "%s/api/v3/gs/gateways/connection/stats", host->base);
    return print_batch(a, job);
  }
}

/* False: no memory. The job is then free again. */
static bool start(struct ttn_account *a, struct job *job, int64_t now) {
  struct host *host = &a->hosts[job->host];
  int64_t most = a->settings->timeout / CALLS_PER_POLL;
  if (most < TTN_SECOND)
    most = TTN_SECOND;
  if (most > a->deadline - now)
    most = a->deadline - now;
  /* A second try that fails proves as much as a failed probe. */
  job->probe = host->trouble || job->tries > 0;
  job->call.url = job->url;
  job->call.auth = a->auth;
  job->call.fresh = host->fresh;
  job->call.timeout = most;
  job->call.data = on_data;
  job->call.ctx = job;
  if (!print_request(a, job) || !a->net.start(a->net.ctx, &job->call)) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    put_job(a, job);
    return false;
  }
  host->fresh = false;
  host->in_flight++;
  rate_limit_call_sent(&host->limits[job->kind]);
  job->next = a->busy;
  a->busy = job;
  a->n_busy++;
  return true;
}

static void take_off(struct ttn_account *a, struct job *job) {
  for (struct job **j = &a->busy; *j != NULL; j = &(*j)->next)
    if (*j == job) {
      *j = job->next;
      break;
    }
  a->n_busy--;
  a->hosts[job->host].in_flight--;
  rate_limit_call_ended(&a->hosts[job->host].limits[job->kind]);
}

/* ---- what goes out ---- */

static enum kind range_kind(const struct range *r) {
  return r->single ? KIND_SINGLE : KIND_BATCH;
}

/* True: a call was started, or found no memory. */
static bool launch_kind(struct ttn_account *a, int h, enum kind kind,
                        int64_t now, int64_t *until) {
  struct host *host = &a->hosts[h];
  if (!hosts_may_start(a, h, kind, now, until))
    return false;
  struct job *job = new_job(a);
  if (job == NULL) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    a->starved = true;
    return false;
  }
  job->kind = kind;
  job->host = h;
  if (kind == KIND_LIST) {
    discover_next(a, job);
    if (!start(a, job, now))
      discover_fail(a, "no memory");
  } else if (kind == KIND_AUTH) {
    a->auth_info = start(a, job, now) ? AUTH_ASKED : AUTH_FAILED;
  } else {
    job->range = host->ranges[host->head++];
    job->tries = job->range.tries;
    host->asked++;
    if (!start(a, job, now))
      turns_range_over(a, h, &job->range);
  }
  return true;
}

static bool launch_range(struct ttn_account *a, int h, int64_t now,
                         int64_t *until) {
  const struct host *host = &a->hosts[h];
  if (host->head == host->n_ranges)
    return false;
  const struct range *range = &host->ranges[host->head];
  if (range->not_before <= now)
    return launch_kind(a, h, range_kind(range), now, until);
  if (range->not_before < *until)
    *until = range->not_before;
  return false;
}

/* One request to host h, if there is one and h may take it. Kinds of call are
 * limited apart: one that has to wait holds up no other. */
static bool launch_one(struct ttn_account *a, int h, int64_t now,
                       int64_t *until) {
  if (h == 0 && a->auth_info == AUTH_WANTED &&
      launch_kind(a, h, KIND_AUTH, now, until))
    return true;
  /* A host in trouble is probed with statistics: a list that fails by itself
   * must not keep them away. */
  if (a->hosts[h].trouble && launch_range(a, h, now, until))
    return true;
  if (h == 0 && discover_has_next(a) &&
      launch_kind(a, h, KIND_LIST, now, until))
    return true;
  return launch_range(a, h, now, until);
}

/* Returns when there may be more to start without an answer coming first. */
static int64_t launch(struct ttn_account *a, int64_t now) {
  int64_t first = INT64_MAX;
  for (int h = 0; h < (int)a->n_hosts && !a->key_refused; h++) {
    int64_t until = INT64_MAX;
    while (!(a->gated && a->n_busy > 0) && launch_one(a, h, now, &until))
      until = INT64_MAX;
    if (until < first)
      first = until;
  }
  return first;
}

/* ---- the poll ---- */

static void finish(struct ttn_account *a, struct job *job, int64_t now) {
  const struct ttn_answer *answer = &job->call.answer;
  take_off(a, job);
  if (answer->status > 0)
    hosts_answered(a, job->host, job->kind, answer, now);
  if (!job->begun) /* an empty body is no JSON */
    on_data(&job->call, answer->status, "", 0);
  if (answer->failure == TTN_OK && job->decoded == TTN_OK)
    job->decoded = ttn_decoder_end(job->decoder);
  answers_take(a, job, now);
  put_job(a, job);
}

static void cancel_all(struct ttn_account *a, bool deadline) {
  while (a->busy != NULL) {
    struct job *job = a->busy;
    a->net.cancel(a->net.ctx, &job->call);
    take_off(a, job);
    if (deadline) {
      job->probe = true; /* the deadline alone makes trouble */
      answers_failed(a, job, TTN_FAIL_TIMEOUT,
                     "no answer by the poll's deadline");
    }
    put_job(a, job);
  }
}

static bool begin(struct ttn_account *a) {
  struct ttn_api_report *r = &a->report;
  a->started = a->env->mono(a->env->ctx);
  a->deadline = a->started + a->settings->timeout;
  r->rate_available = -1;
  a->key_refused = a->reread = a->not_heard = a->list_denied = false;
  a->starved = false;
  a->auth_info = AUTH_NOT_ASKED;
  a->n_waiting = a->n_bad = 0;
  a->list_why[0] = '\0';
  account_load_state(a);
  hosts_begin(a);
  turns_begin(a);
  if (!account_key(a, false)) {
    r->failures[TTN_FAIL_KEY]++;
    return false;
  }
  if (a->ask_key && (a->key == NULL || a->gated))
    a->auth_info = AUTH_WANTED;
  discover_begin(a);
  return true;
}

static void work(struct ttn_account *a) {
  for (;;) {
    int64_t now = a->env->mono(a->env->ctx);
    if (now >= a->deadline || atomic_load(&a->stop))
      return;
    int64_t until = launch(a, now);
    if (a->n_busy == 0 && until >= a->deadline) {
      if (turns_look_elsewhere(a))
        continue;
      return;
    }
    struct ttn_call *call =
        a->net.wait(a->net.ctx, until < a->deadline ? until : a->deadline);
    if (call != NULL)
      finish(a, call->ctx, a->env->mono(a->env->ctx));
  }
}

/* What waits for a limit beyond the deadline goes first next time. */
static void see_limits(struct ttn_account *a) {
  for (size_t h = 0; h < a->n_hosts; h++) {
    struct host *host = &a->hosts[h];
    bool left = host->head < host->n_ranges && !a->starved;
    host->limited = (host->limited || left) && !host->given_up &&
                    !host->failed && !a->key_refused;
  }
}

/* Only now: one that was answered may have left the list since. up: every
 * wanted gateway has an answer or a remembered refusal. */
static void count_gateways(struct ttn_account *a, bool had_key) {
  struct ttn_api_report *r = &a->report;
  size_t refused = 0;
  r->listed = a->have_list;
  r->gateways = a->n_gateways;
  r->connected = r->disconnected = 0;
  for (size_t i = 0; i < a->n_gateways; i++) {
    const struct gw *gw = a->gateways[i];
    if (gw->turn == TURN_REFUSED)
      refused++;
    else if (gw->turn == TURN_ANSWERED && gw->known.shown == TTN_CONNECTED)
      r->connected++;
    else if (gw->turn == TURN_ANSWERED)
      r->disconnected++;
  }
  r->unknown = r->gateways - r->connected - r->disconnected;
  r->up = had_key && a->have_list && !a->list_short && !discover_lacks(a) &&
          !a->key_refused && r->unknown == refused;
}

static void report(struct ttn_account *a) {
  struct ttn_api_report *r = &a->report;
  r->poll = a->env->mono(a->env->ctx) - a->started;
  ttn_report_api(a->sink, a->settings->collect, a->settings->account, r);
}

void ttn_account_poll(struct ttn_account *a) {
  if (atomic_load(&a->stop))
    return;
  a->sink->begin(a->sink->ctx);
  bool had_key = begin(a);
  if (had_key)
    work(a);
  bool stopped = atomic_load(&a->stop);
  cancel_all(a, !stopped);
  answers_end(a);
  see_limits(a);
  turns_end(a, stopped);
  ttn_auth_free(a->env, a->old_auth);
  a->old_auth = NULL;
  account_trim(a);
  if (stopped) {
    a->discovery = DISCOVERY_IDLE;
    return;
  }
  count_gateways(a, had_key);
  answers_say_key(a);
  bool whole = discover_end(a) && a->report.up;
  hosts_end(a, whole);
  report(a);
}
