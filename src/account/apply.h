/* SPDX-License-Identifier: MIT */
/* What an answer proves of a gateway becomes known and is reported. */
#ifndef TTN_APPLY_H
#define TTN_APPLY_H

#include "account/cluster_lookup.h"

/* Gateways of which one line tells. */
struct told {
  size_t n;
  bool cut;       /* not all names fit */
  char text[256]; /* their names, or what is wrong with the first */
};

/* What the end of this poll tells. */
struct apply_poll {
  struct told bad;     /* their entry cannot be believed */
  struct told odd;     /* a field of it was left out */
  struct told refused; /* since this poll */
  struct told gone;    /* they were deleted, as the stack says */
  struct told allowed; /* no longer refused */
  struct told moved;   /* found at another host than the registered one */
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
