/* SPDX-License-Identifier: MIT */
/* Header lines into an answer's members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/headers.h"
#include "lib/testing.h"

/* Feeds lines that end with '\n', one by one. */
static void feed(struct ttn_headers *headers, const char *text) {
  while (*text != '\0') {
    size_t n = strcspn(text, "\n") + 1;
    assert_true(ttn_headers_line(headers, text, n));
    text += n;
  }
}

static struct ttn_answer read_block(const char *lines) {
  struct ttn_headers headers;
  struct ttn_answer answer = {.date = 7, .total_count = 7, .warning = "x"};
  ttn_headers_begin(&headers, &answer);
  feed(&headers, "HTTP/2 200 \r\n");
  feed(&headers, lines);
  feed(&headers, "\r\n");
  return answer;
}

static void test_none(void **state) {
  struct ttn_answer answer = read_block("Content-Type: application/json\r\n");
  (void)state;
  assert_int_equal(answer.date, 0);
  assert_int_equal(answer.total_count, -1);
  assert_int_equal(answer.rate_limit, -1);
  assert_int_equal(answer.rate_available, -1);
  assert_int_equal(answer.rate_reset, -1);
  assert_int_equal(answer.rate_retry, -1);
  assert_string_equal(answer.warning, "");
}

static void test_all(void **state) {
  struct ttn_answer answer =
      read_block("date: Tue, 29 Feb 2000 23:59:59 GMT\r\n"
                 "X-TOTAL-COUNT: 2500\r\n"
                 "x-rate-limit-limit:60\n"
                 "X-Rate-Limit-Available:\t 59 \t\r\n"
                 "X-Rate-Limit-Reset: 1\r\n"
                 "X-Rate-Limit-Retry: 0\r\n"
                 "x-warning: Restricted rights after account suspension\r\n");
  (void)state;
  assert_int_equal(answer.date, INT64_C(951868799) * TTN_SECOND);
  assert_int_equal(answer.total_count, 2500);
  assert_int_equal(answer.rate_limit, 60);
  assert_int_equal(answer.rate_available, 59);
  assert_int_equal(answer.rate_reset, 1);
  assert_int_equal(answer.rate_retry, 0);
  assert_string_equal(answer.warning,
                      "Restricted rights after account suspension");
}

