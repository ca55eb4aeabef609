/* SPDX-License-Identifier: MIT */
/* What each verdict makes the modules do. Only this file knows them all.
 *
 *   OK                  discovery takes it, or what it proves is applied
 *   KEY_REJECTED        the key file is read again; if the key is the same,
 *                       nothing more is sent in this poll. From another host
 *                       than the account's: that host failed
 *   RIGHTS_UNCLEAR      auth_info is asked once; a key without the status right
 *                       is named; else single GETs find the refused gateways
 *   SINGLE_GATEWAY_KEY  single GETs from now on
 *   NO_BATCH_API        single GETs at this host
 *   UNKNOWN_FIELDS      these are left out from now on
 *   LIST_DENIED         the search lists the gateways, unless auth_info says
 *                       that the key is an admin's (with Scope "all" the search
 *                       lists all, if auth_info says that it is)
 *   NOT_CONNECTED       the gateway is looked up at the other hosts
 *   RATE_LIMITED        again after its wait, if the deadline allows
 *   RETRY, FAILED       the host failed */
#include "account/internal.h"

#include "account/response.h"
#include "account/spread.h"
#include "tts/key_errors.h"
#include "base/text.h"
#include "report/field_mask.h"

#include <stdlib.h>
#include <string.h>

/* A refused batch of so many gateways that were asked alone before is not
 * halved again: there is little to win. */
#define ALONE_MAX 8

static struct host *host_of(struct ttn_account *a,
                            const struct request *request) {
  return &a->hosts.list[request->host];
}

/* ---- what follows from steps of a poll ---- */

/* When the list took long, half of what is left of the poll is for second
 * attempts. */
static void plan(struct ttn_account *a) {
  int64_t now = context_mono(&a->context), left = a->poll.deadline - now;
  schedule_plan(&a->schedule, &a->context, &a->hosts, &a->gateways,
                a->credentials.single_gateway_key);
  schedule_spread(&a->schedule, &a->hosts, a->poll.started, now,
                  a->poll.spread < left ? a->poll.spread : left);
}

static void end_batch(struct ttn_account *a, int host,
                      const struct batch *batch) {
  if (schedule_batch_ended(&a->schedule, host, batch))
    lookups_start(&a->lookups, &a->context, &a->schedule, &a->hosts, host,
                  a->credentials.single_gateway_key);
}

bool dispatch_idle(struct ttn_account *a) {
  bool any = false;
  for (int h = 0; h < (int)a->hosts.n; h++)
    any |= lookups_start(&a->lookups, &a->context, &a->schedule, &a->hosts, h,
                         a->credentials.single_gateway_key);
  return any;
}

/* No statistics will tell whether the key works. */
static bool nobody_to_ask(const struct ttn_account *a) {
  return a->gateways.n == 0;
}

static void after_discovery(struct ttn_account *a, enum discovery_step step) {
  struct discovery *d = &a->discovery;
  struct list_change change;
  if (step != DISCOVERY_LISTED)
    return;
  bool merged =
      gateways_merge(&a->gateways, &a->context, &a->offsets, a->ownership, a,
                     &d->found, discovery_is_complete(d), &change);
  discovery_merged(d, &a->context, &a->gateways, merged, change,
                   a->poll.started);
  if (!merged)
    return;
  hosts_retry_batch_api(&a->hosts);
  schedule_retry_refused(&a->schedule);
  plan(a);
}

static void reject_key(struct ttn_account *a, const char *reason) {
  credentials_rejected(&a->credentials, &a->context, reason);
  if (a->discovery.poll.state == DISCOVERY_RUNNING)
    discovery_fail(&a->discovery, reason);
}

static void accept_key(struct ttn_account *a) {
  credentials_accepted(&a->credentials, &a->context);
}

