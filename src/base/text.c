/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/env.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

char *ttn_print(char *buffer, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(buffer, size, format, args);
  va_end(args);
  if (n < 0 && size > 0)
    buffer[0] = '\0';
  if (n >= 0 && (size_t)n >= size && size > 0)
    ttn_utf8_trim(buffer);
  return buffer;
}

char *ttn_print_duration(char *buffer, size_t size, int64_t ns) {
  static const struct {
    int64_t seconds;
    const char *unit;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  int64_t seconds = ns / TTN_SECOND;
  size_t u = 0;
  while (u < 3 && seconds < 2 * units[u].seconds)
    u++;
  int64_t n = seconds / units[u].seconds;
  return ttn_print(buffer, size, "%lld %s%s", (long long)n, units[u].unit,
                   n == 1 ? "" : "s");
}
