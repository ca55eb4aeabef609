/* SPDX-License-Identifier: MIT */
/* Reads the state file, whole or not at all; state_writer.c writes it. Whether
 * a row still applies is gateway.c's to say.
 *
 * Text, so that a person can look at it:
 *
 *   ttn-state 1 values                      or "offsets", without values
 *   account home                            percent-escaped
 *   url https://eu1.cloud.thethings.network
 *   roof 0 1700000000000000000 0 17 0 3 120 - 5 1700000100 0 1700000050
 *   END 1 8f3c0d6e2b1a4975                  rows, FNV-1a of all up to here
 *
 * A row: id, gone_at, connected_at, disconnected_at, the offsets of uplink,
 * downlink and tx_ack (which may be below 0), and with values the values
 * reported last, "-" for one that was not reported, and when the last message
 * of each kind was received, in seconds. The account and URL lines keep a
 * copied file from adding one account's counts to another's.
 *
 * A gateway that several servers hold has more, in any file: it is on disk
 * before its values go out. So has one, in a file with values, that they may
 * have held some minutes ago.
 *
 *   … | 0 0 1700000123000000000 0 120 - 5 2 17 1700000100123456789 43
 *     1700000101000000000 0 1 5 0 0 0 0
 *
 * That is, before_at, before_until, answered_at and shared of struct
 * ttn_counter_sets, the values reported last, and how many counters there are
 * of uplink, downlink and tx_ack now, and before, each number followed by count
 * and time of each.
 *
 * FNV-1a finds each changed byte for certain (a step is a bijection), which is
 * what a bad sector or an editor does; it is no defence against forgery, and a
 * file that is cut has no last line. */
#include "gateway/state_file.h"

#include "gateway/state_format.h"
#include "base/hash.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (256u << 20)

static const char no_memory[] = "can't be read: there is no memory for it";
static const char not_a_row[] = "is damaged: it has a line that is not a row";

void ttn_state_rows_free(const struct ttn_env *env, struct ttn_state_row *rows,
                         size_t n) {
  for (size_t i = 0; i < n; i++)
    ttn_gateway_free(&rows[i].gateway, env);
  ttn_free(env, rows);
}

struct ttn_state_row ttn_state_row_of(const char *id, int64_t gone_at,
                                      struct ttn_gateway *gateway) {
  struct ttn_state_row row = {.gone_at = gone_at,
                              .gateway = ttn_gateway_take(gateway)};
  ttn_print(row.id, sizeof row.id, "%s", id);
  return row;
}

void ttn_state_row_gone(struct ttn_state_row *row, int64_t at) {
  row->gone_at = at;
}

bool ttn_state_escape(char *line, const char *word, const char *text) {
  size_t n = strlen(word);
  memcpy(line, word, n);
  line[n++] = ' ';
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (n + 4 > TTN_STATE_LINE)
      return false;
    if (c > ' ' && c < 0x7f && c != '%') {
      line[n++] = (char)c;
    } else {
      ttn_print(line + n, 4, "%%%02x", c);
      n += 3;
    }
  }
  line[n] = '\0';
  return true;
}

struct reader {
  const struct ttn_env *env;
  int fd;
  char *chunk;               /* TTN_STATE_CHUNK bytes */
  size_t used, filled;       /* of chunk */
  size_t bytes;              /* read so far */
  uint64_t sum;              /* of the lines before the one in `line` */
  char line[TTN_STATE_LINE]; /* without its newline */
  size_t length;
  bool with_values;
  struct ttn_state_row *rows;
  size_t n, room;
  const char *wrong; /* what is, once a step has failed */
};

/* The next line. False: there is none, or wrong says. */
static bool next_line(struct reader *reader) {
  reader->length = 0;
  for (;;) {
    if (reader->used == reader->filled) {
      ssize_t n = read(reader->fd, reader->chunk, TTN_STATE_CHUNK);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        reader->wrong = "can't be read to its end";
      else if (n == 0 && reader->length > 0)
        reader->wrong = "is cut short";
      else if ((reader->bytes += (size_t)n) > FILE_MAX)
        reader->wrong = "is larger than any state file";
      if (n <= 0 || reader->wrong != NULL)
        return false;
      reader->used = 0;
      reader->filled = (size_t)n;
    }
    char c = reader->chunk[reader->used++];
    if (c == '\n') {
      reader->line[reader->length] = '\0';
      return true;
    }
    if (c == '\0' || reader->length == TTN_STATE_LINE - 1) {
      reader->wrong = "is no state file";
      return false;
    }
    reader->line[reader->length++] = c;
  }
}

static void sum_line(struct reader *reader) {
  reader->sum = ttn_hash(reader->sum, reader->line, reader->length);
  reader->sum = ttn_hash(reader->sum, "\n", 1);
}

/* A field that ends at a blank or at the end, and past it. */
static bool row_number(const char **text, uint64_t *number) {
  const char *p = *text;
  uint64_t n = 0;
  for (; *p >= '0' && *p <= '9'; p++) {
    if (n > (INT64_MAX - (uint64_t)(*p - '0')) / 10)
      return false;
    n = n * 10 + (uint64_t)(*p - '0');
  }
  if (p == *text || (*p != ' ' && *p != '\0'))
    return false;
  *text = *p == ' ' ? p + 1 : p;
  *number = n;
  return true;
}

