/* SPDX-License-Identifier: MIT */
/* A set of (64-bit hash, owner), open addressing with linear probing, at most
 * half full. The names themselves are not kept: of 100,000 gateways two share
 * a hash with a chance of 3 in 10^10. A slot that was released keeps its hash
 * without an owner, so that probing continues past it. */
#include "account/ownership.h"

#include "base/hash.h"

#include <pthread.h>
#include <string.h>

struct slot {
  uint64_t hash; /* 0 = never used */
  const void *owner;
};

struct ttn_ownership {
  const struct ttn_env *env;
  pthread_mutex_t lock;
  struct slot *slots;
  size_t room, used; /* room: a power of two */
};

struct ttn_ownership *ttn_ownership_new(const struct ttn_env *env) {
  struct ttn_ownership *ownership = ttn_alloc(env, sizeof(*ownership));
  if (ownership == NULL)
    return NULL;
  ownership->env = env;
  pthread_mutex_init(&ownership->lock, NULL);
  return ownership;
}

void ttn_ownership_free(struct ttn_ownership *ownership) {
  if (ownership == NULL)
    return;
  pthread_mutex_destroy(&ownership->lock);
  ttn_free(ownership->env, ownership->slots);
  ttn_free(ownership->env, ownership);
}

static uint64_t name_hash(const char *host, const char *id) {
  uint64_t h = TTN_HASH;
  if (host != NULL)
    h = ttn_hash(h, host, strlen(host));
  h = ttn_hash(h, "\xff", 1); /* host and id stay apart */
  h = ttn_hash(h, id, strlen(id));
  return h == 0 ? 1 : h;
}

/* The slot of h, or the free one where it would go. room > used. */
static struct slot *owner_slot(struct slot *slots, size_t room, uint64_t h) {
  size_t i = (size_t)h & (room - 1);
  while (slots[i].hash != 0 && slots[i].hash != h)
    i = (i + 1) & (room - 1);
  return &slots[i];
}

static bool grow_slots(struct ttn_ownership *ownership) {
  size_t kept = 0;
  for (size_t i = 0; i < ownership->room; i++)
    kept += ownership->slots[i].owner != NULL;
  size_t room = 64;
  while (room < 4 * (kept + 1))
    room *= 2;
  struct slot *slots = ttn_alloc(ownership->env, room * sizeof(*slots));
  if (slots == NULL)
    return false;
  for (size_t i = 0; i < ownership->room; i++)
    if (ownership->slots[i].owner != NULL)
      *owner_slot(slots, room, ownership->slots[i].hash) = ownership->slots[i];
  ttn_free(ownership->env, ownership->slots);
  ownership->slots = slots;
  ownership->room = room;
  ownership->used = kept;
  return true;
}

enum ttn_owned ttn_ownership_acquire(struct ttn_ownership *ownership,
                                     const void *owner, const char *host,
                                     const char *id) {
  if (ownership == NULL)
    return TTN_OWNED;
  enum ttn_owned owned = TTN_OWNED_UNKNOWN;
  uint64_t h = name_hash(host, id);
  pthread_mutex_lock(&ownership->lock);
  if (2 * (ownership->used + 1) <= ownership->room || grow_slots(ownership)) {
    struct slot *slot = owner_slot(ownership->slots, ownership->room, h);
    if (slot->hash == 0)
      ownership->used++;
    slot->hash = h;
    if (slot->owner == NULL)
      slot->owner = owner;
    owned = slot->owner == owner ? TTN_OWNED : TTN_OWNED_BY_OTHER;
  }
  pthread_mutex_unlock(&ownership->lock);
  return owned;
}

void ttn_ownership_release(struct ttn_ownership *ownership, const void *owner,
                           const char *host, const char *id) {
  if (ownership == NULL)
    return;
  uint64_t h = name_hash(host, id);
  pthread_mutex_lock(&ownership->lock);
  if (ownership->room > 0) {
    struct slot *slot = owner_slot(ownership->slots, ownership->room, h);
    if (slot->owner == owner)
      slot->owner = NULL;
  }
  pthread_mutex_unlock(&ownership->lock);
}

void ttn_ownership_release_all(struct ttn_ownership *ownership,
                               const void *owner) {
  if (ownership == NULL)
    return;
  pthread_mutex_lock(&ownership->lock);
  for (size_t i = 0; i < ownership->room; i++)
    if (ownership->slots[i].owner == owner)
      ownership->slots[i].owner = NULL;
  pthread_mutex_unlock(&ownership->lock);
}
