/* SPDX-License-Identifier: MIT */
#include "account/schedule.h"

#include "account/spread.h"

#include <assert.h>

#define QUEUE_MAX (4u * GATEWAYS_MAX)

void schedule_free(struct schedule *s, const struct ttn_env *env) {
  for (size_t h = 0; h < HOSTS_MAX; h++) {
    ttn_free(env, s->queues[h].gateways);
    ttn_free(env, s->queues[h].batches);
  }
}

void schedule_begin(struct schedule *s) {
  s->try_alone = s->retry_alone;
  s->retry_alone = false;
  for (size_t h = 0; h < HOSTS_MAX; h++) {
    struct queue *q = &s->queues[h];
    q->n_gateways = q->n_batches = q->next = q->sent = 0;
    q->next_placed = q->n_placed = 0;
    q->own_pending = 0;
  }
}

void schedule_retry_refused(struct schedule *s) {
  s->retry_refused = s->retry_alone = true;
}

/* A single GET that waits for its gateway's own limit. */
static bool is_delayed(const struct batch *batch) {
  return !batch->placed && batch->not_before != 0;
}

/* Do lookups wait for its end? */
static bool is_awaited(const struct batch *batch) {
  return !batch->lookup && !is_delayed(batch);
}

static bool push_gateway(struct queue *q, const struct ttn_env *env,
                         struct gateway *gw) {
  void *gateways = q->gateways;
  if (!ttn_grow(env, &gateways, &q->room_gateways, q->n_gateways + 1,
                sizeof(gw), QUEUE_MAX))
    return false;
  q->gateways = gateways;
  q->gateways[q->n_gateways++] = gw;
  return true;
}

static void push_batch(struct schedule *s, struct account_context *c,
                       struct batch batch) {
  struct queue *q = &s->queues[batch.host];
  void *batches = q->batches;
  if (!ttn_grow(c->env, &batches, &q->room_batches, q->n_batches + 1,
                sizeof(batch), QUEUE_MAX)) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return;
  }
  q->batches = batches;
  batch.placed = false;
  q->batches[q->n_batches++] = batch;
  if (is_awaited(&batch))
    q->own_pending++;
}

/* Gateways from `from` on become batches of at most `size`, the `first`th of
 * them first. */
static void cut_batches(struct schedule *s, struct account_context *c,
                        uint32_t from, uint32_t size, size_t first,
                        struct batch like) {
  const struct queue *q = &s->queues[like.host];
  size_t n = (q->n_gateways - from + size - 1) / size;
  for (size_t i = 0; i < n; i++) {
    like.from = from + (uint32_t)((first + i) % n) * size;
    size_t rest = q->n_gateways - like.from;
    like.n = (uint8_t)(rest < size ? rest : size);
    push_batch(s, c, like);
  }
}

/* How a gateway is asked: each kind has a pass over the table of its own. */
enum way { WAY_BATCH, WAY_ALONE, WAY_REFUSED };

static enum way way_of(const struct gateway *gw) {
  return gw->refused ? WAY_REFUSED : gw->alone ? WAY_ALONE : WAY_BATCH;
}

/* True: there are gateways of another way. */
static bool plan_pass(struct schedule *s, struct account_context *c,
                      const struct hosts *hosts, const struct gateways *g,
                      enum way way, bool singles) {
  uint32_t from[HOSTS_MAX];
  bool others = false;
  for (size_t h = 0; h < hosts->n; h++)
    from[h] = (uint32_t)s->queues[h].n_gateways;
  for (size_t i = 0; i < g->n; i++) {
    struct gateway *gw = g->list[i];
    others = others || way_of(gw) != way;
    if (!gw->queued && way_of(gw) == way &&
        push_gateway(&s->queues[gw->current_host], c->env, gw))
      gateway_queued(gw);
  }
  for (size_t h = 0; h < hosts->n; h++) {
    struct queue *q = &s->queues[h];
    bool single = singles || hosts->list[h].no_batch_api ||
                  way == WAY_REFUSED || (way == WAY_ALONE && !s->try_alone);
    bool whole = from[h] == 0 && way == WAY_BATCH;
    cut_batches(s, c, from[h], single ? 1 : TTN_BATCH_MAX, whole ? q->first : 0,
                (struct batch){.host = (uint8_t)h, .single = single});
    if (whole)
      q->n_own = q->n_batches;
  }
  return others;
}

void schedule_plan(struct schedule *s, struct account_context *c,
                   const struct hosts *hosts, const struct gateways *g,
                   bool singles) {
  bool retry_refused = s->retry_refused;
  s->retry_refused = false;
  if (!plan_pass(s, c, hosts, g, WAY_BATCH, singles))
    return;
  plan_pass(s, c, hosts, g, WAY_ALONE, singles);
  if (retry_refused)
    plan_pass(s, c, hosts, g, WAY_REFUSED, singles);
}

void schedule_spread(struct schedule *s, const struct hosts *hosts,
                     int64_t started, int64_t now, int64_t spread) {
  size_t n = 0, before = 0;
  for (size_t h = 0; h < hosts->n; h++) {
    if (s->queues[h].n_placed > 0)
      return;
    n += s->queues[h].n_gateways;
  }
  s->pause = spread_pause(spread, n);
  for (size_t h = 0; h < hosts->n; h++) {
    struct queue *q = &s->queues[h];
    q->next = q->n_placed = q->n_batches;
    for (size_t i = 0; i < q->n_batches; i++) {
      q->batches[i].placed = true;
      q->batches[i].not_before =
          started + spread_late(spread_place(spread, before, n), now - started);
      before += q->batches[i].n;
    }
  }
}

