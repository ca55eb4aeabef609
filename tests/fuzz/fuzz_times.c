/* SPDX-License-Identifier: MIT */
/* Timestamps, dates and durations, held against libc: a regular expression
 * says what is well-formed, timegm(3) and strtod(3) what it means. Both ways:
 * what ours takes has that value, and what ours refuses is not right. */
#include "fuzz.h"

#include "tts/decode.h"
#include "base/timestamp.h"

#include <math.h>
#include <regex.h>
#include <time.h>

struct pattern {
  const char *text;
  bool compiled;
  regex_t regex;
};
static struct pattern time_pattern = {
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
    false,
    {0}};
static struct pattern date_pattern = {
    "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT$",
    false,
    {0}};
static struct pattern duration_pattern = {
    "^[0-9]{1,12}([.][0-9]{1,9})?s$", false, {0}};

static bool matches(struct pattern *pattern, const char *text) {
  if (!pattern->compiled)
    REQUIRE(regcomp(&pattern->regex, pattern->text, REG_EXTENDED | REG_NOSUB) ==
            0);
  pattern->compiled = true;
  return regexec(&pattern->regex, text, 0, NULL, 0) == 0;
}

/* ns of a time that is `offset` seconds ahead of UTC, -1: there is none such,
 * or not in an int64_t. */
static int64_t ns_of(struct tm *tm, int offset, int64_t fraction) {
  const struct tm wanted = *tm;
  const bool leap = wanted.tm_sec == 60;
  if (leap)
    tm->tm_sec = 59;
  const int second = tm->tm_sec;
  int64_t seconds = timegm(tm) + (leap ? 1 : 0) - offset;
  if (tm->tm_year != wanted.tm_year || tm->tm_mon != wanted.tm_mon ||
      tm->tm_mday != wanted.tm_mday || tm->tm_hour != wanted.tm_hour ||
      tm->tm_min != wanted.tm_min || tm->tm_sec != second)
    return -1;
  if (leap && seconds % 86400 != 0)
    return -1;
  const int64_t year_1 = INT64_C(-62135596800);
  if (seconds == year_1 && fraction == 0)
    return 0;
  if (seconds < 0 || seconds > (INT64_MAX - fraction) / TTN_SECOND)
    return -1;
  return seconds * TTN_SECOND + fraction;
}

static int64_t fraction_of(const char *text) {
  int64_t ns = 0;
  int n = 0;
  if (*text == '.')
    for (text++; *text >= '0' && *text <= '9'; n++)
      ns = ns * 10 + (*text++ - '0');
  for (; n < 9; n++)
    ns *= 10;
  return ns;
}

static int64_t expected_time(const char *text) {
  if (!matches(&time_pattern, text))
    return -1;
  struct tm tm = {.tm_isdst = 0};
  int hours = 0, minutes = 0;
  sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
         &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
  if (tm.tm_year == 0)
    return -1;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  const char *zone = text + strlen(text) - 1;
  if (*zone != 'Z') {
    zone -= 5;
    sscanf(zone + 1, "%2d:%2d", &hours, &minutes);
  }
  int offset = (hours * 60 + minutes) * 60;
  return ns_of(&tm, *zone == '-' ? -offset : offset, fraction_of(text + 19));
}

static int64_t expected_date(const char *text) {
  struct tm tm = {.tm_isdst = 0};
  if (!matches(&date_pattern, text) ||
      strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
    return -1;
  int64_t ns = ns_of(&tm, 0, 0);
  return ns == 0 && tm.tm_year < 0 ? -1 : ns; /* the year 1 is no date */
}

/* Both round twice at most. */
static bool close_to(double a, double b) { return fabs(a - b) <= b * 4e-16; }

static void check_text(const char *text, const char *bytes, size_t n) {
  int64_t ns = -1, date = -1;
  double seconds = -1;
  bool whole = strlen(text) == n; /* no NUL in it */

  bool ok = ttn_time_parse(bytes, n, &ns);
  int64_t expected = whole ? expected_time(text) : -1;
  REQUIRE(ok == (expected >= 0));
  REQUIRE(!ok || ns == expected);

  ok = ttn_http_date_parse(bytes, n, &date);
  expected = whole ? expected_date(text) : -1;
  REQUIRE(ok == (expected >= 0));
  REQUIRE(!ok || date == expected);

  ok = ttn_duration_parse(bytes, n, &seconds);
  REQUIRE(ok == (whole && matches(&duration_pattern, text)));
  REQUIRE(!ok || close_to(seconds, strtod(text, NULL)));
}

static void check_print(int64_t ns) {
  char text[32];
  int64_t again;
  ttn_time_print(text, sizeof(text), ns);
  REQUIRE(strlen(text) == strlen("2024-05-01T10:00:00Z"));
  if (ns < 0)
    return;
  REQUIRE(ttn_time_parse(text, strlen(text), &again));
  REQUIRE(again == ns / TTN_SECOND * TTN_SECOND);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  int64_t ns = 0;
  (void)test;
  char *text = malloc(n + 1);
  memcpy(text, bytes, n);
  text[n] = '\0';
  check_text(text, bytes, n);
  free(text);
  memcpy(&ns, bytes, n < sizeof(ns) ? n : sizeof(ns));
  check_print(ns);
}
