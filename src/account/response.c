/* SPDX-License-Identifier: MIT */
/* What is done with each answer, once its body is decoded to its end. It must
 * not know when calls go out (poll.c) or what a gateway's counts mean (turns.c
 * and gateway.c).
 *
 *   200, whole             discover.c or turns.c takes it
 *   401, 400 "token"       the key is refused: its file is read again, and if
 *                          it is the same nothing more is sent in this poll;
 *                          from another host than the account's: its failure
 *   403, 404 of a batch    auth_info once; a key without the status right is
 *                          named; else the batch is halved (turns.c)
 *   403 of a gateway's key single GETs from then on
 *   404 without details    a server without the batch: single GETs
 *   400 field_mask_paths   those paths are left out from then on
 *   429                    again after its wait, if the deadline allows
 *   anything else          a failure of that host (hosts.c) */
#include "account/internal.h"

#include <string.h>

/* A connection that breaks once is no reason to go without an answer. */
#define TRIES_MAX 2

static const char *const what[KINDS] = {"list of gateways", "statistics",
                                        "statistics", "auth_info"};

static void refuse_key(struct ttn_account *a, const char *why) {
  if (!a->key_refused)
    ttn_print(a->key_why, sizeof(a->key_why), "%s", why);
  a->key_refused = true;
  a->report.failures[TTN_FAIL_KEY]++;
  if (a->discovery == DISCOVERY_RUNNING)
    discover_fail(a, why);
}

static void well_key(struct ttn_account *a) {
  a->key_worked = true;
  if (!a->gated)
    return;
  a->gated = false;
  account_log(a, TTN_NOTICE, "the key works again");
  if (a->said_key)
    ttn_notice_key(a->sink, a->settings->account, false, "");
  a->said_key = false;
}

/* The same range again, later in this poll. */
static void again(struct ttn_account *a, struct job *job, bool tried) {
  struct range range = job->range;
  range.tries = (uint8_t)(range.tries + tried);
  if (a->hosts[job->host].asked > 0)
    a->hosts[job->host].asked--;
  turns_push(a, job->host, range);
}

static void range_by_singles(struct ttn_account *a, int h,
                             const struct range *r) {
  for (uint8_t i = 0; i < r->n; i++) {
    struct range range = {
        .from = r->from + i, .n = 1, .single = true, .hunt = r->hunt};
    turns_push(a, h, range);
  }
}

static void fail(struct ttn_account *a, struct job *job,
                 enum ttn_failure failure, const char *why) {
  a->report.failures[failure]++;
  /* A list that fails by itself is no trouble of the host's. */
  if (job->kind != KIND_LIST || job->call.answer.status == 0)
    hosts_failed(a, job->host, job->probe, failure, what[job->kind], why);
}

void answers_failed(struct ttn_account *a, struct job *job,
                    enum ttn_failure failure, const char *why) {
  if (job->kind == KIND_LIST)
    discover_fail(a, why);
  fail(a, job, failure, why);
}

/* Of what the stack calls its errors and fields; nothing else is repeated. */
static bool safe_name(const char *s) {
  return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_/:.,")] == '\0';
}

static char *print_status(char *buffer, size_t size, int status,
                          const struct ttn_api_error *e) {
  if (!e->json)
    return ttn_print(buffer, size,
                     "answered %d without JSON (a proxy or load balancer?)",
                     status);
  if (e->name[0] != '\0' && safe_name(e->space) && safe_name(e->name))
    return ttn_print(buffer, size, "answered %d, %s:%s", status, e->space,
                     e->name);
  return ttn_print(buffer, size, "answered %d, code %d", status, e->code);
}

static void limited(struct ttn_account *a, struct job *job, int64_t now) {
  int64_t not_before = now + rate_limit_wait(&job->call.answer);
  a->report.failures[TTN_FAIL_RATE_LIMIT]++;
  hosts_well(a, job->host);
  if (job->kind == KIND_LIST) {
    discover_again(a, job, false);
  } else if (job->kind == KIND_AUTH) {
    a->auth_info = AUTH_WANTED;
  } else {
    /* A single GET's limit is that gateway's own: if it is over too late, the
     * rest of this poll must not wait behind it. */
    if (job->kind == KIND_SINGLE)
      job->range.not_before = not_before;
    if (job->range.not_before < a->deadline)
      again(a, job, false);
    else
      a->hosts[job->host].limited = true;
    turns_range_over(a, job->host, &job->range);
  }
}

