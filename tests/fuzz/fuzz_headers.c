/* SPDX-License-Identifier: MIT */
/* Header lines, as libcurl hands them over one by one. An input is an answer's
 * head; each of its lines goes in with CR LF, with LF and with neither. */
#include "fuzz.h"

#include "http_headers.h"

#include <strings.h>

static void check_count(const char *head, size_t size, const char *name,
                        int64_t count);

/* The members that come from headers. */
static void check_answer(const struct ttn_answer *answer, const char *head,
                         size_t size) {
  REQUIRE(answer->date >= 0 && answer->date % TTN_SECOND == 0);
  REQUIRE(answer->total_count >= -2 && answer->rate_limit >= -1);
  REQUIRE(answer->rate_available >= -1 && answer->rate_reset >= -1);
  REQUIRE(answer->rate_retry >= -1);
  check_count(head, size, "X-Total-Count", answer->total_count);
  check_count(head, size, "X-Rate-Limit-Limit", answer->rate_limit);
  check_count(head, size, "X-Rate-Limit-Available", answer->rate_available);
  check_count(head, size, "X-Rate-Limit-Reset", answer->rate_reset);
  check_count(head, size, "X-Rate-Limit-Retry", answer->rate_retry);
  REQUIRE(memchr(answer->warning, '\0', sizeof(answer->warning)) != NULL);
  for (const char *c = answer->warning; *c != '\0'; c++)
    REQUIRE(*c >= ' ' && *c <= '~');
}

static bool same(const struct ttn_answer *a, const struct ttn_answer *b) {
  return a->date == b->date && a->total_count == b->total_count &&
         a->rate_limit == b->rate_limit &&
         a->rate_available == b->rate_available &&
         a->rate_reset == b->rate_reset && a->rate_retry == b->rate_retry &&
         strcmp(a->warning, b->warning) == 0;
}

/* Does `name: count` stand in the head, leading zeros aside? */
static bool says(struct fuzz_input head, const char *name, int64_t count) {
  char number[32], *line;
  bool found = false;
  snprintf(number, sizeof(number), "%lld", (long long)count);
  while (!found && (line = fuzz_line(&head)) != NULL) {
    size_t n = strlen(name);
    const char *value = line + n;
    if (strncasecmp(line, name, n) == 0 && *value++ == ':') {
      value += strspn(value, " \t");
      while (value[0] == '0' && value[1] >= '0' && value[1] <= '9')
        value++;
      n = strlen(number);
      found = strncmp(value, number, n) == 0 &&
              value[n + strspn(value + n, " \t\r")] == '\0';
    }
    free(line);
  }
  return found;
}

static void check_count(const char *head, size_t size, const char *name,
                        int64_t count) {
  if (count >= 0)
    REQUIRE(says((struct fuzz_input){head, size}, name, count));
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

static void fuzz_one(struct test_env *outside, const char *bytes, size_t n) {
  static const char *const ends[] = {"\r\n", "\n", ""};
  const struct fuzz_input input = {bytes, n};
  struct ttn_headers headers;
  struct ttn_answer answer, other, none;
  (void)outside;
  ttn_headers_begin(&headers, &none);
  ttn_headers_begin(&headers, &answer);
  REQUIRE(same(&answer, &none));
  feed_all(&headers, input, ends[0]);
  check_answer(&answer, bytes, n);
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
