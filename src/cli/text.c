/* SPDX-License-Identifier: MIT */
/* Anybody can choose a gateway's name, and JSON can hold every character. So
 * characters that would move the cursor, change the direction of the line or
 * have no width at all are replaced here. wcwidth(3) needs a locale with UTF-8,
 * which terminal.c sets; it does not tell the direction. */
#include "cli/text.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define TEXT_MAX (256u << 20)

void text_free(struct text *text) {
  ttn_free(text->env, text->bytes);
  *text = (struct text){.env = text->env};
}

void text_fail(struct text *text) { text->failed = true; }

void text_free_part(struct text *part, struct text *whole) {
  whole->failed = whole->failed || part->failed;
  text_free(part);
}

const char *text_string(const struct text *text) {
  return text->bytes != NULL ? text->bytes : "";
}

static bool text_room(struct text *text, size_t n) {
  void *bytes = text->bytes;
  if (text->failed ||
      !ttn_grow(text->env, &bytes, &text->room, text->n + n + 1, 1, TEXT_MAX))
    text->failed = true;
  else
    text->bytes = bytes;
  return !text->failed;
}

void text_add(struct text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  if (n >= 0 && text_room(text, (size_t)n)) {
    vsnprintf(text->bytes + text->n, (size_t)n + 1, format, again);
    text->n += (size_t)n;
  }
  va_end(again);
  va_end(args);
}

void text_add_bytes(struct text *text, const char *bytes, size_t n) {
  if (!text_room(text, n))
    return;
  memcpy(text->bytes + text->n, bytes, n);
  text->n += n;
  text->bytes[text->n] = '\0';
}

/* The character at *s, which moves behind it; 0 at the end, '?' for a byte that
 * is no UTF-8. */
static uint32_t next_character(const char **s) {
  const unsigned char *byte = (const unsigned char *)*s;
  if (byte[0] == 0)
    return 0;
  size_t n = ttn_utf8_length(*s, strnlen(*s, 4));
  uint32_t c = n == 0 ? '?' : n == 1 ? byte[0] : byte[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++)
    c = c << 6 | (byte[i] & 0x3f);
  *s += n > 0 ? n : 1;
  return c;
}

static bool turns_direction(uint32_t c) {
  return c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
         c == 0xfeff;
}

/* What is shown for a character, and how wide that is. */
static uint32_t shown_as(uint32_t c, bool utf8, size_t *width) {
  int w = c < 0x20 || (!utf8 && c > 0x7e) || turns_direction(c)
              ? -1
              : wcwidth((wchar_t)c);
  *width = w < 0 ? 1 : (size_t)w;
  return w < 0 ? '?' : c;
}

size_t text_width(const char *s, bool utf8) {
  size_t width = 0, w;
  for (uint32_t c; (c = next_character(&s)) != 0; width += w)
    shown_as(c, utf8, &w);
  return width;
}

/* As much of s as fits into `width` columns; returns how many it took. */
static size_t add_part(struct text *text, const char *s, size_t width,
                       bool utf8) {
  size_t used = 0, w;
  const char *begin = s;
  for (uint32_t c; (c = next_character(&s)) != 0; used += w, begin = s) {
    bool question = shown_as(c, utf8, &w) == '?';
    if (used + w > width)
      break;
    text_add_bytes(text, question ? "?" : begin,
                   question ? 1 : (size_t)(s - begin));
  }
  return used;
}

void text_add_cell(struct text *text, const char *s, size_t width, bool right,
                   bool utf8) {
  size_t whole = text_width(s, utf8);
  if (whole > width && width > 0) {
    size_t used = add_part(text, s, width - 1, utf8);
    text_add(text, "%s%*s", utf8 ? "…" : "~", (int)(width - 1 - used), "");
    return;
  }
  int blanks = whole < width ? (int)(width - whole) : 0;
  text_add(text, "%*s", right ? blanks : 0, "");
  add_part(text, s, width, utf8);
  text_add(text, "%*s", right ? 0 : blanks, "");
}

void text_add_paragraph(struct text *text, const char *s, size_t width,
                        size_t indent, bool utf8) {
  char word[256];
  size_t column = indent;
  bool first = true;
  for (;;) {
    s += strspn(s, " ");
    size_t n = strcspn(s, " ");
    if (n == 0)
      break;
    /* A longer word is cut in pieces, at worst inside a character: '?'. */
    size_t piece = n < sizeof(word) ? n : sizeof(word) - 1;
    ttn_print(word, sizeof(word), "%.*s", (int)piece, s);
    size_t w = text_width(word, utf8);
    if (!first && width > 0 && column + 1 + w > width) {
      text_add(text, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!first) {
      text_add(text, " ");
      column++;
    }
    column += add_part(text, word, w, utf8);
    s += piece;
    first = false;
  }
  text_add(text, "\n");
}

char *text_age(char buffer[TEXT_AGE], int64_t ns) {
  static const struct {
    int64_t seconds;
    const char *unit;
  } units[] = {{86400, "days"}, {3600, "hours"}, {60, "min"}, {1, "s"}};
  int64_t seconds = ns < 0 ? 0 : ns / TTN_SECOND;
  size_t u = 0;
  while (u < 3 && seconds < 2 * units[u].seconds)
    u++;
  return ttn_print(buffer, TEXT_AGE, "%lld %s",
                   (long long)(seconds / units[u].seconds), units[u].unit);
}

char *text_clock(char buffer[TEXT_CLOCK], int64_t ns) {
  time_t now = (time_t)(ns / TTN_SECOND);
  struct tm local;
  if (localtime_r(&now, &local) == NULL ||
      strftime(buffer, TEXT_CLOCK, "%H:%M:%S", &local) == 0)
    buffer[0] = '\0';
  return buffer;
}
