/* SPDX-License-Identifier: MIT */
/* Why no message is counted twice. The value reported is never above a sum
 * that servers' counters prove:
 *
 *   sum = counts of connections + counters that no event named + beyond
 *
 * An event raises one connection's count, and the sum by as much. An answer's
 * count is a counter's, but it is not known whose: if it is above all of them,
 * the largest has grown at least by the difference, which is `beyond` until an
 * event says whose it was. If it is not above all, it may be old, and proves
 * nothing.
 *
 * An event that may be older than the latest answer tells nothing of a counter
 * that answers know: it could be taken for another one's growth. */
#include "gateway/live.h"

#include <string.h>

/* A server writes its statistics at least once in 75 s. */
#define SILENT (150 * TTN_SECOND)
/* Date has whole seconds, and the clocks of two servers differ a little. */
#define DATE_SECOND TTN_SECOND
#define DATE_STEP (2 * TTN_SECOND)
/* A server that gets a second connection of a gateway ends the first. */
#define REPLACED (5 * TTN_SECOND)
/* Between an end and the event that names its reason (recorded: 1 ms). */
#define ONE_END TTN_SECOND
#define ALL_KINDS ((1u << TTN_MESSAGES) - 1)

void ttn_live_forget(struct ttn_live *live) {
  live->n = live->n_end = 0;
  memset(live->beyond, 0, sizeof live->beyond);
}

void ttn_live_answered(struct ttn_live *live, int64_t date) {
  if (date > live->answered_at)
    live->answered_at = date;
}

void ttn_live_connected(struct ttn_live *live, int64_t at, bool began) {
  if (at <= live->counted_at)
    return;
  live->counted_at = at;
  live->connects += began;
}

void ttn_live_state(struct ttn_live *live, int64_t time) {
  live->state_at = time;
}

void ttn_live_gone(struct ttn_live *live, int64_t disconnected_at) {
  if (disconnected_at > live->gone)
    live->gone = disconnected_at;
}

int64_t ttn_live_gone_at(const struct ttn_live *live, int64_t time) {
  bool known = live->gone <= time && live->gone > time - ONE_END;
  return known ? live->gone : time - ONE_END;
}

void ttn_live_moved(struct ttn_live *live, bool moved) { live->moved = moved; }

void ttn_live_heard(struct ttn_live *live, struct ttn_connection *connection,
                    int64_t time) {
  if (time <= connection->heard)
    return;
  connection->heard = time;
  if (!connection->ended)
    return;
  /* It had only been silent. */
  connection->ended = false;
  for (unsigned i = 0; i < live->n; i++)
    live->item[i].alone = live->item[i].alone && live->n == 1;
}

/* Some connection's own count of one of these kinds is known. */
static bool has_exact(const struct ttn_live *live, unsigned kinds) {
  for (unsigned i = 0; i < live->n; i++)
    if ((live->item[i].exact & kinds) != 0)
      return true;
  return false;
}

bool ttn_live_has_unnamed(const struct ttn_live *live,
                          const struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (sets->now[k].n > (has_exact(live, 1u << k) ? 0u : 1u))
      return true;
  return false;
}

bool ttn_live_is_exact(const struct ttn_live *live) {
  return has_exact(live, ALL_KINDS);
}

struct ttn_connection *ttn_live_find(struct ttn_live *live, int64_t at) {
  for (unsigned i = 0; i < live->n; i++)
    if (live->item[i].at == at)
      return &live->item[i];
  return NULL;
}

static void remove_item(struct ttn_live *live, unsigned i) {
  live->n--;
  memmove(&live->item[i], &live->item[i + 1],
          (live->n - i) * sizeof live->item[0]);
}

static unsigned longest_silent(const struct ttn_live *live) {
  unsigned first = 0;
  for (unsigned i = 1; i < live->n; i++)
    if (live->item[i].heard < live->item[first].heard)
      first = i;
  return first;
}

