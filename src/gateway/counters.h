/* SPDX-License-Identifier: MIT */
/* The counters that may stand behind a gateway's entry. Each Gateway Server
 * counts the messages of its own connection, and the stack's registry shows one
 * server's count after the other's under one connected_at (recorded:
 * tests/answers/two-servers). A counter is known by its last count and the time
 * of its last message: neither goes back.
 *
 * Pure, but for the store, which takes memory. One thread at a time. */
#ifndef TTN_COUNTERS_H
#define TTN_COUNTERS_H

#include "base/env.h"
#include "tts/records.h"

/* Of one kind of message. If there are more, the lowest is forgotten: should it
 * come back, it is below all others and so taken for one never seen. */
#define TTN_COUNTERS_MAX 4

struct ttn_counter {
  uint64_t count;
  int64_t last; /* last_…_received_at, ns; 0 = not known */
};

/* Those of one kind, lowest first. */
struct ttn_counters {
  uint8_t n;
  struct ttn_counter item[TTN_COUNTERS_MAX];
};

void ttn_counters_add(struct ttn_counters *counters, uint64_t count,
                      int64_t last);
/* One has just this count, of this time. */
bool ttn_counters_known(const struct ttn_counters *counters, uint64_t count,
                        int64_t last);
/* Takes out one with this count. False: there is none. */
bool ttn_counters_take(struct ttn_counters *counters, uint64_t count);
/* The largest has so many messages more, the last of them at `last`; or fewer:
 * the reverse of it. */
void ttn_counters_raise(struct ttn_counters *counters, uint64_t more,
                        int64_t last);
void ttn_counters_lower(struct ttn_counters *counters, uint64_t less);
void ttn_counters_merge(struct ttn_counters *to,
                        const struct ttn_counters *from);

/* By how many messages the servers' counters have grown that this is one of. If
 * it can be any known one, it takes the place of the largest below, whichever
 * that is: so the sum of all is never above that of the servers. 0: nothing
 * new, or a counter never seen, which is added if `add`. */
uint64_t ttn_counters_grow(struct ttn_counters *counters, uint64_t count,
                           int64_t last, bool add);

/* All of one gateway. */
struct ttn_counter_sets {
  struct ttn_counters now[TTN_MESSAGES];    /* may be behind connected_at */
  struct ttn_counters before[TTN_MESSAGES]; /* were, before the connection that
                                             * began last; may come back */
  int64_t before_at; /* the earliest connected_at of `before`; 0 = not known */
  int64_t before_until; /* when `before` is forgotten */
  int64_t answered_at;  /* the latest time that an answer is known to be of */
  bool before_seen;     /* the answer showed one of `before` */
  bool shared;          /* several held it when `before` was set aside */
  bool in_doubt;        /* the last answer may have been one server's end */
};

/* ttn_counters_grow for one kind, among all if several servers hold it, else
 * among those of now. */
uint64_t ttn_counter_sets_grow(struct ttn_counter_sets *sets,
                               enum ttn_message k, uint64_t count, int64_t last,
                               bool add);
/* Two counters of a kind are known at a time: several servers hold it. */
bool ttn_counter_sets_several(const struct ttn_counter_sets *sets);
bool ttn_counter_sets_any_before(const struct ttn_counter_sets *sets);
/* The latest message of any counter, 0 = none. */
int64_t ttn_counter_sets_last(const struct ttn_counter_sets *sets);
bool ttn_counter_sets_same(const struct ttn_counter_sets *a,
                           const struct ttn_counter_sets *b);

/* What a gateway keeps of them between polls. NULL: one counter of each kind at
 * most, which the gateway holds itself. */
struct ttn_counter_store;

/* Keeps what is needed in *store, or frees it. False: no memory, and *store is
 * as it was. */
bool ttn_counter_store_keep(const struct ttn_env *env,
                            struct ttn_counter_store **store,
                            const struct ttn_counter_sets *sets);
/* store: or NULL, then all is zero. */
void ttn_counter_store_read(const struct ttn_counter_store *store,
                            struct ttn_counter_sets *sets);

#endif
