/* SPDX-License-Identifier: MIT */
#include "account/steps.h"

#include "account/internal.h"

struct host *steps_host(struct ttn_account *a, const struct request *request) {
  return &a->hosts.list[request->host];
}

/* When the list took long, half of what is left of the poll is for second
 * attempts. */
void steps_plan(struct ttn_account *a) {
  int64_t now = context_mono(&a->context), left = a->poll.deadline - now;
  schedule_plan(&a->schedule, &a->context, &a->hosts, &a->gateways,
                a->credentials.single_gateway_key);
  schedule_spread(&a->schedule, &a->hosts, a->poll.started, now,
                  a->poll.spread < left ? a->poll.spread : left);
}

void steps_end_batch(struct ttn_account *a, const struct batch *batch) {
  if (schedule_batch_ended(&a->schedule, batch))
    lookups_start(&a->lookups, &a->context, &a->schedule, &a->hosts,
                  batch->host, a->credentials.single_gateway_key);
}

bool steps_idle(struct ttn_account *a) {
  bool any = false;
  for (int h = 0; h < (int)a->hosts.n; h++)
    any |= lookups_start(&a->lookups, &a->context, &a->schedule, &a->hosts, h,
                         a->credentials.single_gateway_key);
  return any;
}

void steps_after_discovery(struct ttn_account *a, enum discovery_step step) {
  struct discovery *d = &a->discovery;
  struct list_change change;
  if (step != DISCOVERY_LISTED)
    return;
  if (!gateways_merge(&a->gateways, &a->context, &a->offsets, a->ownership, a,
                      &d->found, discovery_is_complete(d), &change)) {
    discovery_fail(d, "no memory");
    return;
  }
  discovery_merged(d, &a->context, &a->gateways, change, a->poll.started);
  hosts_retry_batch_api(&a->hosts);
  schedule_retry_refused(&a->schedule);
  steps_plan(a);
}

void steps_reject_key(struct ttn_account *a, const char *reason) {
  credentials_rejected(&a->credentials, &a->context, reason);
  if (a->discovery.poll.state == DISCOVERY_RUNNING)
    discovery_fail(&a->discovery, reason);
}

void steps_failed(struct ttn_account *a, const struct request *request,
                  bool probe, enum ttn_failure failure, const char *reason) {
  context_count_failure(&a->context, failure);
  /* If only the list fails, the host itself is healthy. */
  if (request->api == API_LIST && request->call.answer.status != 0)
    return;
  host_failed(steps_host(a, request), probe, failure, request_name(request),
              reason);
  int64_t place = schedule_next_place(&a->schedule, request->host,
                                      context_mono(&a->context));
  if (place != 0 && failure != TTN_FAIL_KEY)
    host_probe_again(steps_host(a, request), place);
}
