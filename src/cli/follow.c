/* SPDX-License-Identifier: MIT */
/* The account follows its streams and polls as in the plugin. Events come from
 * within its waits, by the sink, and are written at once. Its log goes to
 * standard error: it says when a stream breaks and when it is back. */
#include "cli/follow.h"

#include "base/hash.h"
#include "base/text.h"
#include "cli/event_words.h"
#include "cli/json_output.h"
#include "cli/lateness.h"
#include "tts/key_errors.h"

#include <stdio.h>
#include <string.h>

/* So many names of gateways in the first line. */
#define NAMES_SHOWN 8
/* What a line has beside a gateway's id, and the least for that. */
#define BESIDE_ID 66
#define ID_LEAST 12

struct follow {
  struct snapshot *snap;
  int64_t due;     /* mono: the next poll */
  uint64_t shown;  /* a hash of those that are followed, and where */
  size_t id_width; /* of their column */
  bool unread;     /* nobody reads on */
  struct lateness late;
};

bool follow_can(const struct snapshot *snap) {
  for (size_t i = 0; i < snap->n_rows; i++)
    if (snapshot_can_follow(&snap->rows[i]))
      return snap->status.key_reason == NULL;
  return false;
}

/* ---- output ---- */

static void write_text(struct follow *f, struct text *text) {
  struct snapshot *snap = f->snap;
  if (!text->failed && text->bytes != NULL) {
    terminal_unblock(snap->term, true, true);
    fwrite(text->bytes, 1, text->n, stdout);
    f->unread = fflush(stdout) != 0 || ferror(stdout) || f->unread;
    terminal_unblock(snap->term, false, true);
  }
  text_free(text);
  if (f->unread)
    ttn_account_stop(snap->account);
}

static const char *paint_event(const struct follow *f, const char *code) {
  return f->snap->term->colour ? code : "";
}

static void add_radio(struct text *text, const struct ttn_traffic *up,
                      const char *data_rate) {
  text_add(text, "  %-9s", data_rate[0] != '\0' ? data_rate : "-");
  if (up->frequency != 0)
    text_add(text, " %7.3f MHz", (double)up->frequency / 1e6);
  else
    text_add(text, " %7s    ", "-");
  if (!up->has_rssi) {
    text_add(text, " %4s", "-");
    return;
  }
  text_add(text, " %4.0f dBm", up->rssi);
  if (up->modulation == TTN_MODULATION_LORA)
    text_add(text, " %5.1f dB", up->snr);
}

/* Names of errors are words with underscores between them. */
static void add_reason(const struct follow *f, struct text *text,
                       const struct ttn_event *event, const char *reason) {
  char words[256];
  bool utf8 = f->snap->term->utf8;
  ttn_print(words, sizeof words, "%s", reason);
  for (char *c = words; ttn_event_is_traffic(event) && *c != '\0'; c++)
    if (*c == '_')
      *c = ' ';
  text_add(text, "  ");
  text_add_cell(text, words, text_width(words, utf8), false, utf8);
}

static void add_event(const struct follow *f, struct text *text,
                      const struct ttn_event *event,
                      const struct event_words *words, int64_t time) {
  bool more = event->kind == TTN_EVENT_UPLINK || words->reason != NULL;
  char clock[TEXT_CLOCK];
  text_add(text, "%s  ", text_clock(clock, time));
  text_add_cell(text, event->gateway, f->id_width, false, f->snap->term->utf8);
  text_add(text, "  %s%s%s", paint_event(f, words->colour), words->what,
           paint_event(f, words->colour[0] != '\0' ? "\033[0m" : ""));
  if (more)
    text_add(text, "%*s", EVENT_WHAT_WIDTH - (int)strlen(words->what), "");
  if (event->kind == TTN_EVENT_UPLINK)
    add_radio(text, &event->traffic, words->data_rate);
  else if (more)
    add_reason(f, text, event, words->reason);
  text_add(text, "\n");
}

/* ---- the first line ---- */

static void add_followed(const struct snapshot *snap, struct text *text,
                         int host) {
  const struct terminal *term = snap->term;
  struct text line = {.env = text->env}, names = {.env = text->env};
  size_t n = 0;
  for (size_t i = 0; i < snap->n_rows; i++) {
    const struct row *row = &snap->rows[i];
    if (snapshot_can_follow(row) && row->seen.current_host == host &&
        n++ < NAMES_SHOWN)
      text_add(&names, "%s%s", n == 1 ? "" : ", ", row->seen.id);
  }
  text_add(&line, "Following %zu gateway%s at %s: %s", n, n == 1 ? "" : "s",
           snap->hosts[host].endpoint->host, text_string(&names));
  if (n > NAMES_SHOWN)
    text_add(&line, " and %zu more", n - NAMES_SHOWN);
  text_add(&line, ".");
  if (n > 0)
    text_add_paragraph(text, text_string(&line), term->columns, 0, term->utf8);
  text_free_part(&names, text);
  text_free_part(&line, text);
}

