/* SPDX-License-Identifier: MIT */
/* How much of one kind of call a host accepts now. Pure: no clock, no memory,
 * no network.
 *
 * The stack limits each kind of call apart, as a bucket that refills at a
 * constant rate (GCRA). X-Rate-Limit-Available and -Reset tell when it has room
 * again, before a call is refused. X-Rate-Limit-Retry is truncated, so one
 * second more is waited (tests/answers/rate-limit/batch-after-retry.json). The
 * first call of a kind is sent alone, and so is the first one after a refusal:
 * only its answer tells the limit. Calls for a single gateway are limited for
 * each gateway apart: there a refusal concerns that gateway only. */
#ifndef TTN_RATE_LIMIT_H
#define TTN_RATE_LIMIT_H

#include "http/http.h"

/* All times are of the monotonic clock, in ns. All zero: nothing known. */
struct rate_limit {
  bool per_gateway;   /* each gateway has a bucket of its own */
  bool known;         /* the last answer was no refusal */
  int64_t not_before; /* no call before */
  int64_t size;       /* X-Rate-Limit-Limit; 0: not limited */
  int64_t full_at;    /* when the bucket is full again */
  int64_t period;     /* ns until there is room for one call more */
  unsigned in_flight;
};

/* May a call be sent now? If not, *until becomes the time to look again, unless
 * *until is earlier, or an answer has to come first. */
bool rate_limit_allows(const struct rate_limit *limit, int64_t now,
                       int64_t *until);

/* How many calls may be sent now; INT64_MAX: as many as one likes. */
int64_t rate_limit_room(const struct rate_limit *limit, int64_t now);

void rate_limit_call_sent(struct rate_limit *limit);
void rate_limit_call_ended(struct rate_limit *limit);
/* Learns from an answer's status and X-Rate-Limit headers. */
void rate_limit_learn(struct rate_limit *limit, const struct ttn_answer *answer,
                      int64_t now);

/* How long a call that got this 429 waits before it is sent again, ns. */
int64_t rate_limit_wait(const struct ttn_answer *answer);

/* How long a host that answered 503 is left alone, ns: as its Retry-After says,
 * but at most 10 minutes, so that its return is not missed; 0: it has none. */
int64_t rate_limit_break(const struct ttn_answer *answer);

#endif
