/* SPDX-License-Identifier: MIT */
/* Which gateways an account wants: Gateway with IgnoreSelected as collectd's
 * ignorelist has them, and Shard. */
#ifndef TTN_FILTER_H
#define TTN_FILTER_H

#include "base/env.h"
#include "config/settings.h"

struct ttn_filter;

/* NULL: no memory, or an expression that can't be compiled: why says which. */
struct ttn_filter *ttn_filter_new(const struct ttn_env *env,
                                  const struct ttn_settings *settings,
                                  char *why, size_t why_size);
void ttn_filter_free(const struct ttn_env *env, struct ttn_filter *select);

bool ttn_filter_wanted(const struct ttn_filter *select, const char *id);

/* True: only exact names are wanted, so that no list is needed; they are
 * settings->gateways. */
bool ttn_filter_exact(const struct ttn_filter *select);

/* Which of n shards (1 to n, at least one) a gateway belongs to. From n to n +
 * 1 gateways move to the new shard only, about one in n + 1. A promise:
 * changing it would move gateways between collectds. */
int ttn_shard(const char *id, int n);

/* The number at the end of a host name's first part, behind a hyphen: 12 of
 * "ttn-12" and of "ttn-12.pods.local". -1: there is none; "3f02" of a container
 * is none. */
int ttn_ordinal(const char *host);

#endif
