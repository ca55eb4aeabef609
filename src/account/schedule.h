/* SPDX-License-Identifier: MIT */
/* Who is asked where: each gateway of a poll has its place in the queue of one
 * host, and goes out in batches of at most TTN_BATCH_MAX. */
#ifndef TTN_SCHEDULE_H
#define TTN_SCHEDULE_H

#include "account/context.h"
#include "account/gateways.h"
#include "account/hosts.h"

/* Gateways `from` to `from + n` of a host's queue: one request. */
struct batch {
  uint32_t from;
  uint8_t n; /* 1 to TTN_BATCH_MAX */
  uint8_t tries;
  uint8_t host;
  bool single;        /* by GET */
  bool lookup;        /* of gateways that are registered or known elsewhere */
  bool placed;        /* it has a place in the poll, and is sent then */
  int64_t not_before; /* mono; its place, or of a single GET that was limited */
};

struct queue {
  struct gateway **gateways;
  size_t n_gateways, room_gateways;
  /* Those with a place come first, in order, and are consumed from
   * `next_placed`; the others, which are due at once, from `next`. */
  struct batch *batches;
  size_t next_placed, n_placed;
  size_t next, n_batches, room_batches;
  size_t n_own; /* batches of its own gateways, queued at the poll's start */
  size_t first; /* which of these is sent first: moves on after a failed probe
                 * or a limit */
  size_t sent;  /* batches that had their turn in this poll */
  unsigned own_pending; /* batches that have not ended, but for lookups and
                         * single GETs that were limited */
};

/* All zero at first. queues[h] is of hosts.list[h]. */
struct schedule {
  struct queue queues[HOSTS_MAX];
  bool retry_refused; /* refused gateways are asked for again in this poll */
  bool retry_alone;   /* those that are asked alone are tried in batches in the
                       * next poll; try_alone: in this one */
  bool try_alone;
  int64_t pause; /* between portions of a batch's values, ns; 0: this poll's
                  * batches are sent all at once */
};

void schedule_free(struct schedule *s, const struct ttn_env *env);

void schedule_begin(struct schedule *s);
/* A discovery succeeded: refused gateways are tried again, and those that are
 * asked alone get a try in batches. */
void schedule_retry_refused(struct schedule *s);
/* Queues every gateway that is not queued yet: all of them at the start of a
 * poll, the new ones after a discovery. After a discovery, refused gateways are
 * retried by single GETs: their limit is each gateway's own, and a public
 * gateway is not refused to them. singles: all go by single GETs. */
void schedule_plan(struct schedule *s, struct account_context *c,
                   const struct hosts *hosts, const struct gateways *g,
                   bool singles);
/* All batches that are queued get a place between the poll's start and `spread`
 * after it (spread_late if `now` is later, both mono). If gateways have places
 * already, it does nothing: those that a discovery adds to them are asked at
 * once. */
void schedule_spread(struct schedule *s, const struct hosts *hosts,
                     int64_t started, int64_t now, int64_t spread);
/* Queues gateways of another host at host h, if h may have them. gateways: n,
 * sorted by id. Returns how many were queued; *queued: these. */
size_t schedule_lookups(struct schedule *s, struct account_context *c,
                        const struct hosts *hosts, int h,
                        struct gateway *const *gateways, size_t n, bool singles,
                        struct gateway *const **queued);

/* The batch that is next at host h, perhaps not yet; NULL: none. */
const struct batch *schedule_next(const struct schedule *s, int h, int64_t now);
/* Takes it: it is under way. */
struct batch schedule_take(struct schedule *s, int h, int64_t now);
/* The first place at host h after `now` (mono); 0: none. */
int64_t schedule_next_place(const struct schedule *s, int h, int64_t now);
struct gateway *const *schedule_gateways(const struct schedule *s,
                                         const struct batch *batch);

/* Queues it again. tried: this was an attempt. not_before: mono, 0: at once. */
void schedule_retry(struct schedule *s, struct account_context *c,
                    struct batch batch, bool tried, int64_t not_before);
/* Can each of its gateways be read by a single GET, as far as is known? */
bool schedule_is_readable(const struct schedule *s, const struct batch *batch);
/* Its gateways are asked alone from now on, or not. */
void schedule_ask_alone(struct schedule *s, const struct batch *batch,
                        bool alone);
/* How many batches wait to be sent to host h. */
size_t schedule_waiting(const struct schedule *s, int h);
/* Queues its gateways one by one, or its halves. */
void schedule_singles(struct schedule *s, struct account_context *c,
                      const struct batch *batch);
void schedule_halves(struct schedule *s, struct account_context *c,
                     const struct batch *batch);
/* A batch ended: it was answered, queued again, or will not be answered in this
 * poll. True: it was the last of its host's own ones that lookups wait for. */
bool schedule_batch_ended(struct schedule *s, const struct batch *batch);

/* A poll ends. moved_on: host h's next poll starts with the first batch that
 * had no turn, or after a failed probe with the one behind it; else with the
 * first of all, so that each has its place again. */
void schedule_end(struct schedule *s, int h, bool moved_on);

#endif
