/* SPDX-License-Identifier: MIT */
/* Header lines, as libcurl hands them over one by one. An input is an answer's
 * head; each of its lines goes in with CR LF, with LF and with neither. */
#include "fuzz.h"

#include "http/headers.h"

#include <errno.h>
#include <strings.h>

static const struct {
  const char *name;
  size_t member;
  int64_t malformed;
} counts[] = {
    {"X-Total-Count:", offsetof(struct ttn_answer, total_count), -2},
    {"X-Rate-Limit-Limit:", offsetof(struct ttn_answer, rate_limit), -1},
    {"X-Rate-Limit-Available:", offsetof(struct ttn_answer, rate_available),
     -1},
    {"X-Rate-Limit-Reset:", offsetof(struct ttn_answer, rate_reset), -1},
    {"X-Rate-Limit-Retry:", offsetof(struct ttn_answer, rate_retry), -1},
};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static int64_t count_of(const struct ttn_answer *answer, size_t i) {
  int64_t count;
  memcpy(&count, (const char *)answer + counts[i].member, sizeof(count));
  return count;
}

/* What a value says, with libc: -1: no count. */
static int64_t read_count(const char *value) {
  value += strspn(value, " \t");
  size_t digits = strspn(value, "0123456789");
  if (digits == 0 || value[digits + strspn(value + digits, " \t\r")] != '\0')
    return -1;
  errno = 0;
  int64_t count = strtoll(value, NULL, 10);
  return errno == 0 ? count : -1;
}

/* What a head of one block says of a count. What is malformed counts as not
 * sent, but X-Total-Count stays so. */
static int64_t expected(struct fuzz_input head, size_t i) {
  int64_t count = -1;
  for (char *line; (line = fuzz_line(&head)) != NULL; free(line)) {
    size_t n = strlen(counts[i].name);
    if (strncasecmp(line, counts[i].name, n) != 0)
      continue;
    int64_t now = read_count(line + n);
    bool other = count != -1 && now != count;
    count = now < 0 || other ? counts[i].malformed : now;
  }
  return count;
}

/* A status line and headers: nothing that begins or ends another block, and
 * no NUL, which our lines would end at. */
static bool is_one_block(struct fuzz_input head) {
  if (head.n < 5 || memcmp(head.bytes, "HTTP/", 5) != 0 ||
      memchr(head.bytes, '\0', head.n) != NULL)
    return false;
  bool one = true;
  free(fuzz_line(&head));
  for (char *line; (line = fuzz_line(&head)) != NULL; free(line))
    if (line[strspn(line, "\r")] == '\0' || strncmp(line, "HTTP/", 5) == 0)
      one = false;
  return one;
}

/* The members that come from headers. */
static void check_answer(const struct ttn_answer *answer,
                         struct fuzz_input head) {
  REQUIRE(answer->date >= 0 && answer->date % TTN_SECOND == 0);
  for (size_t i = 0; i < COUNTS; i++)
    REQUIRE(count_of(answer, i) >= -1 ||
            count_of(answer, i) == counts[i].malformed);
  for (size_t i = 0; i < COUNTS && is_one_block(head); i++)
    REQUIRE(count_of(answer, i) == expected(head, i));
  REQUIRE(memchr(answer->warning, '\0', sizeof(answer->warning)) != NULL);
  for (const char *c = answer->warning; *c != '\0'; c++)
    REQUIRE(*c >= ' ' && *c <= '~');
}

static bool same(const struct ttn_answer *a, const struct ttn_answer *b) {
  for (size_t i = 0; i < COUNTS; i++)
    if (count_of(a, i) != count_of(b, i))
      return false;
  return a->date == b->date && strcmp(a->warning, b->warning) == 0;
}

static bool feed(struct ttn_headers *headers, const char *line, size_t n,
                 const char *end) {
  size_t m = strlen(end);
  char *whole = malloc(n + m);
  memcpy(whole, line, n);
  memcpy(whole + n, end, m);
  bool ok = ttn_headers_line(headers, whole, n + m);
  free(whole);
  return ok;
}

static bool feed_all(struct ttn_headers *headers, struct fuzz_input input,
                     const char *end) {
  while (input.n > 0) {
    const char *newline = memchr(input.bytes, '\n', input.n);
    size_t n = newline == NULL ? input.n : (size_t)(newline - input.bytes);
    size_t line = n;
    while (line > 0 && input.bytes[line - 1] == '\r')
      line--;
    if (!feed(headers, input.bytes, line, end))
      return false;
    n += newline == NULL ? 0 : 1;
    input.bytes += n;
    input.n -= n;
  }
  return true;
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  static const char *const ends[] = {"\r\n", "\n", ""};
  const struct fuzz_input input = {bytes, n};
  struct ttn_headers headers;
  struct ttn_answer answer, other, none;
  (void)test;
  ttn_headers_begin(&headers, &none);
  ttn_headers_begin(&headers, &answer);
  REQUIRE(same(&answer, &none));
  if (feed_all(&headers, input, ends[0]))
    check_answer(&answer, input);
  for (int i = 1; i < 3; i++) {
    ttn_headers_begin(&headers, &other);
    feed_all(&headers, input, ends[i]);
    REQUIRE(same(&answer, &other));
  }
  /* A status line makes all of it forgotten; the same again says the same. */
  if (feed(&headers, "HTTP/1.1 200 OK", 15, "\r\n"))
    REQUIRE(same(&other, &none));
  ttn_headers_begin(&headers, &other);
  if (feed_all(&headers, input, ends[0]) &&
      feed_all(&headers, input, ends[0]) && n > 5 &&
      memcmp(bytes, "HTTP/", 5) == 0)
    REQUIRE(same(&answer, &other));
}
