/* SPDX-License-Identifier: MIT */
/* --follow: events as they come. */
#ifndef TTN_CLI_FOLLOW_H
#define TTN_CLI_FOLLOW_H

#include "cli/diagnose.h"

/* Is there a gateway, after a poll, whose events can be asked for? */
bool follow_can(const struct snapshot *snap);
/* Shows events until a signal comes (true), or until the stack refuses, nobody
 * reads on or there is no memory (false). problems: of the poll before. */
bool follow_run(struct snapshot *snap, const struct problems *problems);

#endif
