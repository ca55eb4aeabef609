/* SPDX-License-Identifier: MIT */
/* A secret of one line: from its file, without what is around it. */
#ifndef TTN_SECRET_FILE_H
#define TTN_SECRET_FILE_H

#include "base/env.h"

#include <sys/stat.h>

/* The longest line, in bytes. */
#define TTN_SECRET_MAX 512

/* By which it is seen that a file was replaced or changed. */
struct ttn_file_stamp {
  struct stat status;
};

/* Reads the line in path into line (TTN_SECRET_MAX + 1 bytes): one line, blanks
 * and line ends around it taken off, a symlink followed. noun: what it should
 * be, for `why`. False: `why` says what is wrong and the fix ("is a directory",
 * "is empty", "has two lines", "can't be read: …", …), without a byte of what
 * the file holds; line is wiped. *open_to is set to "group" or "others" if they
 * can read it, else NULL: a warning. In a volume that only this pod sees there
 * are no others. Never blocks on a FIFO or a device, never reads more than
 * TTN_SECRET_MAX + 4 KiB. */
bool ttn_secret_read(const char *path, const char *noun, char *line,
                     struct ttn_file_stamp *stamp, const char **open_to,
                     char *why, size_t why_size);

/* The same of n bytes that came another way. */
bool ttn_secret_take(const char *text, size_t n, const char *noun, char *line,
                     char *why, size_t why_size);

/* True when path's status differs from stamp (or it is not there). */
bool ttn_secret_changed(const char *path, const struct ttn_file_stamp *stamp);

#endif