size_t schedule_lookups(struct schedule *s, struct account_context *c,
                        const struct hosts *hosts, int h,
                        struct gateway *const *gateways, size_t n, bool singles,
                        struct gateway *const **queued) {
  struct queue *q = &s->queues[h];
  bool single = singles || hosts->list[h].no_batch_api;
  uint32_t from = (uint32_t)q->n_gateways;
  for (size_t i = 0; i < n && !hosts->list[h].unresolvable; i++)
    if (!gateway_is_done(gateways[i]) && (gateways[i]->absent_at >> h & 1) == 0)
      push_gateway(q, c->env, gateways[i]);
  cut_batches(
      s, c, from, single ? 1 : TTN_BATCH_MAX, 0,
      (struct batch){.host = (uint8_t)h, .single = single, .lookup = true});
  *queued = q->gateways + from;
  return q->n_gateways - from;
}

/* Of the batches without a place the first that is due, else the one that is
 * due first. */
static struct batch *next_other(const struct queue *q, int64_t now) {
  struct batch *next = NULL;
  for (size_t i = q->next; i < q->n_batches; i++) {
    struct batch *batch = &q->batches[i];
    if (batch->not_before <= now)
      return batch;
    if (next == NULL || batch->not_before < next->not_before)
      next = batch;
  }
  return next;
}

static struct batch *next_batch(const struct queue *q, int64_t now) {
  struct batch *other = next_other(q, now);
  if (q->next_placed == q->n_placed)
    return other;
  struct batch *placed = &q->batches[q->next_placed];
  return other == NULL || placed->not_before <= now ||
                 placed->not_before < other->not_before
             ? placed
             : other;
}

const struct batch *schedule_next(const struct schedule *s, int h,
                                  int64_t now) {
  return next_batch(&s->queues[h], now);
}

struct batch schedule_take(struct schedule *s, int h, int64_t now) {
  struct queue *q = &s->queues[h];
  struct batch *next = next_batch(q, now);
  assert(next != NULL);
  struct batch batch = *next;
  q->sent += batch.tries == 0;
  if (batch.placed) {
    q->next_placed++;
  } else { /* one that is not due takes its room */
    *next = q->batches[q->next++];
  }
  return batch;
}

int64_t schedule_next_place(const struct schedule *s, int h, int64_t now) {
  const struct queue *q = &s->queues[h];
  for (size_t i = q->next_placed; i < q->n_placed; i++)
    if (q->batches[i].not_before > now)
      return q->batches[i].not_before;
  return 0;
}

struct gateway *const *schedule_gateways(const struct schedule *s,
                                         const struct batch *batch) {
  return s->queues[batch->host].gateways + batch->from;
}

void schedule_retry(struct schedule *s, struct account_context *c,
                    struct batch batch, bool tried, int64_t not_before) {
  /* One that failed had its turn. */
  s->queues[batch.host].sent -= !tried && batch.tries == 0;
  batch.tries = (uint8_t)(batch.tries + tried);
  batch.not_before = not_before;
  push_batch(s, c, batch);
}

size_t schedule_waiting(const struct schedule *s, int h) {
  const struct queue *q = &s->queues[h];
  return q->n_placed - q->next_placed + q->n_batches - q->next;
}

bool schedule_is_readable(const struct schedule *s, const struct batch *batch) {
  struct gateway *const *gateways = schedule_gateways(s, batch);
  for (uint8_t i = 0; i < batch->n; i++)
    if (!gateways[i]->readable)
      return false;
  return true;
}

void schedule_ask_alone(struct schedule *s, const struct batch *batch,
                        bool alone) {
  struct gateway *const *gateways = schedule_gateways(s, batch);
  for (uint8_t i = 0; i < batch->n; i++)
    gateway_ask_alone(gateways[i], alone);
}

void schedule_singles(struct schedule *s, struct account_context *c,
                      const struct batch *batch) {
  for (uint8_t i = 0; i < batch->n; i++)
    push_batch(s, c,
               (struct batch){.from = batch->from + i,
                              .n = 1,
                              .host = batch->host,
                              .single = true,
                              .lookup = batch->lookup});
}

void schedule_halves(struct schedule *s, struct account_context *c,
                     const struct batch *batch) {
  struct batch low = *batch, high = *batch;
  low.n = (uint8_t)(batch->n / 2);
  high.n = (uint8_t)(batch->n - low.n);
  high.from = batch->from + low.n;
  low.tries = high.tries = 0;
  low.not_before = high.not_before = 0;
  push_batch(s, c, low);
  push_batch(s, c, high);
}

bool schedule_batch_ended(struct schedule *s, const struct batch *batch) {
  struct queue *q = &s->queues[batch->host];
  if (!is_awaited(batch))
    return false;
  assert(q->own_pending > 0);
  return --q->own_pending == 0;
}

void schedule_end(struct schedule *s, int h, bool moved_on) {
  struct queue *q = &s->queues[h];
  if (q->n_own > 0)
    q->first = moved_on ? (q->first + q->sent) % q->n_own : 0;
}
