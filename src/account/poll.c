/* SPDX-License-Identifier: MIT */
/* One poll: requests are sent as hosts may accept them, until nothing is left
 * to do or the deadline comes. What fails changes nothing, and its gateways
 * stay unknown in this poll. */
#include "account/account.h"

#include "account/internal.h"
#include "account/statistics.h"
#include "account/steps.h"

/* A call gets a third of the poll, so that after a connection that went silent
 * there is time for a new one. */
#define CALLS_PER_POLL 3
/* The state file has all gateways: it is not written for each batch. */
#define SAVES_PER_SPREAD 4

/* ---- what is sent ---- */

static bool send_request(struct ttn_account *a, struct request *request,
                         int64_t now) {
  int64_t left = a->poll.deadline - now;
  int64_t most = a->context.settings->timeout / CALLS_PER_POLL;
  if (most < TTN_SECOND)
    most = TTN_SECOND;
  return request_send(&a->requests, &a->context, &a->hosts, a->credentials.auth,
                      request,
                      request_is_batch(request)
                          ? schedule_gateways(&a->schedule, &request->batch)
                          : NULL,
                      most < left ? most : left);
}

/* True: a call was sent. False: it may not start, or there is no memory. */
static bool launch_call(struct ttn_account *a, int h, enum api_call api,
                        int64_t now, int64_t *until) {
  if (!host_may_start(&a->hosts.list[h], &a->context, api, now, until))
    return false;
  struct request *request = request_new(&a->requests, &a->context, api, h);
  if (request == NULL) {
    a->poll.no_memory = true;
    return false;
  }
  if (api == API_LIST)
    request_for_page(
        request, discovery_take_page(&a->discovery,
                                     credentials_may_search(&a->credentials)));
  else if (api == API_AUTH_INFO)
    question_enter(&a->question, QUESTION_ASKED);
  else
    request_for_batch(request, schedule_take(&a->schedule, h, now));
  if (!send_request(a, request, now)) {
    dispatch_not_sent(a, request);
    request_done(&a->requests, request);
  }
  return true;
}

static enum api_call batch_call(const struct batch *batch) {
  return batch->single ? API_SINGLE : API_BATCH;
}

static bool launch_batch(struct ttn_account *a, int h, int64_t now,
                         int64_t *until) {
  const struct batch *batch = schedule_next(&a->schedule, h, now);
  if (batch == NULL || a->hosts.list[h].health == HOST_SUSPENDED)
    return false;
  if (batch->not_before <= now)
    return launch_call(a, h, batch_call(batch), now, until);
  if (batch->not_before < *until)
    *until = batch->not_before;
  return false;
}

/* One request to host h, if there is one and h may accept it. Kinds of call are
 * limited apart: one that has to wait delays no other. */
static bool launch_one(struct ttn_account *a, int h, int64_t now,
                       int64_t *until) {
  if (h == 0 && a->question.poll.state == QUESTION_WANTED &&
      launch_call(a, h, API_AUTH_INFO, now, until))
    return true;
  /* A host is probed with statistics: a list that fails by itself must not keep
   * them from being sent. */
  if (a->hosts.list[h].health != HOST_HEALTHY && launch_batch(a, h, now, until))
    return true;
  if (h == 0 && discovery_has_page(&a->discovery) &&
      launch_call(a, h, API_LIST, now, until))
    return true;
  return launch_batch(a, h, now, until);
}

/* Returns when there may be more to send without an answer coming first. */
static int64_t launch(struct ttn_account *a, int64_t now) {
  int64_t first = INT64_MAX;
  for (int h = 0; h < (int)a->hosts.n && !a->credentials.poll.rejected; h++) {
    int64_t until = INT64_MAX;
    while (!(a->credentials.serialize && a->requests.n_busy > 0) &&
           launch_one(a, h, now, &until))
      until = INT64_MAX;
    if (until < first)
      first = until;
  }
  return first;
}

/* ---- the poll ---- */

static void values_begin(const struct account_context *c) {
  c->sink->begin(c->sink->ctx);
}

static void values_end(const struct account_context *c) {
  c->sink->end(c->sink->ctx);
}

static bool begin(struct ttn_account *a, int64_t spread) {
  int64_t now = context_mono(&a->context);
  a->poll = (struct poll){.started = now,
                          .deadline = now + a->context.settings->timeout,
                          .spread = spread,
                          .save_at = now + spread / SAVES_PER_SPREAD};
  context_begin(&a->context);
  offsets_load(&a->offsets, &a->context);
  hosts_begin(&a->hosts);
  gateways_begin(&a->gateways);
  discovery_begin(&a->discovery);
  schedule_begin(&a->schedule);
  apply_begin(&a->apply);
  bool has_key = credentials_begin(&a->credentials, &a->context);
  if (!has_key)
    context_count_failure(&a->context, TTN_FAIL_KEY);
  follow_begin(a, has_key);
  dispatch_begin(a, has_key);
  return has_key;
}

