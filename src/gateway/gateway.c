/* SPDX-License-Identifier: MIT */
/* One gateway: (what was known, what an answer proves) -> (what is known now,
 * what to report). tests/unit/gateway/test_gateway.c has each cell of the
 * tables below, test_gateway_model.c all short stories of one server, and
 * test_two_servers.c those of several.
 *
 * value = count + offset: the stack counts from 0 on each connection, and the
 * offset holds what earlier ones had. Only what an answer proves is added, so a
 * value never decreases, except after a kill of collectd (below).
 *
 * Where several Gateway Servers hold one gateway, their registry shows one
 * server's counts after the other's, under the earliest connected_at; where a
 * connection begins, its connected_at and nothing else, until the other server
 * writes again. So a count that falls is another counter's, and so may be one
 * that rises: counters.h has the rule that tells them apart.
 *
 * 1. Whose counts are these? By what is known (perhaps from the state file)
 * and the entry's connected_at:
 *
 *   known                | none    | later  | same    | earlier
 *   ---------------------+---------+--------+---------+-----------------
 *   nothing              | running | running| running | running
 *   a connected_at       | running | NEW(1) | running | BACK, EARLIER(2)
 *   disconnected_at only | running | NEW    | running | running
 *   disconnected, no time| running | NEW    | -       | -
 *
 * (1) NEW only if it is later than all that answers showed: a connection that
 * began before is another server's, which shows because the one with the
 * earlier connected_at is gone; then the counts are running. Where a gateway is
 * known to be disconnected, no answer can have shown what began after that.
 * (2) BACK: not before the earliest connected_at of those that were set aside:
 * its server is still there. EARLIER: of a server that was never seen.
 *
 * If connected_at is earlier than the time when the gateway is known to have
 * been disconnected, the connection was there all the time, and the answer that
 * lacked it was wrong. "None" is a disconnected entry, which has lost its
 * connected_at; one that still has it is recognised by it. An entry that ended
 * before the known connection began is old: a cluster keeps it for two days,
 * and the gateway has been connected to another cluster since. It proves no
 * more than an answer that lacks the gateway.
 *
 * 2. State, and per kind of message what becomes of value and counters:
 *
 *   answer            | count       | never reported    | reported
 *   ------------------+-------------+-------------------+------------------
 *   NEW               | there       | offset = 0, count | value + count
 *                     | absent      | offset = 0, 0     | stays
 *   running, BACK     | of a counter| count + offset    | value + growth
 *     connected       | never seen  | count + offset    | stays, added
 *                     | absent      | silent            | stays
 *   EARLIER           | there       | count + offset    | stays, added
 *   running,          | of a counter| count + offset(*) | value + growth
 *     disconnected    | never seen  | count + offset(*) | stays
 *                     | absent      | silent            | stays
 *   absent everywhere |             | silent            | stays
 *   nothing           |             | silent, nothing changes
 *
 * NEW entries can be connected or disconnected. "Stays" is reported, its rate
 * is 0. NEW sets the counters known so far aside: they come back with BACK, and
 * are forgotten when no server can bring them back any more. A count in a NEW
 * entry can still be that of the server before: then its growth is added.
 *
 * A disconnected entry may be the end of one server's connection while the
 * gateway is connected to another. Where several were seen lately, the gateway
 * is unknown until the next answer.
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
 * between two answers and left a lower count; what a server counted before its
 * counter was seen for the first time. What can't be told apart, and is added:
 * the first sight of another server's counter that is higher than the known
 * one, has a later message, and no more than 500 messages a second between.
 *
 * After a kill it is not known what was reported last, and a lower value is
 * reported as it is. Prometheus adds the whole value, which is right for a new
 * connection; RRDtool skips the step. If a new connection's count is not lower,
 * it looks like the old one: only the difference to the value reported last is
 * added. Where several counters are known, the file has them and the values
 * too, and nothing is lost. */
#include "gateway/gateway.h"

#include <string.h>

/* The clocks of gateway servers and of the server that writes Date differ a
 * little. */
#define FUTURE (3600 * TTN_SECOND)

static const char too_many[] = "a message count is beyond 2^63-1";

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

bool ttn_gateway_has_servers(const struct ttn_gateway *known) {
  struct ttn_counter_sets sets;
  if (known->counters == NULL)
    return false;
  ttn_counter_store_read(known->counters, &sets);
  return ttn_counter_sets_several(&sets);
}

bool ttn_gateway_has_offset(const struct ttn_gateway *gateway) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (gateway->offset[k] != 0)
      return true;
  return ttn_gateway_has_servers(gateway);
}

