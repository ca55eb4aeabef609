/* SPDX-License-Identifier: MIT */
#include "account/gateways.h"

#include "tts/decode.h"
#include "base/secret.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- a list that is being read ---- */

static void found_clear(struct found *f, const struct ttn_env *env) {
  ttn_free(env, f->name);
  ttn_free(env, f->eui);
  ttn_free(env, f->address);
}

void found_free(struct found_list *found, const struct ttn_env *env) {
  for (size_t i = 0; i < found->n; i++)
    found_clear(&found->items[i], env);
  ttn_free(env, found->items);
  *found = (struct found_list){0};
}

static char *keep_text(const struct ttn_env *env, bool wanted,
                       const char *text) {
  char *copy = wanted && text != NULL ? ttn_strdup(env, text) : NULL;
  if (copy != NULL)
    ttn_secret_mask(copy);
  return copy;
}

bool gateways_need_places(const struct ttn_settings *s) {
  return s->meta_data || (s->collect & TTN_COLLECT_LOCATION) != 0;
}

bool found_add(struct found_list *found, const struct account_context *c,
               const struct ttn_listed *listed, int host) {
  const struct ttn_settings *s = c->settings;
  void *items = found->items;
  if (!ttn_grow(c->env, &items, &found->room, found->n + 1,
                sizeof(struct found), FOUND_MAX))
    return false;
  found->items = items;
  struct found *f = &found->items[found->n++];
  *f = (struct found){
      .host = (int16_t)host,
      .name = keep_text(c->env, s->meta_data || s->notifications, listed->name),
      .eui = keep_text(c->env, s->meta_data, listed->eui),
      .address = keep_text(c->env, s->meta_data || host < 0, listed->address),
      .has_location = gateways_need_places(s) && listed->has_location,
      .location = listed->location,
      .updated_at = listed->updated_at};
  ttn_print(f->id, sizeof(f->id), "%s", listed->id);
  return true;
}

static int found_order(const void *a, const void *b) {
  return strcmp(((const struct found *)a)->id, ((const struct found *)b)->id);
}

/* Sorts what was found and drops what was found twice. */
static void found_sort(struct found_list *found, const struct ttn_env *env) {
  size_t kept = 0;
  if (found->n > 1)
    qsort(found->items, found->n, sizeof(struct found), found_order);
  for (size_t i = 0; i < found->n; i++) {
    struct found *f = &found->items[i];
    if (kept > 0 && strcmp(found->items[kept - 1].id, f->id) == 0)
      found_clear(f, env);
    else
      found->items[kept++] = *f;
  }
  found->n = kept;
}

/* ---- the table ---- */

static void gateway_free(struct gateway *gw, const struct ttn_env *env) {
  ttn_free(env, gw->name);
  ttn_free(env, gw->eui);
  ttn_free(env, gw->address);
  ttn_free(env, gw->place);
  ttn_free(env, gw->radio);
  ttn_gateway_free(&gw->known, env);
  ttn_free(env, gw);
}

void gateways_free(struct gateways *g, const struct ttn_env *env) {
  gateways_calls_ended(g, env);
  for (size_t i = 0; i < g->n; i++)
    gateway_free(g->list[i], env);
  ttn_free(env, g->list);
  ttn_free(env, g->removed);
}

static void move_text(const struct ttn_env *env, char **to, char **from) {
  ttn_free(env, *to);
  *to = *from;
  *from = NULL;
}

/* The other hosts are asked again. Not during a lookup, which counts the hosts
 * that lack it. */
static void forget_absent(struct gateway *gw) {
  if (gw->lookup == NULL)
    gw->absent_at = 0;
}

/* Many a gateway has the address of a vendor or of an old stack and is
 * connected to the account's own host. */
static int16_t home_of(int16_t registered_host) {
  return registered_host < 0 ? 0 : registered_host;
}

