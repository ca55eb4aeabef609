/* SPDX-License-Identifier: MIT */
#include "cli/report_file.h"

#include "cli/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_output(const char *name) { return strcmp(name, "-") == 0; }

static bool complain_taken(const char *name) {
  return complain("\"%s\" is there already and is not overwritten: move it "
                  "away, or name another file with --report=FILE",
                  name);
}

bool report_file_is_free(const char *name) {
  struct stat status;
  if (is_output(name) || lstat(name, &status) != 0)
    return true;
  return complain_taken(name);
}

static bool write_all(int fd, const struct text *text) {
  for (size_t n = 0; n < text->n;) {
    ssize_t wrote = write(fd, text->bytes + n, text->n - n);
    if (wrote < 0 && errno != EINTR)
      return false;
    if (wrote > 0)
      n += (size_t)wrote;
  }
  return true;
}

/* Readable by all as far as the umask lets it be: with sudo it is root's, and
 * the user has to read and send it. */
static bool write_new(const char *name, const struct text *text) {
  int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST)
    return complain_taken(name);
  if (fd < 0)
    return complain("\"%s\" can't be written: %s", name, strerror(errno));
  bool good = write_all(fd, text);
  int why = errno;
  if (close(fd) != 0 && good) {
    good = false;
    why = errno;
  }
  if (good)
    return true;
  unlink(name);
  return complain("\"%s\" can't be written: %s", name, strerror(why));
}

bool report_file_write(const char *name, const struct text *text) {
  if (!is_output(name))
    return write_new(name, text);
  fwrite(text->bytes, 1, text->n, stdout);
  return (fflush(stdout) == 0 && !ferror(stdout)) ||
         complain("the report can't be written");
}
