/* SPDX-License-Identifier: MIT */
/* Hears of the network's calls and keeps what a report needs: how many answers
 * of each kind there were, and the last bodies. */
#ifndef TTN_CLI_ANSWER_LOG_H
#define TTN_CLI_ANSWER_LOG_H

#include "http/net.h"
#include "tts/endpoint.h"

enum answer_kind {
  ANSWER_AUTH_INFO,
  ANSWER_LIST,
  ANSWER_BATCH,
  ANSWER_SINGLE,
  ANSWER_EVENTS,
  ANSWER_KINDS
};

/* The most of one body that is kept. */
#define ANSWER_KEPT ((size_t)64 << 10)

struct answer_body {
  char *bytes;
  size_t n, room;
  bool cut; /* there was more */
};

/* Answers that are alike. */
struct answer_count {
  enum answer_kind kind;
  char host[TTN_HOST_MAX + 1];
  int status; /* 0: none came */
  enum ttn_failure failure;
  size_t n;
  int64_t longest; /* ns */
  bool http2;
  /* The least that was available, and what came with it; -1: none. */
  int64_t rate_limit, rate_available, rate_reset;
  int64_t rate_retry, retry_after; /* the longest; -1: none */
};
#define ANSWER_COUNTS 64

struct kept_answer {
  bool there;
  char host[TTN_HOST_MAX + 1];
  int status;
  struct answer_body body;
};

struct answer_log {
  const struct ttn_env *env;
  struct logged_call *calls; /* under way */
  struct answer_count counts[ANSWER_COUNTS];
  size_t n_counts;
  /* The last one that came; [kind][1]: with status 200. */
  struct kept_answer kept[ANSWER_KINDS][2];
};

/* Before anything else. */
void answer_log_init(struct answer_log *log, const struct ttn_env *env);
/* Before a call starts. Its `data` and `ctx` are the log's until one of the
 * next two. log: NULL, here too: none. */
void answer_log_begin(struct answer_log *log, struct ttn_call *call);
/* The call has its answer. */
void answer_log_end(struct answer_log *log, struct ttn_call *call);
/* It could not start, or is to be cancelled. */
void answer_log_drop(struct answer_log *log, struct ttn_call *call);
/* Streams of events have no end: takes what came so far. */
void answer_log_take_streams(struct answer_log *log);
/* A stream has brought an event. */
bool answer_log_has_event(const struct answer_log *log);
void answer_log_free(struct answer_log *log);
const char *answer_kind_name(enum answer_kind kind);
enum answer_kind answer_kind_of_url(const char *url);

#endif
