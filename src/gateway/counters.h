/* SPDX-License-Identifier: MIT */
/* The counters that may stand behind a gateway's entry. Each Gateway Server
 * counts the messages of its own connection, and the stack's registry shows one
 * server's count after the other's under one connected_at (recorded:
 * tests/answers/two-servers). A counter is known by its last count and the time
 * of its last message: neither goes back.
 *
 * Pure. One thread at a time. */
#ifndef TTN_COUNTERS_H
#define TTN_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

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

/* So many messages may wait while the stack looks up a gateway that connects.
 */
#define TTN_COUNT_FEW 16

/* The last of so many messages was received before the connection that began at
 * `at`: the count is another server's. */
bool ttn_count_is_older(uint64_t count, int64_t last, int64_t at);

void ttn_counters_clear(struct ttn_counters *counters);
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

/* An answer's count, of one of these counters or of one never seen. Returns by
 * how many messages it proves that they have grown. If it can continue several,
 * the largest one below it is taken: so their sum is never above that of the
 * servers. 0: nothing new, or a counter never seen, which is added if `add`. */
uint64_t ttn_counters_grow(struct ttn_counters *counters, uint64_t count,
                           int64_t last, bool add);

#endif
