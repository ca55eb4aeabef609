/* SPDX-License-Identifier: MIT */
/* Which events were seen a moment ago: a stream that takes another's place
 * tells all since it was asked for once more, and one that is opened again
 * after a break the last seconds'. Two sets of hashes, of which the older one
 * is emptied in turn. One thread at a time. */
#ifndef TTN_SEEN_H
#define TTN_SEEN_H

#include "base/env.h"

/* For so long an event is known at least, ns. */
#define TTN_SEEN_TIME (35 * TTN_SECOND)
/* In one set; of more within a set's time the rest is not recognised: that is
 * 1,872 events a second. */
#define TTN_SEEN_MAX (1u << 16)

struct ttn_seen_set {
  uint64_t *hashes; /* open addressing; 0 = free */
  size_t room, n;   /* room: a power of two, at least twice n; or 0 */
};

/* All zero at first. */
struct ttn_seen {
  struct ttn_seen_set now, before;
  int64_t began; /* mono: the first event in `now` */
};

void ttn_seen_free(struct ttn_seen *seen, const struct ttn_env *env);
/* An event that came at `mono`, and the hash of its unique_id (0: it has none).
 * True: it came within the last TTN_SEEN_TIME, or not long before. */
bool ttn_seen_again(struct ttn_seen *seen, const struct ttn_env *env,
                    uint64_t hash, int64_t mono);

#endif