/* NULL: no memory. */
static struct place *make_place(struct gateway *gw, const struct ttn_env *env) {
  if (gw->place == NULL)
    gw->place = ttn_alloc(env, sizeof(*gw->place));
  return gw->place;
}

static void keep_listed_place(struct gateway *gw, const struct ttn_env *env,
                              const struct found *f) {
  if (gw->place == NULL && !f->has_location)
    return;
  struct place *place = make_place(gw, env);
  if (place == NULL)
    return;
  place->is_listed = f->has_location;
  place->listed = f->location;
  place->listed_at = f->updated_at;
}

static void gateway_update(struct gateway *gw, const struct ttn_env *env,
                           struct found *f) {
  move_text(env, &gw->name, &f->name);
  move_text(env, &gw->eui, &f->eui);
  move_text(env, &gw->address, &f->address);
  keep_listed_place(gw, env, f);
  if (gw->registered_host != f->host)
    gw->current_host = home_of(f->host);
  gw->registered_host = f->host;
  forget_absent(gw);
  gw->no_events = false;
}

/* One merge, and what it needs. */
struct merge {
  struct gateways *g;
  const struct account_context *c;
  struct offsets *offsets;
  struct ttn_ownership *ownership;
  const void *owner;
};

/* NULL: another account reports it, or no memory. */
static struct gateway *gateway_add(const struct merge *m, struct found *f) {
  const char *host = m->c->settings->host;
  enum ttn_owned owned =
      ttn_ownership_acquire(m->ownership, m->owner, host, f->id);
  if (owned == TTN_OWNED_BY_OTHER) {
    if (ttn_episode_begin(&m->g->foreign))
      context_log(m->c, TTN_WARNING,
                  "another account already reports gateway %s: it is left out "
                  "here, like any other gateway that both can see; give one of "
                  "the accounts a Host option if both shall report it",
                  f->id);
    return NULL;
  }
  struct gateway *gw =
      owned == TTN_OWNED ? ttn_alloc(m->c->env, sizeof(*gw)) : NULL;
  if (gw == NULL) {
    ttn_ownership_release(m->ownership, m->owner, host, f->id);
    m->g->incomplete = true;
    return NULL;
  }
  ttn_print(gw->id, sizeof(gw->id), "%s", f->id);
  gw->registered_host = f->host;
  gw->current_host = home_of(f->host);
  gateway_update(gw, m->c->env, f);
  offsets_restore(m->offsets, gw->id, &gw->known);
  /* Without memory for it, answers alone tell of it. */
  if (m->c->settings->events)
    (void)ttn_gateway_follow(m->c->env, &gw->known);
  return gw;
}

/* Answers for it may still be under way: it is freed at the poll's end. */
static void gateway_remove(const struct merge *m, struct gateway *gw) {
  gw->removed = true;
  ttn_gateway_unfollow(&gw->known);
  offsets_keep(m->offsets, m->c, gw->id, &gw->known);
  ttn_ownership_release(m->ownership, m->owner, m->c->settings->host, gw->id);
  m->g->removed[m->g->n_removed++] = gw;
}

/* Room for the merged table, and for all gateways to be removed. NULL: no
 * memory. */
static struct gateway **make_room(struct gateways *g, const struct ttn_env *env,
                                  size_t found) {
  struct gateway **merged =
      ttn_alloc(env, (g->n + found + 1) * sizeof(*merged));
  struct gateway **removed = env->resize(
      env->ctx, g->removed, (g->n_removed + g->n + 1) * sizeof(*removed));
  if (removed != NULL)
    g->removed = removed;
  if (merged != NULL && removed != NULL)
    return merged;
  ttn_free(env, merged);
  return NULL;
}

