/* SPDX-License-Identifier: MIT */
/* One lump proves nothing: a network that was away for a moment makes one, too,
 * and so does a stream that is opened again and tells what it kept. So two are
 * needed, with no event between them that came alone. */
#include "cli/lateness.h"

#include <string.h>

/* Arrived at one moment. */
#define AT_ONCE (200 * TTN_MS)
/* More than the stack itself gathers, or its servers' clocks differ. */
#define HELD_BACK (5 * TTN_SECOND)
#define LUMPS 2
/* No call for so long: the command did not run. */
#define ASLEEP TTN_SECOND

void lateness_turn(struct lateness *late, int64_t now) {
  if (late->awake != 0 && now > late->awake + ASLEEP) {
    memset(late->lumps, 0, sizeof late->lumps);
    late->ignore_till = now + ASLEEP;
  }
  late->awake = now;
}

static void begin_lump(struct lump *lump, int64_t now, int64_t time) {
  *lump = (struct lump){.began = now,
                        .first = time,
                        .last = time,
                        .before = lump->counted ? lump->before + 1 : 0};
}

int64_t lateness_event(struct lateness *late, int host, int64_t now,
                       int64_t time) {
  lateness_turn(late, now);
  if (host < 0 || host >= HOSTS_MAX || time == 0 || now < late->ignore_till)
    return 0;
  struct lump *lump = &late->lumps[host];
  if (lump->began == 0 || now > lump->began + AT_ONCE)
    begin_lump(lump, now, time);
  if (time < lump->first)
    lump->first = time;
  if (time > lump->last)
    lump->last = time;
  int64_t held = lump->last - lump->first;
  lump->counted = held >= HELD_BACK;
  if (!lump->counted || late->told || lump->before + 1 < LUMPS)
    return 0;
  late->told = true;
  return held;
}
