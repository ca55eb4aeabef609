/* SPDX-License-Identifier: MIT */
#include "account/cluster_lookup.h"

#include <assert.h>
#include <stdlib.h>

void lookups_end(struct lookups *l, const struct ttn_env *env) {
  for (struct lookup *lookup = l->list, *next; lookup != NULL; lookup = next) {
    next = lookup->next;
    gateway_looked_up(lookup->gw, NULL);
    ttn_free(env, lookup);
  }
  l->list = NULL;
  for (size_t h = 0; h < HOSTS_MAX; h++)
    l->absent[h].n = 0;
}

void lookups_free(struct lookups *l, const struct ttn_env *env) {
  for (size_t h = 0; h < HOSTS_MAX; h++)
    ttn_free(env, l->absent[h].gateways);
}

static struct lookup *lookup_new(struct lookups *l, struct account_context *c,
                                 struct gateway *gw, int64_t server_time) {
  struct lookup *lookup = ttn_alloc(c->env, sizeof(*lookup));
  if (lookup == NULL) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return NULL;
  }
  lookup->gw = gw;
  lookup->held_host = -1;
  lookup->absent_time = server_time;
  lookup->next = l->list;
  l->list = lookup;
  gateway_looked_up(gw, lookup);
  return lookup;
}

/* Of two disconnected entries the later one stands. */
static void hold_entry(struct lookup *lookup, int host,
                       const struct ttn_stats *stats, int64_t server_time) {
  if (lookup->held_host >= 0 &&
      lookup->held.disconnected_at >= stats->disconnected_at)
    return;
  lookup->held_host = (int16_t)host;
  lookup->held_time = server_time;
  lookup->held = ttn_stats_without_lists(stats);
}

bool lookup_decide(const struct lookup *lookup, const struct hosts *hosts,
                   struct finding *finding) {
  const struct gateway *gw = lookup->gw;
  bool all = (hosts_to_ask(hosts) & ~gw->absent_at) == 0;
  if (lookup->held_host >= 0 &&
      (all || ttn_gateway_is_end(&gw->known, &lookup->held))) {
    *finding = (struct finding){lookup->gw, lookup->held_host, TTN_PROOF_ENTRY,
                                &lookup->held, lookup->held_time};
    return true;
  }
  *finding = (struct finding){lookup->gw, gw->current_host, TTN_PROOF_ABSENT,
                              NULL, lookup->absent_time};
  return all;
}

/* Remembers that gw is to be looked up once host's own batches have ended. */
static void add_absent(struct absent *absent, struct account_context *c,
                       struct gateway *gw) {
  void *gateways = absent->gateways;
  if (!ttn_grow(c->env, &gateways, &absent->room, absent->n + 1, sizeof(gw),
                GATEWAYS_MAX)) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return;
  }
  absent->gateways = gateways;
  absent->gateways[absent->n++] = gw;
}

bool lookup_absent(struct lookups *l, struct account_context *c,
                   const struct hosts *hosts, int host, struct gateway *gw,
                   bool looked_up, const struct ttn_stats *stats,
                   int64_t server_time, struct finding *finding) {
  gateway_absent_at(gw, host);
  if (gw->lookup == NULL && (hosts_to_ask(hosts) & ~gw->absent_at) == 0) {
    *finding = (struct finding){
        gw, host, stats != NULL ? TTN_PROOF_ENTRY : TTN_PROOF_ABSENT, stats,
        server_time};
    return true;
  }
  struct lookup *lookup =
      gw->lookup != NULL ? gw->lookup : lookup_new(l, c, gw, server_time);
  if (lookup == NULL)
    return false;
  if (stats != NULL)
    hold_entry(lookup, host, stats, server_time);
  if (!looked_up) {
    add_absent(&l->absent[host], c, gw);
    return false;
  }
  assert(lookup->pending > 0);
  return --lookup->pending == 0 && lookup_decide(lookup, hosts, finding);
}

static int gateway_order(const void *a, const void *b) {
  return gateway_compare_id(gateway_id(a, 0), b);
}

bool lookups_start(struct lookups *l, struct account_context *c,
                   struct schedule *s, const struct hosts *hosts, int host,
                   bool singles) {
  struct absent *absent = &l->absent[host];
  struct gateway *const *queued;
  if (absent->n == 0)
    return false;
  qsort(absent->gateways, absent->n, sizeof(*absent->gateways), gateway_order);
  for (int other = 0; other < (int)hosts->n; other++) {
    if (other == host)
      continue;
    size_t n = schedule_lookups(s, c, hosts, other, absent->gateways, absent->n,
                                singles, &queued);
    for (size_t i = 0; i < n; i++)
      queued[i]->lookup->pending++;
  }
  absent->n = 0;
  return true;
}
