/* SPDX-License-Identifier: MIT */
/* The event stream's lines, as bytes arrive: one JSON object each. Nothing is
 * gathered: memory is the decoder's, whatever is sent. */
#ifndef TTN_LINES_H
#define TTN_LINES_H

#include "tts/decode.h"

/* A longer line is skipped. The stack's longest, the start with 1,000
 * identifiers, has some 60 KB. */
#define TTN_LINE_MAX (256u << 10)

struct ttn_lines {
  struct ttn_decoder *decoder;
  size_t n;     /* bytes of the line that is being read */
  bool skipped; /* the rest of it */
};

enum ttn_line {
  TTN_LINE_NONE,  /* all bytes were taken, a line may have begun */
  TTN_LINE_EVENT, /* the decoder has it until the next call */
  TTN_LINE_BAD    /* one that is no event, or too long, was skipped */
};

/* False: no memory. */
bool ttn_lines_init(struct ttn_lines *lines, const struct ttn_env *env);
void ttn_lines_free(struct ttn_lines *lines);
/* Forgets half a line. */
void ttn_lines_begin(struct ttn_lines *lines);
/* Takes bytes up to the end of a line; call again until it returns NONE. */
enum ttn_line ttn_lines_next(struct ttn_lines *lines, const char **bytes,
                             size_t *n);

#endif
