/* SPDX-License-Identifier: MIT */
/* What a JSON token means as a number. Nothing here takes memory or fails but
 * by saying that a token isn't what is wanted.
 *
 * strtod(3) obeys the locale, and under one with a decimal comma it reads 0.5
 * as 0; strtoull(3) takes a sign, blanks and "1.5". yajl's own conversion is of
 * that kind, so it isn't used: integers are read by hand, others by strtod_l(3)
 * in the "C" locale. */
#include "json/json.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* mantissa * 10^exponent, if exact. */
struct decimal {
  bool negative;
  bool exact; /* all digits fit into the mantissa */
  uint64_t mantissa;
  int exponent;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Beyond any exponent that a double knows. */
#define EXPONENT_MAX 100000

static bool parse_exponent(const char *c, const char *end, int *exponent) {
  bool negative = c < end && *c == '-';
  if (c < end && (*c == '-' || *c == '+'))
    c++;
  if (c == end)
    return false;
  int value = 0;
  for (; c < end && is_digit(*c); c++)
    if (value < EXPONENT_MAX)
      value = value * 10 + (*c - '0');
  *exponent += negative ? -value : value;
  return c == end;
}

/* JSON's numbers, and a little more: leading zeros. */
static bool parse_decimal(const char *text, size_t n, struct decimal *d) {
  const char *c = text, *end = text + n;
  *d = (struct decimal){.exact = true};
  if (c < end && *c == '-') {
    d->negative = true;
    c++;
  }
  bool any = false, point = false;
  for (; c < end; c++) {
    if (*c == '.' && any && !point) {
      point = true;
      continue;
    }
    if (!is_digit(*c))
      break;
    any = true;
    if (__builtin_mul_overflow(d->mantissa, 10, &d->mantissa) ||
        __builtin_add_overflow(d->mantissa, (uint64_t)(*c - '0'), &d->mantissa))
      d->exact = false;
    if (point)
      d->exponent--;
  }
  if (!any || c[-1] == '.')
    return false;
  if (c == end)
    return true;
  return (*c == 'e' || *c == 'E') && parse_exponent(c + 1, end, &d->exponent);
}

bool ttn_json_u64(const struct ttn_json_value *value, uint64_t *number) {
  struct decimal d;
  if ((value->type & (TTN_JSON_STRING | TTN_JSON_NUMBER)) == 0 ||
      !parse_decimal(value->text, value->n, &d) || !d.exact ||
      (d.negative && d.mantissa != 0))
    return false;
  while (d.exponent < 0 && d.mantissa % 10 == 0 && d.mantissa != 0) {
    d.mantissa /= 10;
    d.exponent++;
  }
  if (d.mantissa != 0 && d.exponent < 0)
    return false;
  for (; d.exponent > 0 && d.mantissa != 0; d.exponent--)
    if (__builtin_mul_overflow(d.mantissa, 10, &d.mantissa))
      return false;
  *number = d.mantissa;
  return true;
}

bool ttn_json_u32(const struct ttn_json_value *value, uint32_t least,
                  uint32_t most, uint32_t *number) {
  uint64_t wide;
  if (!ttn_json_u64(value, &wide) || wide < least || wide > most)
    return false;
  *number = (uint32_t)wide;
  return true;
}

bool ttn_json_double(const struct ttn_json_value *value, double *number) {
  char buffer[128], *end;
  if (value->type != TTN_JSON_NUMBER || value->n >= sizeof(buffer))
    return false;
  memcpy(buffer, value->text, value->n);
  buffer[value->n] = '\0';
  /* glibc's and musl's "C" locale is a constant: this takes no memory. */
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (c_locale == (locale_t)0)
    return false;
  *number = strtod_l(buffer, &end, c_locale);
  freelocale(c_locale);
  return *end == '\0' && isfinite(*number);
}
