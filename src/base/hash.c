/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

uint64_t ttn_hash(uint64_t h, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++)
    h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  return h;
}
