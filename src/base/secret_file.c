/* SPDX-License-Identifier: MIT */
/* The file is opened without blocking and then looked at by its descriptor,
 * so a FIFO, a device or a file that is replaced meanwhile can't trick or halt
 * a daemon that reads as root. A symlink is followed: secret stores hand out
 * keys that way.
 *
 * No sentence of this file holds a byte of what was read: a wrong file named
 * by mistake may be somebody's private key. Every buffer that held it is
 * wiped. */
#include "base/secret_file.h"

#include "base/mount.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The line, and line ends and blanks around it. */
#define FILE_MAX (TTN_SECRET_MAX + 4096)

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static const char *readable_by(mode_t mode) {
  if ((mode & S_IROTH) != 0)
    return "others";
  return (mode & S_IRGRP) != 0 ? "group" : NULL;
}

/* What is wrong, with what the file should hold between lead and tail. lead
 * NULL: nothing. */
struct wrong {
  const char *lead, *tail;
};

static const struct wrong too_large = {"is too large; it must hold the",
                                       " alone"};

static struct wrong wrong_kind(const struct stat *status) {
  static const char tail[] = " must be in a regular file";
  switch (status->st_mode & S_IFMT) {
  case S_IFREG:
    return status->st_size > FILE_MAX ? too_large : (struct wrong){0};
  case S_IFDIR:
    return (struct wrong){"is a directory; name the file in it that holds the",
                          ""};
  case S_IFIFO:
    return (struct wrong){"is a FIFO; the", tail};
  default:
    return (struct wrong){"is a device; the", tail};
  }
}

/* All of the file, at most size bytes. -1: errno says why. */
static ssize_t read_bytes(int fd, char *buffer, size_t size) {
  size_t n = 0;
  while (n < size) {
    ssize_t got = read(fd, buffer + n, size - n);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    n += (size_t)got;
  }
  return (ssize_t)n;
}

/* The one line of the n bytes in text, without what is around it. */
static struct wrong only_line(const char *text, size_t n, char *line) {
  if (n > FILE_MAX)
    return too_large;
  if (memchr(text, '\0', n) != NULL)
    return (struct wrong){"holds a NUL byte; it must be a text file with the",
                          " alone"};
  if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
    text += 3; /* some editors begin a file in UTF-8 so */
    n -= 3;
  }
  for (; n > 0 && is_space(text[0]); n--)
    text++;
  while (n > 0 && is_space(text[n - 1]))
    n--;
  if (n == 0)
    return (struct wrong){"is empty; put the", " into it"};
  if (memchr(text, '\n', n) != NULL || memchr(text, '\r', n) != NULL)
    return (struct wrong){"has two lines; it must hold the",
                          " alone, on one line"};
  if (n > TTN_SECRET_MAX)
    return (struct wrong){"holds a line that is too long for a", ""};
  memcpy(line, text, n);
  line[n] = '\0';
  return (struct wrong){0};
}

static bool judge_file(struct wrong wrong, const char *noun, char *why,
                       size_t why_size) {
  if (wrong.lead != NULL)
    ttn_print(why, why_size, "%s %s%s", wrong.lead, noun, wrong.tail);
  return wrong.lead == NULL;
}

bool ttn_secret_take(const char *text, size_t n, const char *noun, char *line,
                     char *why, size_t why_size) {
  if (judge_file(only_line(text, n, line), noun, why, why_size))
    return true;
  ttn_secret_wipe(line, TTN_SECRET_MAX + 1);
  return false;
}

static bool read_one(int fd, const struct stat *status, const char *noun,
                     char *line, char *why, size_t why_size) {
  char text[FILE_MAX + 1];
  ssize_t n = 0;
  bool ok = judge_file(wrong_kind(status), noun, why, why_size);

  if (ok && (n = read_bytes(fd, text, sizeof text)) < 0) {
    ttn_print(why, why_size, "can't be read: %s", strerror(errno));
    ok = false;
  }
  ok = ok && ttn_secret_take(text, (size_t)n, noun, line, why, why_size);
  ttn_secret_wipe(text, sizeof text);
  return ok;
}

bool ttn_secret_read(const char *path, const char *noun, char *line,
                     struct ttn_file_stamp *stamp, const char **open_to,
                     char *why, size_t why_size) {
  struct stat status;
  bool ok = false;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

  *open_to = NULL;
  *stamp = (struct ttn_file_stamp){0};
  if (fd < 0 || fstat(fd, &status) != 0) {
    ttn_print(why, why_size, "can't be read: %s", strerror(errno));
  } else {
    ok = read_one(fd, &status, noun, line, why, why_size);
    stamp->status = status;
    *open_to = readable_by(status.st_mode);
    if (*open_to != NULL && ttn_mount_is_private(status.st_dev))
      *open_to = NULL;
  }
  if (fd >= 0)
    close(fd);
  if (!ok)
    ttn_secret_wipe(line, TTN_SECRET_MAX + 1);
  return ok;
}

static bool same_time(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool ttn_secret_changed(const char *path, const struct ttn_file_stamp *stamp) {
  const struct stat *then = &stamp->status;
  struct stat now;
  return stat(path, &now) != 0 || !same_time(now.st_mtim, then->st_mtim) ||
         !same_time(now.st_ctim, then->st_ctim) || now.st_ino != then->st_ino ||
         now.st_dev != then->st_dev || now.st_size != then->st_size;
}
