/* SPDX-License-Identifier: MIT */
/* One poll: requests go out as hosts may take them, answers are judged and
 * handed on, until nothing is left to do or the deadline comes.
 *
 * Two-phase: an answer counts only when the transfer ended well, the status was
 * 200, and the JSON was whole (libcurl calls a body good that a wrong
 * Content-Length cut short; only the decoder's end notices). What fails changes
 * nothing and leaves its gateways unknown for this poll.
 *
 * What is done with each answer:
 *   200, whole             discover.c or turns.c takes it
 *   401, 400 "token"       the key is refused: its file is read again, and if
 *                          it is the same nothing more is sent in this poll
 *   403, 404 of a batch    auth_info once; a key without the status right is
 *                          named; else the batch is halved (turns.c)
 *   403 of a gateway's key single GETs from then on
 *   404 without details    a server without the batch: single GETs
 *   400 field_mask_paths   those paths are left out from then on
 *   429                    again after its wait, if the deadline allows
 *   anything else          a failure of that host (hosts.c) */
#include "account_int.h"

#include <stdio.h>
#include <string.h>

/* A call gets a third of the poll, so that after a connection that went silent
 * there is time for a fresh one. */
#define CALLS_PER_POLL 3
#define TRIES_MAX 2

static const char *const what[KINDS] = {"list of gateways", "statistics",
                                        "statistics", "auth_info"};

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
  host->limits[job->kind].in_flight++;
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
  a->hosts[job->host].limits[job->kind].in_flight--;
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

/* ---- what comes back ---- */

static void refuse_key(struct ttn_account *a, const char *why) {
  if (!a->key_refused)
    ttn_print(a->key_why, sizeof(a->key_why), "%s", why);
  a->key_refused = true;
  a->report.failures[TTN_FAIL_KEY]++;
  if (a->discovery == DISCOVERY_RUNNING)
    discover_fail(a, why);
}

static void well_key(struct ttn_account *a) {
  if (!a->gated)
    return;
  a->gated = false;
  account_log(a, TTN_NOTICE, "the key works again");
  if (a->settings->notifications)
    ttn_notice_key(a->sink, a->settings->account, false, "");
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
  char text[sizeof(a->hosts[0].why)];
  ttn_print(text, sizeof(text), "%s: %s", what[job->kind], why);
  a->report.failures[failure]++;
  /* A list that fails by itself is no trouble of the host's. */
  if (job->kind != KIND_LIST || job->call.answer.status == 0)
    hosts_failed(a, job->host, job->probe, failure, text);
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
  int64_t not_before = now + hosts_retry(&job->call.answer);
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
 * chance at once. The account's own host, which has the list and so the Identity
 * Server, speaks for all; what another says takes nothing from the others. */
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
  if (a->not_heard) {
    refuse_key(a, ttn_trouble_not_heard(why, sizeof(why), info));
    a->not_heard = false;
  } else if (info != NULL && !info->can_read_status && !info->is_admin) {
    refuse_key(a, ttn_trouble_no_status(why, sizeof(why), info, a->warning));
  } else if (info != NULL) {
    well_key(a); /* though it may be that all gateways are refused to it */
    by_singles = info->kind == TTN_KEY_GATEWAY && !a->singles;
    if (by_singles)
      use_singles(a);
  }
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
    return;
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
  discover_fail(a, ttn_trouble_print(why, sizeof(why), 403, error, NULL,
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
    if (a->report.statuses[i].n == 0 || a->report.statuses[i].status == status) {
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
  else if (job->kind == KIND_LIST && more && a->discovery == DISCOVERY_RUNNING)
    discover_again(a, job, true);
  else if (job->kind == KIND_LIST)
    discover_fail(a, why);
  fail(a, job, failure, why);
  if (range)
    turns_range_over(a, job->host, &job->range);
  if (job->kind == KIND_AUTH) {
    a->auth_info = AUTH_FAILED;
    settle_waiting(a, NULL);
  }
}

static void good_answer(struct ttn_account *a, struct job *job) {
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

static void finish(struct ttn_account *a, struct job *job, int64_t now) {
  const struct ttn_answer *answer = &job->call.answer;
  char why[200];
  take_off(a, job);
  count_status(a, answer->status);
  if (answer->status > 0)
    hosts_answered(a, job->host, job->kind, answer, now);
  if (!job->begun) /* an empty body is no JSON */
    on_data(&job->call, answer->status, "", 0);
  if (answer->failure == TTN_OK && job->decoded == TTN_OK)
    job->decoded = ttn_decoder_end(job->decoder);
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
    discover_fail(a, why);
    fail(a, job, TTN_FAIL_HTTP, why);
  }
  put_job(a, job);
}

/* ---- the poll ---- */

static void cancel_all(struct ttn_account *a, bool deadline) {
  while (a->busy != NULL) {
    struct job *job = a->busy;
    a->net.cancel(a->net.ctx, &job->call);
    take_off(a, job);
    if (deadline) {
      job->probe = true; /* the deadline alone makes trouble */
      if (job->kind == KIND_LIST)
        discover_fail(a, "no answer by the poll's deadline");
      fail(a, job, TTN_FAIL_TIMEOUT, "no answer by the poll's deadline");
    }
    put_job(a, job);
  }
}

static bool begin(struct ttn_account *a) {
  struct ttn_api_report *r = &a->report;
  a->started = a->env->mono(a->env->ctx);
  a->wall = a->env->wall(a->env->ctx);
  a->deadline = a->started + a->settings->timeout;
  r->rate_available = -1;
  a->key_refused = a->reread = a->not_heard = false;
  a->auth_info = AUTH_NOT_ASKED;
  a->n_waiting = 0;
  a->list_why[0] = '\0';
  account_load_state(a);
  hosts_begin(a);
  turns_begin(a);
  if (!account_key(a, false)) {
    r->failures[TTN_FAIL_KEY]++;
    return false;
  }
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
    host->limited = (host->limited || host->head < host->n_ranges) &&
                    !host->given_up && !host->failed && !a->key_refused;
  }
}

static void say_key(struct ttn_account *a) {
  if (!a->key_refused || a->gated)
    return;
  a->gated = true;
  account_log(a, TTN_ERROR,
              "%s. Nothing is known until that is mended; each poll tries it",
              a->key_why);
  if (a->settings->notifications)
    ttn_notice_key(a->sink, a->settings->account, true, a->key_why);
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
  r->up = had_key && a->have_list && !a->list_short && !a->key_refused &&
          r->unknown == refused;
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
  if (a->not_heard) /* and auth_info could not be had */
    settle_waiting(a, NULL);
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
  say_key(a);
  bool whole = discover_end(a) && a->report.up;
  hosts_end(a, whole);
  report(a);
}
