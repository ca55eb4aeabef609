/* SPDX-License-Identifier: MIT */
#include "account/rate_limit.h"

#include <assert.h>

/* Seconds to wait after a 429 without headers, most likely a load balancer's;
 * and the longest wait. */
#define RETRY_UNKNOWN 10
#define RETRY_MAX 86400
#define BREAK_MAX 600
/* Headers beyond these are not believed. */
#define SIZE_LIMIT_MAX 1000000
#define RESET_MAX 86400

static int64_t calls_available(const struct rate_limit *limit, int64_t now) {
  if (limit->size == 0)
    return INT64_MAX;
  if (now >= limit->full_at || limit->period == 0)
    return limit->size;
  int64_t used = (limit->full_at - now + limit->period - 1) / limit->period;
  return used >= limit->size ? 0 : limit->size - used;
}

static void look_at(int64_t *until, int64_t at) {
  if (at < *until)
    *until = at;
}

bool rate_limit_allows(const struct rate_limit *limit, int64_t now,
                       int64_t *until) {
  if (!limit->known && limit->in_flight > 0)
    return false;
  if (limit->per_gateway)
    return true;
  if (now < limit->not_before) {
    look_at(until, limit->not_before);
    return false;
  }
  if (calls_available(limit, now) > (int64_t)limit->in_flight)
    return true;
  if (limit->in_flight == 0)
    look_at(until, limit->full_at - (limit->size - 1) * limit->period);
  return false;
}

int64_t rate_limit_room(const struct rate_limit *limit, int64_t now) {
  int64_t available = now < limit->not_before ? 0 : calls_available(limit, now);
  if (available == INT64_MAX)
    return INT64_MAX;
  return available > limit->in_flight ? available - limit->in_flight : 0;
}

void rate_limit_call_sent(struct rate_limit *limit) { limit->in_flight++; }

void rate_limit_call_ended(struct rate_limit *limit) {
  assert(limit->in_flight > 0);
  limit->in_flight--;
}

static int64_t retry_after_seconds(const struct ttn_answer *answer) {
  if (answer->retry_after >= 0)
    return answer->retry_after;
  if (answer->retry_at == 0 || answer->date == 0)
    return RETRY_UNKNOWN;
  return answer->retry_at > answer->date
             ? (answer->retry_at - answer->date) / TTN_SECOND
             : 0;
}

/* The stack sends X-Rate-Limit-Retry, proxies and load balancers Retry-After.
 */
static int64_t retry_seconds(const struct ttn_answer *answer) {
  return answer->rate_retry >= 0 ? answer->rate_retry
                                 : retry_after_seconds(answer);
}

int64_t rate_limit_wait(const struct ttn_answer *answer) {
  int64_t retry = retry_seconds(answer);
  return ((retry > RETRY_MAX ? RETRY_MAX : retry) + 1) * TTN_SECOND;
}

int64_t rate_limit_break(const struct ttn_answer *answer) {
  bool dated = answer->retry_at != 0 && answer->date != 0;
  if (answer->status != 503 || (answer->retry_after < 0 && !dated))
    return 0;
  int64_t seconds = retry_after_seconds(answer);
  return (seconds > BREAK_MAX ? BREAK_MAX : seconds) * TTN_SECOND;
}

void rate_limit_learn(struct rate_limit *limit, const struct ttn_answer *answer,
                      int64_t now) {
  limit->known = answer->status != 429 || limit->per_gateway;
  if (limit->per_gateway)
    return;
  if (answer->status == 429)
    limit->not_before = now + rate_limit_wait(answer);
  if (answer->rate_limit <= 0 || answer->rate_available < 0 ||
      answer->rate_reset < 0 || answer->rate_limit > SIZE_LIMIT_MAX ||
      answer->rate_reset > RESET_MAX) {
    limit->size = 0;
    return;
  }
  int64_t available = answer->rate_available;
  if (available > answer->rate_limit)
    available = answer->rate_limit;
  /* Answers may overtake each other: the lowest of those under way holds. */
  int64_t before = calls_available(limit, now);
  if (limit->in_flight > 0 && before < available)
    return;
  int64_t used = answer->rate_limit - available;
  int64_t reset = (answer->rate_reset + 1) * TTN_SECOND;
  limit->size = answer->rate_limit;
  limit->full_at = used == 0 ? now : now + reset;
  limit->period = used == 0 ? reset : reset / used;
}
