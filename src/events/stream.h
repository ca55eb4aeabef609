/* SPDX-License-Identifier: MIT */
/* One request for events: its life from open to its end. When a stream is
 * opened, and again after a break, is the account's matter (account/streams.h).
 *
 * One thread at a time. Facts: lorawan-stack api/ttn/lorawan/v3/events.proto
 * and tests/answers/events. */
#ifndef TTN_STREAM_H
#define TTN_STREAM_H

#include "events/lines.h"
#include "http/net.h"
#include "tts/endpoint.h"
#include "tts/request.h"

/* The stack checks each identifier, 3 ms each, before the first byte. */
#define TTN_STREAM_IDS 1000

enum ttn_stream_state {
  TTN_STREAM_CLOSED,
  TTN_STREAM_OPENING, /* the stack did not say yet that it is open */
  TTN_STREAM_OPEN
};

/* Who hears of it, from within the network's wait: none may open or close a
 * stream. */
struct ttn_stream_sink {
  void *ctx;
  /* The stream is open since this moment. */
  void (*opened)(void *ctx);
  /* An event of a gateway; one of traffic may come twice. stats: of CONNECT and
   * STATS, else NULL. */
  void (*event)(void *ctx, const struct ttn_event *event,
                const struct ttn_stats *stats);
  /* A line was skipped. */
  void (*bad)(void *ctx);
};

struct ttn_stream {
  const struct ttn_env *env;
  struct ttn_call call;
  struct ttn_request_body body;
  struct ttn_lines lines;
  enum ttn_stream_state state;
  struct ttn_stream_sink sink;
  uint64_t ids;                 /* which gateways it has: the caller's */
  int64_t began;                /* mono */
  int64_t heard;                /* mono: the latest byte */
  int64_t latest;               /* time of the latest event, ns; 0 = none */
  char why[300];                /* once it ended */
  char refused[TTN_ID_MAX + 1]; /* the gateway that the stack refuses, or "" */
  char url[TTN_URL_MAX + 64];
};

/* NULL: no memory. */
struct ttn_stream *ttn_stream_new(const struct ttn_env *env,
                                  struct ttn_stream_sink sink);
/* It must be closed. */
void ttn_stream_free(struct ttn_stream *stream);

/* The gateways that a stream is opened for. */
struct ttn_stream_ids {
  uint64_t hash; /* kept as `ids` */
  bool traffic;  /* events of traffic are asked for */
  size_t n;
  const char *(*id)(const void *ctx, size_t i); /* the i-th one's */
  const void *ctx;
};
/* base: as ttn_endpoint_print prints it. after: time of events that are known,
 * 0 = none. False: no memory. */
bool ttn_stream_open(struct ttn_stream *stream, const struct ttn_net *net,
                     const char *base, const struct ttn_auth *auth,
                     const struct ttn_stream_ids *ids, int64_t after);
void ttn_stream_close(struct ttn_stream *stream, const struct ttn_net *net);
/* The network gave its call back: fills `why`, and `refused` where one gateway
 * is the reason. */
void ttn_stream_ended(struct ttn_stream *stream);

#endif
