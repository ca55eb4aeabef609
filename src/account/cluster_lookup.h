/* SPDX-License-Identifier: MIT */
/* Looks at the account's other hosts, in the same poll, before a gateway that
 * its host lacks counts as disconnected. doc/design.md says why, and what
 * becomes of a "disconnected" entry meanwhile. */
#ifndef TTN_CLUSTER_LOOKUP_H
#define TTN_CLUSTER_LOOKUP_H

#include "account/schedule.h"

/* A gateway that is looked up. */
struct lookup {
  struct lookup *next;
  struct gateway *gw;
  unsigned pending;      /* hosts that have yet to answer */
  int16_t held_host;     /* host of the disconnected entry below, -1: none */
  int64_t held_time;     /* Date of its answer */
  int64_t absent_time;   /* Date of the first answer that lacked it */
  struct ttn_stats held; /* without bands and metrics */
};

/* Gateways that a host lacks, until its own batches have ended. */
struct absent {
  struct gateway **gateways;
  size_t n, room;
};

/* All zero at first. */
struct lookups {
  struct lookup *list; /* of this poll */
  struct absent absent[HOSTS_MAX];
};

/* What is proved of a gateway. */
struct finding {
  struct gateway *gw;
  int host;
  enum ttn_proof proof;
  const struct ttn_stats *stats; /* with TTN_PROOF_ENTRY, else NULL */
  int64_t server_time;           /* of the answer, 0 = none */
};

void lookups_free(struct lookups *l, const struct ttn_env *env);

/* host lacks gw, says an answer of that date (0 = none). stats: its
 * disconnected entry, or NULL. looked_up: host was asked for a lookup. True:
 * this answer decides, and *finding says what to apply. */
bool lookup_absent(struct lookups *l, struct account_context *c,
                   const struct hosts *hosts, int host, struct gateway *gw,
                   bool looked_up, const struct ttn_stats *stats,
                   int64_t server_time, struct finding *finding);

/* All of host's own batches have ended: queues what it lacks at the others.
 * False: it lacks nothing. */
bool lookups_start(struct lookups *l, struct account_context *c,
                   struct schedule *s, const struct hosts *hosts, int host,
                   bool singles);

/* No answer will come any more. True: what is known is enough: *finding. */
bool lookup_decide(const struct lookup *lookup, const struct hosts *hosts,
                   struct finding *finding);
/* A poll ends: forgets the lookups, and those that did not start. */
void lookups_end(struct lookups *l, const struct ttn_env *env);

#endif
