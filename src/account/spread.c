/* SPDX-License-Identifier: MIT */
#include "account/spread.h"

#include "base/env.h"
#include "tts/records.h"

/* Values have the time at which they are reported: that must not be far from
 * the answer's. */
#define PAUSE_MAX (250 * TTN_MS)

int64_t spread_place(int64_t spread, size_t before, size_t n) {
  if (n <= TTN_BATCH_MAX)
    return 0;
  return (int64_t)((double)spread * (double)before / (double)n);
}

int64_t spread_late(int64_t place, int64_t late) {
  return place < 2 * late ? late + place / 2 : place;
}

int64_t spread_pause(int64_t spread, size_t n) {
  int64_t pause = spread_place(spread, SPREAD_PORTION, n);
  return pause > PAUSE_MAX ? PAUSE_MAX : pause;
}
