/* SPDX-License-Identifier: MIT */
/* One gateway: (what was known, what an answer proves) -> (what is known now,
 * what to report). It does not know HTTP, JSON, collectd, files or clocks, so
 * that every case can be tested: tests/unit/gateway/test_gateway.c has each
 * cell of the tables below, and test_gateway_model.c all short stories.
 *
 * The stack counts a gateway's messages from 0 on each connection. Here value =
 * count + offset, and the offset holds what earlier connections had. Only what
 * an answer proves is added, so a value never decreases, except after a kill of
 * collectd (below).
 *
 * 1. Whose counts are these? By what is known (perhaps from the state file)
 * and the entry's connected_at:
 *
 *   known                    | none    | later   | same, earlier
 *   -------------------------+---------+---------+--------------
 *   nothing                  | running | running | running
 *   a connected_at           | running | NEW     | running
 *   disconnected_at only     | running | NEW     | running
 *   disconnected, no time    | running | NEW     | -
 *
 * An earlier connected_at than the known one is the same connection: if several
 * servers have a gateway, the stack keeps the earliest. If it is earlier than
 * the time when the gateway is known to have been disconnected, the connection
 * was there all the time, and the answer that lacked it was wrong. "None" is a
 * disconnected entry, which has lost its connected_at; one that still has it is
 * recognised by it. An entry that ended before the known connection began is
 * old: a cluster keeps it for two days, and the gateway has been connected to
 * another cluster since. It proves no more than an answer that lacks the
 * gateway.
 *
 * 2. State, and per kind of message what becomes of value and offset:
 *
 *   answer            | count        | never reported    | reported
 *   ------------------+--------------+-------------------+------------------
 *   NEW               | there        | offset = 0, count | offset = value,
 *                     |              |                   |   + count
 *                     | absent       | offset = 0, 0     | offset = value
 *   running,          | value or up  | count + offset    | count + offset
 *     connected       | lower        | count + offset    | stays, offset =
 *                     |              |                   |   value - count
 *                     | absent       | silent            | stays
 *   running,          | value or up  | count + offset(*) | count + offset
 *     disconnected    | lower        | count + offset(*) | stays
 *                     | absent       | silent            | stays
 *   absent everywhere |              | silent            | stays
 *   nothing           |              | silent, nothing changes
 *
 * NEW entries can be connected or disconnected. "Stays" is reported, its rate
 * is 0.
 *
 * (*) but with an offset from a state file that has no values (collectd was
 * killed) and no connected_at in the entry it is silent: if the count is not
 * of the connection that the offset belongs to, the sum would be lower than
 * what was reported last. Prometheus reads a counter that decreases as a reset,
 * and its whole value as new messages.
 *
 * The first value of a series is only a base for writers to count from. It is
 * the count itself, also if a whole new connection was proved: a 0 before it
 * would be a number that the API did not give.
 *
 * What can't be proved, and is not added: a connection that began and ended
 * between two answers and left a lower count; messages of other servers after
 * a drop without a later connected_at.
 *
 * After a kill it is not known what was reported last, and a lower value is
 * reported as it is. Prometheus adds the whole value, which is right for a new
 * connection, and wrong for a lower count of another server; RRDtool skips the
 * step. If a new connection's count is not lower, it looks like the old one:
 * only the difference to the value reported last is added. */
#include "gateway/gateway.h"

#include <string.h>

/* The clocks of gateway servers and of the server that writes Date differ a
 * little. */
#define FUTURE (3600 * TTN_SECOND)

const char *ttn_state_name(enum ttn_state state) {
  switch (state) {
  case TTN_CONNECTED:
    return "connected";
  case TTN_DISCONNECTED:
    return "disconnected";
  default:
    return "unknown";
  }
}

void ttn_gateway_forget_values(struct ttn_gateway *gateway) {
  gateway->reported = 0;
}

bool ttn_gateway_has_offset(const struct ttn_gateway *gateway) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (gateway->offset[k] != 0)
      return true;
  return false;
}

/* Table 1. at: 0 = none. */
static bool is_new(const struct ttn_gateway *known, int64_t at) {
  if (at == 0)
    return false;
  if (known->connected_at != 0)
    return at > known->connected_at;
  if (known->disconnected_at != 0)
    return at > known->disconnected_at;
  return known->shown == TTN_DISCONNECTED;
}