/* The key was not accepted. If it was rotated meanwhile the new one has its
 * chance at once. The account's own host, which has the list and so the
 * Identity Server, speaks for all; what another says takes nothing from the
 * others. */
static void key_refused(struct ttn_account *a, struct job *job,
                        const struct ttn_api_error *error) {
  char why[512];
  bool rotated = job->call.auth != a->auth;
  if (!rotated && !a->reread) {
    a->reread = true;
    rotated = account_key(a, true);
  }
  if (!rotated) {
    ttn_trouble_print(why, sizeof(why), job->call.answer.status, error, NULL,
                      job->call.answer.warning);
    if (job->host == 0) {
      hosts_well(a, 0);
      refuse_key(a, why);
    } else {
      job->probe = true; /* nothing more goes there in this poll */
      fail(a, job, TTN_FAIL_KEY, why);
    }
    if (job->kind == KIND_AUTH)
      a->auth_info = AUTH_FAILED;
  } else if (job->kind == KIND_LIST) {
    discover_again(a, job, false);
  } else if (job->kind == KIND_AUTH) {
    a->auth_info = AUTH_WANTED;
  } else {
    again(a, job, false);
  }
}

/* A range waits for what auth_info says of the key. */
static void ask_auth(struct ttn_account *a, struct job *job) {
  void *waiting = a->waiting;
  if (!ttn_grow(a->env, &waiting, &a->room_waiting, a->n_waiting + 1,
                sizeof(*a->waiting), 65536)) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    turns_range_over(a, job->host, &job->range);
    return;
  }
  a->waiting = waiting;
  a->waiting[a->n_waiting++] = (struct waiting){job->host, job->range};
  ttn_print(a->warning, sizeof(a->warning), "%s", job->call.answer.warning);
  if (a->auth_info == AUTH_NOT_ASKED)
    a->auth_info = AUTH_WANTED;
}

static void use_singles(struct ttn_account *a) {
  if (!a->singles)
    account_log(a, TTN_INFO,
                "the key is a gateway's own: statistics are asked for one "
                "gateway at a time");
  a->singles = true;
}

/* auth_info is over: known, or not to be had. */
static void settle_waiting(struct ttn_account *a,
                           const struct ttn_auth_info *info) {
  char why[512];
  bool by_singles = false;
  if (info != NULL && !info->can_read_status && !info->is_admin) {
    refuse_key(a, ttn_trouble_no_status(why, sizeof(why), info, a->warning));
  } else if (a->not_heard) {
    refuse_key(a, ttn_trouble_not_heard(why, sizeof(why), info));
  } else if (info != NULL) {
    well_key(a); /* though it may be that all gateways are refused to it */
    by_singles = info->kind == TTN_KEY_GATEWAY && !a->singles;
    if (by_singles)
      use_singles(a);
  }
  a->not_heard = false;
  for (size_t i = 0; i < a->n_waiting; i++) {
    int h = a->waiting[i].host;
    const struct range *range = &a->waiting[i].range;
    if (by_singles)
      range_by_singles(a, h, range);
    else if (!a->key_refused && a->auth_info == AUTH_KNOWN)
      turns_refused(a, h, range);
    turns_range_over(a, h, range);
  }
  a->n_waiting = 0;
}

static void auth_answer(struct ttn_account *a, struct job *job, bool good) {
  const struct ttn_api_error *error =
      good ? NULL : ttn_decoder_error(job->decoder);
  char why[200];
  if (good) {
    a->auth_info = AUTH_KNOWN;
    view_keep_key(a, ttn_decoder_auth_info(job->decoder));
    settle_waiting(a, ttn_decoder_auth_info(job->decoder));
  } else {
    /* A host without Identity Server can't say: then it's by halves. */
    int status = job->call.answer.status;
    bool none = status == 404 && error->json && !error->details;
    a->auth_info = none ? AUTH_KNOWN : AUTH_FAILED;
    if (none)
      hosts_well(a, job->host);
    else
      fail(a, job, TTN_FAIL_HTTP,
           print_status(why, sizeof(why), status, error));
    settle_waiting(a, NULL);
  }
}

