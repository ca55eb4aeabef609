/* SPDX-License-Identifier: MIT */
/* Notifications about gateways and the key. */
#ifndef TTN_NOTIFICATIONS_H
#define TTN_NOTIFICATIONS_H

#include "gateway/gateway.h"
#include "report/sink.h"

/* Notifications about one gateway: on a change of state seen in two answers,
 * never at start-up, never for unknown, never twice. Kept per gateway, all
 * zero at first. */
struct ttn_notice {
  uint8_t settled;   /* enum ttn_state that was last settled (or notified) */
  uint8_t candidate; /* what the last proof showed, when it differs */
  uint8_t warned;    /* a WARNING was sent and no OKAY yet */
  int64_t since;     /* mono: when the gateway was first seen disconnected */
};
/* The changes of one poll, and those that events told of before it. Beyond
 * `limit` of a kind, one notification tells of all of them: hundreds of e-mails
 * help nobody. */
struct ttn_changes {
  unsigned limit;
  size_t n[2]; /* connected again, disconnected */
  char first[2][TTN_ID_MAX + 1];
};
void ttn_changes_begin(struct ttn_changes *changes, unsigned limit);
/* The poll ends. n_gateways: of the account. */
void ttn_changes_end(struct ttn_changes *changes, const struct ttn_sink *sink,
                     const char *account, size_t n_gateways);

/* Call after each ttn_gateway_learn whose state is not unknown, between the two
 * above. wall_since: when that state began: the gateway's disconnected_at or
 * connected_at (ns, 0 = not known). name: or NULL. mono: now. reason: the
 * stack's for a disconnect, or "". */
void ttn_notify_gateway(const struct ttn_sink *sink,
                        struct ttn_changes *changes, struct ttn_notice *notice,
                        const char *id, const char *name, enum ttn_state state,
                        int64_t mono, int64_t wall_since, int64_t offline_after,
                        const char *reason);
/* An event told the state: the next ttn_notify_gateway is its second proof. */
void ttn_notice_told(struct ttn_notice *notice, enum ttn_state state,
                     int64_t mono);
/* The key was rejected (why: one sentence with the fix) or works again. */
void ttn_notify_key(const struct ttn_sink *sink, const char *account,
                    bool rejected, const char *why);

#endif
