/* SPDX-License-Identifier: MIT */
/* The gateways that an account reports: a table sorted by id, and merging a
 * list into it. */
#ifndef TTN_GATEWAYS_H
#define TTN_GATEWAYS_H

#include "account/context.h"
#include "account/offsets.h"
#include "account/ownership.h"
#include "gateway/radio.h"
#include "report/notifications.h"

#define GATEWAYS_MAX 1000000
/* A list is read with some of them twice. */
#define FOUND_MAX (2 * GATEWAYS_MAX)

/* What became of a gateway in this poll. */
enum gateway_result {
  GATEWAY_PENDING,   /* not asked for, or no answer yet: unknown */
  GATEWAY_LOOKED_UP, /* its host lacks it, others did not tell yet: unknown */
  GATEWAY_ANSWERED,  /* what an answer proved is known and reported */
  GATEWAY_IN_DOUBT,  /* one of several servers let it go: unknown this time */
  GATEWAY_REFUSED,   /* a refusal is remembered: unknown */
  GATEWAY_ELSEWHERE  /* no host that may have the key has it: unknown */
};

struct lookup; /* cluster_lookup.h */

/* Where a gateway is: as the list has it, and as the gateway itself says. */
struct place {
  bool is_listed, is_own;
  struct ttn_location listed;
  struct ttn_location own;
  int64_t listed_at, own_at; /* ns: its entry was edited, its status came */
};

/* A gateway of the table. Texts are NULL where not known, or not needed. */
struct gateway {
  char id[TTN_ID_MAX + 1];
  uint8_t result;         /* enum gateway_result */
  uint8_t pending_counts; /* bits of counts that wait for the state file */
  bool refused;           /* the stack refuses it to this key */
  bool refusal_logged;
  bool readable; /* a single GET of it was answered since */
  bool alone;    /* readable, but batches with it may be refused: it is asked by
                  * single GETs */
  bool queued;   /* in this poll it has its place in a queue */
  bool removed;  /* it left the list during this poll */
  bool no_events; /* the stack gives none of it to this key: asked again after
                   * each discovery */
  bool no_events_logged;
  bool changed; /* an event changed its state, which is not told yet */
  int16_t registered_host; /* of its gateway_server_address; -1: may not have
                            * the key, or is no host */
  int16_t current_host;    /* where it is asked: the registered host, for -1 the
                            * account's own, or where it was found */
  uint64_t absent_at;    /* bit h: host h was asked since the last discovery, or
                          * since it was last connected, and lacks it */
  struct lookup *lookup; /* it is being looked up at other hosts */
  struct ttn_gateway known;
  struct ttn_notice notice;
  struct ttn_radio *radio; /* NULL: no event told of it */
  bool tells_radio;        /* its stream was open when the poll began */
  char *name, *eui, *address;
  struct place *place; /* NULL: not known, or not needed */
};

/* A gateway of a list that is being read. */
struct found {
  char id[TTN_ID_MAX + 1];
  int16_t host;
  char *name, *eui, *address;
  bool has_location;
  struct ttn_location location;
  int64_t updated_at;
};
struct found_list {
  struct found *items;
  size_t n, room;
};

/* All zero at first. */
struct gateways {
  struct gateway **list; /* sorted by id */
  size_t n;
  struct gateway **removed; /* left the list during a poll; freed at its end */
  size_t n_removed;
  bool incomplete; /* some of those listed found no memory */
  struct ttn_episode foreign, too_many; /* logged once */
};

void gateways_free(struct gateways *g, const struct ttn_env *env);

/* Must the list be asked for the gateways' places? */
bool gateways_need_places(const struct ttn_settings *s);
/* False: no memory, or there are FOUND_MAX. Only texts that the settings
 * need are kept. */
bool found_add(struct found_list *found, const struct account_context *c,
               const struct ttn_listed *listed, int host);
void found_free(struct found_list *found, const struct ttn_env *env);

/* Merges a list into the table and frees the list. complete: nothing is missing
 * in it, so what it lacks is removed. owner: for ownership. False: no memory,
 * nothing changed but the list. */
struct list_change {
  size_t added, removed;
};
bool gateways_merge(struct gateways *g, const struct account_context *c,
                    struct offsets *offsets, struct ttn_ownership *ownership,
                    const void *owner, struct found_list *found, bool complete,
                    struct list_change *change);
/* Logs once that there are too many. */
void gateways_too_many(struct gateways *g, const struct account_context *c);

void gateways_begin(struct gateways *g);
/* No call is under way any more: frees removed gateways. */
void gateways_calls_ended(struct gateways *g, const struct ttn_env *env);
/* Writes the state file: all rows of offsets, and the table's. */
void gateways_save(const struct gateways *g, struct account_context *c,
                   struct offsets *offsets, bool with_values);

/* Nothing more is learnt of it in this poll: it was answered, or the list
 * removed it during the poll. */
bool gateway_is_done(const struct gateway *gw);
struct ttn_meta gateway_meta(const struct gateway *gw);

/* The place that was told last: the gateway's own, or the list's. NULL: not
 * known. */
const struct ttn_location *gateway_location(const struct gateway *gw);
/* The place that an entry has. Without memory, none. */
void gateway_keep_own_place(const struct ttn_env *env, struct gateway *gw,
                            const struct ttn_stats *stats);

/* The i-th one's of a list of gateways. */
const char *gateway_id(const void *gateways, size_t i);
/* For bsearch(3): an id, and an element of a list of gateways sorted by id. */
int gateway_compare_id(const void *id, const void *gw);
/* NULL: it is not in the table. */
struct gateway *gateways_find(const struct gateways *g, const char *id);

void gateway_queued(struct gateway *gw);
/* What an event tells of its radio: one of traffic, or another one of uplinks
 * that no event told of. */
void gateway_hear(const struct ttn_env *env, struct gateway *gw,
                  const struct ttn_event *event, const struct ttn_stats *stats);
/* A poll begins. open: its stream is, and what events tell of its radio is
 * reported with its answer; else what was heard since the last poll is part of
 * an interval, and answers alone tell of the gateway. */
void gateway_follow(struct gateway *gw, bool open);
/* changed: an event changed its state, which is not told yet. */
void gateway_changed(struct gateway *gw, bool changed);
/* True: this was not logged yet. */
bool gateway_refuse_events(struct gateway *gw);
/* An answer of host proves something of gw: ttn_gateway_learn. If it is
 * believed, gw is answered, asked at host from now on (absent: at its
 * registered host), and no longer refused. *why: it is not believed. */
struct ttn_outcome gateway_learn(const struct ttn_env *env, struct gateway *gw,
                                 int host, enum ttn_proof proof,
                                 const struct ttn_stats *stats,
                                 int64_t server_time, const char **why);
/* counts: bits that wait for the state file; 0: they were reported. */
void gateway_defer_counts(struct gateway *gw, uint8_t counts);
/* No host that was asked has gw, whose own may not have the key. */
void gateway_elsewhere(struct gateway *gw);
/* True: this was not logged yet. */
bool gateway_refused(struct gateway *gw);
void gateway_readable(struct gateway *gw);
/* alone: by single GETs from now on; else in batches again. */
void gateway_ask_alone(struct gateway *gw, bool alone);
void gateway_absent_at(struct gateway *gw, int host);
/* NULL: the lookup ended. */
void gateway_looked_up(struct gateway *gw, struct lookup *lookup);

#endif
