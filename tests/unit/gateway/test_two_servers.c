/* SPDX-License-Identifier: MIT */
/* Stories of a gateway that several Gateway Servers hold. The truth is what the
 * servers told the registry; the registry mixes it as the recorded one does
 * (tests/answers/two-servers, lorawan-stack gatewayserver.go updateConnStats).
 * This file knows nothing of the rules by which gateway.c tells counters apart.
 *
 * After each answer the value may not be above the truth, but for first sights:
 * a server's counter that was never shown before, under an old connected_at,
 * and was taken for another's growth. They are counted, and so is what is
 * missing of all that answers showed. With one server there is neither.
 *
 * TTN_MODEL_LENGTH sets the length of the stories that are all told,
 * TTN_MODEL_STORIES how many random ones are. */
#include "gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gateways.h"
#include "lib/servers.h"

#define LENGTH 8
#define LENGTH_MAX 12
#define STORIES 100000
/* A new connection may have so many messages from before it began. */
#define FEW 16

/* ---- what is true ---- */

struct series {
  bool any;
  int64_t base, value;
  int64_t told_at_base;
  int64_t provable; /* by answers, since the base */
  int64_t excused;  /* what first sights can add: all of each counter */
};

struct scene {
  struct servers stack;
  int64_t polled; /* the last answer */
  int64_t newest; /* connected_at, of the last answer that had one */
  struct ttn_gateway known, file;
  struct series series[TTN_MESSAGES];
  int first_sights;
  bool restless; /* connections end all the time */
};

static struct scene nothing(void) {
  return (struct scene){.stack = servers_new()};
}

static void free_scene(struct scene *scene) {
  ttn_gateway_free(&scene->known, &ttn_env_system);
  ttn_gateway_free(&scene->file, &ttn_env_system);
}

static struct scene copy_scene(const struct scene *from) {
  struct scene copy = *from;
  copy.known = test_gateway_copy(&from->known);
  copy.file = test_gateway_copy(&from->file);
  return copy;
}

/* ---- the plugin, as account/ uses it ---- */

static void save(struct scene *scene, bool with_values) {
  ttn_gateway_free(&scene->file, &ttn_env_system);
  scene->file = test_gateway_saved(&scene->known, with_values);
}

static void restart(struct scene *scene) {
  ttn_gateway_free(&scene->known, &ttn_env_system);
  scene->known = test_gateway_copy(&scene->file);
  save(scene, false);
}

/* What of a count can be told, as the truth has it. */
enum sight {
  SEEN,  /* its counter was shown before, or is of this connection, which began
          * after the last answer; or the very same count was shown before */
  FIRST, /* it was not; or it stands in the entry of a later connection, which
          * had none to put in its place; or such a one took its place */
  AT_AN_END /* it was not, and the entry is an end: it may be of a connection
             * that began and ended since the last answer. A counter that does
             * not go on from a known one is not remembered by it */
};

static enum sight show(struct scene *scene, int k, bool is_base) {
  struct server_connection *c =
      &scene->stack.all[scene->stack.registry.owner[k]];
  struct server_counter *counter = &c->counter[k];
  struct series *series = &scene->series[k];
  int64_t count = scene->stack.registry.count[k];
  bool first = counter->shown < 0;
  if (first && !is_base && scene->stack.registry.at == 0)
    return AT_AN_END;
  bool fresh = !is_base && c->at > scene->polled;
  bool again = count == counter->shown && count > FEW;
  if (first)
    counter->shown = fresh ? 0 : count;
  if (count > counter->shown) {
    series->provable += count - counter->shown;
    counter->shown = count;
  }
  return (first && !fresh && !is_base) || (c->at < scene->newest && !again)
             ? FIRST
             : SEEN;
}

/* Another counter is as high, and of the same moment: the two look like one. */
static bool has_twin(const struct scene *scene, int k) {
  const struct registry_entry *r = &scene->stack.registry;
  for (int i = 0; i < scene->stack.n; i++) {
    const struct server_counter *counter = &scene->stack.all[i].counter[k];
    if (i != r->owner[k] && counter->shown == r->count[k] &&
        llabs(counter->last - r->last[k]) < 3 * TTN_SECOND)
      return true;
  }
  return false;
}

