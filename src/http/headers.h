/* SPDX-License-Identifier: MIT */
/* The header lines that a poll needs, out of all that a server sends. Pure:
 * bytes in, members of struct ttn_answer out. Only this folder includes it. */
#ifndef TTN_HTTP_HEADERS_H
#define TTN_HTTP_HEADERS_H

#include "http/net.h"

/* Of one call, over all blocks of header lines that come to it. */
#define TTN_HEADERS_MAX (256u << 10)

struct ttn_headers {
  struct ttn_answer *answer;
  size_t bytes;
  bool open; /* within a block: after its status line, before its end */
};

/* Sets the members of answer that come from headers to "none came". */
void ttn_headers_begin(struct ttn_headers *headers, struct ttn_answer *answer);

/* One line as libcurl's header callback gives it: a status line, a header, the
 * empty line at a block's end, with or without its line end, not terminated.
 * A status line makes all that came before forgotten (an interim answer such
 * as 103 has headers, too); lines after a block's end (trailers) are ignored.
 * False: more than TTN_HEADERS_MAX bytes have come. */
bool ttn_headers_line(struct ttn_headers *headers, const char *line, size_t n);

#endif
