/* SPDX-License-Identifier: MIT */
/* Events arrive between polls and during them; changes of state are told at
 * once. */
#include "account/account.h"

#include "account/internal.h"

#include "tts/key_errors.h"

/* Uplinks that no event told of, before it is said that none come: a frame that
 * is no LoRaWAN is counted, too, and has no event. */
#define UNTOLD 20

/* Logs if no event of traffic comes, and why. */
static void check_traffic(struct traffic *traffic,
                          const struct account_context *c,
                          const struct gateways *g,
                          const struct ttn_auth_info *owner) {
  uint64_t seen = 0, missed = 0;
  for (size_t i = 0; i < g->n; i++) {
    const struct ttn_radio *radio = g->list[i]->radio;
    if (radio == NULL)
      continue;
    seen += radio->seen;
    missed += radio->count[TTN_RADIO_MISSED];
  }
  bool any_new = seen > traffic->seen;
  traffic->seen = seen;
  if (any_new) {
    if (ttn_episode_end(&traffic->silent))
      context_log(c, TTN_NOTICE, "events of traffic arrive");
  } else if (owner != NULL && !owner->can_read_traffic) {
    if (ttn_episode_begin(&traffic->silent))
      context_log(
          c, TTN_WARNING,
          "Traffic does nothing: the API key lacks the right " TTN_TRAFFIC_RIGHT
          "; all else goes on");
  } else if (seen == 0 && missed >= UNTOLD &&
             ttn_episode_begin(&traffic->silent)) {
    context_log(c, TTN_WARNING,
                "no event of traffic came of %llu uplinks: the key's owner "
                "may lack the right \"read gateway traffic\" at the gateways "
                "(Console: gateway, Collaborators); all else goes on",
                (unsigned long long)missed);
  }
}

void follow_begin(struct ttn_account *a, bool has_key) {
  if (a->context.settings->traffic)
    check_traffic(&a->traffic, &a->context, &a->gateways, a->credentials.owner);
  streams_begin_poll(&a->streams, has_key ? a->credentials.auth : NULL);
}

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
