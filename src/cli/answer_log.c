/* SPDX-License-Identifier: MIT */
/* While a call is under way its `data` and `ctx` are this file's: the bytes
 * come by here first. Both are given back with the call. Where there is no
 * memory a call goes unseen. */
#include "cli/answer_log.h"

#include "base/text.h"

#include <string.h>

struct logged_call {
  struct logged_call *next;
  struct answer_log *log;
  struct ttn_call *call;
  bool (*data)(struct ttn_call *call, int status, const char *bytes, size_t n);
  void *ctx;
  enum answer_kind kind;
  int64_t begin; /* mono */
  int status;    /* with the bytes */
  struct answer_body body;
};

const char *answer_kind_name(enum answer_kind kind) {
  static const char *const names[] = {
      [ANSWER_AUTH_INFO] = "auth_info", [ANSWER_LIST] = "list",
      [ANSWER_BATCH] = "batch",         [ANSWER_SINGLE] = "single",
      [ANSWER_EVENTS] = "events",
  };
  return names[kind];
}

/* By the path's end, in this order. */
enum answer_kind answer_kind_of_url(const char *url) {
  static const struct {
    const char *end;
    enum answer_kind kind;
  } ends[] = {{"/auth_info", ANSWER_AUTH_INFO},
              {"/gs/gateways/connection/stats", ANSWER_BATCH},
              {"/connection/stats", ANSWER_SINGLE},
              {"/events", ANSWER_EVENTS}};
  size_t n = strcspn(url, "?");
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    size_t m = strlen(ends[i].end);
    if (n >= m && strncmp(url + n - m, ends[i].end, m) == 0)
      return ends[i].kind;
  }
  return ANSWER_LIST;
}

/* "https://[::1]:8885/api…" has the host "::1". */
static void copy_host(char host[TTN_HOST_MAX + 1], const char *url) {
  const char *begin = strstr(url, "://");
  begin = begin == NULL ? url : begin + 3;
  bool bracket = begin[0] == '[';
  begin += bracket;
  ttn_print(host, TTN_HOST_MAX + 1, "%.*s",
            (int)strcspn(begin, bracket ? "]" : ":/?"), begin);
}

static void keep_bytes(struct logged_call *logged, const char *bytes,
                       size_t n) {
  struct answer_body *body = &logged->body;
  size_t room = ANSWER_KEPT - body->n, taken = n < room ? n : room;
  void *grown = body->bytes;
  if (!ttn_grow(logged->log->env, &grown, &body->room, body->n + taken, 1,
                ANSWER_KEPT)) {
    body->cut = true;
    return;
  }
  body->bytes = grown;
  if (taken > 0)
    memcpy(body->bytes + body->n, bytes, taken);
  body->n += taken;
  body->cut = body->cut || taken < n;
}

static bool on_logged_data(struct ttn_call *call, int status, const char *bytes,
                           size_t n) {
  struct logged_call *logged = call->ctx;
  logged->status = status;
  keep_bytes(logged, bytes, n);
  call->ctx = logged->ctx;
  bool more = logged->data(call, status, bytes, n);
  call->ctx = logged;
  return more;
}

void answer_log_begin(struct answer_log *log, struct ttn_call *call) {
  struct logged_call *logged =
      log == NULL ? NULL : ttn_alloc(log->env, sizeof(*logged));
  if (logged == NULL)
    return;
  *logged = (struct logged_call){.next = log->calls,
                                 .log = log,
                                 .call = call,
                                 .data = call->data,
                                 .ctx = call->ctx,
                                 .kind = answer_kind_of_url(call->url),
                                 .begin = log->env->mono(log->env->ctx)};
  log->calls = logged;
  call->data = on_logged_data;
  call->ctx = logged;
}

/* Gives the call back to its owner. NULL: it was not logged. */
static struct logged_call *unlink_call(struct answer_log *log,
                                       struct ttn_call *call) {
  struct logged_call **link = &log->calls, *logged;
  while (*link != NULL && (*link)->call != call)
    link = &(*link)->next;
  logged = *link;
  if (logged == NULL)
    return NULL;
  *link = logged->next;
  call->data = logged->data;
  call->ctx = logged->ctx;
  return logged;
}

static void free_call(struct answer_log *log, struct logged_call *logged) {
  ttn_free(log->env, logged->body.bytes);
  ttn_free(log->env, logged);
}

