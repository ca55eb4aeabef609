/* SPDX-License-Identifier: MIT */
/* The API key: from its file, checked, and wiped when done with. */
#ifndef TTN_KEY_H
#define TTN_KEY_H

#include "base/secret_file.h"

#define TTN_KEY_MAX TTN_SECRET_MAX

/* ttn_secret_read, and the line must be one that ttn_key_check lets pass. */
bool ttn_key_read(const char *path, char *key, struct ttn_file_stamp *stamp,
                  const char **open_to, char *why, size_t why_size);

/* The same of n bytes that came another way. */
bool ttn_key_take(const char *text, size_t n, char *key, char *why,
                  size_t why_size);

/* Can this be sent in a header at all (printable ASCII, no blank)? False: why
 * says. *odd: it doesn't look like a key of The Things Stack
 * (NNSXS.<39>.<52>): a text for a warning, else NULL. */
bool ttn_key_check(const char *key, const char **odd, char *why,
                   size_t why_size);

#endif