/* No statistics will tell whether the key works. */
static bool nobody_to_ask(const struct ttn_account *a) {
  for (size_t i = 0; i < a->n_gateways; i++)
    if (a->gateways[i]->at >= 0)
      return false;
  return true;
}

static void list_answer(struct ttn_account *a, struct job *job) {
  size_t n, skipped;
  ttn_decoder_listed(job->decoder, &n, &skipped);
  if (job->page == 1 && n + skipped == 0 &&
      job->call.answer.total_count == -1) {
    a->sources[job->source].in_flight--;
    a->not_heard = true;
    if (a->auth_info == AUTH_NOT_ASKED)
      a->auth_info = AUTH_WANTED;
    a->discovery = DISCOVERY_FAILED;
    return; /* the reason comes with auth_info, or at the poll's end */
  }
  discover_page(a, job);
  if (a->gated && a->discovery == DISCOVERY_DONE && nobody_to_ask(a))
    well_key(a);
}

static void list_refused(struct ttn_account *a, struct job *job,
                         const struct ttn_api_error *error) {
  char why[512];
  a->report.failures[TTN_FAIL_KEY]++;
  hosts_well(a, job->host);
  a->list_denied = true;
  discover_refused(a, job,
                   ttn_trouble_print(why, sizeof(why), 403, error, NULL,
                                     job->call.answer.warning));
}

/* Mask paths that an old server does not know. False: it was something else. */
static bool mask_refused(struct ttn_account *a, struct job *job,
                         const struct ttn_api_error *error) {
  struct host *host = &a->hosts[job->host];
  if (job->kind != KIND_BATCH || job->call.answer.status != 400 ||
      strcmp(error->name, "field_mask_paths") != 0)
    return false;
  /* Without new ones it may have been sent before they were left out. */
  uint32_t fresh =
      ttn_report_path_bits(error->forbidden_paths) & ~host->without;
  if (fresh == 0 && job->range.tries > 0)
    return false;
  if (fresh != 0)
    account_log(a, TTN_INFO, "%s is too old to know %s: left out from now on",
                host->base,
                safe_name(error->forbidden_paths)
                    ? error->forbidden_paths
                    : "some fields");
  host->without |= fresh;
  again(a, job, fresh == 0);
  return true;
}

/* A range was not answered with 200. */
static void range_error(struct ttn_account *a, struct job *job,
                        const struct ttn_api_error *error) {
  struct host *host = &a->hosts[job->host];
  int status = job->call.answer.status;
  char why[200];
  if (job->kind == KIND_SINGLE && status == 404 &&
      strcmp(error->name, "not_connected") == 0) {
    hosts_well(a, job->host);
    well_key(a);
    turns_absent(a, job->host, host->turns[job->range.from], job->range.hunt,
                 job->call.answer.date);
  } else if (job->kind == KIND_BATCH && status == 403 &&
             strcmp(error->name, "neither_user_nor_organization") == 0) {
    hosts_well(a, job->host);
    use_singles(a);
    range_by_singles(a, job->host, &job->range);
  } else if (job->kind == KIND_BATCH && status == 404 && error->json &&
             !error->details) {
    hosts_well(a, job->host);
    if (!host->said_no_batch)
      account_log(a, TTN_INFO,
                  "%s has no batch of statistics (The Things Stack before "
                  "3.21): gateways are asked for one at a time, side by side",
                  host->base);
    host->no_batch = host->said_no_batch = true;
    range_by_singles(a, job->host, &job->range);
  } else if (ttn_trouble_batch_refused(status, error)) {
    hosts_well(a, job->host);
    if (a->auth_info == AUTH_KNOWN || job->range.hunt ||
        (job->range.n == 1 && host->turns[job->range.from]->named &&
         !a->gated)) {
      if (!a->key_refused)
        turns_refused(a, job->host, &job->range);
    } else if (a->auth_info != AUTH_FAILED) {
      ask_auth(a, job);
      return; /* not over yet */
    }
  } else if (!mask_refused(a, job, error)) {
    fail(a, job, TTN_FAIL_HTTP, print_status(why, sizeof(why), status, error));
  }
  turns_range_over(a, job->host, &job->range);
}