static size_t merge_lists(const struct merge *m, struct found_list *found,
                          bool complete, struct gateway **merged,
                          struct list_change *change) {
  struct gateways *g = m->g;
  size_t n = 0, i = 0, j = 0;
  while (i < g->n || j < found->n) {
    int order = i == g->n       ? 1
                : j == found->n ? -1
                                : strcmp(g->list[i]->id, found->items[j].id);
    struct gateway *gw;
    if (order == 0) {
      gw = g->list[i];
      gateway_update(gw, m->c->env, &found->items[j]);
      merged[n++] = gw;
    } else if (order < 0) {
      gw = g->list[i];
      forget_absent(gw);
      if (complete) {
        gateway_remove(m, gw);
        change->removed++;
      } else {
        merged[n++] = gw;
      }
    } else if (n + (g->n - i) >= GATEWAYS_MAX) {
      gateways_too_many(g, m->c); /* a list that is never whole removes none */
    } else if ((gw = gateway_add(m, &found->items[j])) != NULL) {
      merged[n++] = gw;
      change->added++;
    }
    i += order <= 0;
    j += order >= 0;
  }
  return n;
}

bool gateways_merge(struct gateways *g, const struct account_context *c,
                    struct offsets *offsets, struct ttn_ownership *ownership,
                    const void *owner, struct found_list *found, bool complete,
                    struct list_change *change) {
  struct merge m = {g, c, offsets, ownership, owner};
  *change = (struct list_change){0};
  found_sort(found, c->env);
  struct gateway **merged = make_room(g, c->env, found->n);
  if (merged != NULL) {
    g->incomplete = false;
    size_t n = merge_lists(&m, found, complete, merged, change);
    ttn_free(c->env, g->list);
    g->list = merged;
    g->n = n;
    offsets_list_merged(offsets, c->env, complete);
  }
  found_free(found, c->env);
  return merged != NULL;
}

void gateways_too_many(struct gateways *g, const struct account_context *c) {
  if (ttn_episode_begin(&g->too_many))
    context_log(c, TTN_WARNING,
                "more than %d gateways: the rest is left out; divide them "
                "among several collectds with Shard",
                GATEWAYS_MAX);
}

void gateways_begin(struct gateways *g) {
  for (size_t i = 0; i < g->n; i++) {
    struct gateway *gw = g->list[i];
    gw->result = gw->refused ? GATEWAY_REFUSED : GATEWAY_PENDING;
    gw->queued = false;
  }
}

void gateways_calls_ended(struct gateways *g, const struct ttn_env *env) {
  for (size_t i = 0; i < g->n_removed; i++)
    gateway_free(g->removed[i], env);
  g->n_removed = 0;
}

void gateways_save(const struct gateways *g, struct account_context *c,
                   struct offsets *offsets, bool with_values) {
  char why[256];
  struct ttn_state_writer *writer =
      offsets_write_begin(offsets, c, with_values, why, sizeof(why));
  for (size_t i = 0; writer != NULL && i < g->n; i++)
    if (with_values || ttn_gateway_has_offset(&g->list[i]->known))
      ttn_state_writer_add(writer, g->list[i]->id, 0, &g->list[i]->known);
  offsets_write_end(offsets, c, writer, why, sizeof(why));
}

/* ---- one gateway ---- */

bool gateway_is_done(const struct gateway *gw) {
  return gw->removed || gw->result == GATEWAY_ANSWERED ||
         gw->result == GATEWAY_IN_DOUBT;
}

const struct ttn_location *gateway_location(const struct gateway *gw) {
  const struct place *place = gw->place;
  if (place == NULL)
    return NULL;
  if (place->is_own && (!place->is_listed || place->own_at > place->listed_at))
    return &place->own;
  return place->is_listed ? &place->listed : NULL;
}

void gateway_keep_own_place(const struct ttn_env *env, struct gateway *gw,
                            const struct ttn_stats *stats) {
  const uint32_t both = TTN_HAS_PLACE | TTN_HAS_LAST_STATUS;
  struct place *place =
      (stats->has & both) == both ? make_place(gw, env) : NULL;
  if (place == NULL || stats->last_status < place->own_at)
    return;
  place->is_own = true;
  place->own = stats->place;
  place->own_at = stats->last_status;
}

