/* SPDX-License-Identifier: MIT */
/* --report: one text for a bug report. */
#ifndef TTN_CLI_REPORT_H
#define TTN_CLI_REPORT_H

#include "cli/answer_log.h"
#include "cli/diagnose.h"

/* snap: of snapshot_open_refused, whose sentences are the report's problems,
 * or of a poll. */
void report_print(struct text *text, const struct snapshot *snap,
                  const struct problems *problems,
                  const struct answer_log *answers);

#endif
