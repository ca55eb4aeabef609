/* SPDX-License-Identifier: MIT */
/* Times, HTTP dates and durations. Expected values come from date(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tts/decode.h"
#include "lib/testing.h"
#include "base/timestamp.h"

/* Parses a copy that ends where the text ends, so that reading on is seen. */
#define PARSE(function, text, result)                                          \
  ({                                                                           \
    size_t n_ = strlen(text);                                                  \
    char *copy_ = malloc(n_ + (n_ == 0));                                      \
    memcpy(copy_, text, n_);                                                   \
    bool good_ = function(copy_, n_, result);                                  \
    free(copy_);                                                               \
    good_;                                                                     \
  })

struct good_time {
  const char *text;
  int64_t seconds, ns;
};

static void times_as_the_stack_writes_them(void **state) {
  (void)state;
  static const struct good_time good[] = {
      {"2024-05-01T10:00:00Z", 1714557600, 0},
      {"2024-05-01T10:00:00.1Z", 1714557600, 100000000},
      {"2024-05-01T10:00:00.12Z", 1714557600, 120000000},
      {"2024-05-01T10:00:00.123Z", 1714557600, 123000000},
      {"2024-05-01T10:00:00.1234Z", 1714557600, 123400000},
      {"2024-05-01T10:00:00.12345Z", 1714557600, 123450000},
      {"2024-05-01T10:00:00.123456Z", 1714557600, 123456000},
      {"2024-05-01T10:00:00.1234567Z", 1714557600, 123456700},
      {"2024-05-01T10:00:00.12345678Z", 1714557600, 123456780},
      {"2024-05-01T10:00:00.123456789Z", 1714557600, 123456789},
      {"2024-05-01T10:00:00.000000001Z", 1714557600, 1},
      /* offsets */
      {"2024-05-01T12:00:00+02:00", 1714557600, 0},
      {"2024-05-01T04:30:00.5-05:30", 1714557600, 500000000},
      {"2024-05-01T10:00:00+00:00", 1714557600, 0},
      {"2024-05-01T10:00:00-00:00", 1714557600, 0},
      /* days that aren't in every year */
      {"2024-02-29T00:00:00Z", 1709164800, 0},
      {"2000-02-29T23:59:59Z", 951868799, 0},
      {"2100-02-28T00:00:00Z", 4107456000, 0},
      {"1999-12-31T23:59:59Z", 946684799, 0},
      /* leap seconds are the next second */
      {"2016-12-31T23:59:60Z", 1483228800, 0},
      {"2016-12-31T23:59:60.25Z", 1483228800, 250000000},
      {"2017-01-01T00:59:60+01:00", 1483228800, 0},
      {"2016-12-31T18:29:60-05:30", 1483228800, 0},
      /* the first and the last */
      {"1970-01-01T00:00:00Z", 0, 0},
      {"1970-01-01T00:00:00.000000001Z", 0, 1},
      {"2262-04-11T23:47:16.854775807Z", 9223372036, 854775807},
      /* Go's zero time: not known */
      {"0001-01-01T00:00:00Z", 0, 0},
      {"0001-01-01T00:00:00.000Z", 0, 0},
  };
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    int64_t ns = -1;
    if (!PARSE(ttn_time_parse, good[i].text, &ns) ||
        ns != good[i].seconds * TTN_SECOND + good[i].ns)
      fail_msg("%s: %lld", good[i].text, (long long)ns);
  }
}

static void times_that_are_none(void **state) {
  (void)state;
  static const char *const bad[] = {
      "", "Z", "2024", "2024-05-01", "2024-05-01T10:00:00",
      "2024-05-01T10:00:00z", "2024-05-01t10:00:00Z", "2024-05-01 10:00:00Z",
      "2024-05-01T10:00Z", "2024-05-01T10:00:00ZZ", "2024-05-01T10:00:00Z ",
      " 2024-05-01T10:00:00Z", "2024-05-01T10:00:00.Z",
      "2024-05-01T10:00:00.1234567890Z", "2024-05-01T10:00:00,5Z",
      "2024-05-01T10:00:00.5", "2024-05-01T10:00:00.-5Z",
      "2024/05/01T10:00:00Z", "2024-05/01T10:00:00Z", "2024-05-01T10.00:00Z",
      "2024-05-01T10:00.00Z", "+024-05-01T10:00:00Z", "2024-+5-01T10:00:00Z",
      "2024-00-01T10:00:00Z", "2024-13-01T10:00:00Z", "2024-05-00T10:00:00Z",
      "2024-05-32T10:00:00Z", "2024-04-31T10:00:00Z", "2023-02-29T10:00:00Z",
      "2100-02-29T10:00:00Z", "2024-05-x1T10:00:00Z", "2024-05-01T24:00:00Z",
      "2024-05-01T10:60:00Z", "2024-05-01T10:00:61Z", "2024-05-01Tx0:00:00Z",
      "2024-05-01T10:x0:00Z", "2024-05-01T10:00:x0Z",
      /* no leap second: not a day's end in UTC */
      "2024-05-01T10:00:60Z", "2016-12-31T23:59:60+01:00",
      "2016-12-31T23:58:60Z",
      /* offsets that are none */
      "2024-05-01T10:00:00+24:00", "2024-05-01T10:00:00+01:60",
      "2024-05-01T10:00:00+0100", "2024-05-01T10:00:00+01-00",
      "2024-05-01T10:00:00 01:00", "2024-05-01T10:00:00+x1:00",
      "2024-05-01T10:00:00+01:x0", "2024-05-01T10:00:00+1:000",
      /* out of range, a nanosecond more than fits included */
      "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
      "0000-01-01T00:00:00Z", "0001-01-01T00:00:00.000000001Z",
      "0001-01-01T00:00:01Z", "2262-04-11T23:47:16.854775808Z",
      "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z",
      /* other notations */
      "1714557600", "Wed, 01 May 2024 10:00:00 GMT"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    int64_t ns;
    if (PARSE(ttn_time_parse, bad[i], &ns))
      fail_msg("%s is taken as %lld", bad[i], (long long)ns);
  }
}

