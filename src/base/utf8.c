/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <string.h>

/* yajl lets overlong forms, surrogates and numbers beyond Unicode pass. */
size_t ttn_utf8_length(const char *bytes, size_t n) {
  const unsigned char *text = (const unsigned char *)bytes;
  if (text[0] < 0x80)
    return 1;
  size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
  if (text[0] < 0xc2 || text[0] > 0xf4 || n < length)
    return 0;
  for (size_t i = 1; i < length; i++)
    if ((text[i] & 0xc0) != 0x80)
      return 0;
  if ((text[0] == 0xe0 && text[1] < 0xa0) ||
      (text[0] == 0xed && text[1] > 0x9f) ||
      (text[0] == 0xf0 && text[1] < 0x90) ||
      (text[0] == 0xf4 && text[1] > 0x8f))
    return 0;
  return length;
}

static bool is_control(const unsigned char *text) {
  return text[0] < ' ' || text[0] == 0x7f ||
         (text[0] == 0xc2 && text[1] < 0xa0);
}

size_t ttn_utf8_clean(char *buffer, size_t size, const char *text, size_t n) {
  size_t used = 0;
  for (size_t i = 0; i < n;) {
    const unsigned char *c = (const unsigned char *)text + i;
    size_t length = ttn_utf8_length(text + i, n - i);
    bool good = length > 0 && !is_control(c);
    size_t written = good ? length : 1;
    if (used + written >= size)
      break;
    if (good)
      memcpy(buffer + used, c, length);
    else
      buffer[used] = '?';
    used += written;
    i += length > 0 ? length : 1;
  }
  buffer[used] = '\0';
  return used;
}

bool ttn_utf8_plain(const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i < n;) {
    const unsigned char *c = (const unsigned char *)text + i;
    size_t length = ttn_utf8_length(text + i, n - i);
    if (length == 0 || is_control(c))
      return false;
    i += length;
  }
  return true;
}

void ttn_utf8_trim(char *text) {
  size_t n = strlen(text), tail = 0;
  while (tail < n && tail < 3 &&
         ((unsigned char)text[n - tail - 1] & 0xc0) == 0x80)
    tail++;
  if (tail == n)
    return;
  unsigned char lead = (unsigned char)text[n - tail - 1];
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (length > tail + 1)
    text[n - tail - 1] = '\0';
}
