/* SPDX-License-Identifier: MIT */
/* The state file. An input's first byte: bit 0 puts a right last line behind
 * the rest, which no fuzzer would find by itself; the others say which call
 * for memory fails. What was read is written, read and written again: the rows
 * are the same, and so are the bytes. */
#include "fuzz.h"

#include "gateway/state_file.h"
#include "gateway/state_format.h"
#include "base/hash.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#define ACCOUNT "home"
#define URL "https://eu1.cloud.thethings.network"

struct rows {
  struct ttn_state_row *row;
  size_t n;
  bool with_values;
};

static char why[200];

static int make_file(const char *bytes, size_t n, char path[64]) {
  int fd = memfd_create("state", MFD_CLOEXEC);
  REQUIRE(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
  snprintf(path, 64, "/proc/self/fd/%d", fd);
  return fd;
}

/* Appends the last line of what stands there. */
static char *with_end(struct fuzz_input *file) {
  char *text = malloc(file->n + 64);
  memcpy(text, file->bytes, file->n);
  size_t n = file->n, lines = 0;
  if (n > 0 && text[n - 1] != '\n')
    text[n++] = '\n';
  for (size_t i = 0; i < n; i++)
    lines += text[i] == '\n';
  n += (size_t)sprintf(text + n, TTN_STATE_END "%zu ",
                       lines > 3 ? lines - 3 : 0);
  n += (size_t)sprintf(text + n, "%016" PRIx64 "\n",
                       ttn_hash(TTN_HASH, text, n));
  *file = (struct fuzz_input){text, n};
  return text;
}

static enum ttn_failure read_rows(struct test_env *test, const char *path,
                                  struct rows *rows) {
  why[0] = '\0';
  enum ttn_failure failure =
      ttn_state_file_read(&test->env, path, ACCOUNT, URL, &rows->row, &rows->n,
                          &rows->with_values, why, sizeof(why));
  REQUIRE((failure == TTN_OK) == (why[0] == '\0'));
  REQUIRE(failure == TTN_OK || (rows->n == 0 && !rows->with_values));
  REQUIRE(failure == TTN_OK || failure == TTN_FAIL_STATE_FILE ||
          failure == TTN_FAIL_MEMORY);
  return failure;
}

static void check_rows(const struct rows *rows) {
  for (size_t i = 0; i < rows->n; i++) {
    const struct ttn_state_row *row = &rows->row[i];
    const struct ttn_gateway *gateway = &row->gateway;
    REQUIRE(ttn_id_valid(row->id, strlen(row->id)));
    REQUIRE(i == 0 || strcmp(row[-1].id, row->id) < 0);
    REQUIRE(row->gone_at >= 0 && gateway->connected_at >= 0);
    REQUIRE(gateway->disconnected_at >= 0);
    REQUIRE(rows->with_values || gateway->counters != NULL ||
            gateway->reported == 0);
    for (int k = 0; k < TTN_MESSAGES; k++)
      REQUIRE(gateway->value[k] <= INT64_MAX);
  }
}

static void write_rows(struct test_env *test, const struct rows *rows,
                       const char *path) {
  struct ttn_state_writer *writer = ttn_state_writer_open(
      &test->env, path, ACCOUNT, URL, rows->with_values, why, sizeof(why));
  REQUIRE(writer != NULL);
  for (size_t i = 0; i < rows->n; i++)
    ttn_state_writer_add(writer, rows->row[i].id, rows->row[i].gone_at,
                         &rows->row[i].gateway);
  REQUIRE(ttn_state_writer_close(writer, true, why, sizeof(why)) == TTN_OK);
}

static size_t read_bytes(const char *path, char *bytes, size_t size) {
  FILE *file = fopen(path, "rb");
  REQUIRE(file != NULL);
  size_t n = fread(bytes, 1, size, file);
  fclose(file);
  return n;
}

/* One directory a process. */
static char directory[64];

static void remove_directory(void) { rmdir(directory); }

static const char *scratch(void) {
  static char path[80];
  if (path[0] == '\0') {
    REQUIRE(test_directory(directory) != NULL);
    atexit(remove_directory);
    snprintf(path, sizeof(path), "%s/state", directory);
  }
  return path;
}

/* All that a file holds but for counters: the bytes that are written again show
 * those. */
static bool same_row(const struct ttn_state_row *a,
                     const struct ttn_state_row *b) {
  const struct ttn_gateway *x = &a->gateway, *y = &b->gateway;
  return strcmp(a->id, b->id) == 0 && a->gone_at == b->gone_at &&
         x->connected_at == y->connected_at &&
         x->disconnected_at == y->disconnected_at &&
         x->reported == y->reported &&
         memcmp(x->value, y->value, sizeof(x->value)) == 0 &&
         memcmp(x->offset, y->offset, sizeof(x->offset)) == 0 &&
         memcmp(x->last, y->last, sizeof(x->last)) == 0 &&
         (x->counters == NULL) == (y->counters == NULL);
}

static void round_trip(struct test_env *test, const struct rows *rows) {
  static char before[1 << 20], after[1 << 20];
  struct rows again;
  const char *path = scratch();
  write_rows(test, rows, path);
  size_t n = read_bytes(path, before, sizeof(before));
  REQUIRE(read_rows(test, path, &again) == TTN_OK);
  REQUIRE(again.n == rows->n && again.with_values == rows->with_values);
  for (size_t i = 0; i < rows->n; i++)
    REQUIRE(same_row(&again.row[i], &rows->row[i]));
  write_rows(test, &again, path);
  REQUIRE(read_bytes(path, after, sizeof(after)) == n);
  REQUIRE(memcmp(before, after, n) == 0);
  ttn_state_rows_free(&test->env, again.row, again.n);
  unlink(path);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  struct fuzz_input input = {bytes, n};
  struct rows rows;
  char path[64], *made = NULL;
  const uint8_t choice = fuzz_byte(&input);
  if ((choice & 1) != 0)
    made = with_end(&input);
  int fd = make_file(input.bytes, input.n, path);
  fuzz_fail_memory(test, choice >> 1);
  enum ttn_failure failing = read_rows(test, path, &rows);
  ttn_state_rows_free(&test->env, rows.row, rows.n);
  test->fail_at = 0;
  enum ttn_failure failure = read_rows(test, path, &rows);
  REQUIRE(failing == TTN_FAIL_MEMORY || failing == failure);
  close(fd);
  free(made);
  if (failure != TTN_OK)
    return;
  check_rows(&rows);
  round_trip(test, &rows);
  ttn_state_rows_free(&test->env, rows.row, rows.n);
}
