/* SPDX-License-Identifier: MIT */
#include "account/statistics.h"

#include "account/internal.h"
#include "account/spread.h"
#include "account/steps.h"
#include "report/field_mask.h"

/* A refused batch of so many gateways that were asked alone before is not
 * halved again: there is little to win. */
#define ALONE_MAX 8

static void apply(struct ttn_account *a, const struct finding *finding) {
  apply_finding(&a->apply, &a->context, &a->hosts, &a->offsets, finding);
}

/* host does not have gw connected. stats: its disconnected entry, or NULL. */
static void absent(struct ttn_account *a, int host, struct gateway *gw,
                   bool looked_up, const struct ttn_stats *stats,
                   int64_t server_time) {
  struct finding finding;
  if (!gateway_is_done(gw) &&
      lookup_absent(&a->lookups, &a->context, &a->hosts, host, gw, looked_up,
                    stats, server_time, &finding))
    apply(a, &finding);
}

static struct gateway *const *asked(const struct ttn_account *a,
                                    const struct request *request) {
  return schedule_gateways(&a->schedule, &request->batch);
}

/* The batches that wait come first. */
static bool has_room_to_halve(const struct ttn_account *a, int host) {
  int64_t room = rate_limit_room(&a->hosts.list[host].limits[API_BATCH],
                                 context_mono(&a->context));
  return room == INT64_MAX ||
         room >= (int64_t)schedule_waiting(&a->schedule, host) + 2;
}

/* doc/design.md: What becomes of a refused batch. Only a GET lets public
 * gateways in: lorawan-stack pkg/identityserver/rights.go. */
void statistics_refuse(struct ttn_account *a, const struct batch *batch,
                       bool gone) {
  struct schedule *s = &a->schedule;
  struct gateway *gw = schedule_gateways(s, batch)[0];
  if (batch->lookup && batch->single) /* not known there, or not to this key */
    absent(a, batch->host, gw, true, NULL, 0);
  else if (batch->single)
    apply_refusal(&a->apply, gw, gone);
  else if (batch->lookup && batch->n == 1)
    schedule_singles(s, &a->context, batch);
  else if (batch->lookup || (batch->n > (gw->alone ? ALONE_MAX : 1) &&
                             schedule_is_readable(s, batch) &&
                             has_room_to_halve(a, batch->host)))
    schedule_halves(s, &a->context, batch);
  else {
    schedule_ask_alone(s, batch, schedule_is_readable(s, batch));
    schedule_singles(s, &a->context, batch);
  }
}

static bool is_connected(const struct ttn_stats *s) {
  return (s->has & TTN_HAS_CONNECTED_AT) != 0 &&
         ((s->has & TTN_HAS_DISCONNECTED_AT) == 0 ||
          s->disconnected_at < s->connected_at);
}

static void take_entry(struct ttn_account *a, const struct request *request,
                       struct gateway *gw, const struct ttn_entry *e) {
  int64_t server_time = request->call.answer.date;
  if (gateway_is_done(gw))
    return;
  if (request->api == API_SINGLE)
    gateway_readable(gw);
  if (e->odd != NULL && e->bad == NULL)
    apply_odd_field(&a->apply, gw, e->odd);
  if (e->bad != NULL)
    apply_bad_entry(&a->apply, &a->context, gw, e->bad);
  else if (is_connected(&e->stats) ||
           (e->stats.has & TTN_HAS_DISCONNECTED_AT) == 0)
    apply(a, &(struct finding){gw, request->host, TTN_PROOF_ENTRY, &e->stats,
                               server_time});
  else
    absent(a, request->host, gw, request->batch.lookup, &e->stats, server_time);
}

static void take_absent(struct ttn_account *a, const struct request *request) {
  const struct batch *batch = &request->batch;
  bool there[TTN_BATCH_MAX] = {false};
  for (size_t i = 0; i < request->n_taken; i++)
    there[request->gateway_of[i]] = true;
  for (size_t i = 0; i < batch->n; i++)
    if (!there[i])
      absent(a, request->host, asked(a, request)[i], batch->lookup, NULL,
             request->call.answer.date);
}

size_t statistics_lost(const struct ttn_account *a,
                       const struct request *request) {
  size_t n, lost = 0;
  const struct batch *batch = &request->batch;
  if (request->api != API_BATCH || batch->lookup)
    return 0;
  ttn_decoder_entries(request->decoder, &n);
  if (n > 0)
    return 0;
  struct gateway *const *gateways = asked(a, request);
  for (size_t i = 0; i < batch->n; i++)
    lost += gateways[i]->known.shown == TTN_CONNECTED &&
            gateways[i]->current_host == request->host;
  return lost;
}