/* It began after the last answer, so its counts were 0 then. */
static void show_beginning(struct scene *scene) {
  for (int i = 0; i < scene->stack.n; i++)
    for (int k = 0; k < TTN_MESSAGES; k++)
      if (scene->stack.all[i].at == scene->stack.registry.at &&
          scene->stack.all[i].at > scene->polled &&
          (scene->series[k].any || scene->stack.registry.count[k] == 0) &&
          (scene->known.reported & 1u << k) != 0 &&
          scene->stack.all[i].counter[k].shown < 0)
        scene->stack.all[i].counter[k].shown = 0;
}

static int64_t poll_scene(struct scene *scene) {
  struct ttn_stats stats = servers_answer(&scene->stack);
  const char *why;
  int64_t worst = 0;
  if (stats.has == 0) /* never connected */
    return 0;
  struct ttn_outcome outcome =
      ttn_gateway_learn(&ttn_env_system, &scene->known, TTN_PROOF_ENTRY, &stats,
                        scene->stack.now / TTN_SECOND * TTN_SECOND, &why);
  assert_null(why);
  if (outcome.offset_moved)
    save(scene, false);
  show_beginning(scene);
  if (scene->stack.registry.at != 0)
    scene->newest = scene->stack.registry.at;
  for (int k = 0; k < TTN_MESSAGES; k++) {
    struct series *series = &scene->series[k];
    bool known = (scene->known.reported & 1u << k) != 0;
    bool is_base = known && !series->any;
    int64_t value = (int64_t)scene->known.value[k];
    int owner = scene->stack.registry.owner[k];
    enum sight sight = owner < 0 ? SEEN : show(scene, k, is_base || !known);
    if (!known)
      continue;
    if (is_base) {
      series->any = true;
      series->base = series->value = value;
      series->told_at_base = scene->stack.told[k];
    }
    int64_t more = value - series->value;
    if (more > 0 && sight == AT_AN_END) {
      scene->stack.all[owner].counter[k].shown = scene->stack.registry.count[k];
      series->provable += more;
    }
    if (sight != SEEN && (more > 0 || has_twin(scene, k))) {
      scene->first_sights++;
      series->excused += scene->stack.registry.count[k];
    }
    series->value = value;
    int64_t over = (value - series->base) -
                   (scene->stack.told[k] - series->told_at_base) -
                   series->excused;
    worst = over > worst ? over : worst;
  }
  scene->polled = scene->stack.now;
  return worst;
}

/* What is missing of what answers showed. */
static int64_t missing(const struct scene *scene) {
  int64_t sum = 0;
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (scene->series[k].any)
      sum += scene->series[k].provable -
             (scene->series[k].value - scene->series[k].base);
  return sum;
}

/* ---- all short stories ---- */

enum event {
  START_A,
  START_B,
  SAY_A, /* and store */
  SAY_B,
  STORE_A,
  STORE_B,
  END_A,
  END_B,
  POLL,
  RESTART,
  KILL,
  EVENTS
};
static const char *const event_names[EVENTS] = {
    "start-A", "start-B", "say-A", "say-B",   "store-A", "store-B",
    "end-A",   "end-B",   "poll",  "restart", "kill"};

static bool can_happen(const struct scene *scene, enum event event) {
  switch (event) {
  case START_A:
  case START_B:
    return scene->stack.server[event - START_A] < 0;
  case SAY_A:
  case SAY_B:
    return scene->stack.server[event - SAY_A] >= 0;
  case STORE_A:
  case STORE_B:
    return scene->stack.server[event - STORE_A] >= 0;
  case END_A:
  case END_B:
    return scene->stack.server[event - END_A] >= 0;
  case KILL: /* of the others test_gateway_model.c tells */
    return ttn_gateway_has_servers(&scene->known);
  default:
    return true;
  }
}