static void count_failed(struct ttn_account *a, const struct request *request,
                         bool probe, enum ttn_failure failure,
                         const char *reason) {
  context_count_failure(&a->context, failure);
  /* If only the list fails, the host itself is healthy. */
  if (request->api == API_LIST && request->call.answer.status != 0)
    return;
  host_failed(host_of(a, request), probe, failure, request_name(request),
              reason);
  int64_t place = schedule_next_place(&a->schedule, request->host,
                                      context_mono(&a->context));
  if (place != 0 && failure != TTN_FAIL_KEY &&
      host_may_return(host_of(a, request)))
    host_probe_at(host_of(a, request), place);
}

/* ---- gateways ---- */

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

/* The batches that wait come first. */
static bool has_room_to_halve(const struct ttn_account *a, int host) {
  int64_t room = rate_limit_room(&a->hosts.list[host].limits[API_BATCH],
                                 context_mono(&a->context));
  return room == INT64_MAX ||
         room >= (int64_t)schedule_waiting(&a->schedule, host) + 2;
}

/* host refused the batch: the refused gateways have to be found. gone: it says
 * that there is no such gateway, which it does to an admin. Single GETs
 * tell at once which they are, without taking from the batch's limit. A batch
 * that is refused although each of its gateways can be read alone has public
 * ones, which only a GET lets in (lorawan-stack pkg/identityserver/rights.go):
 * they are searched for in halves as far as the limit allows, and what is left
 * is asked alone. */
static void refuse_batch(struct ttn_account *a, int host,
                         const struct batch *batch, bool gone) {
  struct schedule *s = &a->schedule;
  struct gateway *gw = schedule_gateways(s, host, batch)[0];
  if (batch->lookup && batch->n == 1) /* not known there, or not to this key */
    absent(a, host, gw, true, NULL, 0);
  else if (batch->single)
    apply_refusal(&a->apply, gw, gone);
  else if (batch->lookup ||
           (batch->n > (gw->alone ? ALONE_MAX : 1) &&
            schedule_is_readable(s, host, batch) && has_room_to_halve(a, host)))
    schedule_halves(s, &a->context, host, batch);
  else {
    schedule_ask_alone(s, host, batch, schedule_is_readable(s, host, batch));
    schedule_singles(s, &a->context, host, batch);
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

/* Which of the batch's gateways an entry is of; -1: none. A single GET's is of
 * the only one. */
static int index_of(const struct ttn_account *a, const struct request *request,
                    const struct ttn_entry *entry) {
  struct gateway *const *asked =
      schedule_gateways(&a->schedule, request->host, &request->batch);
  if (request->api == API_SINGLE)
    return 0;
  struct gateway *const *gw = bsearch(entry->id, asked, request->batch.n,
                                      sizeof(*asked), gateway_compare_id);
  return gw == NULL ? -1 : (int)(gw - asked);
}

/* An entry for a gateway that was not asked for makes all of an answer wrong:
 * it is an answer to something else. */
static bool entries_fit(const struct ttn_account *a,
                        const struct request *request) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(request->decoder, &n);
  if (request->api == API_SINGLE)
    return n == 1;
  for (size_t i = 0; i < n; i++)
    if (index_of(a, request, &entries[i]) < 0)
      return false;
  return true;
}

static void take_absent(struct ttn_account *a, const struct request *request) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(request->decoder, &n);
  const struct batch *batch = &request->batch;
  bool there[TTN_BATCH_MAX] = {false};
  for (size_t i = 0; i < n; i++)
    there[index_of(a, request, &entries[i])] = true;
  for (size_t i = 0; i < batch->n; i++)
    if (!there[i])
      absent(a, request->host,
             schedule_gateways(&a->schedule, request->host, batch)[i],
             batch->lookup, NULL, request->call.answer.date);
}

