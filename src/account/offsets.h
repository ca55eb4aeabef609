/* SPDX-License-Identifier: MIT */
/* What outlives a restart: the state file, and the rows of gateways that are
 * not in the list now. Rows of listed gateways are in the table of gateways.
 *
 * The file is read at the first poll, not at start: collectd has then changed
 * to its BaseDir and user. Values reported last are good for one start only, so
 * a file that holds them is written again without them before the first value
 * goes out. Shards do not use them, and read each other's files, too. */
#ifndef TTN_OFFSETS_H
#define TTN_OFFSETS_H

#include "account/context.h"
#include "base/episode.h"
#include "gateway/state_file.h"

/* All zero at first. */
struct offsets {
  bool loaded;
  bool dirty; /* the file lacks what is known */
  struct ttn_episode unwritable;
  struct ttn_state_row *rows; /* sorted by id up to n_sorted, then new ones */
  size_t n_rows, n_sorted, room_rows;
  /* Date of the last good answer of the account's own host, 0 = none. Rows age
   * by it: a machine without a battery-backed clock is in 1970 when it starts.
   */
  int64_t server_time;
};

void offsets_free(struct offsets *o, const struct ttn_env *env);
/* At the first poll reads the file; later does nothing. */
void offsets_load(struct offsets *o, struct account_context *c);

/* Is there a StateFile? */
bool offsets_kept(const struct account_context *c);
void offsets_changed(struct offsets *o);
void offsets_saw_time(struct offsets *o, int64_t server_time);

/* Writes the file: begin, any number of ttn_state_writer_add for listed
 * gateways, end. NULL: nothing is to be written, or it failed; `end` logs this
 * and takes NULL. */
struct ttn_state_writer *offsets_write_begin(struct offsets *o,
                                             const struct account_context *c,
                                             bool with_values, char *why,
                                             size_t why_size);
void offsets_write_end(struct offsets *o, struct account_context *c,
                       struct ttn_state_writer *writer, char *why,
                       size_t why_size);

/* A gateway is listed: takes its row, if it has one, into *known. */
void offsets_restore(struct offsets *o, const char *id,
                     struct ttn_gateway *known);
/* A gateway left the list: takes what is known into a row. */
void offsets_keep(struct offsets *o, const struct account_context *c,
                  const char *id, struct ttn_gateway *known);
/* A list was merged: puts the rows in order again. complete: a row that no
 * gateway took is of one that is gone since now, and ages. */
void offsets_list_merged(struct offsets *o, const struct ttn_env *env,
                         bool complete);

#endif
