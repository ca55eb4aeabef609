/* SPDX-License-Identifier: MIT */
#include "base/episode.h"

bool ttn_episode_begin(struct ttn_episode *episode) {
  bool began = !episode->on;
  episode->on = true;
  return began;
}

bool ttn_episode_end(struct ttn_episode *episode) {
  bool ended = episode->on;
  episode->on = false;
  return ended;
}
