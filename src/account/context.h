/* SPDX-License-Identifier: MIT */
/* What every module of an account speaks through: memory and clock, the
 * settings, the sink, the log with the account's name in front, and the
 * counters that ttn_api reports. */
#ifndef TTN_CONTEXT_H
#define TTN_CONTEXT_H

#include "config/filter.h"
#include "report/api_stats.h"

/* Of one account. The account's thread only. */
struct account_context {
  const struct ttn_env *env;
  struct ttn_settings *settings;
  struct ttn_filter *filter;
  const struct ttn_sink *sink;
  struct ttn_api_counters counters;
};

/* Takes over settings. False: no memory, or a Gateway expression that cannot be
 * compiled (logged). context_free is due in either case. */
bool context_init(struct account_context *c, const struct ttn_env *env,
                  struct ttn_settings *settings, const struct ttn_sink *sink);
void context_free(struct account_context *c);

int64_t context_mono(const struct account_context *c);
#define context_log(c, level, ...)                                             \
  ttn_settings_log((c)->env, (c)->settings, level, __VA_ARGS__)

/* A poll begins: the lowest X-Rate-Limit-Available is not known. */
void context_begin(struct account_context *c);
void context_count_failure(struct account_context *c, enum ttn_failure failure);
/* An answer that has a status. */
void context_count_answer(struct account_context *c,
                          const struct ttn_answer *answer);

#endif
