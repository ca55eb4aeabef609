/* SPDX-License-Identifier: MIT */
/* A snapshot for programs: ttn-check(1) has the schema. */
#ifndef TTN_CLI_JSON_OUTPUT_H
#define TTN_CLI_JSON_OUTPUT_H

#include "cli/diagnose.h"
#include "cli/event_words.h"

/* On one line with --watch and --follow. */
void json_print(struct text *text, const struct snapshot *snap,
                const struct problems *problems, int exit_status);

/* With --follow, a line each: what is followed, and an event. */
void json_print_followed(struct text *text, const struct snapshot *snap);
void json_print_event(struct text *text, const struct ttn_event *event,
                      const struct event_words *words, int64_t time);

#endif
