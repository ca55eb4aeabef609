/* SPDX-License-Identifier: MIT */
/* The command from its start to its end: one poll, or one after the other as
 * watch(1) does it.
 *
 * On a terminal --watch draws over what was there, from the first line on, and
 * clears each line behind its end, so nothing flickers. The cursor is hidden
 * while it runs and shown again whatever ends it, but for SIGKILL. */
#include "cli/run.h"

#include "base/text.h"
#include "cli/follow.h"
#include "cli/json_output.h"
#include "cli/report.h"
#include "cli/report_file.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

/* How long a report waits for an event. */
#define EVENT_PATIENCE (5 * TTN_SECOND)
#define NO_MEMORY "there is not enough memory for this"

struct run {
  struct cli_env env;
  struct options options;
  struct terminal term;
  struct snapshot snap;
  struct problems problems;
  struct answer_log answers; /* with --report */
  bool looked;               /* once at least, and it was shown */
};

static int give_up(const struct run *run) {
  if (run->env.no_memory)
    complain(NO_MEMORY);
  return run->env.no_memory ? STATUS_PROBLEM : STATUS_USAGE;
}

static bool open_look(struct run *run) {
  return snapshot_open(&run->snap, &run->env, &run->options, &run->term,
                       run->options.report ? &run->answers : NULL);
}

/* A gateway's own key can't list gateways: that one is named for it. */
static bool name_own_gateway(struct run *run) {
  char id[TTN_ID_MAX + 1];
  ttn_print(id, sizeof(id), "%s", snapshot_own_gateway(&run->snap));
  snapshot_close(&run->snap);
  return option_list_add_text(&run->options.list, &run->env.env, "Gateway",
                              id) &&
         open_look(run);
}

static bool poll_once(struct run *run) {
  if (!snapshot_poll(&run->snap))
    return false;
  if (snapshot_own_gateway(&run->snap) == NULL || run->term.ended_by != 0)
    return true;
  return name_own_gateway(run) && snapshot_poll(&run->snap);
}

/* A poll, and what follows from it. False: no memory. */
static bool look(struct run *run) {
  return poll_once(run) && diagnose(&run->problems, &run->snap) &&
         !run->env.no_memory;
}

static int exit_status(const struct run *run) {
  static const int statuses[] = {[SEVERITY_NOTE] = STATUS_OK,
                                 [SEVERITY_DISCONNECTED] = STATUS_DISCONNECTED,
                                 [SEVERITY_PROBLEM] = STATUS_PROBLEM};
  return statuses[problems_worst(&run->problems)];
}

/* ---- what is shown ---- */

/* The first lines that the terminal has room for, the last of its own left
 * empty, so that nothing scrolls. */
static void draw(const struct run *run, const char *text) {
  size_t room = run->term.lines > 1 ? run->term.lines - 1 : 1;
  fputs("\033[H", stdout);
  for (; *text != '\0' && room > 0; room--) {
    int n = (int)strcspn(text, "\n");
    printf("%.*s\033[K\n", n, text);
    text += n + (text[n] == '\n');
  }
  fputs("\033[J", stdout);
}

static void add_head(const struct run *run, struct text *text) {
  char url[TTN_URL_MAX], clock[TEXT_CLOCK];
  struct text line = {.env = text->env};
  text_add(&line, "%s  every %g s: %s", text_clock(clock, run->snap.at),
           (double)run->options.every / (double)TTN_SECOND,
           ttn_endpoint_print(url, sizeof(url), &run->snap.url));
  size_t width = run->term.columns;
  const char *head = text_string(&line);
  if (width > 0 && text_width(head, run->term.utf8) > width)
    text_add_cell(text, head, width, false, run->term.utf8);
  else
    text_add(text, "%s", head);
  text_add(text, "\n");
  text_free_part(&line, text);
}

/* Half of the terminal's lines are the table's, at least; what is wrong may
 * have the rest. */
static size_t table_rows(const struct run *run) {
  size_t lines = run->term.lines;
  if (!run->term.drawing || lines == 0)
    return 0;
  size_t problems = 0;
  for (size_t i = 0; i < run->problems.n; i++)
    problems += run->problems.list[i].severity > SEVERITY_NOTE ? 4 : 0;
  size_t rest = 7 + problems; /* around the table */
  size_t most = lines > rest ? lines - rest : 0;
  return most > lines / 2 ? most : lines / 2 > 2 ? lines / 2 - 1 : 1;
}

/* False: nobody reads on, or no memory. */
static bool show(struct run *run) {
  struct text text = {.env = &run->env.env};
  if (run->options.json) {
    json_print(&text, &run->snap, &run->problems, exit_status(run));
  } else {
    if (run->options.watch)
      add_head(run, &text);
    table_print(&text, &run->snap, &run->problems, table_rows(run));
    if (run->options.watch && !run->term.drawing)
      text_add(&text, "\n");
  }
  bool good = !text.failed && text.bytes != NULL;
  if (!run->term.drawing) /* else the cursor would stay hidden */
    terminal_unblock(&run->term, true, run->options.watch);
  if (good && run->term.drawing)
    draw(run, text.bytes);
  else if (good)
    fwrite(text.bytes, 1, text.n, stdout);
  good = fflush(stdout) == 0 && !ferror(stdout) && good;
  if (!run->term.drawing)
    terminal_unblock(&run->term, false, run->options.watch);
  text_free(&text);
  return good;
}

/* ---- again and again ---- */

