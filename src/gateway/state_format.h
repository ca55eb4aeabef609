/* SPDX-License-Identifier: MIT */
/* What the reader and the writer of the state file share: state_file.c's head
 * describes the format. */
#ifndef TTN_STATE_FORMAT_H
#define TTN_STATE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#define TTN_STATE_MAGIC "ttn-state 1"
#define TTN_STATE_END "END " /* no id: those are lower case */
#define TTN_STATE_ROWS 1000000u
#define TTN_STATE_CHUNK 65536u
/* The longest line is that of an account's name, escaped. */
#define TTN_STATE_LINE 4096u

/* "<word> <text, percent-escaped>" into line (TTN_STATE_LINE bytes). False:
 * too long. */
bool ttn_state_escape(char *line, const char *word, const char *text);

#endif
