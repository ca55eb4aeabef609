/* SPDX-License-Identifier: MIT */
/* All counters of one gateway: those that may stand behind its entry now, and
 * those from before the connection that began last.
 *
 * Pure, but for the store, which takes memory. One thread at a time. */
#ifndef TTN_COUNTER_SETS_H
#define TTN_COUNTER_SETS_H

#include "base/env.h"
#include "gateway/counters.h"
#include "tts/records.h"

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

/* A connection began: the counters of now are set aside. connected_at: of the
 * connection before. */
void ttn_counter_sets_set_aside(struct ttn_counter_sets *sets,
                                int64_t connected_at);
/* A connection before it shows again: those set aside are of now, too. */
void ttn_counter_sets_bring_back(struct ttn_counter_sets *sets);
/* A count in the entry of the connection that began at `at`. It may be another
 * server's: until the new connection has a count, the entry keeps that of the
 * server before. Returns by how many messages the sum has grown. */
uint64_t ttn_counter_sets_begin(struct ttn_counter_sets *sets,
                                enum ttn_message k, int64_t at, uint64_t count,
                                int64_t last);
/* All of an entry was taken, which is of server_time, shows the time `seen`,
 * and with which a connection began or not. Forgets what no server can bring
 * back any more. */
void ttn_counter_sets_answered(struct ttn_counter_sets *sets,
                               int64_t server_time, int64_t seen, bool began);
/* The answer shows an end, or none. True: of several servers perhaps only one
 * let go; said once, for the next answer decides. */
bool ttn_counter_sets_doubt(struct ttn_counter_sets *sets, bool ended);

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
