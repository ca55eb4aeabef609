/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define SECOND INT64_C(1000000000)
/* Events come after all answers, and a stack's Date is not simulated. */
#define AHEAD (600 * SECOND)
#define LEAD (2 * SECOND / 1000)
#define TEMPLATES_MAX 256
#define PIECES_MAX 64

/* What stands before a place, and what belongs there. */
struct piece {
  const char *text;
  size_t n;
  char code; /* '\0': the line ends */
  int from, to;
};

struct template {
  char kind;
  struct piece pieces[PIECES_MAX];
};

struct templates {
  char *bytes;
  struct template *list;
  size_t n;
};

/* What a gateway's events told so far. */
struct life {
  struct answers_start count;
  int64_t uplink_at, downlink_at, tx_ack_at;
};

struct renderer {
  struct feeds *feeds;
  struct templates templates;
  struct life *lives;
  size_t gateways, step;
  unsigned turns;       /* events of each gateway, */
  int64_t begin, pause; /* the first one's time, and that between two */
  uint64_t random;
  struct text text; /* of one event */
  /* Of the feed that is rendered. */
  struct feed *feed;
  size_t room, room_ends, size;
  z_stream gzip;
};

/* ---- templates ---- */

static bool cut_line(struct template *template, char *line) {
  size_t n = 0;
  template->kind = line[0];
  for (line += 2; n < PIECES_MAX; n++) {
    struct piece *piece = &template->pieces[n];
    char *place = strchr(line, '$');
    *piece = (struct piece){.text = line,
                            .n = place == NULL ? strlen(line)
                                               : (size_t)(place - line)};
    if (place == NULL)
      return true;
    piece->code = place[1];
    sscanf(place + 2, "%d:%d", &piece->from, &piece->to);
    line = strchr(place, ';');
    if (line == NULL)
      return false;
    line++;
  }
  return false;
}

static bool read_templates(struct templates *templates, const char *path) {
  FILE *file = fopen(path, "r");
  size_t room = 0;
  *templates = (struct templates){.n = 0};
  if (file == NULL)
    return false;
  bool good = getdelim(&templates->bytes, &room, '\0', file) > 0;
  fclose(file);
  templates->list = text_must(calloc(TEMPLATES_MAX, sizeof *templates->list));
  char *rest = templates->bytes, *line;
  while (good && (line = strsep(&rest, "\n")) != NULL && line[0] != '\0')
    good = templates->n < TEMPLATES_MAX &&
           cut_line(&templates->list[templates->n++], line);
  return good && templates->n > 1;
}

/* ---- one event ---- */

static uint64_t next_random(struct renderer *r) {
  r->random ^= r->random << 13;
  r->random ^= r->random >> 7;
  return r->random ^= r->random << 17;
}

static unsigned below(struct renderer *r, unsigned limit) {
  return (unsigned)((next_random(r) >> 11) % limit);
}

static void add_letters(struct renderer *r, const char *letters, unsigned of,
                        unsigned n) {
  char out[256];
  for (unsigned i = 0; i < n && i < sizeof out; i++)
    out[i] = letters[below(r, of)];
  text_add(&r->text, out, n < sizeof out ? n : sizeof out);
}

static void add_time(struct text *text, int64_t ns) {
  char when[32];
  struct tm tm;
  time_t seconds = (time_t)(ns / SECOND);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
  text_print(text, "%s.%09uZ", when, (unsigned)(ns % SECOND));
}

/* The time in ms, and 80 bits by chance. */
static void add_ulid(struct renderer *r, int64_t ns) {
  static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  uint64_t ms = (uint64_t)(ns / 1000000);
  char head[10];
  for (size_t i = sizeof head; i > 0; ms /= 32)
    head[--i] = letters[ms % 32];
  text_add(&r->text, head, sizeof head);
  add_letters(r, letters, 32, 16);
}

