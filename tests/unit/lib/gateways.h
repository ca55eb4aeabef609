/* SPDX-License-Identifier: MIT */
/* What is known of a gateway, for tests that let it go several ways. */
#ifndef TEST_GATEWAYS_H
#define TEST_GATEWAYS_H

#include "gateway/gateway.h"

/* With counters of its own: ttn_gateway_free. */
struct ttn_gateway test_gateway_copy(const struct ttn_gateway *from);
/* The same, as the state file would have it. */
struct ttn_gateway test_gateway_saved(const struct ttn_gateway *from,
                                      bool with_values);

#endif
