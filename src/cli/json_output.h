/* SPDX-License-Identifier: MIT */
/* A snapshot for programs: ttn-check(1) has the schema. */
#ifndef TTN_CLI_JSON_OUTPUT_H
#define TTN_CLI_JSON_OUTPUT_H

#include "cli/diagnose.h"

/* On one line with --watch. */
void json_print(struct text *text, const struct snapshot *snap,
                const struct problems *problems, const struct text *block,
                int exit_status);

#endif