/* Is nothing under way, and all that is left to do before its time? */
static bool waits_for_places(const struct ttn_account *a, int64_t now) {
  bool any = requests_held_until(&a->requests) != INT64_MAX;
  if (a->schedule.pause == 0 || a->requests.n_busy > 0)
    return false;
  for (int h = 0; h < (int)a->hosts.n; h++) {
    const struct batch *batch = schedule_next(&a->schedule, h, now);
    if (batch == NULL || a->hosts.list[h].health == HOST_SUSPENDED)
      continue;
    if (!batch->placed || batch->not_before <= now)
      return false;
    any = true;
  }
  return any;
}

/* A call that ended. until: when there may be more to do. */
static struct ttn_call *wait_for_call(struct ttn_account *a, int64_t now,
                                      int64_t until) {
  bool idle = waits_for_places(a, now);
  struct ttn_call *call = requests_wait(
      &a->requests, until < a->poll.deadline ? until : a->poll.deadline);
  if (idle)
    a->poll.waited += context_mono(&a->context) - now;
  return call;
}

/* done: nothing of its answer is left. */
static void end_or_hold(struct ttn_account *a, struct request *request,
                        bool done) {
  values_end(&a->context);
  if (done)
    request_done(&a->requests, request);
  else
    request_hold(&a->requests, request,
                 context_mono(&a->context) + a->schedule.pause);
}

static void take_answer(struct ttn_account *a, struct ttn_call *call) {
  struct request *request =
      request_ended(&a->requests, &a->context, &a->hosts, call);
  values_begin(&a->context);
  end_or_hold(a, request, dispatch_answer(a, request));
}

static void take_held(struct ttn_account *a, int64_t now) {
  struct request *request;
  while ((request = requests_release(&a->requests, now)) != NULL) {
    values_begin(&a->context);
    end_or_hold(a, request, statistics_more(a, request));
  }
}

/* The poll is over: what is held waits no longer. */
static void end_held(struct ttn_account *a, bool stopped) {
  struct request *request;
  while ((request = requests_release(&a->requests, INT64_MAX)) != NULL) {
    while (!stopped && !statistics_more(a, request))
      ;
    request_done(&a->requests, request);
  }
}

/* In a poll that is spread, counts do not wait for its end: they would be of
 * another time then, and rates would be wrong. */
static void save_early(struct ttn_account *a, int64_t now) {
  if (!a->offsets.dirty || now < a->poll.save_at)
    return;
  values_begin(&a->context);
  apply_pending(&a->context, &a->gateways, &a->offsets);
  values_end(&a->context);
  a->poll.save_at = now + a->poll.spread / SAVES_PER_SPREAD;
}

/* What does not wait for the end of the poll. Returns when to call it again
 * (mono). */
static int64_t work_between(struct ttn_account *a, int64_t now) {
  if (a->schedule.pause != 0) {
    take_held(a, now);
    save_early(a, now);
  }
  return a->context.settings->events ? follow_streams(a, now) : INT64_MAX;
}

static void work(struct ttn_account *a) {
  for (;;) {
    int64_t now = context_mono(&a->context);
    if (now >= a->poll.deadline || atomic_load(&a->stop))
      return;
    int64_t again = work_between(a, now);
    int64_t until = launch(a, now), held = requests_held_until(&a->requests);
    if (held < until)
      until = held;
    if (a->requests.n_busy == 0 && until >= a->poll.deadline) {
      if (steps_idle(a))
        continue;
      return;
    }
    struct ttn_call *call =
        wait_for_call(a, now, again < until ? again : until);
    if (call != NULL && !streams_ended(&a->streams, call))
      take_answer(a, call);
  }
}

static void cancel_all(struct ttn_account *a, bool stopped) {
  struct request *request;
  while ((request = requests_cancel(&a->requests, &a->hosts)) != NULL) {
    if (!stopped)
      dispatch_unanswered(a, request);
    request_done(&a->requests, request);
  }
}

static bool is_limited(const struct ttn_account *a, int h, enum api_call api) {
  int64_t until = INT64_MAX;
  return !rate_limit_allows(&a->hosts.list[h].limits[api],
                            context_mono(&a->context), &until);
}

/* Is there a batch that the host's rate limit, and nothing else, kept from
 * being sent before the deadline, or auth_info for which one waits? */
static bool waits_for_limit(const struct ttn_account *a, int h) {
  int64_t now = context_mono(&a->context);
  const struct question_poll *question = &a->question.poll;
  const struct batch *batch = schedule_next(&a->schedule, h, now);
  if (a->poll.no_memory)
    return false;
  if (h == 0 && question->state == QUESTION_WANTED && question->n_waiting > 0 &&
      is_limited(a, h, API_AUTH_INFO))
    return true;
  return batch != NULL &&
         (batch->not_before > now || is_limited(a, h, batch_call(batch)));
}

