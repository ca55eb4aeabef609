/* SPDX-License-Identifier: MIT */
/* The decoder of auth_info. */
#include "decoders.h"
#include "base/hash.h"
#include "tts/records.h"

static bool has_right(const struct ttn_auth_info *info, const char *own) {
  for (size_t i = 0; i < info->n_rights; i++)
    if (strcmp(info->rights[i], own) == 0 ||
        strcmp(info->rights[i], "RIGHT_GATEWAY_ALL") == 0 ||
        strcmp(info->rights[i], "RIGHT_ALL") == 0)
      return true;
  return false;
}

static uint64_t check_records(const struct ttn_decoder *decoder,
                              enum ttn_body body) {
  const struct ttn_auth_info *info = ttn_decoder_auth_info(decoder);
  uint64_t sum = SUM(SUM(TTN_HASH, info->kind), info->n_rights);
  (void)body;
  require_clean(info->entity_id, 256);
  sum = sum_text(sum, info->entity_id);
  for (size_t i = 0; i < info->n_rights; i++) {
    require_clean(info->rights[i], 256);
    sum = sum_text(sum, info->rights[i]);
  }
  REQUIRE(info->can_read_status ==
          has_right(info, "RIGHT_GATEWAY_STATUS_READ"));
  REQUIRE(info->can_read_traffic ==
          has_right(info, "RIGHT_GATEWAY_TRAFFIC_READ"));
  return SUM(sum, info->is_admin);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  const struct fuzz_input input = {bytes, n};
  fuzz_decode(test, TTN_BODY_AUTH_INFO, input, check_records);
  fuzz_repeat(test, TTN_BODY_AUTH_INFO, input,
              "\"is_admin\":true,\"is_admin\":false}");
}