struct ttn_gateway ttn_gateway_take(struct ttn_gateway *from) {
  struct ttn_gateway taken = *from;
  *from = (struct ttn_gateway){0};
  return taken;
}

void ttn_gateway_free(struct ttn_gateway *gateway, const struct ttn_env *env) {
  ttn_free(env, gateway->counters);
  ttn_free(env, gateway->live);
  gateway->counters = NULL;
  gateway->live = NULL;
}

/* Those of the store, or the one of each kind that is reported. */
static void read_counters(const struct ttn_gateway *gateway,
                          struct ttn_counter_sets *sets) {
  ttn_counter_store_read(gateway->counters, sets);
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((gateway->reported & 1u << k) == 0)
      ttn_counters_clear(&sets->now[k]);
    else if (sets->now[k].n == 0)
      ttn_counters_add(&sets->now[k],
                       gateway->value[k] - (uint64_t)gateway->offset[k],
                       gateway->last[k] * TTN_SECOND);
}

static bool keep_counters(const struct ttn_env *env,
                          struct ttn_gateway *gateway,
                          const struct ttn_counter_sets *sets) {
  for (int k = 0; k < TTN_MESSAGES; k++) {
    const struct ttn_counters *now = &sets->now[k];
    if (now->n == 1) {
      gateway->offset[k] = (int64_t)(gateway->value[k] - now->item[0].count);
      gateway->last[k] = (uint32_t)(now->item[0].last / TTN_SECOND);
    } else if (now->n > 1) {
      gateway->offset[k] = 0;
    }
  }
  return ttn_counter_store_keep(env, &gateway->counters, sets);
}

/* Later than this, no connection can have begun that an answer showed already.
 * With one server this holds for each connection that begins again, whatever
 * clock the Date is of. */
static int64_t seen_until(const struct ttn_gateway *known,
                          const struct ttn_counter_sets *sets) {
  if (ttn_counter_sets_several(sets))
    return sets->answered_at;
  int64_t first = known->first_answer * TTN_SECOND;
  int64_t last = ttn_counter_sets_last(sets);
  return first > last ? first : last;
}

/* Table 1. at: 0 = none. */
enum whose { RUNNING, NEW, BACK, EARLIER };
static enum whose whose_counts(const struct ttn_gateway *known,
                               const struct ttn_counter_sets *sets,
                               int64_t at) {
  if (at == 0)
    return RUNNING;
  if (known->connected_at == 0)
    return known->disconnected_at != 0
               ? (at > known->disconnected_at ? NEW : RUNNING)
               : (known->shown == TTN_DISCONNECTED ? NEW : RUNNING);
  if (at < known->connected_at)
    return sets->before_at != 0 && at >= sets->before_at ? BACK : EARLIER;
  bool after_end = known->shown == TTN_DISCONNECTED &&
                   known->disconnected_at != 0 && at > known->disconnected_at;
  return at > known->connected_at && (after_end || at > seen_until(known, sets))
             ? NEW
             : RUNNING;
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

/* The first value of a kind, of the count `first`, or some more. False: no
 * DERIVE holds that. */
static bool add_messages(struct ttn_gateway *next, int k, uint64_t first,
                         uint64_t more) {
  uint8_t bit = (uint8_t)(1u << k);
  int64_t offset = next->offset[k];
  if ((next->reported & bit) != 0)
    next->value[k] += more;
  else if (offset < 0 && first < (uint64_t)-offset)
    next->value[k] = 0; /* it is not the counter that the offset is of */
  else
    next->value[k] = first + (uint64_t)offset;
  next->reported |= bit;
  return next->value[k] <= INT64_MAX;
}

/* A connection began: the offset of a kind that was not reported since the
 * start is of an earlier one. */
static void begin_counts(struct ttn_gateway *next) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((next->reported & 1u << k) == 0)
      next->offset[k] = 0;
}

/* Table 2, for an entry. at: when its connection began, 0 = not known. False:
 * no DERIVE holds that. */
static bool learn_count(struct ttn_gateway *next, struct ttn_counter_sets *sets,
                        int k, const struct ttn_stats *stats, enum whose whose,
                        int64_t at) {
  bool reported = (next->reported & 1u << k) != 0;
  bool there = (stats->has & ((uint32_t)TTN_HAS_COUNT << k)) != 0;
  uint64_t count = there ? stats->count[k] : 0, more = 0;
  int64_t last =
      (stats->has & ((uint32_t)TTN_HAS_LAST << k)) != 0 ? stats->last[k] : 0;

  if (whose == NEW) {
    count = more =
        ttn_counter_sets_begin(sets, (enum ttn_message)k, at, count, last);
  } else if (!there || (!reported && at == 0 && next->offset[k] != 0)) {
    return true; /* (*) */
  } else if (!reported || whose == EARLIER) {
    ttn_counters_add(&sets->now[k], count, last);
  } else {
    more = ttn_counter_sets_grow(sets, (enum ttn_message)k, count, last,
                                 next->shown == TTN_CONNECTED);
  }
  return add_messages(next, k, count, more);
}