static void add_place(struct renderer *r, const struct piece *piece, size_t i,
                      int64_t time) {
  static const char base64[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const struct life *life = &r->lives[i];
  struct text *text = &r->text;
  switch (piece->code) {
  case 'i':
    text_print(text, BENCH_ID, i);
    return;
  case 'e':
    text_print(text, BENCH_EUI, BENCH_EUI_OF(i));
    return;
  case 't':
    add_time(text, time);
    return;
  case 'r':
    add_time(text, time - LEAD);
    return;
  case 'o':
    add_time(text, life->count.connected_at);
    return;
  case 'u':
    text_print(text, "%llu", (unsigned long long)life->count.uplinks);
    return;
  case 'd':
    text_print(text, "%llu", (unsigned long long)life->count.downlinks);
    return;
  case 'a':
    text_print(text, "%llu", (unsigned long long)life->count.tx_acks);
    return;
  case 'U':
    add_time(text, life->uplink_at);
    return;
  case 'D':
    add_time(text, life->downlink_at);
    return;
  case 'A':
    add_time(text, life->tx_ack_at);
    return;
  case 'q':
    add_ulid(r, time);
    return;
  case 'f':
    text_print(text, "%u", 867100000 + 200000 * below(r, 8));
    return;
  case 's':
    text_print(text, "%u", 7 + below(r, 6));
    return;
  case 'y':
    text_print(text, "%g", 0.25 * below(r, 128) - 20);
    return;
  case 'n':
    text_print(text, "%d",
               piece->from +
                   (int)below(r, (unsigned)(piece->to - piece->from) + 1));
    return;
  case 'k':
    add_letters(r, base64, 64, (unsigned)piece->from);
    return;
  case 'h':
    add_letters(r, "0123456789abcdef", 16, (unsigned)piece->from);
    return;
  }
}

static void print_event(struct renderer *r, const struct template *template,
                        size_t i, int64_t time) {
  r->text.size = 0;
  for (const struct piece *piece = template->pieces;; piece++) {
    text_add(&r->text, piece->text, piece->n);
    if (piece->code == '\0')
      break;
    add_place(r, piece, i, time);
  }
  text_add(&r->text, "\n", 1);
}

static void live_on(struct life *life, char kind, int64_t time) {
  if (kind == 'u') {
    life->count.uplinks++;
    life->uplink_at = time - LEAD;
  } else if (kind == 'd') {
    life->count.downlinks++;
    life->downlink_at = time - LEAD;
  } else if (kind == 'a') {
    life->count.tx_acks++;
    life->tx_ack_at = time - LEAD;
  }
}

/* ---- a feed ---- */

static void begin_feed(struct renderer *r, struct feed *feed) {
  *feed = (struct feed){.n = 0};
  r->feed = feed;
  r->room = r->room_ends = r->size = 0;
  memset(&r->gzip, 0, sizeof r->gzip);
  if (deflateInit2(&r->gzip, TEXT_GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    text_must(NULL);
}

/* What is in r->text. */
static void pack_event(struct renderer *r) {
  struct feed *feed = r->feed;
  size_t most = deflateBound(&r->gzip, (uLong)r->text.size) + 64;
  if (r->room - r->size < most) {
    r->room = 2 * r->room + most;
    feed->bytes = text_must(realloc(feed->bytes, r->room));
  }
  if (feed->n == r->room_ends) {
    r->room_ends = 2 * r->room_ends + 1024;
    feed->ends =
        text_must(realloc(feed->ends, r->room_ends * sizeof *feed->ends));
  }
  r->gzip.next_in = (Bytef *)r->text.bytes;
  r->gzip.avail_in = (uInt)r->text.size;
  r->gzip.next_out = (Bytef *)feed->bytes + r->size;
  r->gzip.avail_out = (uInt)most;
  deflate(&r->gzip, Z_SYNC_FLUSH);
  r->size += most - r->gzip.avail_out;
  feed->ends[feed->n++] = r->size;
}

static void render_event(struct renderer *r, size_t i, unsigned turn) {
  const struct templates *templates = &r->templates;
  const struct template *template =
      &templates->list[1 + (turn + i) % (templates->n - 1)];
  int64_t time =
      r->begin + turn * r->pause + r->pause * (int64_t)i / (int64_t)r->gateways;
  live_on(&r->lives[i], template->kind, time);
  print_event(r, template, i, time);
  pack_event(r);
  r->feeds->events++;
  r->feeds->uplinks += template->kind == 'u';
  r->feeds->plain += r->text.size;
}

static void render_feed(struct renderer *r, size_t first) {
  print_event(r, &r->templates.list[0], first, r->begin);
  pack_event(r);
  r->feeds->packed -= r->size;
  for (unsigned turn = 0; turn < r->turns; turn++)
    for (size_t i = first; i < r->gateways; i += r->step)
      render_event(r, i, turn);
  r->feeds->packed += r->size;
  deflateEnd(&r->gzip);
}

static void begin_lives(struct renderer *r, const struct answers *answers) {
  r->lives = text_must(calloc(r->gateways, sizeof *r->lives));
  for (size_t i = 0; i < r->gateways; i++)
    r->lives[i] =
        (struct life){answers_start(answers, i), r->begin, r->begin, r->begin};
}

bool feeds_render(struct feeds *feeds, const struct answers *answers, size_t n,
                  unsigned seconds, unsigned rate, const char *path) {
  struct renderer r = {.feeds = feeds,
                       .gateways = answers->gateways,
                       .step = n,
                       .turns = seconds * rate,
                       .begin = answers->now * SECOND + AHEAD,
                       .random = 1};
  if (n == 0 || n > FEEDS_MAX || n > r.gateways || rate == 0 ||
      !read_templates(&r.templates, path))
    return false;
  r.pause = SECOND / rate;
  begin_lives(&r, answers);
  feeds_free(feeds);
  for (; feeds->n < n; feeds->n++) {
    begin_feed(&r, &feeds->list[feeds->n]);
    render_feed(&r, feeds->n);
  }
  free(r.text.bytes);
  free(r.lives);
  free(r.templates.bytes);
  free(r.templates.list);
  return true;
}

void feeds_free(struct feeds *feeds) {
  for (size_t i = 0; i < feeds->n; i++) {
    free(feeds->list[i].bytes);
    free(feeds->list[i].ends);
  }
  *feeds = (struct feeds){.n = 0};
}