/* Of a batch whose answer has no entry: gateways that were connected there. */
static size_t count_lost(const struct ttn_account *a,
                         const struct request *request) {
  size_t n, lost = 0;
  const struct batch *batch = &request->batch;
  if (request->api != API_BATCH || batch->lookup)
    return 0;
  ttn_decoder_entries(request->decoder, &n);
  if (n > 0)
    return 0;
  struct gateway *const *asked =
      schedule_gateways(&a->schedule, request->host, batch);
  for (size_t i = 0; i < batch->n; i++)
    lost += asked[i]->known.shown == TTN_CONNECTED &&
            asked[i]->current_host == request->host;
  return lost;
}

bool dispatch_more(struct ttn_account *a, struct request *request) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(request->decoder, &n);
  size_t end = request->n_taken + SPREAD_PORTION;
  if (a->schedule.pause == 0 || end > n)
    end = n;
  /* A queue may move in memory when lookups start: not before the batch ended.
   */
  struct gateway *const *asked =
      schedule_gateways(&a->schedule, request->host, &request->batch);
  for (size_t i = request->n_taken; i < end; i++)
    take_entry(a, request, asked[index_of(a, request, &entries[i])],
               &entries[i]);
  request_taken(request, end);
  if (end < n)
    return false;
  take_absent(a, request);
  end_batch(a, request->host, &request->batch);
  return true;
}

/* ---- auth_info ---- */

static void settle_search(struct ttn_account *a) {
  const struct ttn_auth_info *owner = a->credentials.owner;
  after_discovery(a, discovery_search(&a->discovery, &a->context,
                                      credentials_may_search(&a->credentials),
                                      owner != NULL && owner->is_admin));
}

/* The search of an admin's key lists all gateways of the stack: whose the key
 * is must be known first. */
static void ask_search(struct ttn_account *a) {
  enum question_state state = a->question.poll.state;
  if (a->credentials.owner == NULL && state != QUESTION_ANSWERED &&
      state != QUESTION_FAILED)
    question_want(&a->question);
  else
    settle_search(a);
}

/* What is wrong with the key; info: what auth_info said of it, or NULL. NULL:
 * nothing is known to be. */
static const char *key_problem(const struct ttn_account *a,
                               const struct ttn_auth_info *info, char *why,
                               size_t size) {
  const struct question_poll *question = &a->question.poll;
  if (info != NULL && a->discovery.all && !info->is_admin && info->n_rights > 0)
    return ttn_key_error_no_admin(why, size, question->warning);
  if (info != NULL && !info->can_read_status)
    return ttn_key_error_no_status(why, size, info, question->warning);
  return question->list_empty ? ttn_key_error_missing(why, size, info) : NULL;
}

/* The list of all gateways waits for an admin's key. */
static void settle_held(struct ttn_account *a,
                        const struct ttn_auth_info *info) {
  struct discovery *d = &a->discovery;
  if (!d->poll.held || d->poll.state != DISCOVERY_RUNNING)
    return;
  if (info != NULL)
    discovery_release(d);
  else
    discovery_fail(d, "auth_info does not tell whether the key is an admin's, "
                      "as Scope \"all\" needs it: URL must be the cluster "
                      "with the Identity Server");
}

/* The question ended. info: what auth_info said, or NULL. */
static void settle_question(struct ttn_account *a, enum question_state state,
                            const struct ttn_auth_info *info) {
  struct question *q = &a->question;
  char why[512];
  bool singles = false;
  question_enter(q, state);
  const char *problem = key_problem(a, info, why, sizeof(why));
  if (problem != NULL) {
    reject_key(a, problem);
  } else if (info != NULL) {
    accept_key(a); /* though all gateways may be refused to it */
    singles =
        info->kind == TTN_KEY_GATEWAY && !a->credentials.single_gateway_key;
    if (singles)
      credentials_use_single(&a->credentials, &a->context);
  }
  question_list_empty(q, false);
  settle_held(a, info);
  settle_search(a);
  for (size_t i = 0; i < q->poll.n_waiting; i++) {
    int host = q->waiting[i].host;
    const struct batch *batch = &q->waiting[i].batch;
    if (singles)
      schedule_singles(&a->schedule, &a->context, host, batch);
    else if (!a->credentials.poll.rejected && state == QUESTION_ANSWERED)
      refuse_batch(a, host, batch, false);
    end_batch(a, host, batch);
  }
  question_release(q);
}

