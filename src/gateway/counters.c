/* SPDX-License-Identifier: MIT */
#include "gateway/counters.h"

#include "base/env.h"

#include <string.h>

/* Messages a second that no gateway receives: a concentrator has 16 channels,
 * and the shortest message takes 30 ms. */
#define RATE_MAX 500
/* Messages that arrive together are handled in any order, and of a single
 * counter the time is kept in whole seconds. */
#define TIME_BACK (1100 * TTN_MS)
/* A connection begins when the stack has looked up the gateway; the message
 * that asked for it was received before (recorded: 14 ms). */
#define AUTHENTICATED (10 * TTN_SECOND)
#define AUTHENTICATED_MANY TTN_SECOND

bool ttn_count_is_older(uint64_t count, int64_t last, int64_t at) {
  return last != 0 && last < at - (count > TTN_COUNT_FEW ? AUTHENTICATED_MANY
                                                         : AUTHENTICATED);
}

void ttn_counters_clear(struct ttn_counters *counters) {
  *counters = (struct ttn_counters){0};
}

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
