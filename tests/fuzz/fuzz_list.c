/* SPDX-License-Identifier: MIT */
/* The decoder of the list of gateways. */
#include "decoders.h"
#include "base/hash.h"
#include "tts/ids.h"
#include "tts/records.h"

#include <ctype.h>

static uint64_t check_records(const struct ttn_decoder *decoder,
                              enum ttn_body body) {
  size_t n, skipped;
  (void)body;
  const struct ttn_listed *listed = ttn_decoder_listed(decoder, &n, &skipped);
  uint64_t sum = SUM(SUM(TTN_HASH, n), skipped);
  REQUIRE(n + skipped <= TTN_LIST_MAX);
  for (size_t i = 0; i < n; i++) {
    const struct ttn_listed *gateway = &listed[i];
    REQUIRE(gateway->id != NULL);
    REQUIRE(ttn_id_valid(gateway->id, strlen(gateway->id)));
    if (gateway->eui != NULL) {
      REQUIRE(strlen(gateway->eui) == 16);
      for (const char *c = gateway->eui; *c != '\0'; c++)
        REQUIRE(isxdigit((unsigned char)*c));
    }
    require_clean(gateway->name, 256);
    REQUIRE(gateway->address == NULL || strlen(gateway->address) <= 256);
    if (gateway->has_location) {
      const struct ttn_location *location = &gateway->location;
      REQUIRE(location->latitude >= -90 && location->latitude <= 90);
      REQUIRE(location->longitude >= -180 && location->longitude <= 180);
      sum = SUM(sum, gateway->location);
    }
    sum = sum_text(sum_text(sum, gateway->id), gateway->eui);
    sum = sum_text(sum_text(sum, gateway->name), gateway->address);
  }
  return sum;
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  const struct fuzz_input input = {bytes, n};
  fuzz_decode(test, TTN_BODY_LIST, input, check_records);
  fuzz_repeat(test, TTN_BODY_LIST, input, "\"gateways\":[],\"gateways\":[]}");
}