bool statistics_more(struct ttn_account *a, struct request *request) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(request->decoder, &n);
  size_t end = request->n_taken + SPREAD_PORTION;
  if (a->schedule.pause == 0 || end > n)
    end = n;
  /* A queue may move in memory when lookups start: not before the batch ended.
   */
  struct gateway *const *gateways = asked(a, request);
  for (size_t i = request->n_taken; i < end; i++)
    take_entry(a, request, gateways[request->gateway_of[i]], &entries[i]);
  request_taken(request, end);
  if (end < n)
    return false;
  take_absent(a, request);
  steps_end_batch(a, &request->batch);
  return true;
}

/* ---- verdicts ---- */

void statistics_retry(struct ttn_account *a, const struct request *request,
                      bool tried) {
  schedule_retry(&a->schedule, &a->context, request->batch, tried, 0);
}

static void batch_limited(struct ttn_account *a,
                          const struct request *request) {
  /* The limit of a single GET is that gateway's own: if it ends too late, the
   * rest of this poll must not wait for it. */
  int64_t not_before = 0;
  if (request->api == API_SINGLE)
    not_before =
        context_mono(&a->context) + rate_limit_wait(&request->call.answer);
  if (not_before < a->poll.deadline)
    schedule_retry(&a->schedule, &a->context, request->batch, false,
                   not_before);
  else
    host_limited(steps_host(a, request), true);
}

/* False: the batch waits for auth_info. */
static bool rights_unclear(struct ttn_account *a,
                           const struct request *request) {
  const struct batch *batch = &request->batch;
  const struct question_poll *question = &a->question.poll;
  const struct gateway *first = asked(a, request)[0];
  if (question->state == QUESTION_ANSWERED || batch->lookup ||
      (batch->n == 1 && first->refusal_logged && !a->credentials.serialize)) {
    if (!a->credentials.poll.rejected)
      statistics_refuse(a, batch, request->call.answer.status == 404);
    return true;
  }
  return question->state == QUESTION_FAILED ||
         !question_hold(&a->question, &a->context, batch,
                        request->call.answer.warning);
}

static void unknown_fields(struct ttn_account *a, const struct request *request,
                           const char *reason) {
  const char *names = ttn_decoder_error(request->decoder)->forbidden_paths;
  /* If none is new, it may have been sent before they were left out. */
  bool fresh = host_lacks_paths(
      steps_host(a, request), &a->context, ttn_field_mask_bits(names),
      response_is_name(names) ? names : "some fields");
  if (fresh || request->batch.tries == 0)
    statistics_retry(a, request, !fresh);
  else
    steps_failed(a, request, request->probe, TTN_FAIL_HTTP, reason);
}

bool statistics_verdict(struct ttn_account *a, struct request *request,
                        enum verdict verdict, enum ttn_failure failure,
                        const char *reason) {
  struct host *host = steps_host(a, request);
  const struct batch *batch = &request->batch;
  struct gateway *first = asked(a, request)[0];
  switch (verdict) {
  case VERDICT_OK:
    if (request_match(request, asked(a, request))) {
      if (request->api == API_BATCH)
        schedule_ask_alone(&a->schedule, batch, false);
      host_succeeded(host);
      credentials_accepted(&a->credentials, &a->context);
      return statistics_more(a, request);
    }
    steps_failed(a, request, request->probe, TTN_FAIL_ANSWER,
                 "the answer is about gateways that were not asked for");
    break;
  case VERDICT_NOT_CONNECTED:
    credentials_accepted(&a->credentials, &a->context);
    gateway_readable(first);
    absent(a, request->host, first, batch->lookup, NULL,
           request->call.answer.date);
    break;
  case VERDICT_SINGLE_GATEWAY_KEY:
    credentials_use_single(&a->credentials, &a->context);
    schedule_singles(&a->schedule, &a->context, batch);
    break;
  case VERDICT_NO_BATCH_API:
    host_lacks_batch_api(host, &a->context);
    schedule_singles(&a->schedule, &a->context, batch);
    break;
  case VERDICT_UNKNOWN_FIELDS:
    unknown_fields(a, request, reason);
    break;
  case VERDICT_RIGHTS_UNCLEAR:
    if (!rights_unclear(a, request))
      return true;
    break;
  case VERDICT_RATE_LIMITED:
    batch_limited(a, request);
    break;
  case VERDICT_DOUBTED:
    statistics_retry(a, request, true);
    break;
  default:
    if (verdict == VERDICT_RETRY)
      statistics_retry(a, request, true);
    steps_failed(a, request, request->probe, failure, reason);
  }
  steps_end_batch(a, batch);
  return true;
}