static size_t id_width(const struct snapshot *snap) {
  size_t width = ID_LEAST, columns = snap->term->columns;
  for (size_t i = 0; i < snap->n_rows; i++)
    if (snapshot_can_follow(&snap->rows[i]) &&
        strlen(snap->rows[i].seen.id) > width)
      width = strlen(snap->rows[i].seen.id);
  size_t room = columns > BESIDE_ID + ID_LEAST ? columns - BESIDE_ID : ID_LEAST;
  return columns > 0 && width > room ? room : width;
}

static uint64_t hash_followed(const struct snapshot *snap) {
  uint64_t hash = TTN_HASH;
  for (size_t i = 0; i < snap->n_rows; i++) {
    const struct row *row = &snap->rows[i];
    if (!snapshot_can_follow(row))
      continue;
    hash = ttn_hash(hash, row->seen.id, strlen(row->seen.id) + 1);
    hash = ttn_hash(hash, row->cluster, strlen(row->cluster) + 1);
  }
  return hash;
}

/* Which gateways are followed, and where: at first, and when it changes. */
static void show_followed(struct follow *f) {
  const struct snapshot *snap = f->snap;
  struct text text = {.env = &snap->env->env};
  uint64_t hash = hash_followed(snap);
  if (f->shown == hash)
    return;
  f->shown = hash;
  f->id_width = id_width(snap);
  if (snap->options->json)
    json_print_followed(&text, snap);
  for (size_t h = 0; !snap->options->json && h < snap->status.n_hosts; h++)
    add_followed(snap, &text, (int)h);
  write_text(f, &text);
}

static void show_problems(const struct snapshot *snap,
                          const struct problems *problems) {
  for (size_t i = 0; i < problems->n; i++) {
    const struct problem *p = &problems->list[i];
    if (p->severity > SEVERITY_NOTE)
      complain("%s; fix: %s", p->message.bytes, p->fix.bytes);
  }
  if (snapshot_lacks_traffic(snap))
    complain("only connects and disconnects are shown: for uplinks and "
             "downlinks give the key the right " TTN_TRAFFIC_RIGHT);
}

/* ---- events ---- */

/* Rows are of the last poll: during the next one their texts may be gone. */
static int host_of_event(const struct snapshot *snap,
                         const struct ttn_event *event) {
  const struct row *row =
      snap->env->polling ? NULL : snapshot_find_row(snap, event->gateway);
  return row == NULL ? -1 : row->seen.current_host;
}

static void check_lateness(struct follow *f, const struct ttn_event *event) {
  const struct ttn_env *env = &f->snap->env->env;
  int64_t held = lateness_event(&f->late, host_of_event(f->snap, event),
                                env->mono(env->ctx), event->time);
  if (held > 0)
    complain("events come late: those of the last %lld s came all at once; a "
             "proxy may hold them back, see EVENTS in collectd-ttn(5)",
             (long long)(held / TTN_SECOND));
}

static void on_event(void *ctx, const struct ttn_event *event) {
  struct follow *f = ctx;
  const struct ttn_env *env = &f->snap->env->env;
  struct text text = {.env = env};
  struct event_words words;
  check_lateness(f, event);
  if (f->unread || !event_words(&words, event))
    return;
  int64_t time = event->time != 0 ? event->time : env->wall(env->ctx);
  if (f->snap->options->json)
    json_print_event(&text, event, &words, time);
  else
    add_event(f, &text, event, &words, time);
  write_text(f, &text);
}

/* False: the stack refuses, or has no events. */
static bool is_served(const struct follow *f) {
  struct ttn_status status;
  ttn_account_status(f->snap->account, &status);
  if (status.key_reason != NULL)
    return complain("the key is refused: nothing can be followed");
  if (status.no_streams)
    return complain("there is no event stream that can be followed");
  return true;
}

/* A poll when one is due. False: no memory. */
static bool follow_poll(struct follow *f, int64_t now) {
  if (now < f->due || f->snap->term->ended_by != 0)
    return true;
  f->due = now + f->snap->interval;
  if (!snapshot_poll(f->snap))
    return false;
  show_followed(f);
  return true;
}

bool follow_run(struct snapshot *snap, const struct problems *problems) {
  const struct ttn_env *env = &snap->env->env;
  struct follow f = {.snap = snap, .due = env->mono(env->ctx) + snap->interval};
  show_followed(&f);
  show_problems(snap, problems);
  snapshot_listen(snap, on_event, &f);
  cli_env_set_following(snap->env, true);
  bool good = true;
  while (good && snap->term->ended_by == 0) {
    snapshot_follow(snap);
    int64_t now = env->mono(env->ctx);
    lateness_turn(&f.late, now);
    good = follow_poll(&f, now) && !snap->env->no_memory && !f.unread &&
           is_served(&f);
  }
  snapshot_listen(snap, NULL, NULL);
  return snap->term->ended_by != 0;
}
