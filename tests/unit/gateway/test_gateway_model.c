/* SPDX-License-Identifier: MIT */
/* All stories of up to LENGTH events that can happen to a gateway of one server
 * and to collectd, told to gateway.c on one side and to an oracle on the other.
 * test_two_servers.c tells those of several servers.
 *
 * The oracle knows no offsets and no files: it keeps what was counted of the
 * connection at hand (level) and what the writer has (value), and says for each
 * answer how many messages it proves since the series' first value. What
 * Prometheus' increase() makes of the values that went out, resets included,
 * must be just that, after each story; and never more than the gateway sent.
 *
 * Only after a kill, when the value reported last is not in the file, can they
 * differ. The oracle says by how much, to the message, and the stories in which
 * that happens are counted:
 *   hidden     a new connection's count is not below the value reported last:
 *              taken for its sequel, which hides as many messages as that value
 *   skipped    RRDtool's DERIVE throws away a step that falls, also where it is
 *              a reset that Prometheus reads well
 *
 * TTN_MODEL_LENGTH sets LENGTH. */
#include "gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gateways.h"

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
  int64_t at, gone_at; /* what is still known, 0 = nothing */
  int64_t latest;      /* connection that an answer proved, kill or not */
  bool other;          /* than the one that level is of; nothing went out yet */
  int64_t level, value; /* of a connection; of the series */
  bool known;           /* the series is there */
  bool killed;          /* and had no value since a kill */
  bool row;             /* the file has the connection, so it's still known */
  int64_t proved, hidden, skipped;
};

struct scene {
  struct world world;
  struct ttn_gateway gateway, file; /* file: all zero = no row */
  struct writer writer;
  struct oracle oracle;
};

/* The oracle. count NO: absent. */

static void goes_out(struct oracle *oracle, int64_t value, int64_t level) {
  oracle->value = value;
  oracle->level = level;
  oracle->known = true;
  oracle->other = oracle->killed = false;
}

static int64_t above_level(const struct oracle *oracle, int64_t count) {
  return count > oracle->level ? count - oracle->level : 0;
}

/* The first value since a kill. */
static void goes_on(struct oracle *oracle, int64_t value, int64_t count) {
  bool falls = value < oracle->value;
  oracle->proved += oracle->other ? count : above_level(oracle, count);
  if (oracle->other && !falls)
    oracle->hidden += oracle->value;
  if (falls)
    oracle->skipped += value;
  goes_out(oracle, value, count);
}

static bool is_fresh(const struct oracle *oracle, int64_t at) {
  return oracle->at != 0 ? at > oracle->at
                         : oracle->gone_at != 0 && at > oracle->gone_at;
}

/* An answer proves the connection. */
static void sees(struct oracle *oracle, int64_t at) {
  if (at <= oracle->latest)
    return;
  oracle->latest = at;
  oracle->other = true;
}

static void oracle_connected(struct oracle *oracle, int64_t at, int64_t count) {
  bool fresh = is_fresh(oracle, at);
  int64_t all = count == NO ? 0 : count;
  sees(oracle, at);
  oracle->at = at;
  oracle->gone_at = 0;
  if (count == NO && !fresh)
    return;
  if (!oracle->known) {
    goes_out(oracle, all, all);
  } else if (oracle->killed) {
    int64_t before = oracle->row && !fresh ? oracle->value - oracle->level : 0;
    goes_on(oracle, before + all, all);
  } else {
    int64_t more = fresh ? all : above_level(oracle, all);
    oracle->proved += more;
    goes_out(oracle, oracle->value + more, all);
  }
}

/* The entry doesn't say of which connection it is. */
static void oracle_disconnected(struct oracle *oracle, int64_t gone_at,
                                int64_t count) {
  oracle->gone_at = gone_at;
  if (count == NO || (oracle->killed && oracle->row))
    return;
  if (!oracle->known) {
    goes_out(oracle, count, count);
  } else if (oracle->killed) {
    oracle->other |= count < oracle->level;
    goes_on(oracle, count, count);
  } else if (count > oracle->level) {
    oracle->proved += count - oracle->level;
    goes_out(oracle, oracle->value + count - oracle->level, count);
  }
}

static void oracle_absent(struct oracle *oracle, int64_t date) {
  if (oracle->gone_at == 0)
    oracle->gone_at = date;
}

/* A row is there when the series is not just this connection's count. */
static void oracle_killed(struct oracle *oracle) {
  oracle->row = oracle->known &&
                (oracle->killed ? oracle->row : oracle->value != oracle->level);
  oracle->killed = oracle->known;
  oracle->gone_at = 0;
  if (!oracle->row)
    oracle->at = 0;
}

/* An answer of a connection, whose values didn't go out. If it moved the offset
 * to the value reported last, the file says so. */
