/* SPDX-License-Identifier: MIT */
/* Texts that the benchmark's server renders ahead. Exits when there is no
 * memory: it is a benchmark. */
#ifndef TTN_BENCH_TEXT_H
#define TTN_BENCH_TEXT_H

#include <stddef.h>

/* A stack in Go compresses at this level by default. */
#define TEXT_GZIP_LEVEL 6

struct text {
  char *bytes;
  size_t size, room;
};

void *text_must(void *p);
/* Appends, at most 1 KB at once. */
void text_print(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends n bytes. */
void text_add(struct text *text, const char *bytes, size_t n);
/* Of gateway i's n-th number: the same in each run, below `below`. */
unsigned text_number(size_t i, unsigned n, unsigned below);

#endif
