/* SPDX-License-Identifier: MIT */
/* Reads the few headers that the stack's answers carry beside the body. Knows
 * nothing of libcurl and nothing of what the figures are for.
 *
 * A figure has digits only, and fits into an int64_t; a second line says the
 * same. Else it is malformed: X-Total-Count is then -2, because it decides
 * whether a list is whole, and the rate limit's figures are as if not sent. */
#include "http/headers.h"

#include "base/secret.h"
#include "base/timestamp.h"

#include <string.h>
#include <strings.h>

static const struct count_header {
  const char *name;
  size_t member; /* an int64_t of struct ttn_answer */
  int64_t malformed;
} count_headers[] = {
    {"X-Total-Count", offsetof(struct ttn_answer, total_count), -2},
    {"X-Rate-Limit-Limit", offsetof(struct ttn_answer, rate_limit), -1},
    {"X-Rate-Limit-Available", offsetof(struct ttn_answer, rate_available), -1},
    {"X-Rate-Limit-Reset", offsetof(struct ttn_answer, rate_reset), -1},
    {"X-Rate-Limit-Retry", offsetof(struct ttn_answer, rate_retry), -1},
    {"Retry-After", offsetof(struct ttn_answer, retry_after), -1},
};
#define N_COUNT_HEADERS (sizeof count_headers / sizeof count_headers[0])

static int64_t *count_member(struct ttn_answer *answer,
                             const struct count_header *header) {
  return (int64_t *)(void *)((char *)answer + header->member);
}

static void header_forget(struct ttn_answer *answer) {
  answer->date = answer->retry_at = 0;
  answer->from_stack = false;
  answer->warning[0] = '\0';
  for (size_t i = 0; i < N_COUNT_HEADERS; i++)
    *count_member(answer, &count_headers[i]) = -1;
}

void ttn_headers_begin(struct ttn_headers *headers, struct ttn_answer *answer) {
  *headers = (struct ttn_headers){.answer = answer};
  header_forget(answer);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool read_count(const char *text, size_t n, int64_t *count) {
  int64_t value = 0;
  for (size_t i = 0; i < n; i++) {
    int digit = text[i] - '0';
    if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  *count = value;
  return n > 0;
}

/* A server's words end up in a log: ASCII, one line. The first warning stays,
 * as there is room for one. */
static void take_warning(struct ttn_answer *answer, const char *text,
                         size_t n) {
  size_t room = sizeof answer->warning - 1;
  if (answer->warning[0] != '\0')
    return;
  if (n > room)
    n = room;
  for (size_t i = 0; i < n; i++)
    answer->warning[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  answer->warning[n] = '\0';
  ttn_secret_mask(answer->warning);
}

static void header_take(struct ttn_answer *answer, const char *name,
                        size_t name_n, const char *text, size_t n) {
#define NAME_IS(s) (name_n == strlen(s) && strncasecmp(name, s, name_n) == 0)
  for (size_t i = 0; i < N_COUNT_HEADERS; i++) {
    const struct count_header *header = &count_headers[i];
    int64_t *member = count_member(answer, header), count;
    if (!NAME_IS(header->name))
      continue;
    if (member == &answer->retry_after &&
        ttn_http_date_parse(text, n, &answer->retry_at))
      return;
    if (!read_count(text, n, &count) || (*member != -1 && *member != count))
      count = header->malformed;
    *member = count;
    return;
  }
  if (NAME_IS("Date")) {
    if (!ttn_http_date_parse(text, n, &answer->date))
      answer->date = 0;
  } else if (NAME_IS("X-Warning")) {
    take_warning(answer, text, n);
  } else if (NAME_IS("X-Request-Id") ||
             (NAME_IS("Cache-Control") && n == strlen("no-store") &&
              strncasecmp(text, "no-store", n) == 0)) {
    answer->from_stack = true;
  }
#undef NAME_IS
}

bool ttn_headers_line(struct ttn_headers *headers, const char *line, size_t n) {
  const char *colon;
  size_t name_n;

  if (n > TTN_HEADERS_MAX - headers->bytes)
    return false;
  headers->bytes += n;
  if (n > 0 && line[n - 1] == '\n')
    n--;
  if (n > 0 && line[n - 1] == '\r')
    n--;

  if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    headers->open = true;
    header_forget(headers->answer);
    return true;
  }
  if (n == 0)
    headers->open = false;
  if (!headers->open || (colon = memchr(line, ':', n)) == NULL)
    return true;

  name_n = (size_t)(colon - line);
  line += name_n + 1;
  n -= name_n + 1;
  for (; n > 0 && is_blank(line[0]); n--)
    line++;
  while (n > 0 && is_blank(line[n - 1]))
    n--;
  header_take(headers->answer, colon - name_n, name_n, line, n);
  return true;
}
