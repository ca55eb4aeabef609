/* SPDX-License-Identifier: MIT */
/* What events of traffic tell, where Traffic is on: each gateway's radio, from
 * events to values. */
#ifndef TTN_TRAFFIC_H
#define TTN_TRAFFIC_H

#include "account/gateways.h"
#include "account/streams.h"

/* All zero at first. */
struct traffic {
  struct ttn_episode silent; /* nothing comes, and it was logged */
};

/* A poll begins: the values of the interval before, of gateways whose stream is
 * open. owner: what is known of the key, or NULL. */
void traffic_report(struct traffic *traffic, const struct account_context *c,
                    const struct streams *streams,
                    const struct ttn_auth_info *owner);

#endif
