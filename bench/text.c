/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_MAX 1024

void *text_must(void *p) {
  if (p == NULL) {
    fprintf(stderr, "bench-server: no memory\n");
    exit(1);
  }
  return p;
}

static void make_room_for(struct text *text, size_t n) {
  if (text->room - text->size >= n)
    return;
  text->room = 2 * text->room + 4096 + n;
  text->bytes = text_must(realloc(text->bytes, text->room));
}

void text_add(struct text *text, const char *bytes, size_t n) {
  make_room_for(text, n);
  memcpy(text->bytes + text->size, bytes, n);
  text->size += n;
}

void text_print(struct text *text, const char *format, ...) {
  va_list args;
  make_room_for(text, PRINT_MAX);
  va_start(args, format);
  int n = vsnprintf(text->bytes + text->size, PRINT_MAX, format, args);
  va_end(args);
  if (n < 0 || n >= PRINT_MAX) {
    fprintf(stderr, "bench-server: a line is too long\n");
    exit(1);
  }
  text->size += (size_t)n;
}

unsigned text_number(size_t i, unsigned n, unsigned below) {
  uint64_t x =
      (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + n * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (unsigned)((x ^ (x >> 31)) % below);
}
