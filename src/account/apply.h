/* SPDX-License-Identifier: MIT */
/* What an answer proves of a gateway becomes known and is reported. */
#ifndef TTN_APPLY_H
#define TTN_APPLY_H

#include "account/cluster_lookup.h"

struct apply_poll {
  size_t n_bad;         /* gateways whose entry cannot be believed */
  char bad_reason[256]; /* of the first of these */
  size_t n_odd;         /* gateways with a field that was left out */
  char odd_reason[256]; /* of the first of these */
  size_t n_refused;     /* gateways that are refused since this poll */
  char refused_names[256];
  size_t n_gone; /* and those that were deleted, as the stack says */
  char gone_names[256];
};

struct apply {
  struct ttn_episode bad, odd, guess, servers;
  struct ttn_changes changes; /* since the end of the last poll */
  struct apply_poll poll;
};

/* All zero before. */
void apply_init(struct apply *ap, const struct account_context *c);

void apply_begin(struct apply *ap);
void apply_finding(struct apply *ap, struct account_context *c,
                   struct hosts *hosts, struct offsets *offsets,
                   const struct finding *finding);
/* An entry has a field that cannot be right. */
void apply_bad_entry(struct apply *ap, struct account_context *c,
                     const struct gateway *gw, const char *reason);
/* An entry has a field that makes no sense and proves nothing that counts: it
 * was left out. */
void apply_odd_field(struct apply *ap, const struct gateway *gw,
                     const char *field);
/* The stack refuses gw to this key. gone: since there is no such gateway. */
void apply_refusal(struct apply *ap, struct gateway *gw, bool gone);
/* Writes the state file if it has to be, then reports the counts that waited
 * for it. */
void apply_pending(struct account_context *c, struct gateways *g,
                   struct offsets *offsets);
/* At the end of a poll, where Location is on: the place of each gateway where
 * it is known, whatever its state, each time: receivers drop what does not come
 * again. */
void apply_places(const struct account_context *c, const struct gateways *g);
/* A change of state that an event told of. reason: the stack's, or "". */
void apply_change(struct apply *ap, struct account_context *c,
                  struct gateway *gw, const char *reason);

/* A poll ends: tells what is new. */
void apply_end(struct apply *ap, const struct account_context *c,
               size_t n_gateways);

#endif
