/* SPDX-License-Identifier: MIT */
/* Do events of traffic come, where Traffic is on? */
#ifndef TTN_TRAFFIC_H
#define TTN_TRAFFIC_H

#include "account/gateways.h"

/* All zero at first. */
struct traffic {
  struct ttn_episode silent; /* none comes, and it was logged */
  uint64_t seen;             /* events of all gateways, at the last check */
};

/* A poll begins: logs if none comes, and why. owner: what is known of the key,
 * or NULL. */
void traffic_check(struct traffic *traffic, const struct account_context *c,
                   const struct gateways *g, const struct ttn_auth_info *owner);

#endif
