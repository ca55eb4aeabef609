/* SPDX-License-Identifier: MIT */
/* What is logged once when it begins and once when it ends. All zero: it is
 * not on. */
#ifndef TTN_EPISODE_H
#define TTN_EPISODE_H

#include <stdbool.h>

struct ttn_episode {
  bool on;
};

/* True: it was not on before. */
bool ttn_episode_begin(struct ttn_episode *episode);
/* True: it was on before. */
bool ttn_episode_end(struct ttn_episode *episode);

#endif
