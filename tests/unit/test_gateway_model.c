/* SPDX-License-Identifier: MIT */
/* All stories of up to LENGTH events that can happen to a gateway and to
 * collectd, told to gateway.c on one side and to an oracle on the other.
 *
 * The oracle knows no offsets and no files: it keeps what was counted of the
 * connection at hand (level) and what the writer has (value), and says for each
 * answer how many messages it proves. What Prometheus' increase() makes of the
 * values that went out, resets included, must be just that, after each story;
 * and never more than the gateway sent. So must what RRDtool's DERIVE makes of
 * them, which throws away a step that falls, unless a kill made the oracle say
 * that a fall is unavoidable.
 *
 * TTN_MODEL_LENGTH sets LENGTH. */
#include "gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH 6
#define LENGTH_MAX 12
#define NO (-1)

/* What is true. */
struct world {
  int64_t now, at, gone_at;
  int64_t count;
  bool connected, has_entry;
  int64_t sent; /* messages since the story began */
};

/* What the writer makes of a series. */
struct writer {
  bool any;
  int64_t last, increase, derive;
};

struct oracle {
  int64_t at, gone_at;  /* proved, 0 = not known */
  int64_t level, value; /* of this connection; of the series */
  bool known;           /* the series is there */
  bool killed;          /* and had no value since a kill */
  bool row;             /* the file has the connection, so it's still known */
  int64_t proved;
  int64_t held; /* of that: behind a 0, for the next proof to let out */
  bool fell;    /* a fall of the series to more than 0 can't be helped */
  bool lost; /* a drop right after a kill: nobody can tell it from a sequel */
};

struct scene {
  struct world world;
  struct ttn_gateway gateway, file; /* file: all zero = no row */
  struct writer writer;
  struct oracle oracle;
};

/* The oracle. count NO: absent. */

static void proves(struct oracle *oracle, int64_t count, int64_t messages) {
  oracle->proved += messages;
  oracle->level = count;
  oracle->known = true;
  oracle->killed = false;
}

/* After a kill that left no row, the series goes on at count: a writer takes a
 * lower one for a reset. */
static void proves_blindly(struct oracle *oracle, int64_t count) {
  bool falls = count < oracle->value;
  oracle->fell |= falls;
  proves(oracle, count, falls ? count : count - oracle->value);
  oracle->value = count;
}

static void oracle_connected(struct oracle *oracle, int64_t at, int64_t count) {
  bool fresh = oracle->at != 0 ? at > oracle->at
                               : oracle->gone_at != 0 && at > oracle->gone_at;
  oracle->at = at > oracle->at ? at : oracle->at;
  oracle->gone_at = 0;
  if (!oracle->killed)
    oracle->held = 0;
  if (fresh) {
    int64_t all = count == NO ? 0 : count;
    bool begins = !oracle->known || oracle->killed;
    oracle->proved -= oracle->held; /* a kill has overtaken it */
    oracle->held = begins ? all : 0;
    oracle->value = all + (begins ? 0 : oracle->value);
    proves(oracle, all, all);
  } else if (count == NO) {
    return;
  } else if (!oracle->known) {
    oracle->value = count;
    proves(oracle, count, 0);
  } else if (oracle->killed && !oracle->row) {
    proves_blindly(oracle, count);
  } else {
    oracle->held = 0;
    int64_t more = count > oracle->level ? count - oracle->level : 0;
    oracle->lost |= oracle->killed && count < oracle->level;
    oracle->value += more;
    proves(oracle, count, more);
  }
}

static void oracle_disconnected(struct oracle *oracle, int64_t gone_at,
                                int64_t count) {
  oracle->gone_at = gone_at;
  if (!oracle->killed)
    oracle->held = 0;
  if (count == NO || (oracle->killed && oracle->row))
    return;
  if (!oracle->known) {
    oracle->value = count;
    proves(oracle, count, 0);
  } else if (oracle->killed) {
    proves_blindly(oracle, count);
  } else if (count > oracle->level) {
    oracle->value += count - oracle->level;
    proves(oracle, count, count - oracle->level);
  }
}

static void oracle_absent(struct oracle *oracle, int64_t date) {
  if (!oracle->killed)
    oracle->held = 0;
  if (oracle->gone_at == 0)
    oracle->gone_at = date;
}

/* A row is there when the series is not just this connection's count. */
static void oracle_killed(struct oracle *oracle) {
  oracle->row = oracle->known &&
                (oracle->killed ? oracle->row : oracle->value != oracle->level);
  oracle->killed = oracle->known;
  oracle->gone_at = 0;
  if (oracle->row)
    return;
  oracle->at = 0;
  oracle->proved -= oracle->held;
  if (oracle->held > 0)
    oracle->value = 0;
  oracle->held = 0;
}

