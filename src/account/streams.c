/* SPDX-License-Identifier: MIT */
#include "account/streams.h"

#include "base/hash.h"
#include "base/text.h"

#include <string.h>

/* What a stream has on average, so that few have more than TTN_STREAM_IDS. */
#define IDS_WANTED 600
#define HELD_BACK "nothing came (a proxy may hold events back)"
/* From request to the first line; the stack takes 3 ms for each identifier. */
#define OPENS_WITHIN (30 * TTN_SECOND)
/* Statistics come at least once in 75 s from each connected gateway. */
#define SILENT (180 * TTN_SECOND)
#define PAUSE_MAX (60 * TTN_SECOND)
/* The stack refused: the same request would be refused again. */
#define REFUSED_PAUSE (60 * TTN_SECOND)
/* A stack that has no streams may be updated. */
#define LACKING_PAUSE (600 * TTN_SECOND)
/* One that was open for so long did not break at once. */
#define LASTING (5 * TTN_SECOND)
/* Events come in any order, and the time is printed in whole seconds. */
#define MARGIN (2 * TTN_SECOND)
/* A stream that opens slowly tells again what another one told meanwhile. */
_Static_assert(TTN_SEEN_TIME >= OPENS_WITHIN + MARGIN, "seen");
/* A gateway that connects again at once is no news: the stack ends the old
 * connection when it gets a new one. */
#define SETTLED TTN_SECOND
#define CHANGES_MAX 100000

void streams_init(struct streams *s, struct account_context *c,
                  const struct ttn_net *net, const struct hosts *hosts,
                  struct gateways *gateways) {
  s->context = c;
  s->net = net;
  s->hosts = hosts;
  s->gateways = gateways;
}

static void keep_after(struct slot *slot, const struct ttn_stream *stream) {
  if (stream->latest - MARGIN > slot->after)
    slot->after = stream->latest - MARGIN;
}

/* The next stream goes on where this one ends. */
static void drop_stream(struct slot *slot, struct ttn_stream **stream) {
  struct streams *s = slot->streams;
  if (*stream == NULL)
    return;
  keep_after(slot, *stream);
  ttn_stream_close(*stream, s->net);
  ttn_stream_free(*stream);
  *stream = NULL;
}

static void free_slots(struct streams *s) {
  for (size_t i = 0; i < s->n; i++) {
    if (s->slots[i] == NULL)
      continue;
    drop_stream(s->slots[i], &s->slots[i]->current);
    drop_stream(s->slots[i], &s->slots[i]->next);
    ttn_seen_free(&s->slots[i]->seen, s->context->env);
    ttn_free(s->context->env, s->slots[i]);
  }
}

void streams_free(struct streams *s) {
  free_slots(s);
  ttn_free(s->context->env, s->slots);
  ttn_free(s->context->env, s->changes);
}

/* ---- which gateways each stream has ---- */

static uint64_t hash_of(const struct gateway *gw) {
  return ttn_hash(TTN_HASH, gw->id, strlen(gw->id));
}

static bool is_wanted(const struct gateway *gw) {
  return gw->known.live != NULL && !gw->no_events && !gw->refused;
}

static size_t place_in_slots(const struct streams *s,
                             const struct gateway *gw) {
  return (size_t)gw->current_host * s->parts + (size_t)(hash_of(gw) % s->parts);
}

static struct slot *slot_of(const struct streams *s, const struct gateway *gw) {
  size_t place = place_in_slots(s, gw);
  return place < s->n ? s->slots[place] : NULL;
}

static struct slot *add_slot(struct streams *s, const struct gateway *gw) {
  size_t place = place_in_slots(s, gw);
  struct slot *slot = ttn_alloc(s->context->env, sizeof *slot);
  if (slot == NULL)
    return NULL;
  slot->host = gw->current_host;
  slot->streams = s;
  s->slots[place] = slot;
  return slot;
}

/* Room for a slot of each host and part. More parts come in powers of two, so
 * that it is rare: all streams are then opened again. False: no memory. */
static bool divide(struct streams *s) {
  const struct ttn_env *env = s->context->env;
  size_t n_hosts = s->hosts->n;
  unsigned parts = s->parts == 0 ? 1 : s->parts;
  while (s->gateways->n > (size_t)parts * IDS_WANTED)
    parts *= 2;
  if (parts == s->parts && n_hosts * parts <= s->n)
    return true;
  struct slot **slots = ttn_alloc(env, n_hosts * parts * sizeof *slots);
  if (slots == NULL)
    return false;
  if (parts == s->parts)
    memcpy(slots, s->slots, s->n * sizeof *slots);
  else
    free_slots(s);
  ttn_free(env, s->slots);
  s->slots = slots;
  s->n = n_hosts * parts;
  s->parts = parts;
  return true;
}

