/* SPDX-License-Identifier: MIT */
#include "gateway/counter_sets.h"

#include <string.h>

/* A server writes its statistics at least once in 75 s (30 s of debounce, then
 * once a minute), and so brings its connection back, unless others begin or
 * write before the next poll. */
#define COMES_BACK (300 * TTN_SECOND)
/* The same, where several servers write. */
#define SHARED (900 * TTN_SECOND)

/* The counter that was at `from`. False: there is none. */
static bool raise_counter(struct ttn_counters *counters, uint64_t from,
                          uint64_t count, int64_t last) {
  if (!ttn_counters_take(counters, from))
    return false;
  ttn_counters_add(counters, count, last);
  return true;
}

/* The count and its time were known before the connection of now began. */
static bool stands_before(const struct ttn_counter_sets *sets,
                          enum ttn_message k, uint64_t count, int64_t last) {
  return last != 0 && count > TTN_COUNT_FEW &&
         ttn_counters_known(&sets->before[k], count, last);
}

uint64_t ttn_counter_sets_grow(struct ttn_counter_sets *sets,
                               enum ttn_message k, uint64_t count, int64_t last,
                               bool add) {
  struct ttn_counters all = sets->now[k];
  sets->shared = sets->shared || stands_before(sets, k, count, last);
  if (!ttn_counter_sets_several(sets))
    return ttn_counters_grow(&sets->now[k], count, last, add);
  ttn_counters_merge(&all, &sets->before[k]);
  uint64_t more = ttn_counters_grow(&all, count, last, false);
  if (more > 0 && !raise_counter(&sets->now[k], count - more, count, last))
    raise_counter(&sets->before[k], count - more, count, last);
  if (ttn_counters_known(&sets->before[k], count, last))
    sets->before_seen = true;
  else if (more == 0 && add && !ttn_counters_known(&all, count, last))
    ttn_counters_add(&sets->now[k], count, last);
  return more;
}

bool ttn_counter_sets_several(const struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (sets->now[k].n > 1)
      return true;
  return sets->shared && ttn_counter_sets_any_before(sets);
}

bool ttn_counter_sets_any_before(const struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (sets->before[k].n > 0)
      return true;
  return false;
}

static int64_t latest(const struct ttn_counters *counters, int64_t last) {
  for (size_t i = 0; i < counters->n; i++)
    if (counters->item[i].last > last)
      last = counters->item[i].last;
  return last;
}

int64_t ttn_counter_sets_last(const struct ttn_counter_sets *sets) {
  int64_t last = 0;
  for (int k = 0; k < TTN_MESSAGES; k++)
    last = latest(&sets->before[k], latest(&sets->now[k], last));
  return last;
}

static bool same_counters(const struct ttn_counters *a,
                          const struct ttn_counters *b) {
  bool same = a->n == b->n;
  for (size_t i = 0; same && i < a->n; i++)
    same = a->item[i].count == b->item[i].count &&
           a->item[i].last == b->item[i].last;
  return same;
}

bool ttn_counter_sets_same(const struct ttn_counter_sets *a,
                           const struct ttn_counter_sets *b) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (!same_counters(&a->now[k], &b->now[k]) ||
        !same_counters(&a->before[k], &b->before[k]))
      return false;
  return true;
}

void ttn_counter_sets_set_aside(struct ttn_counter_sets *sets,
                                int64_t connected_at) {
  sets->shared = ttn_counter_sets_several(sets);
  for (int k = 0; k < TTN_MESSAGES; k++) {
    ttn_counters_merge(&sets->before[k], &sets->now[k]);
    ttn_counters_clear(&sets->now[k]);
  }
  if (sets->before_at == 0 || connected_at < sets->before_at)
    sets->before_at = connected_at;
}

void ttn_counter_sets_bring_back(struct ttn_counter_sets *sets) {
  sets->shared = true;
  for (int k = 0; k < TTN_MESSAGES; k++) {
    ttn_counters_merge(&sets->now[k], &sets->before[k]);
    ttn_counters_clear(&sets->before[k]);
  }
  sets->before_at = 0;
}

uint64_t ttn_counter_sets_begin(struct ttn_counter_sets *sets,
                                enum ttn_message k, int64_t at, uint64_t count,
                                int64_t last) {
  struct ttn_counters *before = &sets->before[k];
  bool old = ttn_count_is_older(count, last, at) ||
             stands_before(sets, k, count, last);
  uint64_t grown = 0;
  if (old || sets->shared)
    grown = ttn_counters_grow(before, count, last, old);
  sets->shared = sets->shared || old;
  ttn_counters_add(&sets->now[k], old ? 0 : count, old ? 0 : last);
  return old || grown > 0 ? grown : count;
}