struct ttn_meta gateway_meta(const struct gateway *gw) {
  const struct ttn_location *location = gateway_location(gw);
  struct ttn_meta meta = {.name = gw->name,
                          .eui = gw->eui,
                          .server_address = gw->address,
                          .has_location = location != NULL};
  if (location != NULL)
    meta.location = *location;
  return meta;
}

const char *gateway_id(const void *gateways, size_t i) {
  return ((struct gateway *const *)gateways)[i]->id;
}

int gateway_compare_id(const void *id, const void *gw) {
  return strcmp(id, (*(struct gateway *const *)gw)->id);
}

struct gateway *gateways_find(const struct gateways *g, const char *id) {
  struct gateway **found =
      g->n == 0
          ? NULL
          : bsearch(id, g->list, g->n, sizeof *g->list, gateway_compare_id);
  return found == NULL ? NULL : *found;
}

void gateway_queued(struct gateway *gw) { gw->queued = true; }

void gateway_hear(const struct ttn_env *env, struct gateway *gw,
                  const struct ttn_event *event,
                  const struct ttn_stats *stats) {
  if (gw->radio == NULL)
    gw->radio = ttn_alloc(env, sizeof *gw->radio);
  if (gw->radio == NULL)
    return;
  if (ttn_event_is_traffic(event))
    ttn_radio_event(gw->radio, event->kind, &event->traffic);
  else if (event->kind == TTN_EVENT_STATS)
    ttn_radio_counted(gw->radio, stats);
  else
    ttn_radio_connection(gw->radio);
}

void gateway_follow(struct gateway *gw, bool open) {
  gw->tells_radio = open && gw->radio != NULL;
  if (open)
    return;
  if (gw->radio != NULL)
    ttn_radio_next(gw->radio);
  ttn_gateway_unfollow(&gw->known);
}

void gateway_changed(struct gateway *gw, bool changed) {
  gw->changed = changed;
}

bool gateway_refuse_events(struct gateway *gw) {
  bool fresh = !gw->no_events_logged;
  gw->no_events = gw->no_events_logged = true;
  return fresh;
}

struct ttn_outcome gateway_learn(const struct ttn_env *env, struct gateway *gw,
                                 int host, enum ttn_proof proof,
                                 const struct ttn_stats *stats,
                                 int64_t server_time, const char **why) {
  struct ttn_outcome outcome =
      ttn_gateway_learn(env, &gw->known, proof, stats, server_time, why);
  if (*why != NULL)
    return outcome;
  gw->result =
      outcome.state == TTN_UNKNOWN ? GATEWAY_IN_DOUBT : GATEWAY_ANSWERED;
  gw->refused = gw->refusal_logged = false;
  if (outcome.state == TTN_CONNECTED)
    gw->absent_at = 0;
  gw->current_host =
      proof == TTN_PROOF_ABSENT ? home_of(gw->registered_host) : (int16_t)host;
  return outcome;
}

void gateway_elsewhere(struct gateway *gw) { gw->result = GATEWAY_ELSEWHERE; }

void gateway_defer_counts(struct gateway *gw, uint8_t counts) {
  gw->pending_counts = counts;
}

bool gateway_refused(struct gateway *gw) {
  bool fresh = !gw->refusal_logged;
  gw->refused = gw->refusal_logged = true;
  gw->readable = gw->alone = false;
  gw->result = GATEWAY_REFUSED;
  return fresh;
}

void gateway_readable(struct gateway *gw) { gw->readable = true; }

void gateway_ask_alone(struct gateway *gw, bool alone) { gw->alone = alone; }

void gateway_absent_at(struct gateway *gw, int host) {
  gw->absent_at |= UINT64_C(1) << host;
}

void gateway_looked_up(struct gateway *gw, struct lookup *lookup) {
  gw->lookup = lookup;
  if (lookup != NULL && gw->result == GATEWAY_PENDING)
    gw->result = GATEWAY_LOOKED_UP;
}