/* The connection was written down, but nothing of it went out. */
static void oracle_killed_amid(struct oracle *oracle, int64_t at) {
  bool fresh = oracle->at != 0 ? at > oracle->at
                               : oracle->gone_at != 0 && at > oracle->gone_at;
  if (fresh && oracle->killed)
    oracle->row = false;
  if (fresh && !oracle->killed) {
    oracle->at = at;
    oracle->level = 0;
  }
  oracle_killed(oracle);
}

/* The plugin, as account.c uses gateway.c. */

static void save(struct scene *scene, bool with_values) {
  const struct ttn_gateway *known = &scene->gateway;
  memset(&scene->file, 0, sizeof scene->file);
  if (!with_values && !ttn_gateway_has_offset(known))
    return;
  scene->file.connected_at = known->connected_at;
  scene->file.disconnected_at = known->disconnected_at;
  memcpy(scene->file.offset, known->offset, sizeof known->offset);
  if (with_values) {
    scene->file.reported = known->reported;
    memcpy(scene->file.value, known->value, sizeof known->value);
  }
}

static void restart(struct scene *scene) {
  scene->gateway = scene->file;
  save(scene, false);
}

static void write_value(struct writer *writer, int64_t value) {
  if (writer->any) {
    writer->increase += value < writer->last ? value : value - writer->last;
    writer->derive += value < writer->last ? 0 : value - writer->last;
  }
  writer->any = true;
  writer->last = value;
}

static struct ttn_outcome learn(struct scene *scene, enum ttn_proof proof,
                                const struct ttn_stats *stats) {
  const char *why;
  struct ttn_outcome outcome =
      ttn_gateway_learn(&scene->gateway, proof, stats, scene->world.now, &why);
  assert_null(why);
  if (outcome.offset_moved)
    save(scene, false);
  return outcome;
}

static void report(struct scene *scene, struct ttn_outcome outcome) {
  if ((outcome.counts & 1u) != 0)
    write_value(&scene->writer, (int64_t)outcome.value[0]);
}

/* A count of 0 is left out by the stack. */
static struct ttn_stats answer(const struct world *world, bool idle) {
  struct ttn_stats stats = {.has = world->connected ? TTN_HAS_CONNECTED_AT
                                                    : TTN_HAS_DISCONNECTED_AT,
                            .connected_at = world->at,
                            .disconnected_at = world->gone_at,
                            .count = {(uint64_t)world->count}};
  if (world->count > 0 && !idle)
    stats.has |= TTN_HAS_COUNT;
  return stats;
}

/* One poll that gets what is true, but for an idle or lost field. */
static void poll_entry(struct scene *scene, bool idle) {
  const struct world *world = &scene->world;
  struct ttn_stats stats = answer(world, idle);
  int64_t count = (stats.has & TTN_HAS_COUNT) != 0 ? world->count : NO;
  report(scene, learn(scene, TTN_PROOF_ENTRY, &stats));
  if (world->connected)
    oracle_connected(&scene->oracle, world->at, count);
  else
    oracle_disconnected(&scene->oracle, world->gone_at, count);
}

static void poll_absent(struct scene *scene) {
  report(scene, learn(scene, TTN_PROOF_ABSENT, NULL));
  oracle_absent(&scene->oracle, scene->world.now);
}

/* The events. */

static void link_up(struct world *world, int64_t count) {
  world->connected = true;
  world->at = world->now - 30 * TTN_SECOND;
  world->count = count;
  world->sent += count;
}

static void say(struct world *world, int64_t messages) {
  if (world->connected) {
    world->count += messages;
    world->sent += messages;
  }
}

static void link_down(struct world *world, bool has_entry) {
  world->connected = false;
  world->has_entry = has_entry;
  world->gone_at = world->now - 30 * TTN_SECOND;
}

enum event {
  UP,             /* three more messages */
  IDLE,           /* connected, the field is absent */
  RECONNECT,      /* later connected_at, no message yet */
  RECONNECT_MORE, /* and a higher count than the last one */
  DROP,           /* another server's count: lower, the same connected_at */
  LEAVE,          /* a disconnected entry */
  LEAVE_ABSENT,   /* no entry (a stack without a registry) */
  LOST,           /* no entry though it is connected */
  UNKNOWN,        /* no answer, two more messages */
  MISSED,         /* no answer, and a new connection with four */
  STOP,           /* collectd stops and starts */
  KILL,           /* collectd is killed and starts */
  KILL_AMID,      /* a new connection; killed after the file is written */
  EVENTS
};

static const char *const event_names[EVENTS] = {
    "up",      "idle",   "reconnect", "reconnect-more", "drop",
    "leave",   "absent", "lost",      "unknown",        "missed-reconnect",
    "restart", "kill",   "kill-amid"};

static bool can_happen(const struct world *world, enum event event) {
  switch (event) {
  case UP:
    return world->connected || world->has_entry;
  case IDLE:
  case LEAVE:
  case LEAVE_ABSENT:
  case LOST:
    return world->connected;
  case DROP:
    return world->connected && world->count > 1;
  default:
    return true;
  }
}

