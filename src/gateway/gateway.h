/* SPDX-License-Identifier: MIT */
/* What is known of one gateway, and what an answer makes of it: states and
 * counts that survive everything. Pure: no HTTP, no JSON text, no collectd,
 * no clock; memory only for a gateway that several Gateway Servers may hold.
 * gateway.c's head holds the tables of transitions. */
#ifndef TTN_GATEWAY_H
#define TTN_GATEWAY_H

#include "gateway/live.h"
#include "tts/decode.h"
#include "base/env.h"

enum ttn_state { TTN_UNKNOWN, TTN_CONNECTED, TTN_DISCONNECTED };
const char *ttn_state_name(enum ttn_state state);

/* Kept between polls; all zero = never heard of. Per kind k, while one counter
 * of it is known: value = the API's count + offset[k]. */
struct ttn_gateway {
  uint8_t shown;         /* enum ttn_state: what the last proof showed;
                          * TTN_UNKNOWN = no proof since start */
  uint8_t reported;      /* bit k: value[k] was reported (or came from a clean
                          * shutdown's state file) */
  uint16_t bands;        /* bits of ttn_band_bit: sub-bands that were used since
                          * start */
  uint32_t first_answer; /* Date of the first answer since start, in seconds
                          * since 1970; 0 = none */
  int64_t connected_at;  /* of the last answer that had one; the offsets belong
                          * to it; 0 = none */
  int64_t disconnected_at; /* while disconnected: since when, as the entry says,
                            * or the Date of the first answer that lacked the
                            * gateway; 0 = not known, or connected */
  uint64_t value[TTN_MESSAGES];
  int64_t offset[TTN_MESSAGES]; /* below 0: the counter was never wholly added;
                                 * 0 while more than one counter is known */
  uint32_t last[TTN_MESSAGES];  /* last_…_received_at of the one counter, in
                                 * seconds since 1970; 0 = not known */
  struct ttn_counter_store *counters; /* owned; see counter_sets.h */
  struct ttn_live *live; /* owned; what events told, NULL: no stream has it */
};

/* What an answer says of a gateway. */
enum ttn_proof {
  TTN_PROOF_NONE,  /* nothing: the gateway is unknown this time */
  TTN_PROOF_ENTRY, /* stats hold */
  TTN_PROOF_ABSENT /* not connected anywhere: 404 not_connected, or absent from
                    * the answers of all clusters */
};

/* What to report. */
struct ttn_outcome {
  enum ttn_state state; /* unknown although *why is NULL: one of several servers
                         * lost the gateway, and the next answer decides */
  uint8_t counts;       /* bit k: report value[k] */
  bool offset_moved; /* an offset changed, the connection that one belongs to,
                      * or one of several counters: the state file must be on
                      * disk before these counts go out */
  uint64_t value[TTN_MESSAGES];
  uint16_t bands; /* bits of ttn_band_bit: sub-bands to report, also at 0 */
  bool past;      /* the entry is of an earlier connection: so are its ages */
  bool followed;  /* a stream has it: */
  uint64_t connects; /* connections that began since the start */
};

/* The bit of the i-th sub-band of an entry: the list is that of the gateway's
 * frequency plan, so its order stays. EU868 has 6; from the 16th on they share
 * a bit. */
static inline uint16_t ttn_band_bit(size_t i) {
  return (uint16_t)(1u << (i < 15 ? i : 15));
}

/* The one transition. stats only with TTN_PROOF_ENTRY; server_time: the
 * answer's Date, 0 = none. An implausible entry (neither connected_at nor
 * disconnected_at; connected_at more than an hour after server_time; a sum
 * beyond INT64_MAX), and one whose counters find no memory, is treated as
 * TTN_PROOF_NONE and *why names it (else NULL). */
struct ttn_outcome ttn_gateway_learn(const struct ttn_env *env,
                                     struct ttn_gateway *gateway,
                                     enum ttn_proof proof,
                                     const struct ttn_stats *stats,
                                     int64_t server_time, const char **why);

/* A stream of events has the gateway from now on, or (again) none: then what
 * events told of its connections is no longer kept up. False: no memory. */
bool ttn_gateway_follow(const struct ttn_env *env, struct ttn_gateway *gateway);
void ttn_gateway_unfollow(struct ttn_gateway *gateway);
/* An event, of a gateway that a stream has: CONNECT and STATS with stats, or
 * DISCONNECT. What it tells is in the outcome of the next answer. True: the
 * state changed. */
bool ttn_gateway_event(const struct ttn_env *env, struct ttn_gateway *gateway,
                       enum ttn_event_kind kind, const struct ttn_stats *stats,
                       int64_t time);

/* True for a disconnected entry that ends what is known, or did so before. Any
 * other may be one that a cluster kept while the gateway is connected to one
 * that doesn't answer, and proves nothing without its answer. */
bool ttn_gateway_is_end(const struct ttn_gateway *known,
                        const struct ttn_stats *stats);

/* At least two Gateway Servers hold it: two counters were seen. */
bool ttn_gateway_has_servers(const struct ttn_gateway *known);

/* The values reported last must not be used: they are reported again from
 * offsets and answers alone. */
void ttn_gateway_forget_values(struct ttn_gateway *gateway);

/* True when the state file must hold this gateway (some offset is not 0, or
 * several servers hold it). */
bool ttn_gateway_has_offset(const struct ttn_gateway *gateway);

/* Takes all that is known out of *from, which is then all zero. */
struct ttn_gateway ttn_gateway_take(struct ttn_gateway *from);
void ttn_gateway_free(struct ttn_gateway *gateway, const struct ttn_env *env);

#endif