static bool row_offset(const char **text, int64_t *offset) {
  bool below = **text == '-';
  uint64_t number;
  *text += below;
  if (!row_number(text, &number))
    return false;
  *offset = below ? -(int64_t)number : (int64_t)number;
  return true;
}

static bool row_time(const char **text, int64_t *time) {
  uint64_t number;
  if (!row_number(text, &number))
    return false;
  *time = (int64_t)number;
  return true;
}

/* The values reported last. */
static bool take_reported(const char **text, uint64_t value[TTN_MESSAGES],
                          uint8_t *reported) {
  for (int k = 0; k < TTN_MESSAGES; k++) {
    if (**text == '-' && ((*text)[1] == ' ' || (*text)[1] == '\0')) {
      *text += (*text)[1] == ' ' ? 2 : 1;
      continue;
    }
    *reported |= (uint8_t)(1u << k);
    if (!row_number(text, &value[k]))
      return false;
  }
  return true;
}

static bool take_last(const char **text, uint32_t *last) {
  uint64_t number;
  if (!row_number(text, &number) || number > UINT32_MAX)
    return false;
  *last = (uint32_t)number;
  return true;
}

static bool take_counters(const char **text, struct ttn_counters *counters) {
  uint64_t n, count;
  int64_t last;
  if (!row_number(text, &n) || n > TTN_COUNTERS_MAX)
    return false;
  for (; n > 0; n--) {
    if (!row_number(text, &count) || !row_time(text, &last))
      return false;
    ttn_counters_add(counters, count, last);
  }
  return true;
}

/* What a row holds of its gateway. */
struct row {
  int64_t gone_at, connected_at, disconnected_at;
  int64_t offset[TTN_MESSAGES];
  uint64_t value[TTN_MESSAGES];
  uint32_t last[TTN_MESSAGES];
  uint8_t reported;
  struct ttn_counter_store *counters;
};

/* What follows the bar. NULL: all is well. */
static const char *take_sets(const struct ttn_env *env, const char **text,
                             struct row *row) {
  int64_t before_at, before_until, answered_at;
  uint8_t reported = row->reported;
  uint64_t shared;
  if (!row_time(text, &before_at) || !row_time(text, &before_until) ||
      !row_time(text, &answered_at) || !row_number(text, &shared) ||
      shared > 1 || !take_reported(text, row->value, &row->reported))
    return not_a_row;
  struct ttn_counter_sets sets = {.before_at = before_at,
                                  .before_until = before_until,
                                  .answered_at = answered_at,
                                  .shared = shared != 0};
  bool ok = true;
  for (int k = 0; k < TTN_MESSAGES && ok; k++)
    ok = take_counters(text, &sets.now[k]);
  for (int k = 0; k < TTN_MESSAGES && ok; k++)
    ok = take_counters(text, &sets.before[k]);
  bool several = ttn_counter_sets_several(&sets);
  if (!ok || (!several && (row->reported != reported ||
                           !ttn_counter_sets_any_before(&sets))))
    return not_a_row;
  return ttn_counter_store_keep(env, &row->counters, &sets) ? NULL : no_memory;
}

/* NULL: all is well. */
static const char *parse_row(const struct reader *reader, const char *text,
                             struct row *row) {
  bool ok = row_time(&text, &row->gone_at) &&
            row_time(&text, &row->connected_at) &&
            row_time(&text, &row->disconnected_at);
  for (int k = 0; k < TTN_MESSAGES && ok; k++)
    ok = row_offset(&text, &row->offset[k]);
  if (ok && reader->with_values)
    ok = take_reported(&text, row->value, &row->reported);
  for (int k = 0; k < TTN_MESSAGES && ok && reader->with_values; k++)
    ok = take_last(&text, &row->last[k]);
  if (ok && text[0] == '|' && text[1] == ' ') {
    text += 2;
    const char *wrong = take_sets(reader->env, &text, row);
    if (wrong != NULL)
      return wrong;
  }
  return ok && *text == '\0' && text[-1] != ' ' ? NULL : not_a_row;
}

/* Adds a row for the line, also for one that is damaged: what it took is freed
 * with the rows. */
static const char *keep_row(struct reader *reader) {
  const char *line = reader->line;
  size_t n = strcspn(line, " ");
  struct row row = {0};
  const char *wrong = n < reader->length && ttn_id_valid(line, n)
                          ? parse_row(reader, line + n + 1, &row)
                          : not_a_row;
  _Static_assert(TTN_MESSAGES == 3, "");
  struct ttn_gateway gateway = {
      .reported = row.reported,
      .connected_at = row.connected_at,
      .disconnected_at = row.disconnected_at,
      .value = {row.value[0], row.value[1], row.value[2]},
      .offset = {row.offset[0], row.offset[1], row.offset[2]},
      .last = {row.last[0], row.last[1], row.last[2]},
      .counters = row.counters,
  };
  char id[TTN_ID_MAX + 1] = "";
  if (wrong == NULL)
    memcpy(id, line, n);
  reader->rows[reader->n++] = ttn_state_row_of(id, row.gone_at, &gateway);
  return wrong;
}