static void kill_amid(struct scene *scene) {
  struct world *world = &scene->world;
  link_up(world, world->count + 5);
  struct ttn_stats stats = answer(world, false);
  learn(scene, TTN_PROOF_ENTRY, &stats);
  restart(scene);
  oracle_killed_amid(&scene->oracle, world->at);
}

static void happen(struct scene *scene, enum event event) {
  struct world *world = &scene->world;
  world->now += 60 * TTN_SECOND;
  switch (event) {
  case UP:
    say(world, 3);
    poll_entry(scene, false);
    break;
  case IDLE:
    poll_entry(scene, true);
    break;
  case RECONNECT:
  case RECONNECT_MORE:
    link_up(world, event == RECONNECT ? 0 : world->count + 5);
    poll_entry(scene, false);
    break;
  case DROP:
    world->count /= 2;
    world->sent += world->count;
    poll_entry(scene, false);
    break;
  case LEAVE:
    link_down(world, true);
    poll_entry(scene, false);
    break;
  case LEAVE_ABSENT:
    link_down(world, false);
    poll_absent(scene);
    break;
  case LOST:
    poll_absent(scene);
    break;
  case UNKNOWN:
    say(world, 2);
    report(scene, learn(scene, TTN_PROOF_NONE, NULL));
    break;
  case MISSED:
    link_up(world, 4);
    break;
  case STOP:
    save(scene, true);
    restart(scene);
    break;
  case KILL:
    restart(scene);
    oracle_killed(&scene->oracle);
    break;
  default:
    kill_amid(scene);
  }
}

struct run {
  size_t length, depth;
  enum event story[LENGTH_MAX];
  unsigned long told, beyond; /* beyond: ended at a drop after a kill */
};

static void fail_story(const struct run *run, const char *what, int64_t got,
                       int64_t expected) {
  char story[400] = "";
  for (size_t i = 0; i < run->depth; i++) {
    strcat(story, " ");
    strcat(story, event_names[run->story[i]]);
  }
  fail_msg("%s is %lld, not %lld, after%s", what, (long long)got,
           (long long)expected, story);
}

/* The 0 that begins a series holds a count back for one proof, so the truth is
 * told twice more before it is compared. */
static void check(const struct run *run, struct scene scene) {
  for (int i = 0; i < 2; i++) {
    scene.world.now += 60 * TTN_SECOND;
    if (scene.world.connected || scene.world.has_entry)
      poll_entry(&scene, false);
    else
      poll_absent(&scene);
  }
  if (scene.oracle.lost)
    return;
  int64_t proved = scene.oracle.proved - scene.oracle.held;
  if (scene.writer.increase != proved)
    fail_story(run, "increase", scene.writer.increase, proved);
  if (!scene.oracle.fell && scene.writer.derive != proved)
    fail_story(run, "DERIVE", scene.writer.derive, proved);
  if (scene.writer.increase > scene.world.sent)
    fail_story(run, "increase", scene.writer.increase, scene.world.sent);
}

static void tell(struct run *run, const struct scene *scene) {
  for (enum event event = 0; event < EVENTS; event++) {
    if (!can_happen(&scene->world, event))
      continue;
    struct scene next = *scene;
    happen(&next, event);
    run->story[run->depth++] = event;
    run->told++;
    if (next.oracle.lost) {
      run->beyond++;
    } else {
      check(run, next);
      if (run->depth < run->length)
        tell(run, &next);
    }
    run->depth--;
  }
}

static void tells_all_stories(const struct world *world) {
  const char *length = getenv("TTN_MODEL_LENGTH");
  struct run run = {.length = LENGTH};
  struct scene scene = {.world = *world};
  if (length != NULL)
    run.length = strtoul(length, NULL, 10);
  assert_in_range(run.length, 1, LENGTH_MAX);
  tell(&run, &scene);
  print_message("# %lu stories of up to %zu events, %lu ended at a drop right "
                "after a kill\n",
                run.told, run.length, run.beyond);
}

static void found_connected(void **state) {
  (void)state;
  tells_all_stories(&(struct world){.now = 1000 * TTN_SECOND,
                                    .at = 100 * TTN_SECOND,
                                    .count = 7,
                                    .connected = true});
}

static void found_disconnected(void **state) {
  (void)state;
  tells_all_stories(&(struct world){.now = 1000 * TTN_SECOND,
                                    .gone_at = 100 * TTN_SECOND,
                                    .count = 7,
                                    .has_entry = true});
}

static void found_absent(void **state) {
  (void)state;
  tells_all_stories(&(struct world){.now = 1000 * TTN_SECOND});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(found_connected),
      cmocka_unit_test(found_disconnected),
      cmocka_unit_test(found_absent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
