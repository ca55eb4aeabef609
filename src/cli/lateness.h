/* SPDX-License-Identifier: MIT */
/* Does something between hold events back, as a proxy does that buffers? Then
 * they come in lumps: events of a long time arrive at one moment, again and
 * again. Times of the same host are compared with each other, never with this
 * machine's clock. Pure. */
#ifndef TTN_CLI_LATENESS_H
#define TTN_CLI_LATENESS_H

#include "account/hosts.h"

/* What arrived at one moment from one host. */
struct lump {
  int64_t began;       /* mono: its first event; 0 = none yet */
  int64_t first, last; /* the stack's times */
  unsigned before;     /* as many lumps came directly before this one */
  bool counted;        /* it is one */
};

/* All zero at first. */
struct lateness {
  struct lump lumps[HOSTS_MAX];
  int64_t awake;       /* mono: the latest call */
  int64_t ignore_till; /* mono */
  bool told;
};

/* Call it often, at least once in 500 ms while the command waits: what comes
 * after it was stopped, or could not write, was held back by itself. */
void lateness_turn(struct lateness *late, int64_t now);
/* An event that arrived at `now` (mono) and that the stack dates `time`. Not 0:
 * so many ns were held back together, which is to be told now. */
int64_t lateness_event(struct lateness *late, int host, int64_t now,
                       int64_t time);

#endif
