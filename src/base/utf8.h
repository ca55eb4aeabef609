/* SPDX-License-Identifier: MIT */
/* Text that a receiver can take: valid UTF-8 without control characters.
 * Prometheus drops a whole scrape, with other plugins' series, for one byte
 * that is no UTF-8. Pure. */
#ifndef TTN_UTF8_H
#define TTN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many of n > 0 bytes the first character takes; 0: it is no UTF-8. */
size_t ttn_utf8_length(const char *bytes, size_t n);
/* Is all of text valid UTF-8 without control characters (below U+0020, U+007F,
 * U+0080 to U+009F)? */
bool ttn_utf8_plain(const char *text);
/* A text for people's eyes into buffer: cut to fit, but never within a
 * character; control characters and what is no UTF-8 become '?'. Returns its
 * length. */
size_t ttn_utf8_clean(char *buffer, size_t size, const char *text, size_t n);
/* Takes an unfinished character away from the end of a text that was cut. */
void ttn_utf8_trim(char *text);

#endif
