/* SPDX-License-Identifier: MIT */
/* Which events were seen a moment ago: a stream that takes another's place, or
 * is opened again after a break, tells the last seconds' events once more. Two
 * sets of hashes, of which the older one is emptied in turn. One thread at a
 * time. */
#ifndef TTN_SEEN_H
#define TTN_SEEN_H

#include "base/env.h"

/* In one set; of more within a set's time the rest is not recognised. */
#define TTN_SEEN_MAX (1u << 16)

struct ttn_seen_set {
  uint64_t *hashes; /* open addressing; 0 = free */
  size_t room, n;   /* room: a power of two, at least twice n; or 0 */
};

/* All zero at first. */
struct ttn_seen {
  struct ttn_seen_set now, before;
  int64_t began; /* time of the first event in `now` */
};

void ttn_seen_free(struct ttn_seen *seen, const struct ttn_env *env);
/* An event of this time, and the hash of its unique_id (0: it has none). True:
 * it was seen within the last 8 s or more. */
bool ttn_seen_again(struct ttn_seen *seen, const struct ttn_env *env,
                    uint64_t hash, int64_t time);

#endif