/* Until the next poll is due. False: the command is to end. */
static bool rest(struct run *run, int64_t due) {
  const struct ttn_env *env = &run->env.env;
  for (;;) {
    int64_t now = env->mono(env->ctx);
    if (now >= due)
      return true;
    if (terminal_wait(&run->term, due - now))
      return false;
    if (run->term.drawing && terminal_has_changed(&run->term) && !show(run))
      return false;
  }
}

static int watch(struct run *run) {
  const struct ttn_env *env = &run->env.env;
  int status = STATUS_PROBLEM;
  for (;;) {
    int64_t due = env->mono(env->ctx) + run->options.every;
    if (!look(run))
      return give_up(run);
    if (run->term.ended_by != 0)
      return status;
    status = exit_status(run);
    run->looked = true;
    if (!show(run))
      return run->env.no_memory ? give_up(run) : STATUS_PROBLEM;
    if (!run->options.watch || !rest(run, due))
      return status;
  }
}

/* ---- --follow ---- */

/* A key that lacks the right for traffic is asked for the rest alone: the
 * library would complain about the right at each start, too, but later. */
static bool look_to_follow(struct run *run) {
  if (!look(run))
    return false;
  if (run->term.ended_by != 0 || !snapshot_lacks_traffic(&run->snap))
    return true;
  snapshot_close(&run->snap);
  options_leave_traffic(&run->options);
  return open_look(run) && look(run);
}

static int follow_events(struct run *run) {
  if (!look_to_follow(run))
    return give_up(run);
  if (run->term.ended_by != 0)
    return STATUS_PROBLEM;
  run->looked = true;
  bool good = false;
  if (follow_can(&run->snap)) {
    terminal_be_quiet(&run->term);
    good = follow_run(&run->snap, &run->problems);
  } else {
    show(run);
  }
  if (run->env.no_memory)
    return give_up(run);
  return good ? STATUS_OK : STATUS_PROBLEM;
}

/* ---- --report ---- */

/* If the account has events: waits for one, for a while. */
static void wait_for_event(struct run *run) {
  const struct ttn_env *env = &run->env.env;
  int64_t end = env->mono(env->ctx) + EVENT_PATIENCE;
  while (ttn_account_follows(run->snap.account) && run->term.ended_by == 0 &&
         !answer_log_has_event(&run->answers) && env->mono(env->ctx) < end)
    snapshot_follow(&run->snap);
  answer_log_take_streams(&run->answers);
}

/* Returns `good`, or the status of what went wrong. */
static int write_report(struct run *run, int good) {
  struct text text = {.env = &run->env.env};
  const char *file = run->options.report_file;
  int status = good;
  report_print(&text, &run->snap, &run->problems, &run->answers);
  terminal_unblock(&run->term, true, false);
  if (text.failed || text.bytes == NULL || run->env.no_memory)
    status = give_up(run);
  else if (!report_file_write(file, &text))
    status = STATUS_PROBLEM;
  else if (strcmp(file, "-") != 0)
    printf("The report is in %s: please read it before you send it.\n", file);
  terminal_unblock(&run->term, false, false);
  text_free(&text);
  return status;
}

static int make_report(struct run *run) {
  if (!look(run))
    return give_up(run);
  wait_for_event(run);
  return run->term.ended_by == 0 ? write_report(run, exit_status(run))
                                 : STATUS_PROBLEM;
}

/* Of options that can't be used. */
static int report_refused(struct run *run) {
  snapshot_open_refused(&run->snap, &run->env, &run->options);
  return write_report(run, STATUS_USAGE);
}

static int run_command(struct run *run) {
  if (!open_look(run))
    return run->options.report && !run->env.no_memory ? report_refused(run)
                                                      : give_up(run);
  if (run->options.report)
    return make_report(run);
  if (run->options.follow)
    return follow_events(run);
  if (run->options.watch && run->term.out && !run->options.json)
    terminal_begin_drawing(&run->term);
  int status = watch(run);
  terminal_end_drawing(&run->term);
  return status;
}

/* As the signal would have ended it, so that the shell sees the same. */
static void die_of(int signal_number) {
  sigset_t it;
  signal(signal_number, SIG_DFL);
  sigemptyset(&it);
  sigaddset(&it, signal_number);
  raise(signal_number);
  sigprocmask(SIG_UNBLOCK, &it, NULL);
}

int ttn_check(const struct ttn_env *under, int argc, char **argv) {
  struct run run = {0};
  int status;
  cli_env_init(&run.env, under);
  enum parsed parsed = options_parse(&run.options, &run.env.env, argc, argv);
  cli_env_set_verbose(&run.env, run.options.verbose);
  answer_log_init(&run.answers, &run.env.env);
  if (parsed == PARSED_GO && !ttn_http_global_init()) {
    complain("libcurl can't be used");
    status = STATUS_PROBLEM;
  } else if (parsed == PARSED_GO) {
    terminal_init(&run.term, run.options.colour);
    status = run_command(&run);
  } else if (parsed == PARSED_NO_KEY && !run.env.no_memory) {
    terminal_init(&run.term, run.options.colour);
    status = report_refused(&run);
  } else {
    status = parsed == PARSED_DONE ? STATUS_OK : give_up(&run);
  }
  /* Ctrl-C is how --watch and --follow end. */
  bool end = run.term.ended_by == SIGINT && run.looked &&
             (run.options.watch || run.options.follow);
  snapshot_close(&run.snap);
  answer_log_free(&run.answers);
  problems_free(&run.problems, &run.env.env);
  options_free(&run.options, &run.env.env);
  cli_env_free(&run.env);
  if (run.term.ended_by != 0 && !end)
    die_of(run.term.ended_by);
  return status;
}