static void oracle_killed_during(struct oracle *oracle, int64_t at) {
  bool fresh = is_fresh(oracle, at);
  sees(oracle, at);
  if (fresh && oracle->killed) {
    oracle->row = false;
  } else if (fresh) {
    oracle->at = at;
    oracle->level = 0;
    oracle->other = false;
  }
  oracle_killed(oracle);
}

/* The plugin, as account.c uses gateway.c. */

static void save(struct scene *scene, bool with_values) {
  ttn_gateway_free(&scene->file, &ttn_env_system);
  scene->file = (struct ttn_gateway){0};
  if (!with_values && !ttn_gateway_has_offset(&scene->gateway))
    return;
  scene->file = test_gateway_copy(&scene->gateway);
  scene->file.shown = TTN_UNKNOWN;
  scene->file.first_answer = 0;
  if (!with_values) {
    ttn_gateway_free(&scene->file, &ttn_env_system); /* of one server */
    scene->file.reported = 0;
    memset(scene->file.value, 0, sizeof scene->file.value);
  }
}

static void restart(struct scene *scene) {
  ttn_gateway_free(&scene->gateway, &ttn_env_system);
  scene->gateway = test_gateway_copy(&scene->file);
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
  struct ttn_outcome outcome = ttn_gateway_learn(
      &ttn_env_system, &scene->gateway, proof, stats, scene->world.now, &why);
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
  struct ttn_outcome outcome = learn(scene, TTN_PROOF_ENTRY, &stats);
  /* A connection began lately, so the end may be one server's: the next answer
   * decides. */
  if (outcome.state == TTN_UNKNOWN)
    outcome = learn(scene, TTN_PROOF_ENTRY, &stats);
  report(scene, outcome);
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
  LEAVE,          /* a disconnected entry */
  LEAVE_ABSENT,   /* no entry (a stack without a registry) */
  LOST,           /* no entry though it is connected */
  UNKNOWN,        /* no answer, two more messages */
  MISSED,         /* no answer, and a new connection with four */
  STOP,           /* collectd stops and starts */
  KILL,           /* collectd is killed and starts */
  KILL_DURING,    /* a new connection; killed after the file is written */
  EVENTS
};

static const char *const event_names[EVENTS] = {
    "up",     "idle",       "reconnect", "reconnect-more",   "leave",
    "absent", "lost",       "unknown",   "missed-reconnect", "restart",
    "kill",   "kill-during"};

static bool can_happen(const struct world *world, enum event event) {
  switch (event) {
  case UP:
    return world->connected || world->has_entry;
  case IDLE:
  case LEAVE:
  case LEAVE_ABSENT:
  case LOST:
    return world->connected;
  default:
    return true;
  }
}

static void kill_during(struct scene *scene) {
  struct world *world = &scene->world;
  link_up(world, world->count + 5);
  struct ttn_stats stats = answer(world, false);
  learn(scene, TTN_PROOF_ENTRY, &stats);
  restart(scene);
  oracle_killed_during(&scene->oracle, world->at);
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
    kill_during(scene);
  }
}

struct run {
  size_t length, depth;
  enum event story[LENGTH_MAX];
  unsigned long told, hidden, skipped;
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

static void check(struct run *run, const struct scene *scene) {
  const struct oracle *oracle = &scene->oracle;
  const struct writer *writer = &scene->writer;
  int64_t increase = oracle->proved - oracle->hidden;
  int64_t derive = increase - oracle->skipped;
  if (writer->increase != increase)
    fail_story(run, "increase", writer->increase, increase);
  if (writer->derive != derive)
    fail_story(run, "DERIVE", writer->derive, derive);
  if (oracle->proved > scene->world.sent)
    fail_story(run, "what is proved", oracle->proved, scene->world.sent);
  run->told++;
  run->hidden += oracle->hidden > 0;
  run->skipped += oracle->skipped > 0;
}

static void tell(struct run *run, const struct scene *scene) {
  for (enum event event = 0; event < EVENTS; event++) {
    if (!can_happen(&scene->world, event))
      continue;
    struct scene next = *scene;
    next.gateway = test_gateway_copy(&scene->gateway);
    next.file = test_gateway_copy(&scene->file);
    happen(&next, event);
    run->story[run->depth++] = event;
    check(run, &next);
    if (run->depth < run->length)
      tell(run, &next);
    run->depth--;
    ttn_gateway_free(&next.gateway, &ttn_env_system);
    ttn_gateway_free(&next.file, &ttn_env_system);
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
  print_message("# %lu stories of up to %zu events; after kills, %lu with "
                "hidden, %lu with skipped messages\n",
                run.told, run.length, run.hidden, run.skipped);
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
