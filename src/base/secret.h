/* SPDX-License-Identifier: MIT */
/* Keeping the key out of memory that is given back, and out of log lines. */
#ifndef TTN_SECRET_H
#define TTN_SECRET_H

#include <stddef.h>

/* A key is NNSXS.<39 of base 32>.<52 of base 32> (lorawan-stack pkg/auth). */
#define TTN_KEY_PREFIX "NNSXS."
#define TTN_KEY_BASE32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/* Overwrites memory in a way that no compiler removes. */
void ttn_secret_wipe(void *p, size_t size);

/* Replaces with stars what looks like a part of a key: a hostile answer may
 * repeat the Authorization header, and words of answers are shown. ttn_log does
 * it to every line. */
void ttn_secret_mask(char *text);

#endif