/* Takes the body. */
static void keep_answer(struct answer_log *log, struct logged_call *logged,
                        int status) {
  struct kept_answer *kept = &log->kept[logged->kind][status == 200];
  ttn_free(log->env, kept->body.bytes);
  *kept = (struct kept_answer){
      .there = true, .status = status, .body = logged->body};
  logged->body = (struct answer_body){0};
  copy_host(kept->host, logged->call->url);
}

/* NULL: there is no room. */
static struct answer_count *find_count(struct answer_log *log,
                                       const struct logged_call *logged,
                                       int status, enum ttn_failure failure) {
  char host[TTN_HOST_MAX + 1];
  copy_host(host, logged->call->url);
  for (size_t i = 0; i < log->n_counts; i++) {
    struct answer_count *count = &log->counts[i];
    if (count->kind == logged->kind && count->status == status &&
        count->failure == failure && strcmp(count->host, host) == 0)
      return count;
  }
  if (log->n_counts == ANSWER_COUNTS)
    return NULL;
  struct answer_count *count = &log->counts[log->n_counts++];
  *count = (struct answer_count){.kind = logged->kind,
                                 .status = status,
                                 .failure = failure,
                                 .rate_limit = -1,
                                 .rate_available = -1,
                                 .rate_reset = -1,
                                 .rate_retry = -1,
                                 .retry_after = -1};
  ttn_print(count->host, sizeof(count->host), "%s", host);
  return count;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static void count_ended(struct answer_log *log,
                        const struct logged_call *logged) {
  const struct ttn_answer *answer = &logged->call->answer;
  struct answer_count *count =
      find_count(log, logged, answer->status, answer->failure);
  if (count == NULL)
    return;
  count->n++;
  count->longest =
      larger(count->longest, log->env->mono(log->env->ctx) - logged->begin);
  count->http2 = answer->http2;
  count->rate_retry = larger(count->rate_retry, answer->rate_retry);
  count->retry_after = larger(count->retry_after, answer->retry_after);
  if (answer->rate_available >= 0 &&
      (count->rate_available < 0 ||
       answer->rate_available < count->rate_available)) {
    count->rate_limit = answer->rate_limit;
    count->rate_available = answer->rate_available;
    count->rate_reset = answer->rate_reset;
  }
}

void answer_log_end(struct answer_log *log, struct ttn_call *call) {
  struct logged_call *logged = log == NULL ? NULL : unlink_call(log, call);
  if (logged == NULL)
    return;
  count_ended(log, logged);
  if (call->answer.status > 0)
    keep_answer(log, logged, call->answer.status);
  free_call(log, logged);
}

void answer_log_drop(struct answer_log *log, struct ttn_call *call) {
  struct logged_call *logged = log == NULL ? NULL : unlink_call(log, call);
  if (logged != NULL)
    free_call(log, logged);
}

void answer_log_init(struct answer_log *log, const struct ttn_env *env) {
  *log = (struct answer_log){.env = env};
}

void answer_log_take_streams(struct answer_log *log) {
  for (struct logged_call *logged = log->calls; logged != NULL;
       logged = logged->next) {
    if (logged->kind != ANSWER_EVENTS || logged->status == 0)
      continue;
    struct answer_count *count =
        find_count(log, logged, logged->status, TTN_OK);
    if (count != NULL)
      count->n++;
    keep_answer(log, logged, logged->status);
  }
}

/* The first line of a stream only says that it is open; empty ones keep it
 * alive. */
static bool has_second_line(const struct answer_body *body) {
  const char *first = body->n > 0 ? memchr(body->bytes, '\n', body->n) : NULL;
  const char *last = first == NULL ? NULL : memrchr(body->bytes, '\n', body->n);
  return last > first && memchr(first, '}', (size_t)(last - first)) != NULL;
}

bool answer_log_has_event(const struct answer_log *log) {
  for (const struct logged_call *logged = log->calls; logged != NULL;
       logged = logged->next)
    if (logged->kind == ANSWER_EVENTS && has_second_line(&logged->body))
      return true;
  return false;
}

void answer_log_free(struct answer_log *log) {
  for (int kind = 0; kind < ANSWER_KINDS; kind++)
    for (int good = 0; good < 2; good++)
      ttn_free(log->env, log->kept[kind][good].body.bytes);
  answer_log_init(log, log->env);
}
