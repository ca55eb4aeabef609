/* SPDX-License-Identifier: MIT */
#include "lib/servers.h"

#include <assert.h>

/* What is received before the stack has looked up the gateway. */
#define EARLY (14 * TTN_MS)

struct servers servers_new(void) {
  struct servers servers = {.now = 1000 * TTN_SECOND, .server = {-1, -1, -1}};
  for (int k = 0; k < TTN_MESSAGES; k++)
    servers.registry.owner[k] = -1;
  return servers;
}

void servers_start(struct servers *servers, int s) {
  assert(servers->n < CONNECTIONS);
  struct server_connection *c = &servers->all[servers->n];
  *c = (struct server_connection){
      .alive = true, .at = servers->now, .stored = servers->now};
  for (int k = 0; k < TTN_MESSAGES; k++)
    c->counter[k].shown = -1;
  servers->server[s] = servers->n++;
  servers->registry =
      (struct registry_entry){.at = c->at, .owner = {-1, -1, -1}};
}

void servers_receive(struct servers *servers, int s, int k, int64_t n) {
  struct server_counter *counter = &servers->all[servers->server[s]].counter[k];
  counter->last = counter->n == 0 ? servers->now - EARLY : servers->now;
  counter->n += n;
}

void servers_store(struct servers *servers, int s) {
  struct registry_entry *r = &servers->registry;
  struct server_connection *c = &servers->all[servers->server[s]];
  if (r->at == 0 || c->at < r->at)
    r->at = c->at;
  r->gone = 0;
  c->stored = servers->now;
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (c->counter[k].n > 0) {
      servers->told[k] += c->counter[k].n - c->counter[k].told;
      c->counter[k].told = r->count[k] = c->counter[k].n;
      r->last[k] = c->counter[k].last;
      r->owner[k] = servers->server[s];
    }
}

void servers_end(struct servers *servers, int s) {
  servers->all[servers->server[s]].alive = false;
  servers->server[s] = -1;
  servers->registry.at = 0;
  servers->registry.gone = servers->now;
}

static struct ttn_stats to_stats(int64_t at, int64_t gone,
                                 const int64_t count[TTN_MESSAGES],
                                 const int64_t last[TTN_MESSAGES]) {
  struct ttn_stats stats = {.connected_at = at, .disconnected_at = gone};
  stats.has = (at != 0 ? TTN_HAS_CONNECTED_AT : 0) |
              (gone != 0 ? TTN_HAS_DISCONNECTED_AT : 0);
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (count[k] > 0) {
      stats.has |= (uint32_t)(TTN_HAS_COUNT | TTN_HAS_LAST) << k;
      stats.count[k] = (uint64_t)count[k];
      stats.last[k] = last[k];
    }
  return stats;
}

struct ttn_stats servers_answer(const struct servers *servers) {
  const struct registry_entry *r = &servers->registry;
  return to_stats(r->at, r->gone, r->count, r->last);
}

struct ttn_stats servers_own(const struct server_connection *connection) {
  int64_t count[TTN_MESSAGES], last[TTN_MESSAGES];
  for (int k = 0; k < TTN_MESSAGES; k++) {
    count[k] = connection->counter[k].n;
    last[k] = connection->counter[k].last;
  }
  return to_stats(connection->at, 0, count, last);
}