/* What waits for a limit is sent first in the next poll. */
static void end_hosts(struct ttn_account *a) {
  for (int h = 0; h < (int)a->hosts.n; h++) {
    struct host *host = &a->hosts.list[h];
    bool limited = host->poll.limited || waits_for_limit(a, h);
    bool suspended = host->health == HOST_SUSPENDED;
    host_limited(host, limited && !suspended && !host->poll.failed &&
                           !a->credentials.poll.rejected);
    schedule_end(&a->schedule, h, suspended || host->poll.limited);
  }
}

/* Bit h: host h was to tell of a gateway that is unknown, and did not. */
static uint64_t hosts_to_hear(const struct hosts *hosts,
                              const struct gateway *gw) {
  if (gw->result == GATEWAY_PENDING)
    return UINT64_C(1) << gw->current_host;
  return gw->result == GATEWAY_LOOKED_UP ? hosts_to_ask(hosts) & ~gw->absent_at
                                         : 0;
}

/* Only now: a gateway that was answered may have left the list since. up: every
 * wanted gateway has an answer or a remembered refusal, or all hosts that may
 * have the key answered that they lack it. Returns hosts_to_hear of all. */
static uint64_t count_gateways(const struct ttn_account *a, bool had_key,
                               struct ttn_api_stats *r) {
  uint64_t to_hear = 0;
  size_t settled = 0; /* unknown, and no answer would change that */
  r->listed = a->discovery.have_list;
  r->gateways = a->gateways.n;
  for (size_t i = 0; i < a->gateways.n; i++) {
    const struct gateway *gw = a->gateways.list[i];
    bool answered = gw->result == GATEWAY_ANSWERED;
    settled += gw->result == GATEWAY_REFUSED ||
               gw->result == GATEWAY_ELSEWHERE ||
               gw->result == GATEWAY_IN_DOUBT;
    r->connected += answered && gw->known.shown == TTN_CONNECTED;
    r->disconnected += answered && gw->known.shown != TTN_CONNECTED;
    to_hear |= hosts_to_hear(&a->hosts, gw);
  }
  r->unknown = r->gateways - r->connected - r->disconnected;
  r->up = had_key && r->listed && !a->gateways.incomplete &&
          !discovery_any_denied(&a->discovery) &&
          !a->credentials.poll.rejected && r->unknown == settled;
  return to_hear;
}

static void report(struct ttn_account *a, bool had_key) {
  struct account_context *c = &a->context;
  struct ttn_api_stats r = {.counters = &c->counters};
  uint64_t to_hear = count_gateways(a, had_key, &r);
  credentials_end(&a->credentials, c);
  const struct host *home = &a->hosts.list[0];
  bool breaks = a->discovery.poll.state == DISCOVERY_RUNNING &&
                home->not_before > context_mono(c);
  bool quiet = a->credentials.poll.rejected || home->poll.failed || breaks;
  bool limited =
      is_limited(a, 0, a->discovery.poll.held ? API_AUTH_INFO : API_LIST);
  bool listed = discovery_end(&a->discovery, c, quiet, limited);
  hosts_end(&a->hosts, c, listed ? to_hear : to_hear | 1);
  r.poll = context_mono(c) - a->poll.started - a->poll.waited;
  ttn_report_api(c->sink, c->settings->collect, c->settings->account, &r);
}

static void poll_over(struct ttn_account *a, int64_t spread) {
  struct account_context *c = &a->context;
  if (atomic_load(&a->stop))
    return;
  bool had_key = begin(a, spread);
  if (had_key)
    work(a);
  bool stopped = atomic_load(&a->stop);
  values_begin(c);
  end_held(a, stopped);
  cancel_all(a, stopped);
  dispatch_end(a, stopped);
  if (!stopped) {
    apply_pending(c, &a->gateways, &a->offsets);
    if (had_key && !a->credentials.poll.rejected)
      apply_places(c, &a->gateways);
    apply_end(&a->apply, c, a->gateways.n);
  }
  end_hosts(a);
  gateways_calls_ended(&a->gateways, c->env);
  streams_use_key(&a->streams, a->credentials.auth);
  credentials_calls_ended(&a->credentials, c);
  requests_trim(&a->requests, c->env);
  if (!stopped)
    report(a, had_key);
  values_end(c);
  if (c->settings->events && !stopped)
    streams_plan(&a->streams);
}

void ttn_account_poll(struct ttn_account *a) {
  poll_over(a, a->context.settings->spread);
}

void ttn_account_poll_at_once(struct ttn_account *a) { poll_over(a, 0); }