static bool is_past(const struct ttn_gateway *known,
                    const struct ttn_stats *stats) {
  return (stats->has & TTN_HAS_CONNECTED_AT) == 0 &&
         (stats->has & TTN_HAS_DISCONNECTED_AT) != 0 &&
         (stats->disconnected_at <= known->connected_at ||
          stats->disconnected_at < known->disconnected_at);
}

bool ttn_gateway_is_end(const struct ttn_gateway *known,
                        const struct ttn_stats *stats) {
  return (known->connected_at != 0 || known->disconnected_at != 0) &&
         !is_past(known, stats);
}

/* Table 2, for an entry. at: its connected_at. False: no DERIVE holds that. */
static bool learn_count(struct ttn_gateway *next, int k,
                        const struct ttn_stats *stats, bool fresh, int64_t at) {
  uint8_t bit = (uint8_t)(1u << k);
  bool reported = (next->reported & bit) != 0;
  bool there = (stats->has & ((uint32_t)TTN_HAS_COUNT << k)) != 0;
  uint64_t count = there ? stats->count[k] : 0;

  if (fresh)
    next->offset[k] = next->value[k]; /* 0, if it was never reported */
  else if (!there)
    return true;
  else if (at == 0 && !reported && next->offset[k] != 0)
    return true; /* (*) */

  if (next->offset[k] > INT64_MAX || count > INT64_MAX - next->offset[k])
    return false;
  uint64_t sum = count + next->offset[k];
  if (reported && sum < next->value[k]) {
    if (next->shown == TTN_CONNECTED)
      next->offset[k] = next->value[k] - count;
    return true;
  }
  next->value[k] = sum;
  next->reported |= bit;
  return true;
}

/* Returns why it is implausible, or NULL. */
static const char *learn_entry(struct ttn_gateway *next,
                               const struct ttn_stats *stats,
                               int64_t server_time) {
  /* 0 is Go's zero time, which is none. */
  int64_t at =
      (stats->has & TTN_HAS_CONNECTED_AT) != 0 ? stats->connected_at : 0;
  int64_t gone =
      (stats->has & TTN_HAS_DISCONNECTED_AT) != 0 ? stats->disconnected_at : 0;
  if (at == 0 && gone == 0)
    return "it has neither connected_at nor disconnected_at";
  if (server_time != 0 && at - FUTURE > server_time)
    return "its connected_at is more than an hour after the answer's Date";

  bool fresh = is_new(next, at);
  /* Only servers before 3.17.2 sent both times. */
  next->shown = at > gone ? TTN_CONNECTED : TTN_DISCONNECTED;
  if (at > next->connected_at)
    next->connected_at = at;
  next->disconnected_at = next->shown == TTN_CONNECTED ? 0 : gone;
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (!learn_count(next, k, stats, fresh, at))
      return "a message count is beyond 2^63-1";
  return NULL;
}

static void learn_absent(struct ttn_gateway *next, int64_t server_time) {
  next->shown = TTN_DISCONNECTED;
  if (next->disconnected_at == 0)
    next->disconnected_at = server_time;
}

/* Would the state file hold something else of it? */
static bool offset_moved(const struct ttn_gateway *before,
                         const struct ttn_gateway *after) {
  if (memcmp(before->offset, after->offset, sizeof before->offset) != 0)
    return true;
  /* The same offset on a new connection, which sent nothing before: with the
   * old connected_at in the file, that connection's count would be taken for
   * new after a kill. */
  return before->connected_at != after->connected_at &&
         ttn_gateway_has_offset(after);
}

struct ttn_outcome ttn_gateway_learn(struct ttn_gateway *gateway,
                                     enum ttn_proof proof,
                                     const struct ttn_stats *stats,
                                     int64_t server_time, const char **why) {
  struct ttn_outcome outcome = {.state = TTN_UNKNOWN};
  struct ttn_gateway next = *gateway;

  *why = NULL;
  if (proof == TTN_PROOF_NONE)
    return outcome;
  if (proof == TTN_PROOF_ENTRY && is_past(&next, stats))
    learn_absent(&next, server_time);
  else if (proof == TTN_PROOF_ENTRY)
    *why = learn_entry(&next, stats, server_time);
  else
    learn_absent(&next, server_time);
  if (*why != NULL)
    return outcome;

  outcome.state = (enum ttn_state)next.shown;
  outcome.counts = next.reported;
  outcome.offset_moved = offset_moved(gateway, &next);
  memcpy(outcome.value, next.value, sizeof outcome.value);
  *gateway = next;
  return outcome;
}
