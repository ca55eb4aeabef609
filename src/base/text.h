/* SPDX-License-Identifier: MIT */
/* Text into buffers of a fixed size. */
#ifndef TTN_TEXT_H
#define TTN_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* snprintf into a buffer of `size` bytes; a text that does not fit is cut, but
 * not within a character of UTF-8, and always ended. Returns buffer. */
char *ttn_print(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "45 seconds", "12 minutes", "3 days"; returns buffer. */
char *ttn_print_duration(char *buffer, size_t size, int64_t ns);

#endif
