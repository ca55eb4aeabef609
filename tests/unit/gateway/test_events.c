/* SPDX-License-Identifier: MIT */
/* Stories of a gateway whose servers tell both the registry, which polls read,
 * and a stream of events. The truth is what the servers told. Events come late,
 * twice, in another order, or not at all; the stream breaks and goes on with or
 * without what it missed; collectd restarts and is killed.
 *
 * While the stream is whole, the value is the truth itself. With one server no
 * value is ever above it, whatever happens; with several only by first sights,
 * as in test_two_servers.c, where events are lost or late.
 *
 * TTN_MODEL_STORIES: how many random stories are told. */
#include "gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gateways.h"
#include "lib/servers.h"

#define STORIES 6000
#define STEPS 100
#define QUEUE 64
#define PAST 256

struct story_event {
  enum ttn_event_kind kind;
  int64_t time;
  struct ttn_stats stats;
};

struct scene {
  struct servers stack;
  struct ttn_gateway known, file;
  bool open; /* the stream */
  struct story_event queue[QUEUE], past[PAST];
  size_t n_queue, n_past, read; /* read: of past, before the stream broke */
  int64_t value[TTN_MESSAGES];  /* as it was reported last */
  /* What a receiver adds up: a lower value is new as a whole. */
  int64_t received[TTN_MESSAGES];
};

/* What may go wrong. */
struct faults {
  bool late, twice, disorder, lost; /* events */
  bool breaks, stored;              /* the stream; the stack stores events */
  bool restarts, kills;
};

static uint64_t seed;
static unsigned pick(unsigned n) { /* xorshift64* */
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n);
}

static void free_scene(struct scene *scene) {
  ttn_gateway_free(&scene->known, &ttn_env_system);
  ttn_gateway_free(&scene->file, &ttn_env_system);
}

/* ---- the stack's events ---- */

static void publish(struct scene *scene, enum ttn_event_kind kind,
                    const struct ttn_stats *stats) {
  struct story_event event = {.kind = kind, .time = scene->stack.now++};
  if (stats != NULL)
    event.stats = *stats;
  if (scene->n_past < PAST)
    scene->past[scene->n_past++] = event;
  if (scene->open && scene->n_queue < QUEUE)
    scene->queue[scene->n_queue++] = event;
}

static struct server_connection *connection_of(struct scene *scene, int s) {
  return &scene->stack.all[scene->stack.server[s]];
}

static void begin_at(struct scene *scene, int s) {
  servers_start(&scene->stack, s);
  struct ttn_stats own = servers_own(connection_of(scene, s));
  publish(scene, TTN_EVENT_CONNECT, &own);
  publish(scene, TTN_EVENT_STATS, &own);
}

static void tell(struct scene *scene, int s) {
  servers_store(&scene->stack, s);
  struct ttn_stats own = servers_own(connection_of(scene, s));
  publish(scene, TTN_EVENT_STATS, &own);
}

static void end_at(struct scene *scene, int s) {
  struct ttn_stats end = {.has = TTN_HAS_DISCONNECTED_AT,
                          .disconnected_at = scene->stack.now};
  servers_end(&scene->stack, s);
  publish(scene, TTN_EVENT_STATS, &end);
  publish(scene, TTN_EVENT_DISCONNECT, NULL);
}

/* ---- the plugin, as account/ uses it ---- */

static void save(struct scene *scene, bool with_values) {
  ttn_gateway_free(&scene->file, &ttn_env_system);
  scene->file = test_gateway_saved(&scene->known, with_values);
}

static void restart(struct scene *scene) {
  ttn_gateway_free(&scene->known, &ttn_env_system);
  scene->known = test_gateway_copy(&scene->file);
  assert_true(ttn_gateway_follow(&ttn_env_system, &scene->known));
  scene->open = false;
  scene->n_queue = 0;
  save(scene, false);
}

static void hear(struct scene *scene, const struct story_event *event) {
  ttn_gateway_event(&ttn_env_system, &scene->known, event->kind, &event->stats,
                    event->time);
}

static void hear_all(struct scene *scene, const struct faults *faults) {
  size_t n = scene->n_queue;
  if (faults->late && n > 0)
    n = pick((unsigned)n + 1);
  for (size_t i = 0; i + 1 < n; i++)
    if (faults->disorder && pick(4) == 0) {
      struct story_event other = scene->queue[i];
      scene->queue[i] = scene->queue[i + 1];
      scene->queue[i + 1] = other;
    }
  for (size_t i = 0; i < n; i++) {
    if (faults->lost && pick(20) == 0)
      continue;
    hear(scene, &scene->queue[i]);
    if (faults->twice && pick(4) == 0)
      hear(scene, &scene->queue[i]);
  }
  scene->n_queue -= n;
  memmove(scene->queue, scene->queue + n,
          scene->n_queue * sizeof *scene->queue);
}

static void break_stream(struct scene *scene) {
  scene->open = false;
  scene->read = scene->n_past - scene->n_queue;
  scene->n_queue = 0;
}