void streams_plan(struct streams *s) {
  struct gateways *g = s->gateways;
  if (!divide(s))
    return;
  for (size_t i = 0; i < s->n; i++)
    if (s->slots[i] != NULL) {
      s->slots[i]->wanted = s->slots[i]->n_wanted = 0;
      s->slots[i]->connected = false;
    }
  for (size_t i = 0; i < g->n; i++) {
    const struct gateway *gw = g->list[i];
    if (!is_wanted(gw))
      continue;
    struct slot *slot = slot_of(s, gw);
    if (slot == NULL)
      slot = add_slot(s, gw);
    if (slot == NULL || slot->n_wanted == TTN_STREAM_IDS)
      continue;
    slot->wanted += hash_of(gw);
    slot->n_wanted++;
    slot->connected = slot->connected || gw->known.shown == TTN_CONNECTED;
  }
}

/* Is the gateway's stream open? */
static bool has_open(const struct streams *s, const struct gateway *gw) {
  const struct slot *slot = s->n > 0 && is_wanted(gw) ? slot_of(s, gw) : NULL;
  return slot != NULL && slot->current != NULL &&
         slot->current->state == TTN_STREAM_OPEN;
}

void streams_use_key(struct streams *s, const struct ttn_auth *auth) {
  for (size_t i = 0; i < s->n; i++) {
    struct slot *slot = s->slots[i];
    if (slot == NULL)
      continue;
    if (slot->current != NULL && slot->current->call.auth != auth)
      drop_stream(slot, &slot->current);
    if (slot->next != NULL && slot->next->call.auth != auth)
      drop_stream(slot, &slot->next);
  }
}

void streams_begin_poll(struct streams *s, const struct ttn_auth *auth) {
  streams_use_key(s, auth);
  for (size_t i = 0; i < s->gateways->n && s->n > 0; i++) {
    struct gateway *gw = s->gateways->list[i];
    gateway_follow(gw, has_open(s, gw));
  }
}

/* ---- events ---- */

static void add_change(struct streams *s, struct gateway *gw,
                       const char *reason) {
  void *changes = s->changes;
  if (gw->changed)
    return; /* the state is told as it is then */
  if (!ttn_grow(s->context->env, &changes, &s->room_changes, s->n_changes + 1,
                sizeof *s->changes, CHANGES_MAX))
    return; /* the next poll tells */
  s->changes = changes;
  gateway_changed(gw, true);
  struct change *change = &s->changes[s->n_changes++];
  change->tell_at = context_mono(s->context) + SETTLED;
  ttn_print(change->id, sizeof change->id, "%s", gw->id);
  ttn_print(change->reason, sizeof change->reason, "%s",
            reason == NULL ? "" : reason);
  s->net->wake(s->net->ctx);
}

static void take_event(void *ctx, const struct ttn_event *event,
                       const struct ttn_stats *stats) {
  struct slot *slot = ctx;
  struct streams *s = slot->streams;
  const struct ttn_env *env = s->context->env;
  const struct ttn_sink *sink = s->context->sink;
  struct gateway *gw = gateways_find(s->gateways, event->gateway);
  if (gw == NULL || !is_wanted(gw))
    return;
  bool traffic = ttn_event_is_traffic(event);
  bool again =
      (traffic || sink->event != NULL) &&
      ttn_seen_again(&slot->seen, env, event->unique, context_mono(s->context));
  if (!traffic &&
      ttn_gateway_event(env, &gw->known, event->kind, stats, event->time))
    add_change(s, gw, event->reason);
  if (traffic ? !again : s->context->settings->traffic)
    gateway_hear(env, gw, event, stats);
  if (sink->event != NULL && !again)
    sink->event(sink->ctx, event);
}

bool streams_none(const struct streams *s) {
  bool wanted = false;
  for (size_t i = 0; i < s->n; i++) {
    const struct slot *slot = s->slots[i];
    if (slot == NULL || slot->n_wanted == 0)
      continue;
    if (slot->current != NULL || (s->lacking >> slot->host & 1) == 0)
      return false;
    wanted = true;
  }
  return wanted;
}