static void count_status(struct ttn_account *a, int status) {
  for (size_t i = 0; status > 0 && i < TTN_STATUSES; i++)
    if (a->report.statuses[i].n == 0 ||
        a->report.statuses[i].status == status) {
      a->report.statuses[i].status = status;
      a->report.statuses[i].n++;
      return;
    }
}

static void broken(struct ttn_account *a, struct job *job) {
  const struct ttn_answer *answer = &job->call.answer;
  enum ttn_failure failure = answer->failure;
  const char *why = answer->why;
  bool range = job->kind == KIND_BATCH || job->kind == KIND_SINGLE;
  bool more = job->decoded == TTN_OK && failure != TTN_FAIL_TOO_LARGE &&
              job->tries + 1 < TRIES_MAX;
  if (job->decoded != TTN_OK) {
    failure = job->decoded;
    why = ttn_decoder_why(job->decoder);
  }
  /* A probe's success lets it go once more. */
  if (range && more)
    again(a, job, true);
  if (job->kind == KIND_LIST && more && a->discovery == DISCOVERY_RUNNING) {
    discover_again(a, job, true);
    fail(a, job, failure, why);
  } else {
    answers_failed(a, job, failure, why);
  }
  if (range)
    turns_range_over(a, job->host, &job->range);
  if (job->kind == KIND_AUTH) {
    a->auth_info = AUTH_FAILED;
    settle_waiting(a, NULL);
  }
}

static void good_answer(struct ttn_account *a, struct job *job) {
  if (job->host == 0 && job->call.answer.date > 0)
    a->date = job->call.answer.date;
  if (job->kind == KIND_LIST) {
    hosts_well(a, job->host);
    list_answer(a, job);
  } else if (job->kind == KIND_AUTH) {
    hosts_well(a, job->host);
    auth_answer(a, job, true);
  } else {
    if (turns_entries(a, job, job->call.answer.date)) {
      hosts_well(a, job->host);
      well_key(a);
    } else {
      fail(a, job, TTN_FAIL_ANSWER,
           "the answer is about gateways that were not asked for");
    }
    turns_range_over(a, job->host, &job->range);
  }
}

void answers_take(struct ttn_account *a, struct job *job, int64_t now) {
  const struct ttn_answer *answer = &job->call.answer;
  char why[200];
  count_status(a, answer->status);
  const struct ttn_api_error *error = ttn_decoder_error(job->decoder);
  if (answer->failure != TTN_OK || job->decoded != TTN_OK)
    broken(a, job);
  else if (answer->status == 200)
    good_answer(a, job);
  else if (answer->status == 429)
    limited(a, job, now);
  else if (ttn_trouble_key_refused(answer->status, error)) {
    key_refused(a, job, error);
    if (job->kind == KIND_BATCH || job->kind == KIND_SINGLE)
      turns_range_over(a, job->host, &job->range);
  } else if (job->kind == KIND_AUTH) {
    auth_answer(a, job, false);
  } else if (job->kind != KIND_LIST) {
    range_error(a, job, error);
  } else if (answer->status == 403 && error->json) {
    list_refused(a, job, error);
  } else {
    print_status(why, sizeof(why), answer->status, error);
    answers_failed(a, job, TTN_FAIL_HTTP, why);
  }
}

void answers_end(struct ttn_account *a) {
  if (a->not_heard)
    settle_waiting(a, a->key);
}

void answers_say_key(struct ttn_account *a) {
  if (!a->key_refused)
    return;
  if (!a->gated) {
    a->gated = true;
    account_log(a, TTN_ERROR,
                "%s. Nothing is known until that is mended; each poll tries it",
                a->key_why);
  } else if (a->settings->notifications && a->key_worked && !a->said_key) {
    a->said_key = true;
    ttn_notice_key(a->sink, a->settings->account, true, a->key_why);
  }
}