/* With what it missed, and a little of what came before. */
static void open_stream(struct scene *scene, bool stored) {
  scene->open = true;
  size_t from = scene->read < 3 ? 0 : scene->read - 3;
  for (size_t i = from; stored && i < scene->n_past; i++)
    if (scene->n_queue < QUEUE)
      scene->queue[scene->n_queue++] = scene->past[i];
}

/* A value goes out. */
static void receive(struct scene *scene, int k, int64_t value) {
  int64_t last = scene->value[k];
  scene->received[k] += value < last ? value : value - last;
  scene->value[k] = value;
}

/* By how much a receiver has too many. */
static int64_t poll_scene(struct scene *scene) {
  struct ttn_stats stats = servers_answer(&scene->stack);
  const char *why;
  int64_t worst = 0;
  if (!scene->open)
    ttn_gateway_unfollow(&scene->known);
  struct ttn_outcome outcome = ttn_gateway_learn(
      &ttn_env_system, &scene->known,
      stats.has == 0 ? TTN_PROOF_ABSENT : TTN_PROOF_ENTRY, &stats,
      scene->stack.now / TTN_SECOND * TTN_SECOND, &why);
  assert_null(why);
  if (outcome.offset_moved)
    save(scene, false);
  for (int k = 0; k < TTN_MESSAGES; k++) {
    if ((scene->known.reported & 1u << k) == 0)
      continue;
    receive(scene, k, (int64_t)scene->known.value[k]);
    int64_t over = scene->received[k] - scene->stack.told[k];
    worst = over > worst ? over : worst;
  }
  return worst;
}

static int64_t sent(const struct scene *scene) {
  int64_t sum = 0;
  for (int k = 0; k < TTN_MESSAGES; k++)
    sum += scene->stack.told[k];
  return sum;
}

static int64_t missing(const struct scene *scene) {
  int64_t sum = sent(scene);
  for (int k = 0; k < TTN_MESSAGES; k++)
    sum -= scene->value[k];
  return sum;
}

/* ---- random stories ---- */

struct sums {
  unsigned long stories, above;
  int64_t sent, above_by, missing;
};

static void random_step(struct scene *scene, int servers,
                        const struct faults *faults) {
  static const int64_t amounts[] = {0, 1, 1, 2, 7, 90};
  struct servers *stack = &scene->stack;
  stack->now += (1 + pick(20)) * TTN_SECOND + pick(1000) * TTN_MS;
  for (int i = 0; i < servers; i++) /* each server does this by itself */
    if (stack->server[i] >= 0 &&
        stack->now - stack->all[stack->server[i]].stored > 60 * TTN_SECOND)
      tell(scene, i);
  int s = (int)pick((unsigned)servers);
  unsigned fate = pick(100);
  if (stack->server[s] < 0) {
    if (fate < 50 && stack->n < CONNECTIONS)
      begin_at(scene, s);
  } else if (fate < 3) {
    end_at(scene, s);
  } else {
    for (int k = 0; k < TTN_MESSAGES; k++) {
      int64_t n = amounts[pick(6)] / (k + 1);
      if (n > 0)
        servers_receive(stack, s, k, n);
    }
    if (fate < 80)
      tell(scene, s);
  }
  if (faults->breaks && pick(10) == 0) {
    if (scene->open)
      break_stream(scene);
    else
      open_stream(scene, faults->stored);
  }
  if (faults->restarts && pick(40) == 0) {
    if (!faults->kills)
      save(scene, true);
    scene->read = scene->n_past;
    restart(scene);
    poll_scene(scene);
    open_stream(scene, false);
  }
}

static void random_story(uint64_t number, int servers,
                         const struct faults *faults, struct sums *sums) {
  static struct scene scene;
  int64_t worst = 0;
  scene = (struct scene){.stack = servers_new(), .open = true};
  assert_true(ttn_gateway_follow(&ttn_env_system, &scene.known));
  seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  poll_scene(&scene); /* a stream is opened after an answer */
  for (int step = 0; step < STEPS; step++) {
    random_step(&scene, servers, faults);
    hear_all(&scene, faults);
    if (pick(10) < 4) {
      scene.stack.now += TTN_SECOND;
      int64_t over = poll_scene(&scene);
      worst = over > worst ? over : worst;
    }
  }
  if (!scene.open)
    open_stream(&scene, faults->stored);
  scene.stack.now += 5 * TTN_SECOND;
  for (int s = 0; s < servers; s++)
    if (scene.stack.server[s] >= 0)
      tell(&scene, s);
  hear_all(&scene, &(struct faults){0});
  scene.stack.now += TTN_SECOND;
  int64_t over = poll_scene(&scene);
  worst = over > worst ? over : worst;
  sums->stories++;
  sums->above += worst > 0;
  sums->above_by += worst;
  sums->sent += sent(&scene);
  sums->missing += missing(&scene) > 0 ? missing(&scene) : 0;
  free_scene(&scene);
}

