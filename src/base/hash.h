/* SPDX-License-Identifier: MIT */
/* A hash that is written to state files and tells shards apart. */
#ifndef TTN_HASH_H
#define TTN_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a of 64 bits: h continues with n bytes more, and starts as TTN_HASH. It
 * must never change. */
#define TTN_HASH UINT64_C(0xcbf29ce484222325)
uint64_t ttn_hash(uint64_t h, const char *bytes, size_t n);

#endif
