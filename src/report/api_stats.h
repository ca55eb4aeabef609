/* SPDX-License-Identifier: MIT */
/* The values of an account: what ttn_api reports of each poll. */
#ifndef TTN_API_STATS_H
#define TTN_API_STATS_H

#include "base/failure.h"
#include "report/sink.h"

/* The account's last poll. Counters (statuses, failures) run since start. */
#define TTN_STATUSES 64
struct ttn_api_stats {
  bool up;
  bool listed; /* else it isn't known how many gateways there are */
  uint64_t gateways, connected, disconnected, unknown;
  int64_t poll;           /* how long it took, ns */
  int64_t rate_available; /* least seen in the poll, -1 = no such header */
  struct {
    int status;
    uint64_t n;
  } statuses[TTN_STATUSES];        /* n 0: unused */
  uint64_t failures[TTN_FAILURES]; /* by enum ttn_failure; only those > 0,
                                    * and `timeout`, `http`, `json` and
                                    * `connect` always */
};
void ttn_report_api(const struct ttn_sink *sink, uint32_t collect,
                    const char *account, const struct ttn_api_stats *stats);

#endif