/* ---- verdicts on each kind of call ---- */

static void list_denied(struct ttn_account *a, const struct request *request) {
  struct discovery *d = &a->discovery;
  const struct ttn_api_error *error = ttn_decoder_error(request->decoder);
  char why[512];
  if (request->page.search && !d->all)
    ttn_print(why, sizeof(why), "%s", d->list_denied);
  else
    ttn_key_error_print(why, sizeof(why), request->call.answer.status, error,
                        NULL, request->call.answer.warning);
  /* Restricted accounts are refused in another way. */
  if (strstr(error->missing, "_GATEWAYS_LIST") != NULL &&
      discovery_ask_search(d, request->page, why)) {
    ask_search(a);
    return;
  }
  context_count_failure(&a->context, TTN_FAIL_KEY);
  after_discovery(a, discovery_denied(d, &a->context, request->page, why));
}

static void list_verdict(struct ttn_account *a, const struct request *request,
                         enum verdict verdict, enum ttn_failure failure,
                         const char *reason) {
  struct discovery *d = &a->discovery;
  const struct ttn_answer *answer = &request->call.answer;
  size_t n, skipped;
  const struct ttn_listed *listed;
  switch (verdict) {
  case VERDICT_OK:
    host_succeeded(host_of(a, request));
    listed = ttn_decoder_listed(request->decoder, &n, &skipped);
    after_discovery(a, discovery_page(d, &a->context, &a->hosts, &a->gateways,
                                      request->page, listed, n, skipped,
                                      answer->total_count));
    if (a->credentials.serialize && d->poll.state == DISCOVERY_DONE &&
        nobody_to_ask(a))
      accept_key(a);
    return;
  case VERDICT_LIST_EMPTY:
    host_succeeded(host_of(a, request));
    question_list_empty(&a->question, true);
    question_want(&a->question);
    /* The reason comes with auth_info, or at the poll's end. */
    discovery_page_failed(d, request->page, "");
    return;
  case VERDICT_LIST_DENIED:
    host_succeeded(host_of(a, request));
    list_denied(a, request);
    return;
  case VERDICT_RATE_LIMITED:
    discovery_retry(d, request->page, false);
    return;
  default:
    if (request->page.search && !d->all &&
        answer->status == 404) { /* an old stack */
      list_denied(a, request);
      return;
    }
    if (verdict == VERDICT_RETRY && d->poll.state == DISCOVERY_RUNNING)
      discovery_retry(d, request->page, true);
    else
      discovery_page_failed(d, request->page, reason);
    count_failed(a, request, request->probe, failure, reason);
  }
}

static void auth_info_verdict(struct ttn_account *a,
                              const struct request *request,
                              enum verdict verdict, enum ttn_failure failure,
                              const char *reason) {
  const struct ttn_auth_info *info;
  switch (verdict) {
  case VERDICT_OK:
    host_succeeded(host_of(a, request));
    info = ttn_decoder_auth_info(request->decoder);
    credentials_keep_owner(&a->credentials, &a->context, info);
    settle_question(a, QUESTION_ANSWERED, info);
    return;
  case VERDICT_NO_IDENTITY_SERVER: /* then halving has to find it out */
    host_succeeded(host_of(a, request));
    settle_question(a, QUESTION_ANSWERED, NULL);
    return;
  case VERDICT_RATE_LIMITED:
    question_enter(&a->question, QUESTION_WANTED);
    return;
  default:
    count_failed(a, request, request->probe, failure, reason);
    settle_question(a, QUESTION_FAILED, NULL);
  }
}

