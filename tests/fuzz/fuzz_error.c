/* SPDX-License-Identifier: MIT */
/* The decoder of errors, which takes everything. */
#include "decoders.h"
#include "base/hash.h"
#include "tts/records.h"

static uint64_t check_records(const struct ttn_decoder *decoder,
                              enum ttn_body body) {
  const struct ttn_api_error *error = ttn_decoder_error(decoder);
  const char *const texts[] = {error->message, error->space, error->name,
                               error->missing, error->forbidden_paths};
  const size_t sizes[] = {sizeof(error->message), sizeof(error->space),
                          sizeof(error->name), sizeof(error->missing),
                          sizeof(error->forbidden_paths)};
  uint64_t sum = SUM(SUM(TTN_HASH, error->json), error->code);
  (void)body;
  REQUIRE(error->code >= 0);
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    REQUIRE(memchr(texts[i], '\0', sizes[i]) != NULL);
    REQUIRE(error->json || texts[i][0] == '\0');
    require_clean(texts[i], sizes[i] - 1);
    sum = sum_text(sum, texts[i]);
  }
  REQUIRE(error->json || (!error->details && error->code == 0));
  return SUM(sum, error->details);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  fuzz_decode(test, TTN_BODY_ERROR, (struct fuzz_input){bytes, n},
              check_records);
}
