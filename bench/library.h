/* SPDX-License-Identifier: MIT */
/* The whole library over the real network, with a sink that only counts. Here
 * its memory can be counted, and it is seen apart from what collectd does with
 * the values. */
#ifndef TTN_BENCH_LIBRARY_H
#define TTN_BENCH_LIBRARY_H

#include "account/account.h"

#include <time.h>

struct library {
  bool counts; /* its memory, which takes time */
  struct ttn_env env;
  struct ttn_sink sink;
  struct ttn_account *account;
  int64_t ahead;     /* ns by which its clocks are ahead of the system's */
  uint64_t values;   /* of gateways */
  uint64_t uplinks;  /* by spreading factor, as the latest poll has them */
  size_t live, peak; /* as malloc counts it, its own overhead but for headers
                      * included */
};

/* All zero at first but for counts. events: with Events and Traffic. net_of:
 * the network to use in place of one, or NULL. False: it can't be. */
bool library_open(struct library *library, const char *url, const char *ca_cert,
                  bool events,
                  const struct ttn_net *(*net_of)(const struct ttn_net *));
void library_close(struct library *library);

int64_t library_microseconds(clockid_t clock);

#endif