static int64_t happen(struct scene *scene, enum event event) {
  scene->stack.now += 20 * TTN_SECOND + 1;
  switch (event) {
  case START_A:
  case START_B:
    servers_start(&scene->stack, event - START_A);
    return 0;
  case SAY_A:
  case SAY_B:
    servers_receive(&scene->stack, event - SAY_A, TTN_UPLINK,
                    event == SAY_A ? 3 : 8);
    servers_store(&scene->stack, event - SAY_A);
    return 0;
  case STORE_A:
  case STORE_B:
    servers_store(&scene->stack, event - STORE_A);
    return 0;
  case END_A:
  case END_B:
    servers_end(&scene->stack, event - END_A);
    return 0;
  case POLL:
    return poll_scene(scene);
  case RESTART:
    save(scene, true);
    restart(scene);
    return 0;
  default:
    restart(scene);
    return 0;
  }
}

struct run {
  size_t length, depth;
  enum event story[LENGTH_MAX];
  unsigned long told, first_sights, missing;
};

static void tell(struct run *run, const struct scene *scene) {
  for (enum event event = 0; event < EVENTS; event++) {
    if (!can_happen(scene, event))
      continue;
    struct scene next = copy_scene(scene);
    int64_t over = happen(&next, event);
    run->story[run->depth++] = event;
    if (over > 0) {
      char story[400] = "";
      for (size_t i = 0; i < run->depth; i++) {
        strcat(story, " ");
        strcat(story, event_names[run->story[i]]);
      }
      fail_msg("%lld too many after%s", (long long)over, story);
    }
    run->told++;
    run->first_sights += next.first_sights > 0;
    run->missing += missing(&next) > 0;
    if (run->depth < run->length)
      tell(run, &next);
    run->depth--;
    free_scene(&next);
  }
}

static void tells_all_stories(struct scene *scene, const char *name) {
  const char *length = getenv("TTN_MODEL_LENGTH");
  struct run run = {.length = LENGTH};
  if (length != NULL)
    run.length = strtoul(length, NULL, 10);
  assert_in_range(run.length, 1, LENGTH_MAX);
  tell(&run, scene);
  free_scene(scene);
  print_message(
      "# %s: %lu stories of up to %zu events, %lu with a first sight, "
      "%lu with something missing\n",
      name, run.told, run.length, run.first_sights, run.missing);
}

static void of_one_that_never_was(void **state) {
  (void)state;
  struct scene scene = nothing();
  tells_all_stories(&scene, "nothing");
}

/* Both hold it, A's counts show, and B has many more. */
static void of_one_that_two_hold(void **state) {
  (void)state;
  struct scene scene = nothing();
  for (int s = 0; s < 2; s++) {
    servers_start(&scene.stack, s);
    scene.stack.now += 5 * TTN_SECOND;
    servers_receive(&scene.stack, s, TTN_UPLINK, s == 0 ? 7 : 5000);
    servers_store(&scene.stack, s);
    scene.stack.now += 5 * TTN_SECOND;
  }
  servers_store(&scene.stack, 0);
  poll_scene(&scene);
  tells_all_stories(&scene, "two servers");
}

/* ---- random stories ---- */

static uint64_t seed;
static unsigned pick(unsigned n) { /* xorshift64* */
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n);
}

struct sums {
  unsigned long stories, sent, first_sights, above, missing, restarts, kills;
};