static bool counts_fit(const struct ttn_stats *stats) {
  for (int k = 0; k < TTN_MESSAGES; k++)
    if ((stats->has & ((uint32_t)TTN_HAS_COUNT << k)) != 0 &&
        stats->count[k] > INT64_MAX)
      return false;
  return true;
}

/* *at, *gone: 0 = none, which is also Go's zero time. Returns why the entry is
 * implausible, or NULL. */
static const char *check_entry(const struct ttn_stats *stats,
                               int64_t server_time, int64_t *at,
                               int64_t *gone) {
  *at = (stats->has & TTN_HAS_CONNECTED_AT) != 0 ? stats->connected_at : 0;
  *gone =
      (stats->has & TTN_HAS_DISCONNECTED_AT) != 0 ? stats->disconnected_at : 0;
  if (*at == 0 && *gone == 0)
    return "it has neither connected_at nor disconnected_at";
  if (server_time != 0 && *at - FUTURE > server_time)
    return "its connected_at is more than an hour after the answer's Date";
  return counts_fit(stats) ? NULL : too_many;
}

/* Returns why it is implausible, or NULL. */
static const char *learn_entry(struct ttn_gateway *next,
                               struct ttn_counter_sets *sets,
                               const struct ttn_stats *stats,
                               int64_t server_time, bool *doubtful) {
  int64_t at, gone;
  const char *why = check_entry(stats, server_time, &at, &gone);
  if (why != NULL)
    return why;

  struct ttn_gateway before = *next;
  enum whose whose = whose_counts(next, sets, at);
  if (whose == NEW) {
    ttn_counter_sets_set_aside(sets, next->connected_at);
    begin_counts(next);
  } else if (whose != RUNNING) {
    ttn_counter_sets_bring_back(sets);
  }
  /* Only servers before 3.17.2 sent both times. */
  next->shown = at > gone ? TTN_CONNECTED : TTN_DISCONNECTED;
  if (at != 0)
    next->connected_at = at;
  next->disconnected_at = next->shown == TTN_CONNECTED ? 0 : gone;
  if (next->first_answer == 0 && server_time > 0)
    next->first_answer = (uint32_t)(server_time / TTN_SECOND);
  /* If a server's clock is ahead of Date, which messages came before the
   * connection is not known. */
  bool ahead = whose == NEW && server_time != 0 && at > server_time;
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (!learn_count(next, sets, k, stats, whose, ahead ? 0 : at))
      return too_many;
  ttn_counter_sets_answered(sets, server_time, at > gone ? at : gone,
                            whose == NEW);
  *doubtful = ttn_counter_sets_doubt(sets, at <= gone && whose == RUNNING);
  if (*doubtful) {
    next->shown = before.shown;
    next->disconnected_at = before.disconnected_at;
  }
  return NULL;
}

static void learn_absent(struct ttn_gateway *next, int64_t server_time) {
  next->shown = TTN_DISCONNECTED;
  if (next->disconnected_at == 0)
    next->disconnected_at = server_time;
}

/* Would the state file hold something else of it? */
static bool offset_moved(const struct ttn_gateway *before,
                         const struct ttn_gateway *after,
                         const struct ttn_counter_sets *sets_before,
                         const struct ttn_counter_sets *sets_after) {
  if (memcmp(before->offset, after->offset, sizeof before->offset) != 0)
    return true;
  /* After a kill a lower value would be read as a reset, and added whole. A row
   * that has values is also replaced when the gateway needs none any more. */
  if ((ttn_counter_sets_several(sets_before) ||
       ttn_counter_sets_several(sets_after)) &&
      (!ttn_counter_sets_same(sets_before, sets_after) ||
       memcmp(before->value, after->value, sizeof before->value) != 0))
    return true;
  /* The same offset on a new connection, which sent nothing before: with the
   * old connected_at in the file, that connection's count would be taken for
   * new after a kill. */
  return before->connected_at != after->connected_at &&
         ttn_gateway_has_offset(after);
}

/* ---- events ---- */

bool ttn_gateway_follow(const struct ttn_env *env,
                        struct ttn_gateway *gateway) {
  if (gateway->live == NULL)
    gateway->live = ttn_alloc(env, sizeof *gateway->live);
  return gateway->live != NULL;
}