static void forget_before(struct ttn_counter_sets *sets) {
  memset(sets->before, 0, sizeof sets->before);
  sets->before_at = 0;
  sets->shared = false;
}

static void see_time(struct ttn_counter_sets *sets, int64_t time) {
  if (time > sets->answered_at)
    sets->answered_at = time;
}

void ttn_counter_sets_answered(struct ttn_counter_sets *sets,
                               int64_t server_time, int64_t seen, bool began) {
  if (began || sets->before_seen)
    sets->before_until =
        server_time + (ttn_counter_sets_several(sets) ? SHARED : COMES_BACK);
  else if (server_time > sets->before_until)
    forget_before(sets);
  see_time(sets, server_time);
  see_time(sets, seen);
  see_time(sets, ttn_counter_sets_last(sets));
}

bool ttn_counter_sets_doubt(struct ttn_counter_sets *sets, bool ended) {
  bool doubtful =
      ended && !sets->in_doubt &&
      (ttn_counter_sets_several(sets) || ttn_counter_sets_any_before(sets));
  sets->in_doubt = ended;
  return doubtful;
}

/* ---- the store: as small as it can be, for a gateway that reconnects has one
 * for some minutes, and all of a fleet may reconnect at once ---- */

struct ttn_counter_store {
  int64_t before_at, before_until, answered_at;
  uint8_t n_now[TTN_MESSAGES], n_before[TTN_MESSAGES];
  bool in_doubt, shared;
  uint8_t n; /* of item */
  struct ttn_counter item[];
};

static size_t put_all(struct ttn_counter *item, uint8_t n_of[TTN_MESSAGES],
                      const struct ttn_counters *sets) {
  size_t n = 0;
  for (int k = 0; k < TTN_MESSAGES; k++) {
    n_of[k] = sets[k].n;
    memcpy(item + n, sets[k].item, sets[k].n * sizeof *item);
    n += sets[k].n;
  }
  return n;
}

bool ttn_counter_store_keep(const struct ttn_env *env,
                            struct ttn_counter_store **store,
                            const struct ttn_counter_sets *sets) {
  static const struct ttn_counters none[TTN_MESSAGES];
  bool several = ttn_counter_sets_several(sets);
  if (!several && !ttn_counter_sets_any_before(sets)) {
    ttn_free(env, *store);
    *store = NULL;
    return true;
  }
  struct ttn_counter item[2 * TTN_MESSAGES * TTN_COUNTERS_MAX];
  struct ttn_counter_store head = {.before_at = sets->before_at,
                                   .before_until = sets->before_until,
                                   .answered_at = sets->answered_at,
                                   .in_doubt = sets->in_doubt,
                                   .shared = sets->shared};
  size_t n = put_all(item, head.n_now, several ? sets->now : none);
  n += put_all(item + n, head.n_before, sets->before);
  head.n = (uint8_t)n;
  struct ttn_counter_store *kept = *store;
  if (kept == NULL || kept->n != head.n)
    kept = ttn_alloc(env, sizeof head + n * sizeof *item);
  if (kept == NULL)
    return false;
  if (kept != *store)
    ttn_free(env, *store);
  *kept = head;
  memcpy(kept->item, item, n * sizeof *item);
  *store = kept;
  return true;
}

static const struct ttn_counter *take_all(struct ttn_counters *sets,
                                          const uint8_t n_of[TTN_MESSAGES],
                                          const struct ttn_counter *item) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    for (uint8_t i = 0; i < n_of[k]; i++, item++)
      ttn_counters_add(&sets[k], item->count, item->last);
  return item;
}

void ttn_counter_store_read(const struct ttn_counter_store *store,
                            struct ttn_counter_sets *sets) {
  *sets = (struct ttn_counter_sets){0};
  if (store == NULL)
    return;
  sets->before_at = store->before_at;
  sets->before_until = store->before_until;
  sets->answered_at = store->answered_at;
  sets->in_doubt = store->in_doubt;
  sets->shared = store->shared;
  const struct ttn_counter *item =
      take_all(sets->now, store->n_now, store->item);
  take_all(sets->before, store->n_before, item);
}
