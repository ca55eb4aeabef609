/* SPDX-License-Identifier: MIT */
/* The file that keeps counts whole over a restart: offsets with the
 * connected_at they belong to; after a clean stop also the values reported
 * last. state_file.c's head describes the format. */
#ifndef TTN_STATE_FILE_H
#define TTN_STATE_FILE_H

#include "gateway/gateway.h"

struct ttn_state_row {
  char id[TTN_ID_MAX + 1];
  int64_t gone_at; /* when it left the account's list, 0 = it is there */
  struct ttn_gateway gateway; /* connected_at, disconnected_at, offset and
                               * counters; with values, and where there are
                               * counters, also value and reported */
};

/* Takes all that is known out of *gateway. */
struct ttn_state_row ttn_state_row_of(const char *id, int64_t gone_at,
                                      struct ttn_gateway *gateway);
/* By id, for qsort. */
int ttn_state_row_order(const void *a, const void *b);
/* Sets gone_at. */
void ttn_state_row_gone(struct ttn_state_row *row, int64_t at);
void ttn_state_rows_free(const struct ttn_env *env, struct ttn_state_row *rows,
                         size_t n);

/* Reads path into *rows (n of them, sorted by id as strcmp does, the caller
 * frees them with ttn_state_rows_free). A file that is not there: TTN_OK with 0
 * rows. A damaged file, or one of another account or URL: TTN_FAIL_STATE_FILE;
 * no memory: TTN_FAIL_MEMORY; both with 0 rows, and `why` says what is wrong,
 * for a log line after the path. *with_values: it holds values reported last
 * and must be written again without them before the first value goes out. At
 * most 1,000,000 rows and 256 MiB. */
enum ttn_failure ttn_state_file_read(const struct ttn_env *env,
                                     const char *path, const char *account,
                                     const char *url,
                                     struct ttn_state_row **rows, size_t *n,
                                     bool *with_values, char *why,
                                     size_t why_size);

/* A file that is being written. */
struct ttn_state_writer;
/* NULL: why tells. with_values as above. Makes the file's
 * directory (0700, one level) if it is not there; the file is 0600. */
struct ttn_state_writer *
ttn_state_writer_open(const struct ttn_env *env, const char *path,
                      const char *account, const char *url, bool with_values,
                      char *why, size_t why_size);
/* Errors are kept and told by close. */
void ttn_state_writer_add(struct ttn_state_writer *writer, const char *id,
                          int64_t gone_at, const struct ttn_gateway *gateway);
/* Ends and frees it. commit false: leaves the old file as it is. */
enum ttn_failure ttn_state_writer_close(struct ttn_state_writer *writer,
                                        bool commit, char *why,
                                        size_t why_size);

#endif
