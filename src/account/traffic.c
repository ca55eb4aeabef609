/* SPDX-License-Identifier: MIT */
#include "account/traffic.h"

#include "tts/key_errors.h"

/* Uplinks that no event told of, before it is said that none come: a frame that
 * is no LoRaWAN is counted, too, and has no event. */
#define UNTOLD 20

void traffic_check(struct traffic *traffic, const struct account_context *c,
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
