/* SPDX-License-Identifier: MIT */
/* An account as a person looks at it. Reads what the poll left, and changes
 * nothing. */
#include "account/status.h"

#include "account/internal.h"

void ttn_account_status(const struct ttn_account *a, struct ttn_status *view) {
  const struct credentials_poll *key = &a->credentials.poll;
  const struct discovery_poll *discovery = &a->discovery.poll;
  *view = (struct ttn_status){
      .key = a->credentials.owner,
      .key_reason = key->rejected ? key->reason : NULL,
      .list_reason = discovery->reason[0] != '\0' ? discovery->reason : NULL,
      .list_denied = discovery->denied,
      .listed = a->discovery.have_list,
      .all = a->discovery.all,
      .n_gateways = a->gateways.n,
      .n_hosts = a->hosts.n,
      .n_bad = a->apply.poll.bad.n,
      .bad_reason = a->apply.poll.bad.text,
      .no_streams = streams_none(&a->streams),
  };
}

const char *ttn_account_denied_organization(const struct ttn_account *a,
                                            size_t i) {
  for (size_t s = 0; s < a->discovery.n_sources; s++)
    if (a->discovery.sources[s].refused && i-- == 0)
      return a->discovery.sources[s].organization;
  return NULL;
}

void ttn_account_host_status(const struct ttn_account *a, size_t i,
                             struct ttn_host_status *view) {
  const struct host *host = &a->hosts.list[i];
  *view = (struct ttn_host_status){
      .endpoint = &host->endpoint,
      .answered = host->poll.answered,
      .failed = host->poll.failed,
      .limited = host->poll.limited,
      .failure = host->poll.failure,
      .why = host->poll.reason,
      .dated = host->dated,
      .ahead = host->clock_ahead,
  };
}

void ttn_account_gateway_status(const struct ttn_account *a, size_t i,
                                struct ttn_gateway_status *view) {
  const struct gateway *gw = a->gateways.list[i];
  enum ttn_state state = gw->result == GATEWAY_ANSWERED
                             ? (enum ttn_state)gw->known.shown
                             : TTN_UNKNOWN;
  *view = (struct ttn_gateway_status){
      .id = gw->id,
      .name = gw->name,
      .eui = gw->eui,
      .address = gw->address,
      .location = gateway_location(gw),
      .state = state,
      .refused = gw->result == GATEWAY_REFUSED,
      .registered_host = gw->registered_host,
      .current_host = gw->result == GATEWAY_ELSEWHERE ? -1 : gw->current_host,
      .connected_at = state == TTN_CONNECTED ? gw->known.connected_at : 0,
      .disconnected_at =
          state == TTN_DISCONNECTED ? gw->known.disconnected_at : 0,
      .has_servers = ttn_gateway_has_servers(&gw->known),
  };
}
