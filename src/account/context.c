/* SPDX-License-Identifier: MIT */
#include "account/context.h"

bool context_init(struct account_context *c, const struct ttn_env *env,
                  struct ttn_settings *settings, const struct ttn_sink *sink) {
  char why[256];
  c->env = env;
  c->settings = settings;
  c->sink = sink;
  c->filter = ttn_filter_new(env, settings, why, sizeof(why));
  if (c->filter == NULL)
    context_log(c, TTN_ERROR, "%s", why);
  return c->filter != NULL;
}

void context_free(struct account_context *c) {
  ttn_filter_free(c->env, c->filter);
  ttn_settings_free(c->env, c->settings);
}

int64_t context_mono(const struct account_context *c) {
  return c->env->mono(c->env->ctx);
}

void context_begin(struct account_context *c) {
  c->counters.rate_available = -1;
}

void context_count_failure(struct account_context *c,
                           enum ttn_failure failure) {
  c->counters.failures[failure]++;
}

void context_count_answer(struct account_context *c,
                          const struct ttn_answer *answer) {
  struct ttn_api_counters *counters = &c->counters;
  int64_t available = answer->rate_available;
  if (available >= 0 &&
      (counters->rate_available < 0 || available < counters->rate_available))
    counters->rate_available = available;
  for (size_t i = 0; i < TTN_STATUSES; i++)
    if (counters->statuses[i].n == 0 ||
        counters->statuses[i].status == answer->status) {
      counters->statuses[i].status = answer->status;
      counters->statuses[i].n++;
      return;
    }
}
