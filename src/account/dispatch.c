/* SPDX-License-Identifier: MIT */
/* What each verdict makes the modules do; for statistics, statistics.c has it.
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
#include "account/statistics.h"
#include "account/steps.h"
#include "base/text.h"
#include "tts/key_errors.h"

#include <string.h>

/* ---- auth_info ---- */

static void settle_search(struct ttn_account *a) {
  const struct ttn_auth_info *owner = a->credentials.owner;
  steps_after_discovery(
      a, discovery_search(&a->discovery, &a->context,
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
    steps_reject_key(a, problem);
  } else if (info != NULL) {
    /* Though all gateways may be refused to it. */
    credentials_accepted(&a->credentials, &a->context);
    singles =
        info->kind == TTN_KEY_GATEWAY && !a->credentials.single_gateway_key;
    if (singles)
      credentials_use_single(&a->credentials, &a->context);
  }
  settle_held(a, info);
  settle_search(a);
  for (size_t i = 0; i < q->poll.n_waiting; i++) {
    const struct batch *batch = &q->waiting[i];
    if (singles)
      schedule_singles(&a->schedule, &a->context, batch);
    else if (!a->credentials.poll.rejected && state == QUESTION_ANSWERED)
      statistics_refuse(a, batch, false);
    steps_end_batch(a, batch);
  }
  question_settled(q);
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
                        request->call.answer.warning);
  /* Restricted accounts are refused in another way. */
  if (strstr(error->missing, "_GATEWAYS_LIST") != NULL &&
      discovery_ask_search(d, request->page, why)) {
    ask_search(a);
    return;
  }
  context_count_failure(&a->context, TTN_FAIL_KEY);
  steps_after_discovery(a,
                        discovery_denied(d, &a->context, request->page, why));
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
    host_succeeded(steps_host(a, request));
    listed = ttn_decoder_listed(request->decoder, &n, &skipped);
    steps_after_discovery(a, discovery_page(d, &a->context, &a->hosts,
                                            &a->gateways, request->page, listed,
                                            n, skipped, answer->total_count));
    /* No statistics will tell whether the key works. */
    if (a->credentials.serialize && d->poll.state == DISCOVERY_DONE &&
        a->gateways.n == 0)
      credentials_accepted(&a->credentials, &a->context);
    return;
  case VERDICT_LIST_EMPTY:
    question_list_empty(&a->question);
    /* The reason comes with auth_info, or at the poll's end. */
    discovery_page_failed(d, request->page, "");
    return;
  case VERDICT_LIST_DENIED:
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
    steps_failed(a, request, request->probe, failure, reason);
  }
}

static void auth_info_verdict(struct ttn_account *a,
                              const struct request *request,
                              enum verdict verdict, enum ttn_failure failure,
                              const char *reason) {
  const struct ttn_auth_info *info;
  switch (verdict) {
  case VERDICT_OK:
    host_succeeded(steps_host(a, request));
    info = ttn_decoder_auth_info(request->decoder);
    credentials_keep_owner(&a->credentials, &a->context, info);
    settle_question(a, QUESTION_ANSWERED, info);
    return;
  case VERDICT_NO_IDENTITY_SERVER: /* then halving has to find it out */
    settle_question(a, QUESTION_ANSWERED, NULL);
    return;
  case VERDICT_RATE_LIMITED:
    question_enter(&a->question, QUESTION_WANTED);
    return;
  default:
    steps_failed(a, request, request->probe, failure, reason);
    settle_question(a, QUESTION_FAILED, NULL);
  }
}

/* If the key was rotated, the new one is tried at once. The account's own host,
 * which has the list and so the Identity Server, speaks for all; what another
 * host says concerns only that host. */
static void key_rejected(struct ttn_account *a, const struct request *request) {
  char why[512];
  bool rotated =
      credentials_rotated(&a->credentials, &a->context, request->call.auth);
  ttn_key_error_print(why, sizeof(why), request->call.answer.status,
                      ttn_decoder_error(request->decoder),
                      request->call.answer.warning);
  if (!rotated && request->host == 0) {
    host_succeeded(steps_host(a, request));
    steps_reject_key(a, why);
  } else if (!rotated) { /* nothing more is sent there in this poll */
    steps_failed(a, request, true, TTN_FAIL_KEY, why);
  }
  if (request->api == API_AUTH_INFO)
    question_enter(&a->question, rotated ? QUESTION_WANTED : QUESTION_FAILED);
  else if (request->api == API_LIST && rotated)
    discovery_retry(&a->discovery, request->page, false);
  else if (request->api == API_LIST)
    discovery_page_failed(&a->discovery, request->page, why);
  else if (rotated)
    statistics_retry(a, request, false);
  if (request_is_batch(request))
    steps_end_batch(a, &request->batch);
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
                         .n_lost = statistics_lost(a, request),
                         .tries = request_tries(request)},
      &failure, reason, sizeof(reason));
  if (verdict == VERDICT_OK && request->host == 0 && answer->date > 0)
    offsets_saw_time(&a->offsets, answer->date);
  if (verdict == VERDICT_RATE_LIMITED)
    context_count_failure(&a->context, TTN_FAIL_RATE_LIMIT);
  if (verdict >= VERDICT_RATE_LIMITED)
    host_succeeded(steps_host(a, request));
  if (verdict == VERDICT_KEY_REJECTED)
    key_rejected(a, request);
  else if (request->api == API_LIST)
    list_verdict(a, request, verdict, failure, reason);
  else if (request->api == API_AUTH_INFO)
    auth_info_verdict(a, request, verdict, failure, reason);
  else
    return statistics_verdict(a, request, verdict, failure, reason);
  return true;
}

void dispatch_unanswered(struct ttn_account *a, struct request *request) {
  static const char reason[] = "no answer by the poll's deadline";
  if (request->api == API_LIST)
    discovery_page_failed(&a->discovery, request->page, reason);
  steps_failed(a, request, true, TTN_FAIL_TIMEOUT, reason);
}

void dispatch_not_sent(struct ttn_account *a, const struct request *request) {
  if (request->api == API_LIST)
    discovery_page_failed(&a->discovery, request->page, "no memory");
  else if (request->api == API_AUTH_INFO)
    settle_question(a, QUESTION_FAILED, NULL);
  else
    steps_end_batch(a, &request->batch);
}

/* ---- a poll ---- */

void dispatch_begin(struct ttn_account *a, bool has_key) {
  question_begin(&a->question);
  steps_plan(a);
  if (!has_key)
    return;
  if (a->ask_owner &&
      (a->credentials.owner == NULL || a->credentials.serialize))
    question_want(&a->question);
  enum discovery_step step =
      discovery_start(&a->discovery, &a->context, a->poll.started);
  if (a->discovery.poll.held)
    question_want(&a->question);
  steps_after_discovery(a, step);
}

void dispatch_end(struct ttn_account *a, bool stopped) {
  struct finding finding;
  if (a->question.poll.list_empty)
    settle_question(a, a->question.poll.state, a->credentials.owner);
  settle_search(a);
  for (const struct lookup *lookup = a->lookups.list;
       lookup != NULL && !stopped; lookup = lookup->next)
    if (!gateway_is_done(lookup->gw) &&
        lookup_decide(lookup, &a->hosts, &finding))
      apply_finding(&a->apply, &a->context, &a->hosts, &a->offsets, &finding);
  lookups_end(&a->lookups, a->context.env);
}
