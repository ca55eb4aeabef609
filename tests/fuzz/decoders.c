/* SPDX-License-Identifier: MIT */
#include "decoders.h"
#include "base/failure.h"
#include "base/hash.h"

uint64_t sum_bytes(uint64_t sum, const void *p, size_t n) {
  return ttn_hash(ttn_hash(sum, (const char *)&n, sizeof(n)), p, n);
}

uint64_t sum_text(uint64_t sum, const char *text) {
  return text == NULL ? sum_bytes(sum, "", 0)
                      : sum_bytes(sum, text, strlen(text) + 1);
}

void require_clean(const char *text, size_t most) {
  if (text == NULL)
    return;
  REQUIRE(strlen(text) <= most);
  for (; *text != '\0'; text++)
    REQUIRE((unsigned char)*text >= ' ' && *text != 0x7f);
}

/* 0: whole; 1 to 127: so many bytes each; from 128 on: 1 to 64 at random. */
static enum ttn_failure feed_body(struct ttn_decoder *decoder,
                                  enum ttn_body body, struct fuzz_input text,
                                  uint8_t cut) {
  uint32_t random = cut;
  ttn_decoder_begin(decoder, body);
  while (text.n > 0) {
    random = random * 1664525 + 1013904223;
    size_t n = cut == 0 ? text.n : cut < 128 ? cut : 1 + (random >> 26);
    if (n > text.n)
      n = text.n;
    enum ttn_failure failure = ttn_decoder_feed(decoder, text.bytes, n);
    if (failure != TTN_OK) {
      REQUIRE(ttn_decoder_end(decoder) == failure);
      return failure;
    }
    text.bytes += n;
    text.n -= n;
  }
  return ttn_decoder_end(decoder);
}

static enum ttn_failure decode(struct ttn_decoder *decoder, enum ttn_body body,
                               struct fuzz_input text, uint8_t cut,
                               fuzz_check *check, uint64_t *sum) {
  enum ttn_failure failure = feed_body(decoder, body, text, cut);
  REQUIRE(failure == TTN_OK || failure == TTN_FAIL_JSON ||
          failure == TTN_FAIL_TOO_LARGE || failure == TTN_FAIL_MEMORY);
  REQUIRE((failure == TTN_OK) == (ttn_decoder_why(decoder)[0] == '\0'));
  REQUIRE(strlen(ttn_decoder_why(decoder)) <= 200);
  *sum = check(decoder, body);
  return failure;
}

void fuzz_decode(struct test_env *test, enum ttn_body body,
                 struct fuzz_input input, fuzz_check *check) {
  const uint8_t cut = fuzz_byte(&input), fail = fuzz_byte(&input);
  uint64_t sum, other;
  struct ttn_decoder *decoder = ttn_decoder_new(&test->env);
  enum ttn_failure whole = decode(decoder, body, input, 0, check, &sum);
  REQUIRE(whole != TTN_FAIL_MEMORY);
  enum ttn_failure pieces = decode(decoder, body, input, cut, check, &other);
  /* A token may be too long and wrong: which comes first depends. */
  REQUIRE(pieces == whole ||
          (whole != TTN_OK && pieces == TTN_FAIL_TOO_LARGE) ||
          (pieces != TTN_OK && whole == TTN_FAIL_TOO_LARGE));
  REQUIRE(sum == other);
  ttn_decoder_free(decoder);
  REQUIRE(test->blocks == 0);
  REQUIRE(test->peak <= TTN_DECODE_MEMORY);
  if (fail == 0)
    return;

  test->calls = 0;
  fuzz_fail_memory(test, fail);
  decoder = ttn_decoder_new(&test->env);
  if (decoder == NULL)
    return;
  enum ttn_failure failing = decode(decoder, body, input, cut, check, &other);
  REQUIRE(failing == TTN_FAIL_MEMORY || (failing == pieces && sum == other));
  test->fail_at = 0;
  REQUIRE(decode(decoder, body, input, cut, check, &other) == pieces);
  REQUIRE(sum == other);
  ttn_decoder_free(decoder);
}

void fuzz_repeat(struct test_env *test, enum ttn_body body,
                 struct fuzz_input input, const char *twice) {
  static const char blanks[] = " \t\r\n";
  size_t entries;
  fuzz_byte(&input);
  fuzz_byte(&input);
  test->fail_at = 0;
  struct ttn_decoder *decoder = ttn_decoder_new(&test->env);
  if (feed_body(decoder, body, input, 0) == TTN_OK) {
    size_t n = input.n;
    while (strchr(blanks, input.bytes[n - 1]) != NULL)
      n--;
    for (n--; strchr(blanks, input.bytes[n - 1]) != NULL;)
      n--; /* the last bracket is out */
    char *text = malloc(n + 1 + strlen(twice) + 1);
    memcpy(text, input.bytes, n);
    if (text[n - 1] != '{')
      text[n++] = ',';
    strcpy(text + n, twice);
    enum ttn_failure failure = feed_body(
        decoder, body, (struct fuzz_input){text, n + strlen(twice)}, 0);
    REQUIRE(failure == TTN_FAIL_JSON || failure == TTN_FAIL_TOO_LARGE ||
            (body == TTN_BODY_SINGLE &&
             ttn_decoder_entries(decoder, &entries)[0].bad != NULL));
    free(text);
  }
  ttn_decoder_free(decoder);
}
