/* SPDX-License-Identifier: MIT */
/* Which account reports which gateway under which host name. If two accounts
 * reported the same gateway to the same series, they would mix their values:
 * the first account that acquires it owns it, the second leaves it out. All
 * accounts of the daemon share one set; thread-safe. */
#ifndef TTN_OWNERSHIP_H
#define TTN_OWNERSHIP_H

#include "base/env.h"

enum ttn_owned {
  TTN_OWNED, /* the gateway is (now) owner's */
  TTN_OWNED_BY_OTHER,
  TTN_OWNED_UNKNOWN /* no memory: nothing was acquired */
};

struct ttn_ownership;

/* NULL: no memory. */
struct ttn_ownership *ttn_ownership_new(const struct ttn_env *env);
void ttn_ownership_free(struct ttn_ownership *ownership);

/* TTN_OWNED when ownership is NULL. host: the Host option or NULL. */
enum ttn_owned ttn_ownership_acquire(struct ttn_ownership *ownership,
                                     const void *owner, const char *host,
                                     const char *id);
/* Releases one gateway, if it is owner's. */
void ttn_ownership_release(struct ttn_ownership *ownership, const void *owner,
                           const char *host, const char *id);
/* Releases all that owner has. */
void ttn_ownership_release_all(struct ttn_ownership *ownership,
                               const void *owner);

#endif
