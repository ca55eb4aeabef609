/* SPDX-License-Identifier: MIT */
/* A set of (64-bit hash, owner), open addressing with linear probing, at most
 * half full. The names themselves are not kept: of 100,000 gateways two share
 * a hash with a chance of 3 in 10^10. A slot that was given back keeps its hash
 * with no owner, so that probing goes on past it. */
#include "account/ownership.h"

#include <pthread.h>
#include <string.h>

struct slot {
  uint64_t hash; /* 0 = never used */
  const void *owner;
};

struct ttn_claims {
  const struct ttn_env *env;
  pthread_mutex_t lock;
  struct slot *slots;
  size_t room, used; /* room: a power of two */
};

struct ttn_claims *ttn_claims_new(const struct ttn_env *env) {
  struct ttn_claims *claims = ttn_alloc(env, sizeof(*claims));
  if (claims == NULL)
    return NULL;
  claims->env = env;
  pthread_mutex_init(&claims->lock, NULL);
  return claims;
}

void ttn_claims_free(struct ttn_claims *claims) {
  if (claims == NULL)
    return;
  pthread_mutex_destroy(&claims->lock);
  ttn_free(claims->env, claims->slots);
  ttn_free(claims->env, claims);
}

static uint64_t hash(const char *host, const char *id) {
  uint64_t h = TTN_HASH;
  if (host != NULL)
    h = ttn_hash(h, host, strlen(host));
  h = ttn_hash(h, "\xff", 1); /* host and id stay apart */
  h = ttn_hash(h, id, strlen(id));
  return h == 0 ? 1 : h;
}

/* The slot of h, or the free one where it would go. room > used. */
static struct slot *find(struct slot *slots, size_t room, uint64_t h) {
  size_t i = (size_t)h & (room - 1);
  while (slots[i].hash != 0 && slots[i].hash != h)
    i = (i + 1) & (room - 1);
  return &slots[i];
}

static bool grow(struct ttn_claims *claims) {
  size_t kept = 0;
  for (size_t i = 0; i < claims->room; i++)
    kept += claims->slots[i].owner != NULL;
  size_t room = 64;
  while (room < 4 * (kept + 1))
    room *= 2;
  struct slot *slots = ttn_alloc(claims->env, room * sizeof(*slots));
  if (slots == NULL)
    return false;
  for (size_t i = 0; i < claims->room; i++)
    if (claims->slots[i].owner != NULL)
      *find(slots, room, claims->slots[i].hash) = claims->slots[i];
  ttn_free(claims->env, claims->slots);
  claims->slots = slots;
  claims->room = room;
  claims->used = kept;
  return true;
}

enum ttn_claim ttn_claims_take(struct ttn_claims *claims, const void *owner,
                               const char *host, const char *id) {
  if (claims == NULL)
    return TTN_CLAIM_OURS;
  enum ttn_claim claim = TTN_CLAIM_UNKNOWN;
  uint64_t h = hash(host, id);
  pthread_mutex_lock(&claims->lock);
  if (2 * (claims->used + 1) <= claims->room || grow(claims)) {
    struct slot *slot = find(claims->slots, claims->room, h);
    if (slot->hash == 0)
      claims->used++;
    slot->hash = h;
    if (slot->owner == NULL)
      slot->owner = owner;
    claim = slot->owner == owner ? TTN_CLAIM_OURS : TTN_CLAIM_OTHERS;
  }
  pthread_mutex_unlock(&claims->lock);
  return claim;
}

void ttn_claims_give(struct ttn_claims *claims, const void *owner,
                     const char *host, const char *id) {
  if (claims == NULL)
    return;
  uint64_t h = hash(host, id);
  pthread_mutex_lock(&claims->lock);
  if (claims->room > 0) {
    struct slot *slot = find(claims->slots, claims->room, h);
    if (slot->owner == owner)
      slot->owner = NULL;
  }
  pthread_mutex_unlock(&claims->lock);
}

void ttn_claims_drop(struct ttn_claims *claims, const void *owner) {
  if (claims == NULL)
    return;
  pthread_mutex_lock(&claims->lock);
  for (size_t i = 0; i < claims->room; i++)
    if (claims->slots[i].owner == owner)
      claims->slots[i].owner = NULL;
  pthread_mutex_unlock(&claims->lock);
}