struct ttn_connection *ttn_live_add(struct ttn_live *live, int64_t at,
                                    bool began) {
  if (live->n == TTN_CONNECTIONS_MAX)
    remove_item(live, longest_silent(live));
  bool alone = began && ttn_live_open(live) == 0;
  for (unsigned i = 0; i < live->n; i++)
    live->item[i].alone = false;
  struct ttn_connection *added = &live->item[live->n++];
  *added = (struct ttn_connection){
      .at = at, .exact = began ? ALL_KINDS : 0, .alone = alone};
  return added;
}

bool ttn_live_is_begin(const struct ttn_live *live, int64_t at,
                       int64_t connected_at, bool unnamed) {
  int64_t since = live->answered_at;
  for (int k = 0; k < TTN_MESSAGES; k++)
    unnamed = unnamed || live->beyond[k] > 0;
  if (unnamed)
    since += DATE_SECOND;
  return live->answered_at != 0 && at >= since && at != connected_at;
}

struct ttn_connection *ttn_live_only(struct ttn_live *live) {
  return live->n == 1 ? &live->item[0] : NULL;
}

unsigned ttn_live_open(const struct ttn_live *live) {
  unsigned n = 0;
  for (unsigned i = 0; i < live->n; i++)
    n += !live->item[i].ended;
  return n;
}

void ttn_live_expire(struct ttn_live *live, int64_t time) {
  for (unsigned i = 0; i < live->n; i++)
    if (!live->item[i].ended && live->item[i].heard < time - SILENT) {
      live->item[i].ended = true;
      if (live->n_end > 0)
        live->n_end--;
    }
}

void ttn_live_trim(struct ttn_live *live, struct ttn_counter_sets *sets,
                   int64_t time) {
  struct ttn_connection *alone = NULL;
  for (unsigned i = 0; i < live->n; i++)
    if (live->item[i].alone && !live->item[i].ended)
      alone = &live->item[i];
  if (alone == NULL || alone->at > time - SILENT ||
      time < live->answered_at + DATE_STEP ||
      (live->n == 1 && !ttn_live_has_unnamed(live, sets)))
    return;
  /* Every other server that holds the gateway would have told by now. */
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((alone->exact & 1u << k) != 0)
      ttn_counters_clear(&sets->now[k]);
  live->item[0] = *alone;
  live->n = 1;
  /* This event told what was of the one that goes on. */
  memset(live->beyond, 0, sizeof live->beyond);
}

void ttn_live_end_all(struct ttn_live *live) {
  for (unsigned i = 0; i < live->n; i++)
    live->item[i].ended = true;
  live->n_end = 0;
}

/* The one of two that another replaced just now, or NULL. */
static struct ttn_connection *replaced(struct ttn_live *live, int64_t time) {
  struct ttn_connection *older = NULL, *newer = NULL;
  for (unsigned i = 0; i < live->n; i++) {
    struct ttn_connection *one = &live->item[i];
    if (one->ended)
      continue;
    if (newer == NULL || one->at > newer->at) {
      older = newer;
      newer = one;
    } else {
      older = one;
    }
  }
  return older != NULL && newer->at > time - REPLACED ? older : NULL;
}

bool ttn_live_end(struct ttn_live *live, int64_t time) {
  if (time <= live->end_at)
    return false; /* the same, told twice */
  live->end_at = time;
  ttn_live_expire(live, time);
  unsigned open = ttn_live_open(live);
  if (open == 2u + live->n_end) {
    struct ttn_connection *first = replaced(live, time);
    if (first != NULL) {
      first->ended = true;
      return false;
    }
  }
  live->n_end++;
  if (live->n_end < open)
    return false;
  ttn_live_end_all(live);
  return true;
}

/* ---- counters ---- */

/* Where the counters of a connection stand: those of one that ended while
 * others go on are past. */
