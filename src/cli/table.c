/* SPDX-License-Identifier: MIT */
/* A table that fits the terminal, then the problems with their fixes, and what
 * collectd.conf needs. In a pipe nothing is cut or left out.
 *
 * If there is too little room, these are shortened in this order: long
 * headings, then the widths of id, name and cluster as far as they can still be
 * distinguished, then whole columns, the least important first. */
#include "cli/table.h"

#include "base/text.h"
#include "cli/config_block.h"
#include "tts/key_errors.h"

#include <string.h>

enum column { ID, NAME, CLUSTER, STATE, SINCE, LAST, UP, DOWN, ACK, COLUMNS };

static const struct {
  const char *heading, *brief;
  bool right;
  size_t least; /* columns that it can be cut to; 0: not at all */
} columns[COLUMNS] = {
    [ID] = {"GATEWAY", "GATEWAY", false, 12},
    [NAME] = {"NAME", "NAME", false, 10},
    [CLUSTER] = {"CLUSTER", "CLUSTER", false, 8},
    [STATE] = {"STATE", "STATE", false, 0},
    [SINCE] = {"SINCE", "SINCE", true, 0},
    [LAST] = {"LAST UPLINK", "LAST UP", true, 0},
    [UP] = {"UPLINKS", "UP", true, 0},
    [DOWN] = {"DOWNLINKS", "DOWN", true, 0},
    [ACK] = {"TX ACKS", "ACK", true, 0},
};
/* What goes first. ID and STATE stay. */
static const enum column expendable[] = {CLUSTER, ACK,   DOWN, NAME,
                                         UP,      SINCE, LAST};
#define EXPENDABLE (sizeof(expendable) / sizeof(expendable[0]))
#define GAP 2
#define PARAGRAPH_MAX 100

struct layout {
  const struct snapshot *snap;
  struct text *text;
  bool shown[COLUMNS], brief;
  size_t width[COLUMNS];
  size_t hidden; /* columns */
};

/* Dates are cut to the second, and answers take their time: less is not worth
 * a correction. */
#define SLACK (2 * TTN_SECOND)

/* Now, by the clock of the stack that named the row's times. */
static int64_t stack_time(const struct snapshot *snap, const struct row *row) {
  int64_t ahead =
      row->seen.current_host < 0 || !snap->hosts[row->seen.current_host].dated
          ? 0
          : snap->hosts[row->seen.current_host].ahead;
  return snap->at - (ahead > -SLACK && ahead < SLACK ? 0 : ahead);
}

#define CELL 48
/* A cell's text, in buffer or elsewhere. */
static const char *cell(const struct snapshot *snap, const struct row *row,
                        enum column column, char buffer[CELL]) {
  int64_t since = row->seen.state == TTN_CONNECTED ? row->seen.connected_at
                                                   : row->disconnected_at;
  int64_t now = stack_time(snap, row);
  switch (column) {
  case ID:
    return row->seen.id;
  case NAME:
    return row->seen.name != NULL && row->seen.name[0] != '\0' ? row->seen.name
                                                               : "-";
  case CLUSTER:
    return row->cluster != NULL        ? row->cluster
           : row->seen.address != NULL ? row->seen.address
                                       : "-";
  case STATE:
    return ttn_state_name(row->seen.state);
  case SINCE:
    return since == 0 ? "-" : text_age(buffer, now - since);
  case LAST:
    return row->values.since_uplink < 0
               ? "-"
               : text_age(buffer, (int64_t)(row->values.since_uplink *
                                            (double)TTN_SECOND));
  default: {
    int kind = (int)column - UP;
    if ((row->values.counts >> kind & 1) == 0)
      return "-";
    return ttn_print(buffer, CELL, "%lld", (long long)row->values.count[kind]);
  }
  }
}
_Static_assert(CELL >= TEXT_AGE, "an age fits into a cell");

/* ---- widths ---- */

static const char *heading(const struct layout *l, enum column c) {
  return l->brief ? columns[c].brief : columns[c].heading;
}

static size_t natural(const struct layout *l, enum column c) {
  char buffer[CELL];
  size_t widest = strlen(heading(l, c));
  for (size_t i = 0; i < l->snap->n_rows; i++) {
    size_t w = text_width(cell(l->snap, &l->snap->rows[i], c, buffer),
                          l->snap->term->utf8);
    if (w > widest)
      widest = w;
  }
  return widest;
}

static size_t total(const struct layout *l) {
  size_t sum = 0;
  for (enum column c = 0; c < COLUMNS; c++)
    if (l->shown[c])
      sum += l->width[c] + (sum == 0 ? 0 : GAP);
  return sum;
}

/* The widest column that can still give way, or COLUMNS. */
static enum column widest(const struct layout *l) {
  enum column found = COLUMNS;
  for (enum column c = 0; c < COLUMNS; c++)
    if (l->shown[c] && columns[c].least > 0 && l->width[c] > columns[c].least &&
        (found == COLUMNS || l->width[c] > l->width[found]))
      found = c;
  return found;
}

