/* SPDX-License-Identifier: MIT */
/* Text that grows, and how it shows on a terminal. */
#ifndef TTN_CLI_TEXT_H
#define TTN_CLI_TEXT_H

#include "base/env.h"

/* Once it found no memory it stays as it is and `failed` says so. */
struct text {
  const struct ttn_env *env;
  char *bytes; /* NULL or ended by NUL */
  size_t n, room;
  bool failed;
};
void text_add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t n);
void text_free(struct text *text);
/* As if there were no memory. */
void text_fail(struct text *text);
/* Frees a text that was made for another one, which fails if it did. */
void text_free_part(struct text *part, struct text *whole);
/* Its bytes, never NULL. */
const char *text_string(const struct text *text);

/* How names show: as UTF-8 or in ASCII. Control characters, those that change
 * the direction of the line and broken UTF-8 become '?'. */
size_t text_width(const char *s, bool utf8);
/* s in exactly `width` columns, cut or filled up with blanks. */
void text_add_cell(struct text *text, const char *s, size_t width, bool right,
                   bool utf8);
/* A paragraph in lines of at most `width` columns (0: one line); all but the
 * first start with `indent` blanks. */
void text_add_paragraph(struct text *text, const char *s, size_t width,
                        size_t indent, bool utf8);

/* The local time, "21:00:03", into buffer; returns it. */
#define TEXT_CLOCK 16
char *text_clock(char buffer[TEXT_CLOCK], int64_t ns);
/* "12 s", "45 min", "26 hours", "3 days" into buffer; returns it. */
#define TEXT_AGE 24
char *text_age(char buffer[TEXT_AGE], int64_t ns);

#endif
