/* SPDX-License-Identifier: MIT */
/* Writes the state file: beside the old one, which stays as it is until the new
 * one is on disk. Knows files, not when to write them.
 *
 * Trap: a write may say that all is well and the disk be full: only fsync and
 * close tell. Trap: a rename is on disk only once its directory is. */
#include "gateway/state_file.h"

#include "gateway/state_format.h"
#include "base/hash.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ttn_state_writer {
  const struct ttn_env *env;
  char *path, *temporary;
  int fd;
  bool with_values;
  int error;        /* errno of the first failure, 0 = none */
  const char *what; /* that failed */
  size_t rows, filled;
  uint64_t sum;
  char chunk[TTN_STATE_CHUNK];
};

static void fail(struct ttn_state_writer *writer, const char *what) {
  if (writer->error == 0) {
    writer->error = errno != 0 ? errno : EIO;
    writer->what = what;
  }
}

static void flush(struct ttn_state_writer *writer) {
  size_t done = 0;
  while (done < writer->filled && writer->error == 0) {
    ssize_t n = write(writer->fd, writer->chunk + done, writer->filled - done);
    if (n >= 0)
      done += (size_t)n;
    else if (errno != EINTR)
      fail(writer, "can't be written:");
  }
  writer->filled = 0;
}

static void put(struct ttn_state_writer *writer, const char *text) {
  size_t n = strlen(text); /* < TTN_STATE_LINE, so it fits into a fresh chunk */
  if (writer->filled + n > TTN_STATE_CHUNK)
    flush(writer);
  memcpy(writer->chunk + writer->filled, text, n);
  writer->filled += n;
  writer->sum = ttn_hash(writer->sum, text, n);
}

/* The directory that a path is in, into directory (PATH_MAX bytes). */
static void print_directory(char *directory, const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL)
    ttn_print(directory, PATH_MAX, ".");
  else
    ttn_print(directory, PATH_MAX, "%.*s",
              slash == path ? 1 : (int)(slash - path), path);
}

static bool sync_directory_of(const char *path) {
  char directory[PATH_MAX];
  print_directory(directory, path);
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  /* EINVAL: a file system that has no such thing. */
  bool ok = fsync(fd) == 0 || errno == EINVAL;
  int error = errno;
  close(fd);
  errno = error;
  return ok;
}

/* A stale temporary file, which a crash left, is in nobody's way. */
static int create(const char *temporary) {
  if (unlink(temporary) != 0 && errno != ENOENT && errno != ENOTDIR)
    return -1;
  return open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              0600);
}

static bool open_temporary(struct ttn_state_writer *writer) {
  char directory[PATH_MAX];

  if (strlen(writer->path) >= PATH_MAX - sizeof ".tmp") {
    errno = ENAMETOOLONG;
    return false;
  }
  writer->fd = create(writer->temporary);
  if (writer->fd >= 0 || errno != ENOENT)
    return writer->fd >= 0;
  print_directory(directory, writer->path);
  if (mkdir(directory, 0700) != 0 || !sync_directory_of(directory))
    return false;
  writer->fd = create(writer->temporary);
  return writer->fd >= 0;
}

static void free_writer(struct ttn_state_writer *writer) {
  const struct ttn_env *env = writer->env;
  ttn_free(env, writer->path);
  ttn_free(env, writer->temporary);
  ttn_free(env, writer);
}

static bool put_head(struct ttn_state_writer *writer, const char *account,
                     const char *url) {
  char line[TTN_STATE_LINE];
  put(writer, writer->with_values ? TTN_STATE_MAGIC " values\n"
                                  : TTN_STATE_MAGIC " offsets\n");
  if (!ttn_state_escape(line, "account", account))
    return false;
  put(writer, line);
  put(writer, "\n");
  if (!ttn_state_escape(line, "url", url))
    return false;
  put(writer, line);
  put(writer, "\n");
  return true;
}

struct ttn_state_writer *
ttn_state_writer_open(const struct ttn_env *env, const char *path,
                      const char *account, const char *url, bool with_values,
                      char *why, size_t why_size) {
  struct ttn_state_writer *writer = ttn_alloc(env, sizeof *writer);
  size_t size = strlen(path) + sizeof ".tmp";
  struct stat status;

  if (writer == NULL)
    goto no_memory;
  writer->env = env;
  writer->with_values = with_values;
  writer->sum = TTN_HASH;
  writer->path = ttn_strdup(env, path);
  writer->temporary = ttn_alloc(env, size);
  if (writer->path == NULL || writer->temporary == NULL)
    goto no_memory;
  ttn_print(writer->temporary, size, "%s.tmp", path);
  if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
    ttn_print(why, why_size, "is not a regular file");
    free_writer(writer);
    return NULL;
  }
  if (!open_temporary(writer)) {
    ttn_print(why, why_size, "can't be created: %s", strerror(errno));
    free_writer(writer);
    return NULL;
  }
  if (!put_head(writer, account, url)) {
    errno = ENAMETOOLONG;
    fail(writer, "can't hold the account's name or URL:");
  }
  return writer;

