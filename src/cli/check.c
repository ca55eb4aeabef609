/* SPDX-License-Identifier: MIT */
/* The command from beginning to end: one look, or one after the other as
 * watch(1) does it. It knows neither options nor what is shown.
 *
 * On a terminal --watch draws over what was there, from the first line on, each
 * line wiped behind its end: so nothing flickers. The cursor is hidden
 * meanwhile and shown again whatever ends it, but for SIGKILL. */
#include "cli/check.h"

#include "base/text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define NO_MEMORY "there is not enough memory for this"

struct run {
  struct check_env env;
  struct check_options options;
  struct check_term term;
  struct check_look look;
  bool open;    /* look */
  bool drawing; /* the cursor is hidden */
  bool looked;  /* once at least, and it was shown */
  int status;
};

static int give_up(struct run *run) {
  if (run->env.no_memory)
    check_complain(NO_MEMORY);
  return run->env.no_memory ? CHECK_TROUBLE : CHECK_USAGE;
}

static void close_look(struct run *run) {
  if (run->open)
    check_look_close(&run->look);
  run->open = false;
}

static bool open_look(struct run *run) {
  run->open = check_look_open(&run->look, &run->env, &run->options, &run->term);
  return run->open;
}

/* A gateway's own key can't list gateways: that one is named for it. */
static bool name_own_gateway(struct run *run) {
  char id[TTN_ID_MAX + 1];
  ttn_print(id, sizeof(id), "%s", check_look_own_gateway(&run->look));
  close_look(run);
  return check_options_give_text(&run->env.env, &run->options, "Gateway", id) &&
         open_look(run);
}

static bool look_once(struct run *run) {
  if (!check_look_poll(&run->look))
    return false;
  if (check_look_own_gateway(&run->look) == NULL || run->term.ended_by != 0)
    return true;
  return name_own_gateway(run) && check_look_poll(&run->look);
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

static void add_head(const struct run *run, struct check_text *text) {
  char url[TTN_URL_MAX], clock[32];
  time_t now = (time_t)(run->look.at / TTN_SECOND);
  struct tm local;
  if (localtime_r(&now, &local) == NULL ||
      strftime(clock, sizeof(clock), "%H:%M:%S", &local) == 0)
    clock[0] = '\0';
  struct check_text line = {.env = text->env};
  check_add(&line, "%s  every %g s: %s", clock,
            (double)run->options.every / (double)TTN_SECOND,
            ttn_endpoint_print(url, sizeof(url), &run->look.url));
  size_t width = run->term.columns;
  if (line.bytes != NULL && width > 0 &&
      check_width(line.bytes, run->term.utf8) > width)
    check_add_cell(text, line.bytes, width, false, run->term.utf8);
  else
    check_add(text, "%s", line.bytes != NULL ? line.bytes : "");
  check_add(text, "\n");
  text->failed = text->failed || line.failed;
  check_text_free(&line);
}

/* Half of the terminal's lines are the table's, at least; what is wrong may
 * have the rest. */
static size_t table_rows(const struct run *run) {
  size_t lines = run->term.lines;
  if (!run->drawing || lines == 0)
    return 0;
  size_t troubles = 0;
  for (size_t i = 0; i < run->look.n_troubles; i++)
    troubles += run->look.troubles[i].severity > CHECK_NOTE ? 4 : 0;
  size_t rest = 7 + troubles; /* around the table */
  size_t most = lines > rest ? lines - rest : 0;
  return most > lines / 2 ? most : lines / 2 > 2 ? lines / 2 - 1 : 1;
}

/* False: nobody reads on, or no memory. */
static bool show(struct run *run) {
  struct check_text text = {.env = &run->env.env};
  if (run->options.json) {
    check_json(&run->look, &text);
  } else {
    if (run->options.watch)
      add_head(run, &text);
    check_table(&run->look, &text, table_rows(run));
    if (run->options.watch && !run->drawing)
      check_add(&text, "\n");
  }
  bool good = !text.failed && text.bytes != NULL;
  if (!run->drawing) /* else the cursor would stay hidden */
    check_term_let(&run->term, true, run->options.watch);
  if (good && run->drawing)
    draw(run, text.bytes);
  else if (good)
    fwrite(text.bytes, 1, text.n, stdout);
  good = fflush(stdout) == 0 && !ferror(stdout) && good;
  if (!run->drawing)
    check_term_let(&run->term, false, run->options.watch);
  check_text_free(&text);
  return good;
}

/* ---- again and again ---- */

static void begin_drawing(struct run *run) {
  run->drawing = run->options.watch && run->term.out && !run->options.json;
  if (!run->drawing)
    return;
  run->term.err = false; /* no progress within the picture */
  fputs("\033[?25l\033[H\033[2J", stdout);
}

static void end_drawing(struct run *run) {
  check_term_progress(&run->term, NULL);
  if (!run->drawing)
    return;
  fputs("\033[?25h\n", stdout);
  fflush(stdout);
}

/* Until the next look is due. False: the command is to end. */
static bool rest(struct run *run, int64_t due) {
  const struct ttn_env *env = &run->env.env;
  for (;;) {
    int64_t now = env->mono(env->ctx);
    if (now >= due)
      return true;
    size_t columns = run->term.columns, lines = run->term.lines;
    if (check_term_wait(&run->term, due - now, run->drawing))
      return false;
    if ((run->term.columns != columns || run->term.lines != lines) &&
        run->drawing && !show(run))
      return false;
  }
}

static void watch(struct run *run) {
  const struct ttn_env *env = &run->env.env;
  for (;;) {
    int64_t due = env->mono(env->ctx) + run->options.every;
    if (!look_once(run)) {
      run->status = give_up(run);
      return;
    }
    if (run->term.ended_by != 0)
      return;
    run->status = check_look_exit(&run->look);
    run->looked = true;
    if (!show(run)) {
      run->status = run->env.no_memory ? give_up(run) : CHECK_TROUBLE;
      return;
    }
    if (!run->options.watch || !rest(run, due))
      return;
  }
}

static void work(struct run *run) {
  run->status = CHECK_USAGE;
  if (!open_look(run)) {
    run->status = give_up(run);
    return;
  }
  run->status = CHECK_TROUBLE;
  begin_drawing(run);
  watch(run);
  end_drawing(run);
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
  struct run run = {.status = CHECK_USAGE};
  check_env_init(&run.env, under);
  enum check_parsed parsed =
      check_options_parse(&run.env.env, argc, argv, &run.options);
  run.env.verbose = run.options.verbose;
  if (parsed == CHECK_GO && !ttn_http_global_init()) {
    check_complain("libcurl can't be used");
    run.status = CHECK_TROUBLE;
  } else if (parsed == CHECK_GO) {
    check_term_init(&run.term, run.options.colour);
    work(&run);
  } else {
    run.status = parsed == CHECK_DONE ? CHECK_WELL : give_up(&run);
  }
  /* Ctrl-C is how --watch ends. */
  bool end = run.term.ended_by == SIGINT && run.options.watch && run.looked;
  close_look(&run);
  check_options_free(&run.env.env, &run.options);
  if (run.term.ended_by != 0 && !end)
    die_of(run.term.ended_by);
  return run.status;
}