void ttn_gateway_unfollow(struct ttn_gateway *gateway) {
  if (gateway->live != NULL)
    ttn_live_forget(gateway->live);
}

/* Statistics of one connection. sets: unfolded. */
static bool learn_connection(struct ttn_gateway *next, struct ttn_live *live,
                             struct ttn_counter_sets *sets,
                             const struct ttn_stats *stats, int64_t time,
                             bool several) {
  int64_t at = stats->connected_at;
  struct ttn_connection *connection = ttn_live_find(live, at);
  struct ttn_naming how = {at == next->connected_at, several};
  if (connection == NULL) {
    bool began = ttn_live_is_begin(live, at, next->connected_at,
                                   ttn_live_has_unnamed(live, sets));
    connection = ttn_live_add(live, at, began);
    if (began) {
      next->connected_at = at;
      ttn_live_connected(live, at, true);
      begin_counts(next);
    }
    for (int k = 0; began && k < TTN_MESSAGES; k++)
      if (!add_messages(next, k, 0, 0))
        return false;
  }
  ttn_live_heard(live, connection, time);
  for (int k = 0; k < TTN_MESSAGES; k++) {
    if ((stats->has & ((uint32_t)TTN_HAS_COUNT << k)) == 0)
      continue;
    uint64_t more = ttn_live_count(live, connection, sets, (enum ttn_message)k,
                                   stats->count[k], stats->last[k], time, how);
    bool exact = (connection->exact & 1u << k) != 0;
    if (exact && !add_messages(next, k, stats->count[k], more))
      return false;
  }
  return true;
}

static void set_state(struct ttn_gateway *next, struct ttn_live *live,
                      enum ttn_state state, int64_t time) {
  if (time < live->state_at || time < live->answered_at)
    return;
  ttn_live_state(live, time);
  next->shown = (uint8_t)state;
  next->disconnected_at =
      state == TTN_DISCONNECTED ? ttn_live_gone_at(live, time) : 0;
}

bool ttn_gateway_event(const struct ttn_env *env, struct ttn_gateway *gateway,
                       enum ttn_event_kind kind, const struct ttn_stats *stats,
                       int64_t time) {
  struct ttn_gateway next = *gateway;
  struct ttn_live *known = gateway->live, live = *known;
  struct ttn_counter_sets before, sets;
  bool connected = kind != TTN_EVENT_DISCONNECT &&
                   (stats->has & TTN_HAS_CONNECTED_AT) != 0 &&
                   stats->connected_at - FUTURE < time && counts_fit(stats);
  read_counters(gateway, &before);
  sets = before;
  ttn_live_unfold(&live, &sets);
  ttn_live_expire(&live, time);
  if (connected) {
    if (!learn_connection(&next, &live, &sets, stats, time,
                          ttn_counter_sets_several(&before)))
      return false;
    if (kind == TTN_EVENT_CONNECT)
      ttn_live_connected(&live, stats->connected_at, true);
    set_state(&next, &live, TTN_CONNECTED, time);
    ttn_live_trim(&live, &sets, time);
  } else if (kind == TTN_EVENT_DISCONNECT) {
    if (!ttn_live_has_unnamed(&live, &sets) && ttn_live_end(&live, time))
      set_state(&next, &live, TTN_DISCONNECTED, time);
  } else if ((stats->has & TTN_HAS_DISCONNECTED_AT) != 0) {
    ttn_live_gone(&live, stats->disconnected_at);
  }
  ttn_live_fold(&live, &sets);
  if (!keep_counters(env, &next, &sets))
    return false;
  if (offset_moved(gateway, &next, &before, &sets))
    ttn_live_moved(&live, true);
  bool changed = next.shown != gateway->shown;
  *gateway = next;
  *known = live;
  return changed;
}

/* An answer, of a gateway whose connections events told of: it confirms, and
 * fills what events lack. Returns why it is implausible, or NULL. */