no_memory:
  ttn_print(why, why_size, "can't be written: there is no memory for it");
  if (writer != NULL)
    free_writer(writer);
  return NULL;
}

static void put_decimal(struct ttn_state_writer *writer, uint64_t number) {
  char text[32];
  put(writer, ttn_print(text, sizeof text, " %" PRIu64, number));
}

/* bits: of those that there are. */
static void put_values(struct ttn_state_writer *writer,
                       const struct ttn_gateway *gateway, uint8_t bits) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((bits & 1u << k) != 0)
      put_decimal(writer, gateway->value[k]);
    else
      put(writer, " -");
}

static void put_counters(struct ttn_state_writer *writer,
                         const struct ttn_counters counters[TTN_MESSAGES]) {
  for (int k = 0; k < TTN_MESSAGES; k++) {
    put_decimal(writer, counters[k].n);
    for (size_t i = 0; i < counters[k].n; i++) {
      put_decimal(writer, counters[k].item[i].count);
      put_decimal(writer, (uint64_t)counters[k].item[i].last);
    }
  }
}

/* Where one counter of each kind is left, its count is not on disk before each
 * value, and so the value neither. */
static void put_sets(struct ttn_state_writer *writer,
                     const struct ttn_gateway *gateway) {
  struct ttn_counter_sets sets;
  ttn_counter_store_read(gateway->counters, &sets);
  put(writer, " |");
  put_decimal(writer, (uint64_t)sets.before_at);
  put_decimal(writer, (uint64_t)sets.before_until);
  put_decimal(writer, (uint64_t)sets.answered_at);
  put_decimal(writer, sets.shared);
  put_values(writer, gateway,
             ttn_counter_sets_several(&sets) ? gateway->reported : 0);
  put_counters(writer, sets.now);
  put_counters(writer, sets.before);
}

void ttn_state_writer_add(struct ttn_state_writer *writer, const char *id,
                          int64_t gone_at, const struct ttn_gateway *gateway) {
  char line[512];

  if (writer->error != 0)
    return;
  if (writer->rows == TTN_STATE_ROWS) {
    errno = EFBIG;
    fail(writer, "can't hold more than 1000000 gateways:");
    return;
  }
  writer->rows++;
  put(writer,
      ttn_print(line, sizeof line, "%s %" PRId64 " %" PRId64 " %" PRId64, id,
                gone_at, gateway->connected_at, gateway->disconnected_at));
  for (int k = 0; k < TTN_MESSAGES; k++)
    put(writer, ttn_print(line, sizeof line, " %" PRId64, gateway->offset[k]));
  if (writer->with_values)
    put_values(writer, gateway, gateway->reported);
  for (int k = 0; k < TTN_MESSAGES && writer->with_values; k++)
    put_decimal(writer, gateway->last[k]);
  if (writer->with_values ? gateway->counters != NULL
                          : ttn_gateway_has_servers(gateway))
    put_sets(writer, gateway);
  put(writer, "\n");
}

static void put_end(struct ttn_state_writer *writer) {
  char text[64];
  put(writer, ttn_print(text, sizeof text, TTN_STATE_END "%zu ", writer->rows));
  put(writer, ttn_print(text, sizeof text, "%016" PRIx64 "\n", writer->sum));
  flush(writer);
}

enum ttn_failure ttn_state_writer_close(struct ttn_state_writer *writer,
                                        bool commit, char *why,
                                        size_t why_size) {
  enum ttn_failure failure = TTN_OK;

  if (commit) {
    put_end(writer);
    if (writer->error == 0 && fsync(writer->fd) != 0)
      fail(writer, "can't be written:");
  }
  if (close(writer->fd) != 0 && commit)
    fail(writer, "can't be written:");
  bool replace = commit && writer->error == 0;
  if (replace && rename(writer->temporary, writer->path) != 0)
    fail(writer, "can't be replaced:");
  else if (replace && !sync_directory_of(writer->path))
    fail(writer, "was replaced, but may not be on disk:");
  if (!commit || writer->error != 0)
    unlink(writer->temporary);
  if (commit && writer->error != 0) {
    ttn_print(why, why_size, "%s %s", writer->what, strerror(writer->error));
    failure = TTN_FAIL_STATE_FILE;
  }
  free_writer(writer);
  return failure;
}
