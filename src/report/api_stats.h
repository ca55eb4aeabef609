/* SPDX-License-Identifier: MIT */
/* The values of an account: what ttn_api reports of each poll. */
#ifndef TTN_API_STATS_H
#define TTN_API_STATS_H

#include "base/failure.h"
#include "report/sink.h"

#define TTN_STATUSES 64
/* Since the start. account/context.c writes it. */
struct ttn_api_counters {
  struct {
    int status;
    uint64_t n;
  } statuses[TTN_STATUSES];        /* n 0: unused */
  uint64_t failures[TTN_FAILURES]; /* by enum ttn_failure; only those > 0,
                                    * and `timeout`, `http`, `json` and
                                    * `connect` always */
  int64_t rate_available; /* least seen in this poll, -1 = no such header */
};

/* The account's last poll. The caller fills it. */
struct ttn_api_stats {
  bool up;
  bool listed; /* else it isn't known how many gateways there are */
  uint64_t gateways, connected, disconnected, unknown;
  int64_t poll; /* how long it took, ns */
  const struct ttn_api_counters *counters;
};
void ttn_report_api(const struct ttn_sink *sink, uint32_t collect,
                    const char *account, const struct ttn_api_stats *stats);

#endif
