/* SPDX-License-Identifier: MIT */
/* No clock, no memory, and none of libc's parsers, because strptime(3) and
 * strtod(3) obey the locale and the daemon's may be any.
 *
 * Trap: Go writes a time that was never set as 0001-01-01T00:00:00Z, and old
 * stacks do so in answers. It is well-formed and means "not known". */
#include "base/timestamp.h"

#include "base/env.h"
#include "base/text.h"

#include <string.h>
#include <time.h>

#define NS_DIGITS 9

/* n digits at text as a number; -1: something else stands there. */
static int digits(const char *text, size_t n) {
  int value = 0;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9')
      return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted
 * from March, so that a leap day is the last of its year. */
static int64_t days_since_1970(int year, int month, int day) {
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t month_from_march = (month + 9) % 12;
  int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int days_of_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

/* Seconds since 1970 of a time that is `offset` seconds ahead of UTC; its
 * parts are -1 where they were no digits. */
static bool to_seconds(int year, int month, int day, const int clock[3],
                       int offset, int64_t *seconds) {
  if (year < 1 || month < 1 || month > 12 || day < 1 ||
      day > days_of_month(year, month))
    return false;
  if (clock[0] < 0 || clock[0] > 23 || clock[1] < 0 || clock[1] > 59 ||
      clock[2] < 0 || clock[2] > 60)
    return false;
  *seconds = days_since_1970(year, month, day) * 86400 + clock[0] * 3600 +
             clock[1] * 60 + clock[2] - offset;
  /* A leap second is a day's last in UTC. */
  return clock[2] < 60 || *seconds % 86400 == 0;
}

static bool to_ns(int64_t seconds, int64_t fraction, int64_t *ns) {
  return seconds >= 0 && !__builtin_mul_overflow(seconds, TTN_SECOND, ns) &&
         !__builtin_add_overflow(*ns, fraction, ns);
}

/* ".123456789" as ns: 1 to 9 digits after a point. Returns how many
 * characters it took, 0 if there is none; -1: malformed. */
static int parse_fraction(const char *text, size_t n, int64_t *ns) {
  *ns = 0;
  if (n == 0 || text[0] != '.')
    return 0;
  int used = 1;
  int64_t unit = TTN_SECOND / 10;
  for (; (size_t)used < n && text[used] >= '0' && text[used] <= '9'; used++) {
    if (used > NS_DIGITS)
      return -1;
    *ns += (text[used] - '0') * unit;
    unit /= 10;
  }
  return used > 1 ? used : -1;
}

/* "Z" or "+01:30" as seconds ahead of UTC. */
static bool parse_offset(const char *text, size_t n, int *offset) {
  *offset = 0;
  if (n == 1)
    return text[0] == 'Z';
  if (n != strlen("+00:00") || (text[0] != '+' && text[0] != '-') ||
      text[3] != ':')
    return false;
  int hours = digits(text + 1, 2), minutes = digits(text + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return false;
  *offset = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
  return true;
}

bool ttn_time_parse(const char *text, size_t n, int64_t *ns) {
  const size_t plain = strlen("2024-05-01T10:00:00");
  if (n <= plain || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
      text[13] != ':' || text[16] != ':')
    return false;
  int64_t fraction;
  int used = parse_fraction(text + plain, n - plain, &fraction);
  int offset;
  if (used < 0 ||
      !parse_offset(text + plain + used, n - plain - (size_t)used, &offset))
    return false;
  const int clock[3] = {digits(text + 11, 2), digits(text + 14, 2),
                        digits(text + 17, 2)};
  int64_t seconds;
  if (!to_seconds(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2),
                  clock, offset, &seconds))
    return false;
  if (seconds == days_since_1970(1, 1, 1) * 86400 && fraction == 0) {
    *ns = 0;
    return true;
  }
  return to_ns(seconds, fraction, ns);
}

/* Which of these names of three letters each it is, from 1; 0: none. */
static int name_number(const char *name, const char *names) {
  for (int i = 1; *names != '\0'; i++, names += 3)
    if (memcmp(name, names, 3) == 0)
      return i;
  return 0;
}

bool ttn_http_date_parse(const char *text, size_t n, int64_t *ns) {
  static const char like[] = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (n != sizeof(like) - 1 || name_number(text, "MonTueWedThuFriSatSun") == 0)
    return false;
  for (size_t i = 3; i < n; i++)
    if (strchr(" ,:GMT", like[i]) != NULL && text[i] != like[i])
      return false;
  const int clock[3] = {digits(text + 17, 2), digits(text + 20, 2),
                        digits(text + 23, 2)};
  int month = name_number(text + 8, "JanFebMarAprMayJunJulAugSepOctNovDec");
  int64_t seconds;
  return to_seconds(digits(text + 12, 4), month, digits(text + 5, 2), clock, 0,
                    &seconds) &&
         to_ns(seconds, 0, ns);
}

char *ttn_time_print(char *buffer, size_t size, int64_t ns) {
  time_t seconds = (time_t)(ns / TTN_SECOND - (ns % TTN_SECOND < 0));
  struct tm utc;
  if (gmtime_r(&seconds, &utc) == NULL ||
      strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
    ttn_print(buffer, size, "?");
  return buffer;
}

bool ttn_duration_parse(const char *text, size_t n, double *seconds) {
  /* protojson's largest is 315576000000s, ten thousand years. */
  const size_t most = strlen("315576000000");
  int64_t whole = 0;
  size_t i = 0;
  for (; i < n && i < most && text[i] >= '0' && text[i] <= '9'; i++)
    whole = whole * 10 + (text[i] - '0');
  if (i == 0)
    return false;
  int64_t fraction;
  int used = parse_fraction(text + i, n - i, &fraction);
  if (used < 0)
    return false;
  i += (size_t)used;
  if (i + 1 != n || text[i] != 's')
    return false;
  *seconds = (double)whole + (double)fraction / 1e9;
  return true;
}
