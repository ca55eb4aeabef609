/* SPDX-License-Identifier: MIT */
/* Which account reports which gateway under which host name. Two accounts that
 * report the same gateway to the same series would mix their values: the first
 * has it, the second keeps out of it. Shared by all accounts; thread-safe. */
#ifndef TTN_CLAIMS_H
#define TTN_CLAIMS_H

#include "account/account.h"

enum ttn_claim {
  TTN_CLAIM_OURS, /* the gateway is (now) owner's */
  TTN_CLAIM_OTHERS,
  TTN_CLAIM_UNKNOWN /* no memory: nothing is claimed */
};

/* Always ours when claims is NULL. host: the Host option or NULL. */
enum ttn_claim ttn_claims_take(struct ttn_claims *claims, const void *owner,
                               const char *host, const char *id);
/* Gives back one gateway, if it is owner's. */
void ttn_claims_give(struct ttn_claims *claims, const void *owner,
                     const char *host, const char *id);
/* Gives back all that owner has. */
void ttn_claims_drop(struct ttn_claims *claims, const void *owner);

#endif