static void take_bad(void *ctx) {
  context_count_failure(((struct slot *)ctx)->streams->context, TTN_FAIL_JSON);
}

/* The stream may take another's place: now, not when the wait ends. */
static void take_opened(void *ctx) {
  struct streams *s = ((struct slot *)ctx)->streams;
  s->net->wake(s->net->ctx);
}

struct gateway *streams_next_change(struct streams *s, int64_t now,
                                    char reason[64]) {
  while (s->n_told < s->n_changes && now >= s->changes[s->n_told].tell_at) {
    const struct change *change = &s->changes[s->n_told++];
    struct gateway *gw = gateways_find(s->gateways, change->id);
    ttn_print(reason, 64, "%s", change->reason);
    if (gw == NULL)
      continue;
    gateway_changed(gw, false);
    return gw;
  }
  s->n_changes -= s->n_told;
  if (s->n_told > 0)
    memmove(s->changes, s->changes + s->n_told,
            s->n_changes * sizeof *s->changes);
  s->n_told = 0;
  return NULL;
}

/* ---- opening and closing ---- */

static bool open_stream(struct slot *slot, const struct ttn_auth *auth,
                        struct ttn_stream **stream) {
  const struct streams *s = slot->streams;
  const struct ttn_env *env = s->context->env;
  struct gateway **wanted =
      ttn_alloc(env, (slot->n_wanted + 1) * sizeof *wanted);
  size_t n = 0;
  bool good = false;
  if (wanted == NULL)
    return false;
  for (size_t i = 0; i < s->gateways->n && n < slot->n_wanted; i++) {
    struct gateway *gw = s->gateways->list[i];
    if (is_wanted(gw) && slot_of(s, gw) == slot)
      wanted[n++] = gw;
  }
  *stream = ttn_stream_new(
      env, (struct ttn_stream_sink){slot, take_opened, take_event, take_bad});
  if (*stream != NULL && n > 0)
    good = ttn_stream_open(
        *stream, s->net, s->hosts->list[slot->host].base, auth,
        &(struct ttn_stream_ids){slot->wanted, s->context->settings->traffic, n,
                                 gateway_id, wanted},
        slot->after);
  if (!good)
    drop_stream(slot, stream);
  ttn_free(env, wanted);
  return good;
}

static size_t count_lacking(const struct streams *s) {
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++)
    if (s->slots[i] != NULL && s->slots[i]->failures > 0)
      n += s->slots[i]->n_wanted;
  return n;
}

static void note_failure(struct slot *slot, const char *why, int64_t pause,
                         int64_t now) {
  struct streams *s = slot->streams;
  slot->failures++;
  slot->not_before = now + pause;
  /* One that ends at once is opened again, and that is all. */
  if (slot->failures > 1 && ttn_episode_begin(&s->broken))
    context_log(s->context, TTN_NOTICE,
                "events of %zu gateway%s at %s do not arrive: %s; polls go on, "
                "and the stream is opened again when it can be",
                count_lacking(s), count_lacking(s) == 1 ? "" : "s",
                s->hosts->list[slot->host].endpoint.host, why);
}

/* 1, 2, 4 … 60 s, each a little different: many accounts that one stack ended
 * do not come back at once. */
static int64_t pause_of(const struct slot *slot, int64_t now) {
  unsigned step = slot->failures < 6 ? slot->failures : 6;
  int64_t pause = TTN_SECOND << step;
  if (pause > PAUSE_MAX)
    pause = PAUSE_MAX;
  return pause / 2 + (now / TTN_MS * 7919) % (pause / 2 / TTN_MS) * TTN_MS;
}

static void end_stream(struct slot *slot, struct ttn_stream **stream,
                       const char *why, int64_t now) {
  note_failure(slot, why, pause_of(slot, now), now);
  drop_stream(slot, stream);
}

static void watch_current(struct slot *slot, int64_t now) {
  struct streams *s = slot->streams;
  struct ttn_stream *stream = slot->current;
  if (stream->state == TTN_STREAM_OPENING) {
    if (now >= stream->began + OPENS_WITHIN)
      end_stream(slot, &slot->current, HELD_BACK, now);
  } else if (slot->connected && now >= stream->heard + SILENT) {
    end_stream(slot, &slot->current, HELD_BACK, now);
  } else if (slot->failures > 0 && now >= stream->began + LASTING) {
    slot->failures = 0;
    if (count_lacking(s) == 0 && ttn_episode_end(&s->broken))
      context_log(s->context, TTN_NOTICE, "events arrive again");
  }
}

