/* SPDX-License-Identifier: MIT */
/* The API key: from its file, checked, and wiped when done with. */
#ifndef TTN_KEY_H
#define TTN_KEY_H

#include "base/env.h"

#define TTN_KEY_MAX 512

/* Enough of a file's status to see that it was replaced or changed. */
struct ttn_key_stamp {
  int64_t mtime, ctime; /* ns */
  uint64_t inode, device;
  int64_t size;
};

/* Reads the key in path into key (TTN_KEY_MAX + 1 bytes): one line, blanks and
 * line ends around it taken off, a symlink followed. False: `why` says what is
 * wrong and the fix ("is a directory", "is empty", "has two lines", "can't be
 * read: …", …), without a byte of what the file holds; key is wiped. *open_to
 * is set to "group" or "others" if they can read it, else NULL: a warning.
 * Never blocks on a FIFO or a device, never reads more than TTN_KEY_MAX + 4
 * KiB. */
bool ttn_key_read(const char *path, char *key, struct ttn_key_stamp *stamp,
                  const char **open_to, char *why, size_t why_size);

/* The same of n bytes that came another way. */
bool ttn_key_take(const char *text, size_t n, char *key, char *why,
                  size_t why_size);

/* True when path's status differs from stamp (or it is not there). */
bool ttn_key_changed(const char *path, const struct ttn_key_stamp *stamp);

/* Can this be sent in a header at all (printable ASCII, no blank)? False: why
 * says. *odd: it doesn't look like a key of The Things Stack
 * (NNSXS.<39>.<52>): a text for a warning, else NULL. */
bool ttn_key_check(const char *key, const char **odd, char *why,
                   size_t why_size);

#endif