static void retry_batch(struct ttn_account *a, const struct request *request,
                        bool tried) {
  schedule_retry(&a->schedule, &a->context, request->host, request->batch,
                 tried, 0);
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
    schedule_retry(&a->schedule, &a->context, request->host, request->batch,
                   false, not_before);
  else
    host_limited(host_of(a, request), true);
}

/* False: the batch waits for auth_info. */
static bool rights_unclear(struct ttn_account *a,
                           const struct request *request) {
  const struct batch *batch = &request->batch;
  const struct question_poll *question = &a->question.poll;
  const struct gateway *first =
      schedule_gateways(&a->schedule, request->host, batch)[0];
  host_succeeded(host_of(a, request));
  if (question->state == QUESTION_ANSWERED || batch->lookup ||
      (batch->n == 1 && first->refusal_logged && !a->credentials.serialize)) {
    if (!a->credentials.poll.rejected)
      refuse_batch(a, request->host, batch, request->call.answer.status == 404);
    return true;
  }
  return question->state == QUESTION_FAILED ||
         !question_hold(&a->question, &a->context, request->host, batch,
                        request->call.answer.warning);
}

static void unknown_fields(struct ttn_account *a, const struct request *request,
                           const char *reason) {
  const char *names = ttn_decoder_error(request->decoder)->forbidden_paths;
  /* If none is new, it may have been sent before they were left out. */
  bool fresh = host_lacks_paths(
      host_of(a, request), &a->context, ttn_field_mask_bits(names),
      response_is_name(names) ? names : "some fields");
  if (fresh || request->batch.tries == 0)
    retry_batch(a, request, !fresh);
  else
    count_failed(a, request, request->probe, TTN_FAIL_HTTP, reason);
}

/* As dispatch_answer. */
static bool batch_verdict(struct ttn_account *a, struct request *request,
                          enum verdict verdict, enum ttn_failure failure,
                          const char *reason) {
  struct host *host = host_of(a, request);
  const struct batch *batch = &request->batch;
  struct gateway *first =
      schedule_gateways(&a->schedule, request->host, batch)[0];
  switch (verdict) {
  case VERDICT_OK:
    if (entries_fit(a, request)) {
      if (request->api == API_BATCH)
        schedule_ask_alone(&a->schedule, request->host, batch, false);
      host_succeeded(host);
      accept_key(a);
      return dispatch_more(a, request);
    }
    count_failed(a, request, request->probe, TTN_FAIL_ANSWER,
                 "the answer is about gateways that were not asked for");
    break;
  case VERDICT_NOT_CONNECTED:
    host_succeeded(host);
    accept_key(a);
    gateway_readable(first);
    absent(a, request->host, first, batch->lookup, NULL,
           request->call.answer.date);
    break;
  case VERDICT_SINGLE_GATEWAY_KEY:
    host_succeeded(host);
    credentials_use_single(&a->credentials, &a->context);
    schedule_singles(&a->schedule, &a->context, request->host, batch);
    break;
  case VERDICT_NO_BATCH_API:
    host_succeeded(host);
    host_lacks_batch_api(host, &a->context);
    schedule_singles(&a->schedule, &a->context, request->host, batch);
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
    retry_batch(a, request, true);
    break;
  default:
    if (verdict == VERDICT_RETRY)
      retry_batch(a, request, true);
    count_failed(a, request, request->probe, failure, reason);
  }
  end_batch(a, request->host, batch);
  return true;
}

/* If the key was rotated, the new one is tried at once. The account's own host,
 * which has the list and so the Identity Server, speaks for all; what another
 * host says concerns only that host. */