/* What current lacks, or has too much. */
static void watch_next(struct slot *slot, const struct ttn_auth *auth,
                       int64_t now) {
  if (slot->next != NULL && slot->next->state == TTN_STREAM_OPEN) {
    drop_stream(slot, &slot->current);
    slot->current = slot->next;
    slot->next = NULL;
  } else if (slot->next != NULL && now >= slot->next->began + OPENS_WITHIN) {
    end_stream(slot, &slot->next, HELD_BACK, now);
  } else if (slot->next == NULL && slot->current->ids != slot->wanted &&
             slot->current->state == TTN_STREAM_OPEN &&
             now >= slot->not_before) {
    /* What is still on its way on current comes once more on next. */
    keep_after(slot, slot->current);
    if (!open_stream(slot, auth, &slot->next))
      note_failure(slot, "no memory", PAUSE_MAX, now);
  }
}

int64_t streams_run(struct streams *s, const struct ttn_auth *auth,
                    int64_t now) {
  int64_t next = now + OPENS_WITHIN;
  if (s->n_changes > 0 && s->changes[0].tell_at < next)
    next = s->changes[0].tell_at;
  for (size_t i = 0; i < s->n; i++) {
    struct slot *slot = s->slots[i];
    if (slot == NULL)
      continue;
    if (slot->n_wanted == 0 || auth == NULL) {
      drop_stream(slot, &slot->current);
      drop_stream(slot, &slot->next);
      continue;
    }
    if (slot->current == NULL && slot->next != NULL) {
      slot->current = slot->next;
      slot->next = NULL;
    }
    if (slot->current == NULL && now >= slot->not_before &&
        !open_stream(slot, auth, &slot->current))
      note_failure(slot, "no memory", PAUSE_MAX, now);
    if (slot->failures > 0 && now + LASTING < next)
      next = now + LASTING;
    if (slot->current != NULL)
      watch_current(slot, now);
    if (slot->current != NULL)
      watch_next(slot, auth, now);
    if (slot->current == NULL && slot->not_before < next)
      next = slot->not_before;
  }
  return next;
}

static void refuse(struct slot *slot, const struct ttn_stream *stream,
                   int64_t now) {
  struct streams *s = slot->streams;
  const struct ttn_answer *answer = &stream->call.answer;
  struct gateway *gw = gateways_find(s->gateways, stream->refused);
  int64_t pause = answer->status < 500 ? REFUSED_PAUSE : pause_of(slot, now);
  if (gw != NULL && is_wanted(gw) && slot_of(s, gw) == slot) {
    bool first = gateway_refuse_events(gw);
    if (first)
      context_log(s->context, TTN_WARNING,
                  "the stack gives no events of gateway %s to this key: polls "
                  "alone tell of it",
                  gw->id);
    /* The next request lacks that gateway, so it is another one. */
    slot->not_before =
        now + (first && answer->status < 500 ? TTN_SECOND : pause);
    slot->n_wanted--;
    slot->wanted -= hash_of(gw);
    return;
  }
  if (answer->status == 429)
    pause = rate_limit_wait(answer);
  /* A 404 that names a gateway: it was deleted since the list was read. */
  if (stream->refused[0] == '\0' &&
      (answer->status == 404 || answer->status == 405 ||
       answer->status == 501)) {
    if ((s->lacking & UINT64_C(1) << slot->host) == 0)
      context_log(s->context, TTN_WARNING,
                  "%s has no event stream (%s): Events does nothing there, "
                  "polls tell all that they told before",
                  s->hosts->list[slot->host].endpoint.host, stream->why);
    s->lacking |= UINT64_C(1) << slot->host;
    slot->not_before = now + LACKING_PAUSE;
    return;
  }
  note_failure(slot, stream->why, pause, now);
}

bool streams_ended(const struct streams *s, struct ttn_call *call) {
  if (!call->endless)
    return false;
  int64_t now = context_mono(s->context);
  struct ttn_stream *stream = call->ctx;
  struct slot *slot = stream->sink.ctx;
  struct ttn_stream **place =
      slot->current == stream ? &slot->current : &slot->next;
  ttn_stream_ended(stream);
  if (call->answer.status >= 400) {
    refuse(slot, stream, now);
    drop_stream(slot, place);
  } else {
    end_stream(slot, place, stream->why, now);
  }
  return true;
}