static void http_dates(void **state) {
  (void)state;
  static const struct good_time good[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777, 0},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0, 0},
      {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000, 0},
      {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, 0},
      {"Mon, 16 Mar 2026 01:02:03 GMT", 1773622923, 0},
      {"Tue, 15 Jul 2025 00:00:00 GMT", 1752537600, 0},
      {"Wed, 12 Aug 2026 23:59:59 GMT", 1786579199, 0},
      {"Fri, 25 Dec 2026 10:00:00 GMT", 1798192800, 0},
  };
  static const char *const bad[] = {"",
                                    "Sun, 06 Nov 1994 08:49:37 UTC",
                                    "Sun, 06 Nov 1994 08:49:37 GMT ",
                                    "Sun, 6 Nov 1994 08:49:37 GMT",
                                    "Sunday, 06-Nov-94 08:49:37 GMT",
                                    "Sun Nov  6 08:49:37 1994",
                                    "xun, 06 Nov 1994 08:49:37 GMT",
                                    "Sun. 06 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 nov 1994 08:49:37 GMT",
                                    "Sun, 06-Nov-1994 08:49:37 GMT",
                                    "Sun, 31 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 Nov 1994 08.49.37 GMT",
                                    "Sun, 06 Nov 1994 24:49:37 GMT",
                                    "Sun, 06 Nov 1894 08:49:37 GMT",
                                    "Sun, -6 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 Nov 3994 08:49:37 GMT",
                                    "2024-05-01T10:00:00.123456789"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    int64_t ns = -1;
    if (!PARSE(ttn_http_date_parse, good[i].text, &ns) ||
        ns != good[i].seconds * TTN_SECOND)
      fail_msg("%s: %lld", good[i].text, (long long)ns);
  }
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    int64_t ns;
    if (PARSE(ttn_http_date_parse, bad[i], &ns))
      fail_msg("%s is taken as %lld", bad[i], (long long)ns);
  }
}

static void durations(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } good[] = {
      {"0s", 0},
      {"1s", 1},
      {"0.5s", 0.5},
      {"0.050912894s", 0.050912894},
      {"0.000000001s", 1e-9},
      {"3600.25s", 3600.25},
      {"315576000000s", 315576000000.0},
  };
  static const char *const bad[] = {"",
                                    "s",
                                    "1",
                                    "0.050912894",
                                    "1.s",
                                    ".5s",
                                    "1S",
                                    "1ss",
                                    "1s ",
                                    " 1s",
                                    "-0.5s",
                                    "-1s",
                                    "+1s",
                                    "1.5e-3s",
                                    "1e3s",
                                    "1,5s",
                                    "0x1s",
                                    "1m",
                                    "1ms",
                                    "1h2s",
                                    "1.0000000001s",
                                    "3155760000001s",
                                    "infs",
                                    "nans",
                                    "99999999999999999999999s"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    double seconds = -1;
    if (!PARSE(ttn_duration_parse, good[i].text, &seconds) ||
        seconds < good[i].seconds || seconds > good[i].seconds)
      fail_msg("%s: %.17g", good[i].text, seconds);
  }
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    double seconds;
    if (PARSE(ttn_duration_parse, bad[i], &seconds))
      fail_msg("%s is taken as %g", bad[i], seconds);
  }
}

static void printed_times(void **state) {
  (void)state;
  char text[32];
  assert_string_equal(
      ttn_time_print(text, sizeof(text), 1714557600 * TTN_SECOND + 999999999),
      "2024-05-01T10:00:00Z");
  assert_string_equal(ttn_time_print(text, sizeof(text), 0),
                      "1970-01-01T00:00:00Z");
  assert_string_equal(ttn_time_print(text, sizeof(text), -1),
                      "1969-12-31T23:59:59Z");
  assert_string_equal(ttn_time_print(text, sizeof(text), INT64_MAX),
                      "2262-04-11T23:47:16Z");
  assert_string_equal(ttn_time_print(text, 8, 0), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_as_the_stack_writes_them),
      cmocka_unit_test(times_that_are_none),
      cmocka_unit_test(http_dates),
      cmocka_unit_test(durations),
      cmocka_unit_test(printed_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