static struct ttn_counters *counters_of(const struct ttn_live *live,
                                        const struct ttn_connection *connection,
                                        struct ttn_counter_sets *sets, int k) {
  return connection->ended && ttn_live_open(live) > 0 ? &sets->before[k]
                                                      : &sets->now[k];
}

void ttn_live_unfold(const struct ttn_live *live,
                     struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++) {
    struct ttn_counters *now = &sets->now[k];
    ttn_counters_lower(now, live->beyond[k]);
    for (unsigned i = 0; i < live->n; i++)
      if ((live->item[i].exact & 1u << k) != 0)
        ttn_counters_take(counters_of(live, &live->item[i], sets, k),
                          live->item[i].count[k]);
  }
}

void ttn_live_fold(const struct ttn_live *live, struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++) {
    struct ttn_counters *now = &sets->now[k];
    for (unsigned i = 0; i < live->n; i++)
      if ((live->item[i].exact & 1u << k) != 0)
        ttn_counters_add(counters_of(live, &live->item[i], sets, k),
                         live->item[i].count[k], live->item[i].last[k]);
    if (live->beyond[k] > 0)
      ttn_counters_raise(now, live->beyond[k], live->beyond_last[k]);
  }
}

/* More messages, of which an answer may have told. */
static uint64_t without_beyond(struct ttn_live *live, int k, uint64_t more) {
  uint64_t told = more < live->beyond[k] ? more : live->beyond[k];
  live->beyond[k] -= told;
  return more - told;
}

/* Which counter is a connection's, of which only answers told so far? It is
 * taken out of sets. Returns by how much it has grown since. */
static uint64_t name_counter(struct ttn_counter_sets *sets, int k,
                             uint64_t count, int64_t last,
                             struct ttn_naming how) {
  struct ttn_counters all = sets->now[k];
  if (how.several)
    ttn_counters_merge(&all, &sets->before[k]);
  uint64_t more = ttn_counters_grow(&all, count, last, false);
  if (!ttn_counters_take(&sets->now[k], count - more) && how.several)
    ttn_counters_take(&sets->before[k], count - more);
  return more;
}

uint64_t ttn_live_count(struct ttn_live *live,
                        struct ttn_connection *connection,
                        struct ttn_counter_sets *sets, enum ttn_message k,
                        uint64_t count, int64_t last, int64_t time,
                        struct ttn_naming how) {
  uint64_t more = 0;
  if ((connection->exact & 1u << k) != 0) {
    if (count <= connection->count[k])
      return 0; /* events come in any order */
    more = count - connection->count[k];
  } else {
    /* The counter of a connection that answers do not know may be any. */
    if (time < live->answered_at + DATE_STEP || !(how.answered || how.several))
      return 0;
    more = name_counter(sets, k, count, last, how);
    connection->exact |= (uint8_t)(1u << k);
  }
  connection->count[k] = count;
  connection->last[k] = last;
  return without_beyond(live, k, more);
}

uint64_t ttn_live_count_any(struct ttn_live *live,
                            const struct ttn_counter_sets *sets,
                            enum ttn_message k, uint64_t count, int64_t last,
                            bool several) {
  struct ttn_counters all = sets->now[k];
  if (several)
    ttn_counters_merge(&all, &sets->before[k]);
  for (unsigned i = 0; i < live->n; i++)
    if ((live->item[i].exact & 1u << k) != 0)
      ttn_counters_add(&all, live->item[i].count[k], live->item[i].last[k]);
  if (all.n == 0 || count <= all.item[all.n - 1].count)
    return 0;
  struct ttn_counters largest = {.n = 1, .item = {all.item[all.n - 1]}};
  uint64_t more = ttn_counters_grow(&largest, count, last, false);
  if (more <= live->beyond[k])
    return 0;
  uint64_t fresh = more - live->beyond[k];
  live->beyond[k] = more;
  live->beyond_last[k] = last;
  return fresh;
}
