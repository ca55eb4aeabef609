/* SPDX-License-Identifier: MIT */
#include "events/seen.h"

#include <string.h>

#define ROOM_MIN 64

void ttn_seen_free(struct ttn_seen *seen, const struct ttn_env *env) {
  ttn_free(env, seen->now.hashes);
  ttn_free(env, seen->before.hashes);
  *seen = (struct ttn_seen){.began = 0};
}

/* Where it is, or the free place where it belongs. */
static size_t place_of(const struct ttn_seen_set *set, uint64_t hash) {
  size_t i = (size_t)(hash ^ hash >> 32) & (set->room - 1);
  while (set->hashes[i] != 0 && set->hashes[i] != hash)
    i = (i + 1) & (set->room - 1);
  return i;
}

static bool has(const struct ttn_seen_set *set, uint64_t hash) {
  return set->room > 0 && set->hashes[place_of(set, hash)] == hash;
}

static bool room_for_one(struct ttn_seen_set *set, const struct ttn_env *env) {
  if (2 * (set->n + 1) <= set->room)
    return true;
  if (set->n == TTN_SEEN_MAX)
    return false;
  struct ttn_seen_set larger = {
      .room = set->room == 0 ? ROOM_MIN : 2 * set->room, .n = set->n};
  larger.hashes = ttn_alloc(env, larger.room * sizeof *larger.hashes);
  if (larger.hashes == NULL)
    return false;
  for (size_t i = 0; i < set->room; i++)
    if (set->hashes[i] != 0)
      larger.hashes[place_of(&larger, set->hashes[i])] = set->hashes[i];
  ttn_free(env, set->hashes);
  *set = larger;
  return true;
}

/* The older set's memory serves again, but not much more than was needed. */
static void turn(struct ttn_seen *seen, const struct ttn_env *env) {
  struct ttn_seen_set old = seen->before;
  seen->before = seen->now;
  if (old.room > 4 * seen->before.room) {
    ttn_free(env, old.hashes);
    old = (struct ttn_seen_set){.hashes = NULL};
  }
  if (old.hashes != NULL)
    memset(old.hashes, 0, old.room * sizeof *old.hashes);
  old.n = 0;
  seen->now = old;
}

bool ttn_seen_again(struct ttn_seen *seen, const struct ttn_env *env,
                    uint64_t hash, int64_t mono) {
  if (hash == 0)
    return false;
  if (has(&seen->now, hash) || has(&seen->before, hash))
    return true;
  if (mono > seen->began + TTN_SEEN_TIME) {
    turn(seen, env);
    seen->began = mono;
  }
  if (!room_for_one(&seen->now, env))
    return false;
  seen->now.hashes[place_of(&seen->now, hash)] = hash;
  seen->now.n++;
  return false;
}
