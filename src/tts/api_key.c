/* SPDX-License-Identifier: MIT */
/* Reads an API key from its file and says whether it can be one. Knows files
 * and characters; nothing of requests or of when to read again.
 *
 * The file is opened without blocking and then looked at by its descriptor,
 * so a FIFO, a device or a file that is replaced meanwhile can't trick or halt
 * a daemon that reads as root. A symlink is followed: secret stores hand out
 * keys that way.
 *
 * No sentence of this file holds a byte of what was read: a wrong file named
 * by mistake may be somebody's private key. Every buffer that held it is
 * wiped. */
#include "tts/api_key.h"

#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key, and line ends and blanks around it. */
#define FILE_MAX (TTN_KEY_MAX + 4096)

/* NNSXS.<39>.<52>, the groups in base 32 (lorawan-stack pkg/auth). */
#define ID_LENGTH 39
#define SECRET_LENGTH 52

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static struct ttn_key_stamp stamp_of(const struct stat *status) {
  return (struct ttn_key_stamp){
      .mtime = status->st_mtim.tv_sec * TTN_SECOND + status->st_mtim.tv_nsec,
      .ctime = status->st_ctim.tv_sec * TTN_SECOND + status->st_ctim.tv_nsec,
      .inode = status->st_ino,
      .device = status->st_dev,
      .size = status->st_size,
  };
}

static const char *readable_by(mode_t mode) {
  if ((mode & S_IROTH) != 0)
    return "others";
  return (mode & S_IRGRP) != 0 ? "group" : NULL;
}

/* What is wrong with a thing of this kind; NULL for a file of a sane size. */
static const char *wrong_kind(const struct stat *status) {
  switch (status->st_mode & S_IFMT) {
  case S_IFREG:
    return status->st_size > FILE_MAX
               ? "is too large for a key file; it must hold the key alone"
               : NULL;
  case S_IFDIR:
    return "is a directory; name the file in it that holds the key";
  case S_IFIFO:
    return "is a FIFO; the key must be in a regular file";
  case S_IFSOCK:
    return "is a socket; the key must be in a regular file";
  default:
    return "is a device; the key must be in a regular file";
  }
}

/* All of the file, at most size bytes. -1: errno says why. */
static ssize_t read_key_bytes(int fd, char *buffer, size_t size) {
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

/* The one line of the n bytes in text, without what is around it, into key.
 * NULL, or what is wrong. */
static const char *key_line(const char *text, size_t n, char *key) {
  if (memchr(text, '\0', n) != NULL)
    return "holds a NUL byte; it must be a text file with the key alone";
  for (; n > 0 && is_space(text[0]); n--)
    text++;
  while (n > 0 && is_space(text[n - 1]))
    n--;
  if (n == 0)
    return "is empty; put the key into it";
  if (memchr(text, '\n', n) != NULL || memchr(text, '\r', n) != NULL)
    return "has two lines; it must hold the key alone, on one line";
  if (n > TTN_KEY_MAX)
    return "holds a line that is too long for a key";
  memcpy(key, text, n);
  key[n] = '\0';
  return NULL;
}

bool ttn_key_take(const char *text, size_t n, char *key, char *why,
                  size_t why_size) {
  const char *odd;
  const char *wrong =
      n > FILE_MAX ? "is too large for a key file; it must hold the key alone"
                   : key_line(text, n, key);
  if (wrong == NULL && ttn_key_check(key, &odd, why, why_size))
    return true;
  if (wrong != NULL)
    ttn_print(why, why_size, "%s", wrong);
  ttn_secret_wipe(key, TTN_KEY_MAX + 1);
  return false;
}

static bool read_one_key(int fd, const struct stat *status, char *key,
                         char *why, size_t why_size) {
  char text[FILE_MAX + 1];
  const char *wrong = wrong_kind(status);
  ssize_t n = 0;
  bool ok = false;

  if (wrong != NULL)
    ttn_print(why, why_size, "%s", wrong);
  else if ((n = read_key_bytes(fd, text, sizeof text)) < 0)
    ttn_print(why, why_size, "can't be read: %s", strerror(errno));
  else
    ok = ttn_key_take(text, (size_t)n, key, why, why_size);
  ttn_secret_wipe(text, sizeof text);
  return ok;
}

bool ttn_key_read(const char *path, char *key, struct ttn_key_stamp *stamp,
                  const char **open_to, char *why, size_t why_size) {
  struct stat status;
  bool ok = false;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

  *open_to = NULL;
  *stamp = (struct ttn_key_stamp){0};
  if (fd < 0 || fstat(fd, &status) != 0) {
    ttn_print(why, why_size, "can't be read: %s", strerror(errno));
  } else {
    ok = read_one_key(fd, &status, key, why, why_size);
    *stamp = stamp_of(&status);
    *open_to = readable_by(status.st_mode);
  }
  if (fd >= 0)
    close(fd);
  if (!ok)
    ttn_secret_wipe(key, TTN_KEY_MAX + 1);
  return ok;
}

bool ttn_key_changed(const char *path, const struct ttn_key_stamp *stamp) {
  struct stat status;
  struct ttn_key_stamp now;
  if (stat(path, &status) != 0)
    return true;
  now = stamp_of(&status);
  return now.mtime != stamp->mtime || now.ctime != stamp->ctime ||
         now.inode != stamp->inode || now.device != stamp->device ||
         now.size != stamp->size;
}

static size_t base32_length(const char *text) {
  return strspn(text, TTN_KEY_BASE32);
}

static bool looks_right(const char *key) {
  if (strncmp(key, TTN_KEY_PREFIX, strlen(TTN_KEY_PREFIX)) != 0)
    return false;
  key += strlen(TTN_KEY_PREFIX);
  if (base32_length(key) != ID_LENGTH || key[ID_LENGTH] != '.')
    return false;
  key += ID_LENGTH + 1;
  return base32_length(key) == SECRET_LENGTH && key[SECRET_LENGTH] == '\0';
}

static const char *what_is_wrong(const char *key) {
  size_t n = strlen(key);
  if (n == 0)
    return "is empty; create a key in the console and put it here";
  if (strncasecmp(key, "Bearer", 6) == 0 &&
      (key[6] == '\0' || is_space(key[6])))
    return "starts with \"Bearer\"; leave that out and write the key alone";
  if (strncasecmp(key, "Authorization:", 14) == 0)
    return "starts with \"Authorization:\"; write the key alone";
  if (key[0] == '"' || key[0] == '\'')
    return "is in quotes; write the key alone";
  for (size_t i = 0; i < n; i++) {
    if (is_space(key[i]))
      return "has a blank or a line break inside; copy the key again, as one "
             "word";
    if (key[i] < '!' || key[i] > '~')
      return "has a character that no key has; copy the key again";
  }
  return n > TTN_KEY_MAX ? "is too long for a key" : NULL;
}

bool ttn_key_check(const char *key, const char **odd, char *why,
                   size_t why_size) {
  const char *wrong = what_is_wrong(key);
  *odd = NULL;
  if (wrong != NULL) {
    ttn_print(why, why_size, "%s", wrong);
    return false;
  }
  if (!looks_right(key))
    *odd = "doesn't look like an API key of The Things Stack (NNSXS., 39 "
           "characters, a dot, 52 characters); was all of it copied?";
  return true;
}
