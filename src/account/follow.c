/* SPDX-License-Identifier: MIT */
/* Events arrive between polls and during them; changes of state are told at
 * once. */
#include "account/account.h"

#include "account/internal.h"

bool ttn_account_follows(const struct ttn_account *a) {
  return a->context.settings->events;
}

static void tell_changes(struct ttn_account *a, int64_t now) {
  struct account_context *c = &a->context;
  char reason[64];
  struct gateway *gw = streams_next_change(&a->streams, now, reason);
  if (gw == NULL)
    return;
  c->sink->begin(c->sink->ctx);
  for (; gw != NULL; gw = streams_next_change(&a->streams, now, reason))
    apply_change(&a->apply, c, gw, reason);
  c->sink->end(c->sink->ctx);
}

int64_t follow_streams(struct ttn_account *a, int64_t now) {
  const struct credentials *k = &a->credentials;
  bool refused = k->poll.rejected || k->serialize;
  tell_changes(a, now);
  return streams_run(&a->streams, refused ? NULL : k->auth, now);
}

void ttn_account_follow(struct ttn_account *a) {
  int64_t now = context_mono(&a->context);
  if (atomic_load(&a->stop))
    return;
  int64_t until = follow_streams(a, now);
  struct ttn_call *call = requests_wait(&a->requests, until);
  if (call != NULL)
    streams_ended(&a->streams, call);
}
