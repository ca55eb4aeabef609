/* SPDX-License-Identifier: MIT */
/* Times and durations as the stack and HTTP write them. Wall times are ns since
 * 1970-01-01T00:00:00Z, 0 = not known. */
#ifndef TTN_TIMESTAMP_H
#define TTN_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 3339 as the stack writes it: "2024-05-01T10:00:00.123456789Z", 0 to 9
 * fraction digits, Z or an offset; a leap second counts as the next second.
 * False: malformed, or outside 1970 to 2262. Go's zero time
 * (0001-01-01T00:00:00Z) is true with *ns = 0. */
bool ttn_time_parse(const char *text, size_t n, int64_t *ns);
/* HTTP's Date: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110's preferred form
 * only). */
bool ttn_http_date_parse(const char *text, size_t n, int64_t *ns);
/* "2024-05-01T10:00:00Z" into buffer (at least 32 bytes); returns it. */
char *ttn_time_print(char *buffer, size_t size, int64_t ns);
/* protojson's Duration, "0.050912894s" or "1s", into seconds. "-0.5s" and
 * "1.5e-3s" are refused. */
bool ttn_duration_parse(const char *text, size_t n, double *seconds);

#endif