static void test_counts(void **state) {
  static const struct {
    const char *value;
    int64_t total, retry;
  } cases[] = {
      {"0", 0, 0},
      {"007", 7, 7},
      {"9223372036854775807", INT64_MAX, INT64_MAX},
      {"9223372036854775808", -2, -1},
      {"99999999999999999999999999", -2, -1},
      {"", -2, -1},
      {" ", -2, -1},
      {"-1", -2, -1},
      {"+1", -2, -1},
      {"1.5", -2, -1},
      {"1e3", -2, -1},
      {"0x10", -2, -1},
      {"1 2", -2, -1},
      {"1,2", -2, -1},
      {"many", -2, -1},
      {"\xd9\xa1", -2, -1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_answer answer;
    char lines[200];
    snprintf(lines, sizeof lines,
             "X-Total-Count: %s\r\nX-Rate-Limit-Retry: %s\r\n", cases[i].value,
             cases[i].value);
    answer = read_block(lines);
    if (answer.total_count != cases[i].total ||
        answer.rate_retry != cases[i].retry)
      fail_msg("\"%s\"", cases[i].value);
  }
}

static void test_twice(void **state) {
  struct ttn_answer answer =
      read_block("X-Total-Count: 5\r\nX-Total-Count: 5\r\n"
                 "X-Warning: one\r\nX-Warning: two\r\n");
  (void)state;
  assert_int_equal(answer.total_count, 5);
  assert_string_equal(answer.warning, "one");
  answer = read_block("X-Total-Count: 5\r\nX-Total-Count: 6\r\n"
                      "X-Rate-Limit-Retry: 5\r\nX-Rate-Limit-Retry: 6\r\n");
  assert_int_equal(answer.total_count, -2);
  assert_int_equal(answer.rate_retry, -1);
  answer = read_block("X-Total-Count: x\r\nX-Total-Count: 6\r\n");
  assert_int_equal(answer.total_count, -2);
}

static void test_not_these(void **state) {
  struct ttn_answer answer = read_block("X-Total-Counts: 1\r\n"
                                        "X-Total-Coun: 1\r\n"
                                        "X-Total-Count : 1\r\n"
                                        " X-Total-Count: 1\r\n"
                                        "X-Total-Count 1\r\n"
                                        ": 1\r\n"
                                        ":\r\n"
                                        "X-Rate-Limit: 1\r\n"
                                        "Dates: Tue, 29 Feb 2000 23:59:59 GMT\n"
                                        "Date: 2000-02-29T23:59:59Z\r\n");
  (void)state;
  assert_int_equal(answer.total_count, -1);
  assert_int_equal(answer.rate_limit, -1);
  assert_int_equal(answer.date, 0);
}

/* Seconds, or a date. */
static void test_retry_after(void **state) {
  struct ttn_answer answer = read_block("retry-after: 120\r\n");
  (void)state;
  assert_int_equal(answer.retry_after, 120);
  assert_int_equal(answer.retry_at, 0);
  answer = read_block("Retry-After: Tue, 29 Feb 2000 23:59:59 GMT\r\n");
  assert_int_equal(answer.retry_after, -1);
  assert_int_equal(answer.retry_at, INT64_C(951868799) * TTN_SECOND);
  answer = read_block("Retry-After: soon\r\n");
  assert_int_equal(answer.retry_after, -1);
  assert_int_equal(answer.retry_at, 0);
}

static void test_from_stack(void **state) {
  static const char *const others[] = {"", "Cache-Control: no-cache\r\n",
                                       "Cache-Control: no-storefront\r\n",
                                       "Pragma: no-store\r\n"};
  (void)state;
  assert_true(read_block("cache-control: No-Store\r\n").from_stack);
  assert_true(read_block("X-Request-Id: 5\r\n").from_stack);
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    assert_false(read_block(others[i]).from_stack);
}

static void test_warning(void **state) {
  struct ttn_headers headers;
  struct ttn_answer answer;
  char line[400];
  (void)state;

  answer = read_block("X-Warning: a\tb\x1b[31m\x7f\xc3\xa9\r\n");
  assert_string_equal(answer.warning, "a?b?[31m???");

  ttn_headers_begin(&headers, &answer);
  feed(&headers, "HTTP/1.1 200 OK\r\n");
  assert_true(ttn_headers_line(&headers, "X-Warning: a\0b\r\n", 16));
  assert_string_equal(answer.warning, "a?b");

  snprintf(line, sizeof line, "X-Warning: %0300d\r\n", 0);
  answer = read_block(line);
  assert_int_equal(strlen(answer.warning), sizeof answer.warning - 1);
}

/* Only the last block counts, and only what is within it. */
static void test_blocks(void **state) {
  struct ttn_headers headers;
  struct ttn_answer answer;
  (void)state;

  ttn_headers_begin(&headers, &answer);
  feed(&headers, "X-Total-Count: 1\r\n");
  assert_int_equal(answer.total_count, -1);
  feed(&headers, "HTTP/1.1 103 Early Hints\r\nX-Total-Count: 2\r\n"
                 "Date: Tue, 29 Feb 2000 23:59:59 GMT\r\nX-Warning: w\r\n"
                 "X-Rate-Limit-Available: 3\r\n\r\n");
  feed(&headers, "HTTP/1.1 200 OK\r\n");
  assert_int_equal(answer.total_count, -1);
  assert_int_equal(answer.date, 0);
  assert_int_equal(answer.rate_available, -1);
  assert_string_equal(answer.warning, "");
  feed(&headers, "X-Total-Count: 3\r\n\r\nX-Total-Count: 4\r\n"
                 "X-Rate-Limit-Available: 5\r\n");
  assert_int_equal(answer.total_count, 3);
  assert_int_equal(answer.rate_available, -1);
}

static void test_bound(void **state) {
  static char line[TTN_HEADERS_MAX];
  struct ttn_headers headers;
  struct ttn_answer answer;
  (void)state;
  memset(line, 'x', sizeof line);
  ttn_headers_begin(&headers, &answer);
  feed(&headers, "HTTP/1.1 200 OK\r\n");
  assert_true(ttn_headers_line(&headers, line, sizeof line - 17));
  assert_true(ttn_headers_line(&headers, line, 0));
  assert_false(ttn_headers_line(&headers, line, 1));
  assert_false(ttn_headers_line(&headers, line, SIZE_MAX));
}

/* Every line of nothing but one byte, and the shortest ones. */
static void test_short_lines(void **state) {
  struct ttn_headers headers;
  struct ttn_answer answer;
  (void)state;
  ttn_headers_begin(&headers, &answer);
  feed(&headers, "HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 256; i++) {
    char *byte = malloc(1); /* so that a read beyond it is seen */
    *byte = (char)i;
    assert_true(ttn_headers_line(&headers, byte, 1));
    free(byte);
  }
  feed(&headers, "H\r\n\n\r\r\nHTTP\r\nHTTP/\n");
  assert_int_equal(answer.total_count, -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_none),        cmocka_unit_test(test_all),
      cmocka_unit_test(test_counts),      cmocka_unit_test(test_twice),
      cmocka_unit_test(test_not_these),   cmocka_unit_test(test_warning),
      cmocka_unit_test(test_blocks),      cmocka_unit_test(test_bound),
      cmocka_unit_test(test_short_lines), cmocka_unit_test(test_from_stack),
      cmocka_unit_test(test_retry_after),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