/* A few steps of a second or more. One server: none of the others starts. */
static void random_step(struct scene *scene, int servers, struct sums *sums) {
  static const int64_t amounts[] = {0, 1, 1, 2, 7, 90};
  scene->stack.now += (1 + pick(20)) * TTN_SECOND + pick(1000) * TTN_MS;
  for (int i = 0; i < servers; i++) /* each server does this by itself */
    if (scene->stack.server[i] >= 0 &&
        scene->stack.now - scene->stack.all[scene->stack.server[i]].stored >
            60 * TTN_SECOND)
      servers_store(&scene->stack, i);
  int s = (int)pick((unsigned)servers);
  unsigned fate = pick(100);
  bool ends = fate < 3 && (scene->restless || pick(10) == 0);
  if (scene->stack.server[s] < 0) {
    if (fate < 50 && scene->stack.n < CONNECTIONS)
      servers_start(&scene->stack, s);
  } else if (ends) {
    servers_end(&scene->stack, s);
  } else if (fate < 6 && scene->stack.n < CONNECTIONS && servers == 1) {
    scene->stack.all[scene->stack.server[s]].alive =
        false; /* replaced within a server */
    servers_start(&scene->stack, s);
  } else if (fate < 97) {
    for (int k = 0; k < TTN_MESSAGES; k++) {
      int64_t n = amounts[pick(6)] / (k + 1);
      if (n > 0)
        servers_receive(&scene->stack, s, k, n);
    }
    if (fate < 80)
      servers_store(&scene->stack, s);
  } else if (fate < 98) {
    save(scene, true);
    restart(scene);
    sums->restarts++;
  } else if (ttn_gateway_has_servers(&scene->known)) {
    restart(scene);
    sums->kills++;
  }
}

static void random_story(uint64_t number, int servers, bool restless,
                         struct sums *sums) {
  struct scene scene = nothing();
  scene.restless = restless;
  seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (int step = 0; step < 120; step++) {
    random_step(&scene, servers, sums);
    if (pick(10) < 4) {
      scene.stack.now += TTN_SECOND;
      int64_t over = poll_scene(&scene);
      if (over > 0)
        fail_msg("story %lu of %d servers, step %d: %lld too many",
                 (unsigned long)number, servers, step, (long long)over);
    }
  }
  for (int s = 0; s < servers; s++)
    if (scene.stack.server[s] >= 0) {
      servers_store(&scene.stack, s);
      scene.stack.now += TTN_SECOND;
      if (poll_scene(&scene) > 0)
        fail_msg("story %lu of %d servers, end: too many",
                 (unsigned long)number, servers);
    }
  int64_t gap = missing(&scene);
  if (servers == 1 && gap != 0)
    fail_msg("story %lu: %lld missing", (unsigned long)number, (long long)gap);
  sums->stories++;
  sums->first_sights += scene.first_sights > 0;
  sums->missing += gap > 0 ? (unsigned long)gap : 0;
  for (int k = 0; k < TTN_MESSAGES; k++) {
    const struct series *series = &scene.series[k];
    int64_t truth = scene.stack.told[k] - series->told_at_base;
    int64_t above = series->value - series->base - truth;
    sums->above += above > 0 ? (unsigned long)above : 0;
    sums->sent += (unsigned long)truth;
  }
  free_scene(&scene);
}

static void tells_random_stories(int servers) {
  const char *text = getenv("TTN_MODEL_STORIES");
  unsigned long stories = text != NULL ? strtoul(text, NULL, 10) : STORIES;
  for (int restless = 0; restless < 2; restless++) {
    struct sums sums = {0};
    for (unsigned long i = 0; i < stories / 2; i++)
      random_story(i, servers, restless != 0, &sums);
    print_message("# %d servers%s: %lu stories, %lu messages, %lu with a first "
                  "sight (%lu messages too many), %lu missing, %lu restarts, "
                  "%lu kills\n",
                  servers, restless ? ", restless" : "", sums.stories,
                  sums.sent, sums.first_sights, sums.above, sums.missing,
                  sums.restarts, sums.kills);
    /* One in a thousand, and what is missing stays in proportion. */
    assert_in_range(sums.above, 0, servers == 1 ? 0 : sums.sent / 1000);
    assert_in_range(sums.missing, 0, sums.sent / (restless ? 4 : 10));
  }
}

static void with_one_server_all_is_exact(void **state) {
  (void)state;
  tells_random_stories(1);
}

static void with_two_servers_none_is_invented(void **state) {
  (void)state;
  tells_random_stories(2);
}

static void with_three_servers_none_is_invented(void **state) {
  (void)state;
  tells_random_stories(3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_one_that_never_was),
      cmocka_unit_test(of_one_that_two_hold),
      cmocka_unit_test(with_one_server_all_is_exact),
      cmocka_unit_test(with_two_servers_none_is_invented),
      cmocka_unit_test(with_three_servers_none_is_invented),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
