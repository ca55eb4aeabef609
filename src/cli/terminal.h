/* SPDX-License-Identifier: MIT */
/* The terminal: size, colour, signals, progress. */
#ifndef TTN_CLI_TERMINAL_H
#define TTN_CLI_TERMINAL_H

#include "base/env.h"
#include <signal.h>

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

struct terminal {
  bool out, err; /* are terminals */
  bool colour, utf8;
  size_t columns, lines; /* of `out`; 0: no bound */
  sigset_t signals;      /* blocked: fetched by terminal_wait */
  bool progress;         /* a line of it is on `err` */
  bool drawing;          /* the cursor is hidden */
  bool changed;          /* its size did, or what is on it */
  int ended_by;          /* SIGINT or the like, or 0 */
};
void terminal_init(struct terminal *term, enum colour colour);
/* No progress from now on. */
void terminal_be_quiet(struct terminal *term);
/* Hides the cursor and clears the terminal; and shows the cursor again. No
 * progress from now on. */
void terminal_begin_drawing(struct terminal *term);
void terminal_end_drawing(struct terminal *term);
/* Waits until a signal comes or `ns` have passed. True: the command is to end;
 * a change of the terminal's size, or a stop and continue, only ends the wait.
 */
bool terminal_wait(struct terminal *term, int64_t ns);
/* It has to be drawn again since the last call. */
bool terminal_has_changed(struct terminal *term);
/* While `on`, signals end or stop the command at once: for a write that may
 * wait for its reader. Not Ctrl-C if it is watching, which has an end of its
 * own. */
void terminal_unblock(const struct terminal *term, bool on, bool watching);
/* `text` as a line on standard error that the next one replaces; NULL removes
 * it. */
void terminal_progress(struct terminal *term, const char *text);

#endif