static void key_rejected(struct ttn_account *a, const struct request *request) {
  char why[512];
  bool rotated =
      credentials_rotated(&a->credentials, &a->context, request->call.auth);
  ttn_key_error_print(why, sizeof(why), request->call.answer.status,
                      ttn_decoder_error(request->decoder), NULL,
                      request->call.answer.warning);
  if (!rotated && request->host == 0) {
    host_succeeded(host_of(a, request));
    reject_key(a, why);
  } else if (!rotated) { /* nothing more is sent there in this poll */
    count_failed(a, request, true, TTN_FAIL_KEY, why);
  }
  if (request->api == API_AUTH_INFO)
    question_enter(&a->question, rotated ? QUESTION_WANTED : QUESTION_FAILED);
  else if (request->api == API_LIST && rotated)
    discovery_retry(&a->discovery, request->page, false);
  else if (request->api == API_LIST)
    discovery_page_failed(&a->discovery, request->page, why);
  else if (rotated)
    retry_batch(a, request, false);
  if (request_is_batch(request))
    end_batch(a, request->host, &request->batch);
}

bool dispatch_answer(struct ttn_account *a, struct request *request) {
  const struct ttn_answer *answer = &request->call.answer;
  size_t n = 0, skipped = 0;
  enum ttn_failure failure;
  char reason[300];
  if (request->api == API_LIST)
    ttn_decoder_listed(request->decoder, &n, &skipped);
  enum verdict verdict = response_verdict(
      &(struct response){.api = request->api,
                         .answer = answer,
                         .decoded = request->decoded,
                         .decoded_why = ttn_decoder_why(request->decoder),
                         .error = ttn_decoder_error(request->decoder),
                         .first_page = request->page.index == 0,
                         .n_listed = n + skipped,
                         .n_lost = count_lost(a, request),
                         .tries = request_tries(request)},
      &failure, reason, sizeof(reason));
  if (answer->status == 200 && verdict <= VERDICT_LIST_EMPTY &&
      request->host == 0 && answer->date > 0)
    offsets_saw_time(&a->offsets, answer->date);
  if (verdict == VERDICT_RATE_LIMITED) {
    context_count_failure(&a->context, TTN_FAIL_RATE_LIMIT);
    host_succeeded(host_of(a, request));
  }
  if (verdict == VERDICT_KEY_REJECTED)
    key_rejected(a, request);
  else if (request->api == API_LIST)
    list_verdict(a, request, verdict, failure, reason);
  else if (request->api == API_AUTH_INFO)
    auth_info_verdict(a, request, verdict, failure, reason);
  else
    return batch_verdict(a, request, verdict, failure, reason);
  return true;
}

void dispatch_unanswered(struct ttn_account *a, struct request *request) {
  static const char reason[] = "no answer by the poll's deadline";
  if (request->api == API_LIST)
    discovery_page_failed(&a->discovery, request->page, reason);
  count_failed(a, request, true, TTN_FAIL_TIMEOUT, reason);
}

void dispatch_not_sent(struct ttn_account *a, enum api_call api, int host,
                       const struct batch *batch, struct page page) {
  if (api == API_LIST)
    discovery_page_failed(&a->discovery, page, "no memory");
  else if (api == API_AUTH_INFO)
    settle_question(a, QUESTION_FAILED, NULL);
  else
    end_batch(a, host, batch);
}

/* ---- a poll ---- */

void dispatch_begin(struct ttn_account *a, bool has_key) {
  question_begin(&a->question);
  plan(a);
  if (!has_key)
    return;
  if (a->ask_owner &&
      (a->credentials.owner == NULL || a->credentials.serialize))
    question_want(&a->question);
  enum discovery_step step =
      discovery_start(&a->discovery, &a->context, a->poll.started);
  if (a->discovery.poll.held)
    question_want(&a->question);
  after_discovery(a, step);
}

void dispatch_end(struct ttn_account *a, bool stopped) {
  struct finding finding;
  if (a->question.poll.list_empty)
    settle_question(a, a->question.poll.state, a->credentials.owner);
  for (const struct lookup *lookup = a->lookups.list;
       lookup != NULL && !stopped; lookup = lookup->next)
    if (!gateway_is_done(lookup->gw) &&
        lookup_decide(lookup, &a->hosts, &finding))
      apply(a, &finding);
  lookups_end(&a->lookups, a->context.env);
}
