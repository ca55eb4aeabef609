/* SPDX-License-Identifier: MIT */
#include "events/lines.h"

#include <string.h>

bool ttn_lines_init(struct ttn_lines *lines, const struct ttn_env *env) {
  *lines = (struct ttn_lines){.decoder = ttn_decoder_new(env)};
  return lines->decoder != NULL;
}

void ttn_lines_free(struct ttn_lines *lines) {
  ttn_decoder_free(lines->decoder);
}

void ttn_lines_begin(struct ttn_lines *lines) {
  lines->n = 0;
  lines->skipped = false;
}

static void take_part(struct ttn_lines *lines, const char *bytes, size_t n) {
  if (lines->n == 0)
    ttn_decoder_begin(lines->decoder, TTN_BODY_EVENT);
  lines->n += n;
  if (lines->n > TTN_LINE_MAX)
    lines->skipped = true;
  else
    lines->skipped =
        lines->skipped || ttn_decoder_feed(lines->decoder, bytes, n) != TTN_OK;
}

enum ttn_line ttn_lines_next(struct ttn_lines *lines, const char **bytes,
                             size_t *n) {
  while (*n > 0) {
    const char *end = memchr(*bytes, '\n', *n);
    size_t part = end == NULL ? *n : (size_t)(end - *bytes);
    if (part > 0)
      take_part(lines, *bytes, part);
    *bytes += part;
    *n -= part;
    if (end == NULL)
      return TTN_LINE_NONE;
    ++*bytes;
    --*n;
    if (lines->n == 0)
      continue; /* events may be parted by an empty line */
    bool good = !lines->skipped && ttn_decoder_end(lines->decoder) == TTN_OK &&
                ttn_decoder_event(lines->decoder)->bad == NULL;
    ttn_lines_begin(lines);
    return good ? TTN_LINE_EVENT : TTN_LINE_BAD;
  }
  return TTN_LINE_NONE;
}