static void measure(struct layout *l) {
  for (enum column c = 0; c < COLUMNS; c++)
    l->width[c] = natural(l, c);
}

static bool one_cluster(const struct snapshot *snap) {
  for (size_t i = 1; i < snap->n_rows; i++)
    if (snap->rows[i].seen.current_host != snap->rows[0].seen.current_host)
      return false;
  return true;
}

/* Takes column by column until the rest can be made to fit. */
static void drop(struct layout *l, size_t room) {
  bool one = one_cluster(l->snap);
  for (size_t i = 0; i <= EXPENDABLE; i++) {
    enum column wide;
    size_t before[COLUMNS];
    memcpy(before, l->width, sizeof(before));
    while (total(l) > room && (wide = widest(l)) != COLUMNS)
      l->width[wide]--;
    if (total(l) <= room || i == EXPENDABLE)
      return;
    /* A cluster that is everywhere the same stands below the table, too. */
    enum column c = expendable[i];
    memcpy(l->width, before, sizeof(before));
    l->shown[c] = false;
    l->hidden += c != CLUSTER || !one;
  }
}

static void fit(struct layout *l, size_t room) {
  for (enum column c = 0; c < COLUMNS; c++)
    l->shown[c] = true;
  measure(l);
  if (room == 0 || total(l) <= room)
    return;
  l->brief = true;
  measure(l);
  drop(l, room);
}

/* ---- the table ---- */

static const char *paint(const struct snapshot *snap, const char *code) {
  return snap->term->colour ? code : "";
}

static const char *state_colour(enum ttn_state state) {
  return state == TTN_CONNECTED      ? "\033[32m"
         : state == TTN_DISCONNECTED ? "\033[31m"
                                     : "\033[33m";
}

/* No blanks at a line's end. */
static void add_row(struct layout *l, const struct row *row) {
  char buffer[CELL];
  enum column last = COLUMNS;
  bool first = true;
  for (enum column c = 0; c < COLUMNS; c++)
    if (l->shown[c])
      last = c;
  for (enum column c = 0; c < COLUMNS; c++) {
    if (!l->shown[c])
      continue;
    const char *s = row == NULL ? heading(l, c) : cell(l->snap, row, c, buffer);
    bool coloured = row == NULL || c == STATE;
    text_add(l->text, "%*s%s", first ? 0 : GAP, "",
             !coloured     ? ""
             : row == NULL ? paint(l->snap, "\033[1m")
                           : paint(l->snap, state_colour(row->seen.state)));
    size_t width = c == last && !columns[c].right
                       ? text_width(s, l->snap->term->utf8)
                       : l->width[c];
    text_add_cell(l->text, s, width < l->width[c] ? width : l->width[c],
                  columns[c].right, l->snap->term->utf8);
    if (coloured)
      text_add(l->text, "%s", paint(l->snap, "\033[0m"));
    first = false;
  }
  text_add(l->text, "\n");
}

/* Those that need somebody come first when not all can be shown. */
static void add_rows(struct layout *l, size_t most) {
  const struct snapshot *snap = l->snap;
  static const enum ttn_state order[] = {TTN_DISCONNECTED, TTN_UNKNOWN,
                                         TTN_CONNECTED};
  size_t n = 0;
  add_row(l, NULL);
  if (most == 0 || snap->n_rows <= most) {
    for (size_t i = 0; i < snap->n_rows; i++)
      add_row(l, &snap->rows[i]);
    return;
  }
  for (size_t o = 0; o < 3; o++)
    for (size_t i = 0; i < snap->n_rows && n + 1 < most; i++)
      if (snap->rows[i].seen.state == order[o]) {
        add_row(l, &snap->rows[i]);
        n++;
      }
  text_add(l->text, "%sand %zu more\n", snap->term->utf8 ? "… " : "",
           snap->n_rows - n);
}

/* ---- around it ---- */

/* A blank line between this and what was before. */
static void part(struct text *text) {
  if (text->n > 0 && !text->failed)
    text_add(text, "\n");
}

static void add_line(const struct snapshot *snap, struct text *text,
                     const char *s, size_t indent) {
  size_t width = snap->term->columns;
  text_add_paragraph(text, s, width < PARAGRAPH_MAX ? width : PARAGRAPH_MAX,
                     indent, snap->term->utf8);
}