static struct sums tell_stories(const char *name, int servers,
                                const struct faults *faults) {
  const char *text = getenv("TTN_MODEL_STORIES");
  unsigned long stories = text != NULL ? strtoul(text, NULL, 10) : STORIES;
  struct sums sums = {0};
  for (unsigned long i = 0; i < stories; i++)
    random_story(i, servers, faults, &sums);
  print_message("# %s, %d servers: %lu stories, %lld messages, %lld missing, "
                "%lld too many in %lu stories\n",
                name, servers, sums.stories, (long long)sums.sent,
                (long long)sums.missing, (long long)sums.above_by, sums.above);
  return sums;
}

static void whole_streams_are_exact(void **state) {
  (void)state;
  for (int servers = 1; servers <= SERVERS; servers++) {
    struct sums sums = tell_stories("whole", servers, &(struct faults){0});
    assert_int_equal(sums.above_by, 0);
    assert_in_range(sums.missing, 0, servers < 3 ? 0 : sums.sent / 10000);
  }
}

static void events_in_any_order_are_exact(void **state) {
  (void)state;
  struct faults faults = {.late = true, .twice = true, .disorder = true};
  for (int servers = 1; servers <= SERVERS; servers++) {
    struct sums sums = tell_stories("disorder", servers, &faults);
    assert_in_range(sums.above_by, 0, servers == 1 ? 0 : sums.sent / 10000);
    assert_in_range(sums.missing, 0, sums.sent / (servers == 1 ? 10000 : 100));
  }
}

static void lost_events_are_filled(void **state) {
  (void)state;
  struct faults faults = {.late = true, .lost = true};
  for (int servers = 1; servers <= SERVERS; servers++) {
    struct sums sums = tell_stories("lost events", servers, &faults);
    assert_in_range(sums.above_by, 0, servers == 1 ? 0 : sums.sent / 10000);
    assert_in_range(sums.missing, 0, sums.sent / 50);
  }
}

static void broken_streams_invent_nothing(void **state) {
  (void)state;
  for (int stored = 0; stored < 2; stored++) {
    struct faults faults = {
        .late = true, .twice = true, .breaks = true, .stored = stored != 0};
    for (int servers = 1; servers <= SERVERS; servers++) {
      struct sums sums = tell_stories(stored ? "breaks" : "breaks, no store",
                                      servers, &faults);
      assert_in_range(sums.above_by, 0, servers == 1 ? 0 : sums.sent / 1000);
      assert_in_range(sums.missing, 0, sums.sent / 5);
    }
  }
}

static void restarts_invent_nothing(void **state) {
  (void)state;
  for (int kills = 0; kills < 2; kills++) {
    struct faults faults = {.late = true,
                            .breaks = true,
                            .stored = true,
                            .restarts = true,
                            .kills = kills != 0};
    for (int servers = 1; servers <= SERVERS; servers++) {
      struct sums sums =
          tell_stories(kills ? "kills" : "restarts", servers, &faults);
      assert_in_range(sums.above_by, 0, servers == 1 ? 0 : sums.sent / 1000);
      assert_in_range(sums.missing, 0, sums.sent / (kills ? 2 : 5));
    }
  }
}

/* Of two servers one lets go, which a stream tells twice; then the other. */
static void an_end_told_twice_is_one(void **state) {
  (void)state;
  static struct scene scene;
  struct faults none = {0};
  scene = (struct scene){.stack = servers_new(), .open = true};
  assert_true(ttn_gateway_follow(&ttn_env_system, &scene.known));
  poll_scene(&scene);
  for (int s = 0; s < 2; s++) {
    scene.stack.now += 20 * TTN_SECOND;
    begin_at(&scene, s);
  }
  hear_all(&scene, &none);
  assert_int_equal(scene.known.shown, TTN_CONNECTED);
  assert_int_equal(scene.known.live->connects, 2);
  for (int s = 0; s < 2; s++) {
    scene.stack.now += 20 * TTN_SECOND;
    end_at(&scene, s);
    struct story_event end = scene.queue[scene.n_queue - 1];
    assert_int_equal(end.kind, TTN_EVENT_DISCONNECT);
    scene.queue[scene.n_queue++] = end;
    hear_all(&scene, &none);
    assert_int_equal(scene.known.shown,
                     s == 0 ? TTN_CONNECTED : TTN_DISCONNECTED);
  }
  /* The answer that says the same is no news. */
  int64_t gone = scene.known.disconnected_at;
  scene.stack.now += TTN_SECOND;
  poll_scene(&scene);
  assert_int_equal(scene.known.shown, TTN_DISCONNECTED);
  assert_int_equal(scene.known.disconnected_at, gone);
  free_scene(&scene);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_end_told_twice_is_one),
      cmocka_unit_test(whole_streams_are_exact),
      cmocka_unit_test(events_in_any_order_are_exact),
      cmocka_unit_test(lost_events_are_filled),
      cmocka_unit_test(broken_streams_invent_nothing),
      cmocka_unit_test(restarts_invent_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