static const char *confirm_entry(struct ttn_gateway *next,
                                 struct ttn_live *live,
                                 struct ttn_counter_sets *sets,
                                 const struct ttn_stats *stats,
                                 int64_t server_time, bool several) {
  int64_t at, gone;
  const char *why = check_entry(stats, server_time, &at, &gone);
  if (why != NULL)
    return why;
  bool old = server_time <= live->state_at; /* Date has whole seconds */
  ttn_live_expire(live, server_time);
  struct ttn_connection *own =
      at != 0 ? ttn_live_find(live, at) : ttn_live_only(live);
  if (own == NULL &&
      ttn_live_is_begin(live, at, next->connected_at,
                        ttn_live_has_unnamed(live, sets)) &&
      at > gone) {
    own = ttn_live_add(live, at, true);
    ttn_live_heard(live, own, server_time);
    begin_counts(next);
  }
  if (own != NULL && !own->alone)
    own = NULL; /* the counts may be another connection's */
  for (int k = 0; k < TTN_MESSAGES; k++) {
    if ((stats->has & ((uint32_t)TTN_HAS_COUNT << k)) == 0)
      continue;
    uint64_t count = stats->count[k];
    int64_t last = stats->last[k];
    if ((next->reported & 1u << k) == 0)
      ttn_counters_add(&sets->now[k], count, last);
    bool others = ttn_count_is_older(count, last, at);
    uint64_t more =
        own != NULL && (own->exact & 1u << k) != 0 && !others
            ? ttn_live_count(live, own, sets, (enum ttn_message)k, count, last,
                             server_time, (struct ttn_naming){0})
        : at == 0 || at == next->connected_at
            ? ttn_live_count_any(live, sets, (enum ttn_message)k, count, last,
                                 several)
            : 0;
    if (!add_messages(next, k, count, more))
      return too_many;
  }
  ttn_counter_sets_answered(sets, server_time, at > gone ? at : gone, false);
  if (at != 0)
    next->connected_at = at;
  /* Of several connections perhaps only one ended. */
  if (!old && (at > gone || ttn_live_open(live) < 2)) {
    next->shown = at > gone ? TTN_CONNECTED : TTN_DISCONNECTED;
    next->disconnected_at = at > gone ? 0 : gone;
    if (at <= gone)
      ttn_live_end_all(live);
  }
  return NULL;
}

static uint16_t used_bands(const struct ttn_stats *stats) {
  uint16_t used = 0;
  for (size_t i = 0; i < stats->n_bands; i++)
    if (stats->bands[i].utilization > 0)
      used |= ttn_band_bit(i);
  return used;
}

/* What an answer changes in *next, and in what is known of its counters.
 * Returns why it is implausible, or NULL. */
static const char *learn_answer(const struct ttn_env *env,
                                struct ttn_gateway *next, struct ttn_live *live,
                                struct ttn_counter_sets *sets,
                                const struct ttn_stats *stats,
                                int64_t server_time, bool *doubtful) {
  const char *why;
  bool first = next->first_answer == 0;
  if (ttn_live_is_exact(live)) {
    bool several = ttn_counter_sets_several(sets);
    ttn_live_unfold(live, sets);
    why = confirm_entry(next, live, sets, stats, server_time, several);
    ttn_live_fold(live, sets);
  } else {
    why = learn_entry(next, sets, stats, server_time, doubtful);
  }
  if (why != NULL)
    return why;
  next->bands |= used_bands(stats);
  int64_t at = next->connected_at;
  ttn_live_connected(live, at, !first && at > next->first_answer * TTN_SECOND);
  return keep_counters(env, next, sets) ? NULL
                                        : "there is no memory for its counters";
}

struct ttn_outcome ttn_gateway_learn(const struct ttn_env *env,
                                     struct ttn_gateway *gateway,
                                     enum ttn_proof proof,
                                     const struct ttn_stats *stats,
                                     int64_t server_time, const char **why) {
  struct ttn_outcome outcome = {.state = TTN_UNKNOWN};
  struct ttn_gateway next = *gateway;
  struct ttn_live *known = gateway->live, live = {0};
  struct ttn_counter_sets before, after;
  bool doubtful = false;

  *why = NULL;
  if (proof == TTN_PROOF_NONE)
    return outcome;
  if (known != NULL)
    live = *known;
  read_counters(gateway, &before);
  after = before;
  outcome.past = proof == TTN_PROOF_ENTRY && is_past(&next, stats);
  if (proof == TTN_PROOF_ENTRY && !outcome.past)
    *why =
        learn_answer(env, &next, &live, &after, stats, server_time, &doubtful);
  else if (server_time == 0 || server_time > live.state_at)
    learn_absent(&next, server_time);
  ttn_live_answered(&live, server_time);
  if (*why != NULL)
    return outcome;

  outcome.offset_moved =
      offset_moved(gateway, &next, &before, &after) || live.moved;
  ttn_live_moved(&live, false);
  *gateway = next;
  if (known != NULL)
    *known = live;
  if (doubtful)
    return outcome;
  outcome.followed = known != NULL;
  outcome.connects = live.connects;
  outcome.state = (enum ttn_state)next.shown;
  outcome.counts = next.reported;
  outcome.bands = next.bands;
  memcpy(outcome.value, next.value, sizeof outcome.value);
  return outcome;
}
