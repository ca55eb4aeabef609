/* SPDX-License-Identifier: MIT */
#include "gateway/counters.h"

#include <string.h>

/* Messages a second that no gateway receives: a concentrator has 16 channels,
 * and the shortest message takes 30 ms. */
#define RATE_MAX 500
/* Messages that arrive together are handled in any order, and of a single
 * counter the time is kept in whole seconds. */
#define TIME_BACK (1100 * TTN_MS)

void ttn_counters_add(struct ttn_counters *counters, uint64_t count,
                      int64_t last) {
  size_t at = counters->n;
  if (counters->n == TTN_COUNTERS_MAX) {
    if (count <= counters->item[0].count)
      return;
    memmove(counters->item, counters->item + 1,
            (TTN_COUNTERS_MAX - 1) * sizeof *counters->item);
    counters->n--;
    at--;
  }
  for (; at > 0 && counters->item[at - 1].count > count; at--)
    counters->item[at] = counters->item[at - 1];
  counters->item[at] = (struct ttn_counter){count, last};
  counters->n++;
}

bool ttn_counters_take(struct ttn_counters *counters, uint64_t count) {
  for (size_t i = 0; i < counters->n; i++)
    if (counters->item[i].count == count) {
      counters->n--;
      memmove(counters->item + i, counters->item + i + 1,
              (counters->n - i) * sizeof *counters->item);
      return true;
    }
  return false;
}

void ttn_counters_raise(struct ttn_counters *counters, uint64_t more,
                        int64_t last) {
  if (counters->n == 0)
    return;
  struct ttn_counter *largest = &counters->item[counters->n - 1];
  largest->count += more;
  if (last > largest->last)
    largest->last = last;
}

void ttn_counters_lower(struct ttn_counters *counters, uint64_t less) {
  if (counters->n > 0)
    counters->item[counters->n - 1].count -= less;
}

void ttn_counters_merge(struct ttn_counters *to,
                        const struct ttn_counters *from) {
  for (size_t i = 0; i < from->n; i++)
    ttn_counters_add(to, from->item[i].count, from->item[i].last);
}

/* Times are only compared where both are known. */
bool ttn_counters_known(const struct ttn_counters *counters, uint64_t count,
                        int64_t last) {
  for (size_t i = 0; i < counters->n; i++) {
    const struct ttn_counter *counter = &counters->item[i];
    int64_t step = last - counter->last;
    if (count == counter->count && (last == 0 || counter->last == 0 ||
                                    (step > -TIME_BACK && step < TIME_BACK)))
      return true;
  }
  return false;
}

static bool can_be(const struct ttn_counter *counter, uint64_t count,
                   int64_t last) {
  if (last == 0 || counter->last == 0)
    return true;
  int64_t step = last - counter->last + TIME_BACK;
  return step > 0 &&
         count - counter->count <= RATE_MAX * ((uint64_t)step / TTN_SECOND + 1);
}

uint64_t ttn_counters_grow(struct ttn_counters *counters, uint64_t count,
                           int64_t last, bool add) {
  size_t below = 0;
  bool fits = false;
  if (ttn_counters_known(counters, count, last))
    return 0;
  for (; below < counters->n && counters->item[below].count < count; below++)
    fits = fits || can_be(&counters->item[below], count, last);
  if (below < counters->n && counters->item[below].count == count)
    fits = false; /* another one that is as high */
  if (!fits) {
    if (add)
      ttn_counters_add(counters, count, last);
    return 0;
  }
  struct ttn_counter *counter = &counters->item[below - 1];
  uint64_t more = count - counter->count;
  *counter = (struct ttn_counter){count, last};
  return more;
}

/* The counter that was at `from`. False: there is none. */
static bool raise_counter(struct ttn_counters *counters, uint64_t from,
                          uint64_t count, int64_t last) {
  if (!ttn_counters_take(counters, from))
    return false;
  ttn_counters_add(counters, count, last);
  return true;
}

uint64_t ttn_counter_sets_grow(struct ttn_counter_sets *sets,
                               enum ttn_message k, uint64_t count, int64_t last,
                               bool add) {
  struct ttn_counters all = sets->now[k];
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
  for (int k = 0; k < TTN_MESSAGES; k++) {
    sets[k].n = n_of[k];
    memcpy(sets[k].item, item, n_of[k] * sizeof *item);
    item += n_of[k];
  }
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
