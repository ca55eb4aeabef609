/* SPDX-License-Identifier: MIT */
/* The terminal: what it is, how large, which colours; signals; and a line of
 * progress on standard error. Knows nothing of gateways.
 *
 * Signals are blocked and fetched where the command waits anyway, so that no
 * handler needs a global variable and Ctrl-C finds the cursor shown and the
 * progress wiped. Linux keeps a blocked signal even if it would be ignored, as
 * SIGWINCH is. SIGPIPE is ignored: libcurl, told to leave signals alone, would
 * let a broken connection end the command. */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WIPE "\r\033[K"

static void measure_terminal(struct terminal *term) {
  struct winsize size;
  const char *columns = getenv("COLUMNS");
  long wanted = columns == NULL ? 0 : strtol(columns, NULL, 10);
  term->columns = term->lines = 0;
  if (!term->out)
    return;
  term->columns = 80;
  term->lines = 24;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
      size.ws_row > 0) {
    term->columns = size.ws_col;
    term->lines = size.ws_row;
  }
  if (wanted > 0 && wanted < 10000)
    term->columns = (size_t)wanted;
}

static bool wants_colour(const struct terminal *term, enum colour colour) {
  const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
  if (colour != COLOUR_AUTO)
    return colour == COLOUR_ALWAYS;
  return term->out && (no == NULL || no[0] == '\0') && kind != NULL &&
         strcmp(kind, "dumb") != 0;
}

/* A terminal whose locale isn't UTF-8 gets ASCII; a file gets the names as they
 * are, for a later reader. */
static bool sees_utf8(const struct terminal *term) {
  bool utf8 = setlocale(LC_CTYPE, "") != NULL &&
              strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  if (!utf8)
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* what wcwidth(3) needs */
  return utf8 || !term->out;
}

void terminal_init(struct terminal *term, enum colour colour) {
  static const int wanted[] = {SIGINT,  SIGTERM, SIGHUP,
                               SIGQUIT, SIGTSTP, SIGWINCH};
  struct sigaction old;
  *term = (struct terminal){.out = isatty(STDOUT_FILENO) == 1,
                            .err = isatty(STDERR_FILENO) == 1};
  sigemptyset(&term->signals);
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
    /* nohup's and the shell's background jobs' wish */
    if (sigaction(wanted[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
      sigaddset(&term->signals, wanted[i]);
  sigprocmask(SIG_BLOCK, &term->signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  term->utf8 = sees_utf8(term);
  term->colour = wants_colour(term, colour);
  measure_terminal(term);
}

void terminal_be_quiet(struct terminal *term) { term->err = false; }

void terminal_unblock(const struct terminal *term, bool on, bool watching) {
  sigset_t which = term->signals;
  if (watching)
    sigdelset(&which, SIGINT);
  sigprocmask(on ? SIG_UNBLOCK : SIG_BLOCK, &which, NULL);
}

void terminal_progress(struct terminal *term, const char *text) {
  if (!term->err || (text == NULL && !term->progress))
    return;
  /* A line that is broken in two can't be wiped. */
  size_t most = term->columns > 0 ? term->columns - 1 : 39;
  fprintf(stderr, WIPE "%.*s", (int)most, text == NULL ? "" : text);
  fflush(stderr);
  term->progress = text != NULL;
}

void terminal_begin_drawing(struct terminal *term) {
  terminal_be_quiet(term);
  term->drawing = true;
  fputs("\033[?25l\033[H\033[2J", stdout);
}

void terminal_end_drawing(struct terminal *term) {
  if (!term->drawing)
    return;
  term->drawing = false;
  fputs("\033[?25h\n", stdout);
  fflush(stdout);
}

static void stop_here(struct terminal *term) {
  terminal_progress(term, NULL);
  if (term->drawing) {
    fputs("\033[?25h", stdout);
    fflush(stdout);
  }
  raise(SIGSTOP);
  if (term->drawing) {
    fputs("\033[?25l", stdout);
    fflush(stdout);
  }
  term->changed = true;
}

bool terminal_wait(struct terminal *term, int64_t ns) {
  struct timespec most = {.tv_sec = ns / TTN_SECOND,
                          .tv_nsec = (long)(ns % TTN_SECOND)};
  int number = sigtimedwait(&term->signals, NULL, &most);
  if (number == SIGTSTP) {
    stop_here(term);
  } else if (number == SIGWINCH) {
    measure_terminal(term);
    term->changed = true;
  } else if (number > 0) {
    term->ended_by = number;
  }
  return term->ended_by != 0;
}

bool terminal_has_changed(struct terminal *term) {
  bool changed = term->changed;
  term->changed = false;
  return changed;
}