static bool read_row(struct reader *reader) {
  void *rows = reader->rows;
  if (reader->n == TTN_STATE_ROWS) {
    reader->wrong = "has more than 1000000 rows";
  } else if (!ttn_grow(reader->env, &rows, &reader->room, reader->n + 1,
                       sizeof *reader->rows, TTN_STATE_ROWS)) {
    reader->wrong = no_memory;
  } else {
    reader->rows = rows;
    reader->wrong = keep_row(reader);
  }
  return reader->wrong == NULL;
}

/* The next line is this word and text, or `wrong` says what it is not. */
static bool read_head_line(struct reader *reader, const char *word,
                           const char *text, const char *wrong) {
  char expected[TTN_STATE_LINE];
  if (!next_line(reader))
    return false;
  if (!ttn_state_escape(expected, word, text) ||
      strcmp(reader->line, expected) != 0) {
    reader->wrong = wrong;
    return false;
  }
  sum_line(reader);
  return true;
}

static bool read_head(struct reader *reader, const char *account,
                      const char *url) {
  if (!next_line(reader))
    return false;
  reader->with_values = strcmp(reader->line, TTN_STATE_MAGIC " values") == 0;
  if (!reader->with_values &&
      strcmp(reader->line, TTN_STATE_MAGIC " offsets") != 0) {
    reader->wrong = "is no state file of this version";
    return false;
  }
  sum_line(reader);
  return read_head_line(reader, "account", account, "is of another account") &&
         read_head_line(reader, "url", url, "is of an account at another URL");
}

/* The last line, and nothing after it. */
static bool read_end(struct reader *reader) {
  char end[64], expected[64];
  ttn_print(end, sizeof end, TTN_STATE_END "%zu ", reader->n);
  ttn_print(expected, sizeof expected, "%s%016" PRIx64, end,
            ttn_hash(reader->sum, end, strlen(end)));
  if (strcmp(reader->line, expected) != 0) {
    reader->wrong = "is damaged: its checksum is wrong";
    return false;
  }
  if (next_line(reader) || reader->wrong != NULL) {
    reader->wrong = "is damaged: it goes on after its end";
    return false;
  }
  return true;
}

int ttn_state_row_order(const void *a, const void *b) {
  return strcmp(((const struct ttn_state_row *)a)->id,
                ((const struct ttn_state_row *)b)->id);
}

static bool read_file(struct reader *reader, const char *account,
                      const char *url) {
  if (!read_head(reader, account, url))
    return false;
  for (;;) {
    if (!next_line(reader))
      return false;
    if (strncmp(reader->line, TTN_STATE_END, sizeof TTN_STATE_END - 1) == 0)
      break;
    if (!read_row(reader))
      return false;
    sum_line(reader);
  }
  if (!read_end(reader))
    return false;
  if (reader->n > 1)
    qsort(reader->rows, reader->n, sizeof *reader->rows, ttn_state_row_order);
  for (size_t i = 1; i < reader->n; i++)
    if (strcmp(reader->rows[i - 1].id, reader->rows[i].id) == 0) {
      reader->wrong = "is damaged: it has a gateway twice";
      return false;
    }
  return true;
}

/* Not a FIFO, which would block, nor a device. -1: there is no file, or why
 * says what is wrong. */
static int open_file(const char *path, char *why, size_t why_size) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno != ENOENT)
    ttn_print(why, why_size, "can't be read: %s", strerror(errno));
  if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
    return fd;
  ttn_print(why, why_size, "is not a regular file");
  close(fd);
  return -1;
}

enum ttn_failure ttn_state_file_read(const struct ttn_env *env,
                                     const char *path, const char *account,
                                     const char *url,
                                     struct ttn_state_row **rows, size_t *n,
                                     bool *with_values, char *why,
                                     size_t why_size) {
  struct reader reader = {.env = env, .sum = TTN_HASH};

  *rows = NULL;
  *n = 0;
  *with_values = false;
  ttn_print(why, why_size, "%s", "");
  reader.fd = open_file(path, why, why_size);
  if (reader.fd < 0)
    return why[0] == '\0' ? TTN_OK : TTN_FAIL_STATE_FILE;

  bool ok = false;
  reader.chunk = env->resize(env->ctx, NULL, TTN_STATE_CHUNK);
  if (reader.chunk != NULL)
    ok = read_file(&reader, account, url);
  else
    reader.wrong = no_memory;
  close(reader.fd);
  ttn_free(env, reader.chunk);
  if (!ok) {
    ttn_state_rows_free(env, reader.rows, reader.n);
    ttn_print(why, why_size, "%s",
              reader.wrong != NULL ? reader.wrong : "is cut short");
    return reader.wrong == no_memory ? TTN_FAIL_MEMORY : TTN_FAIL_STATE_FILE;
  }
  *rows = reader.rows;
  *n = reader.n;
  *with_values = reader.with_values;
  return TTN_OK;
}