static void add_key(const struct snapshot *snap, struct text *text) {
  const struct ttn_auth_info *key = snap->status.key;
  struct text line = {.env = text->env};
  char url[TTN_URL_MAX];
  const char *kind = snapshot_key_owner(snap);
  if (kind == NULL)
    return;
  text_add(&line, "The key is %s %s's, at %s. It has ", kind,
           key->entity_id != NULL ? key->entity_id : "?",
           ttn_endpoint_print(url, sizeof(url), &snap->url));
  for (size_t i = 0; i < key->n_rights && i < 4; i++)
    text_add(&line, "%s%s", i == 0 ? "" : ", ", key->rights[i]);
  if (key->n_rights > 4)
    text_add(&line, " and %zu more rights", key->n_rights - 4);
  text_add(&line, key->n_rights == 0 ? "no rights." : ".");
  add_line(snap, text, text_string(&line), 0);
  text_free_part(&line, text);
  if (snapshot_lacks_traffic(snap))
    add_line(snap, text,
             "If you give the key the right " TTN_TRAFFIC_RIGHT
             " and set Traffic true, collectd also gets data rates, RSSI, SNR "
             "and why downlinks fail.",
             0);
}

static void add_summary(const struct snapshot *snap, struct text *text) {
  char line[160];
  if (!snap->status.listed)
    return;
  part(text);
  add_line(snap, text,
           ttn_print(line, sizeof(line),
                     "%zu gateway%s: %zu connected, %zu disconnected, %zu "
                     "unknown.",
                     snap->n_rows, snap->n_rows == 1 ? "" : "s",
                     snap->n_state[TTN_CONNECTED],
                     snap->n_state[TTN_DISCONNECTED],
                     snap->n_state[TTN_UNKNOWN]),
           0);
}

static int decimals(double number) { return number < 10 ? 1 : 0; }

static void add_cost(const struct snapshot *snap, struct text *text) {
  struct cost cost = snapshot_cost(snap);
  bool small = cost.memory < 50e3; /* 0.0 MB would look like nothing */
  double memory = cost.memory / (small ? 1e3 : 1e6);
  char line[240];
  bool traffic = option_list_number(&snap->options->list, "Traffic") != 0;
  if (snap->n_rows == 0)
    return;
  add_line(snap, text,
           ttn_print(line, sizeof(line),
                     "About %zu series in collectd: %.*f %s of memory, and "
                     "%.*f packets a minute with the plugin network; %.*f "
                     "requests a minute to the stack.%s",
                     cost.series, decimals(memory), memory, small ? "KB" : "MB",
                     decimals(cost.packets), cost.packets,
                     decimals(cost.requests), cost.requests,
                     traffic ? " Traffic adds to the series." : ""),
           0);
}

/* A sentence with its end, after a lead that takes `indent` columns. */
static void add_sentence(const struct snapshot *snap, struct text *text,
                         const struct text *sentence, size_t indent) {
  struct text line = {.env = text->env};
  bool asks = sentence->n > 0 && sentence->bytes[sentence->n - 1] == '?';
  text_add(&line, "%s%s", text_string(sentence), asks ? "" : ".");
  add_line(snap, text, text_string(&line), indent);
  text_free_part(&line, text);
}

static void add_problem(const struct snapshot *snap, struct text *text,
                        const struct problem *p) {
  static const struct {
    const char *word, *colour;
  } kinds[] = {[SEVERITY_NOTE] = {"note", "\033[1;36m"},
               [SEVERITY_DISCONNECTED] = {"down", "\033[1;31m"},
               [SEVERITY_PROBLEM] = {"problem", "\033[1;31m"}};
  part(text);
  text_add(text, "%s%s:%s ", paint(snap, kinds[p->severity].colour),
           kinds[p->severity].word, paint(snap, "\033[0m"));
  add_sentence(snap, text, &p->message, strlen(kinds[p->severity].word) + 2);
  text_add(text, "  Fix: ");
  add_sentence(snap, text, &p->fix, 7);
}

static void add_block(const struct snapshot *snap, struct text *text) {
  struct text block = {.env = text->env};
  config_block(snap, &block);
  part(text);
  add_line(snap, text,
           "For collectd.conf, or a file of its own in collectd.conf.d:", 0);
  text_add(text, "\n");
  for (const char *s = text_string(&block); *s != '\0';) {
    int n = (int)strcspn(s, "\n");
    text_add(text, "  %.*s\n", n, s);
    s += n + (s[n] == '\n');
  }
  text_free_part(&block, text);
}

void table_print(struct text *text, const struct snapshot *snap,
                 const struct problems *problems, size_t most) {
  struct layout l = {.snap = snap, .text = text};
  bool watching = snap->options->watch;
  if (!watching)
    add_key(snap, text);
  if (snap->n_rows > 0) {
    part(text);
    fit(&l, snap->term->columns);
    add_rows(&l, most);
  }
  add_summary(snap, text);
  if (!watching)
    add_cost(snap, text);
  if (l.hidden > 0 && !watching)
    add_line(snap, text,
             "The terminal is too narrow for all columns; a wider one, or a "
             "pipe, has them.",
             0);
  for (size_t i = 0; i < problems->n; i++)
    if (!watching || problems->list[i].severity > SEVERITY_NOTE)
      add_problem(snap, text, &problems->list[i]);
  if (!watching && snap->status.listed)
    add_block(snap, text);
}
