/* SPDX-License-Identifier: MIT */
/* The event streams of an account: one for each host, or several where a host
 * has many gateways, on the network that polls use. They add to polls: when one
 * breaks, polls tell all that they told before.
 *
 * A stream's gateways change by a second stream, which is open before the first
 * one is closed. After a break a stream is opened again, later each time, with
 * the events that the stack has kept. */
#ifndef TTN_STREAMS_H
#define TTN_STREAMS_H

#include "account/gateways.h"
#include "account/hosts.h"
#include "events/seen.h"
#include "events/stream.h"

/* Gateways of one host that one stream has. */
struct slot {
  int host;
  uint64_t wanted;            /* hash of the ids that it shall have */
  size_t n_wanted;            /* how many */
  bool connected;             /* one of them, as the last poll showed */
  struct ttn_stream *current; /* NULL: none yet */
  struct ttn_stream *next;    /* opens, and takes the place of current */
  unsigned failures;          /* in a row */
  int64_t not_before;         /* mono */
  int64_t after;              /* time of the latest event before a break */
  struct ttn_seen seen;       /* of traffic, or all if somebody listens */
  struct streams *streams;
};

/* A gateway whose state an event changed. */
struct change {
  char id[TTN_ID_MAX + 1];
  char reason[64]; /* of a disconnect, or "" */
  int64_t tell_at; /* mono */
};

/* All zero at first. */
struct streams {
  struct slot **slots; /* host * parts + part; NULL: none */
  size_t n;
  unsigned parts;         /* of each host */
  uint64_t lacking;       /* bit h: it was logged that host h has no streams */
  struct change *changes; /* in order of their time */
  size_t n_changes, room_changes;
  size_t n_told; /* the first ones, which are told */
  struct ttn_episode broken;
  struct account_context *context;
  const struct ttn_net *net;
  const struct hosts *hosts;
  struct gateways *gateways;
};

/* All of it outlives the streams. */
void streams_init(struct streams *s, struct account_context *c,
                  const struct ttn_net *net, const struct hosts *hosts,
                  struct gateways *gateways);
void streams_free(struct streams *s);

/* Closes streams with another key. auth: NULL: there is no key. */
void streams_use_key(struct streams *s, const struct ttn_auth *auth);
/* A poll begins: as above; gateways whose stream is not open are told of by
 * answers alone. */
void streams_begin_poll(struct streams *s, const struct ttn_auth *auth);
/* No event will come: all hosts that were asked for streams have none. */
bool streams_none(const struct streams *s);
/* A poll ended: which gateways shall have streams. */
void streams_plan(struct streams *s);
/* Opens and closes what is due. Returns when to call it again (mono). */
int64_t streams_run(struct streams *s, const struct ttn_auth *auth,
                    int64_t now);
/* True: the call was a stream's, which has ended. */
bool streams_ended(const struct streams *s, struct ttn_call *call);
/* Changes of state that are due at `now`, one after the other. NULL: none is
 * left. *reason: or "". */
struct gateway *streams_next_change(struct streams *s, int64_t now,
                                    char reason[64]);

#endif
