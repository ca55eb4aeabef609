/* SPDX-License-Identifier: MIT */
/* Whose turn it is where, and what becomes of the answers.
 *
 * Each gateway is asked at one host, in ranges of at most 100 of that host's
 * turns. One that its host doesn't have connected is looked for at the
 * account's other hosts in the same poll (some are registered at one cluster
 * and connected to another) before it is called disconnected; `lacks` remembers
 * who was asked, so that this costs nothing again until the next discovery. A
 * disconnected entry is held back while others are asked, and stands if they
 * don't know better, or don't answer and it ends what is known.
 *
 * A batch is refused whole for one gateway: it is halved until the culprits are
 * found, which are then left out until the next discovery, and named once. */
#include "account/internal.h"

#include <stdlib.h>
#include <string.h>

#define TURNS_MAX (4u * GATEWAYS_MAX)

static bool add_turn(struct ttn_account *a, int h, struct gw *gw) {
  struct host *host = &a->hosts[h];
  void *turns = host->turns;
  if (!ttn_grow(a->env, &turns, &host->room_turns, host->n_turns + 1,
                sizeof(struct gw *), TURNS_MAX))
    return false;
  host->turns = turns;
  host->turns[host->n_turns++] = gw;
  return true;
}

bool turns_push(struct ttn_account *a, int h, struct range range) {
  struct host *host = &a->hosts[h];
  void *ranges = host->ranges;
  if (!ttn_grow(a->env, &ranges, &host->room_ranges, host->n_ranges + 1,
                sizeof(struct range), TURNS_MAX)) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    return false;
  }
  host->ranges = ranges;
  host->ranges[host->n_ranges++] = range;
  if (!range.hunt)
    host->own_left++;
  return true;
}

/* Turns `from` to the last become ranges, the `first`th of them first. */
static void slice(struct ttn_account *a, int h, uint32_t from, bool hunt,
                  bool alone, size_t first) {
  struct host *host = &a->hosts[h];
  bool single = host->no_batch || a->singles;
  uint32_t size = single || alone ? 1 : TTN_BATCH_MAX;
  size_t n = (host->n_turns - from + size - 1) / size;
  for (size_t i = 0; i < n; i++) {
    uint32_t at = from + (uint32_t)((first + i) % n) * size;
    size_t rest = host->n_turns - at;
    struct range range = {.from = at,
                          .n = (uint8_t)(rest < size ? rest : size),
                          .single = single,
                          .hunt = hunt};
    turns_push(a, h, range);
  }
}

void turns_begin(struct ttn_account *a) {
  for (size_t h = 0; h < a->n_hosts; h++) {
    struct host *host = &a->hosts[h];
    host->n_turns = host->n_ranges = host->head = host->asked = 0;
    host->n_absent = 0;
    host->own_left = 0;
  }
  for (size_t i = 0; i < a->n_gateways; i++) {
    a->gateways[i]->turn = TURN_NONE;
    a->gateways[i]->planned = false;
  }
  turns_plan(a);
}

/* Gives every gateway that has none yet its place: at the poll's begin all of
 * them, after a discovery the new ones, and then the refused their chance, each
 * by itself so that one does not take another along. */
void turns_plan(struct ttn_account *a) {
  uint32_t from[HOSTS_MAX] = {0};
  for (int chance = 0; chance <= (a->retry_refused ? 1 : 0); chance++) {
    for (size_t h = 0; h < a->n_hosts; h++)
      from[h] = (uint32_t)a->hosts[h].n_turns;
    for (size_t i = 0; i < a->n_gateways; i++) {
      struct gw *gw = a->gateways[i];
      if (gw->refused && gw->turn == TURN_NONE)
        gw->turn = TURN_REFUSED;
      if (gw->planned || gw->at < 0 || gw->refused != (chance == 1))
        continue;
      gw->planned = add_turn(a, gw->at, gw);
    }
    for (size_t h = 0; h < a->n_hosts; h++) {
      bool whole = from[h] == 0 && chance == 0;
      slice(a, (int)h, from[h], false, chance == 1,
            whole ? a->hosts[h].first : 0);
      if (whole)
        a->hosts[h].n_primary = a->hosts[h].n_ranges;
    }
  }
  a->retry_refused = false;
}

/* Nothing more is learnt of gw in this poll: it was answered, or the list took
 * it away amid the poll, or moved it to a host that may not have the key. */
static bool is_over(const struct gw *gw) {
  return gw->gone || gw->home < 0 || gw->turn == TURN_ANSWERED;
}

static const char *text(const char *s) { return s == NULL ? "" : s; }

static void notice(struct ttn_account *a, struct gw *gw,
                   enum ttn_state state) {
  if (!a->settings->notifications)
    return;
  ttn_notice_gateway(a->sink, &gw->notice, gw->id, gw->name, state,
                     a->env->mono(a->env->ctx),
                     state == TTN_CONNECTED ? gw->known.connected_at
                                            : gw->known.disconnected_at,
                     a->settings->offline_after);
}

static void follow(struct ttn_account *a, struct gw *gw, int h,
                   enum ttn_state state) {
  bool listed = !ttn_select_exact(a->select); /* else home is a guess */
  if (listed && gw->at != h && h != gw->home && state == TTN_CONNECTED)
    account_log(a, TTN_NOTICE,
                "gateway %s is registered at %s but connected at %s, where it "
                "is followed: set its gateway server address in the Console",
                gw->id, a->hosts[gw->home].endpoint.host,
                a->hosts[h].endpoint.host);
  gw->at = (int16_t)h;
}

/* Gateways that are named are not listed: another cluster than those that were
 * asked may be theirs. */
static void say_guess(struct ttn_account *a, const struct gw *gw) {
  if (a->said_guess || !ttn_select_exact(a->select) ||
      gw->known.connected_at != 0)
    return;
  a->said_guess = true;
  account_log(a, TTN_NOTICE,
              "gateway %s is not connected at %s: where it is registered is "
              "not known, since Gateway lines with plain ids need no list; if "
              "that is another cluster, name it with a Cluster line",
              gw->id, a->hosts[0].endpoint.host);
}

/* What is proved of a gateway becomes known and is reported. */
static void commit(struct ttn_account *a, struct gw *gw, int h,
                   enum ttn_proof proof, const struct ttn_stats *stats,
                   int64_t date) {
  const char *why = NULL;
  if (is_over(gw))
    return;
  struct ttn_outcome outcome =
      ttn_gateway_learn(&gw->known, proof, stats, date, &why);
  if (outcome.state == TTN_UNKNOWN) {
    if (a->n_bad++ == 0)
      ttn_print(a->bad_why, sizeof(a->bad_why), "%s: %s", gw->id, text(why));
    a->report.failures[TTN_FAIL_ANSWER]++;
    return;
  }
  gw->turn = TURN_ANSWERED;
  if (gw->refused)
    account_log(a, TTN_NOTICE, "gateway %s is no longer refused", gw->id);
  gw->refused = gw->named = false;
  if (outcome.state == TTN_CONNECTED)
    gw->lacks = 0;
  if (proof == TTN_PROOF_ABSENT) {
    gw->at = gw->home;
    say_guess(a, gw);
  } else {
    follow(a, gw, h, outcome.state);
  }
  struct ttn_meta meta = {.name = gw->name,
                          .eui = gw->eui,
                          .server_address = gw->address,
                          .has_location = gw->has_location,
                          .location = gw->location};
  if (stats != NULL) {
    meta.protocol = stats->protocol;
    meta.remote_address = stats->remote_address;
  }
  bool wait = outcome.offset_moved && a->settings->state_file != NULL &&
              a->settings->state_file[0] != '\0';
  if (outcome.offset_moved)
    a->dirty = true;
  if (wait)
    gw->deferred = outcome.counts;
  ttn_report_gateway(a->sink, a->settings->collect, gw->id, &outcome, stats,
                     date, a->settings->meta_data ? &meta : NULL,
                     wait ? TTN_PART_BUT_COUNTS : TTN_PART_ALL);
  notice(a, gw, outcome.state);
}

static struct hunt *begin_hunt(struct ttn_account *a, struct gw *gw,
                               int64_t date) {
  struct hunt *hunt = ttn_alloc(a->env, sizeof(*hunt));
  if (hunt == NULL) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    return NULL;
  }
  hunt->gw = gw;
  hunt->held_at = -1;
  hunt->lacked_date = date;
  hunt->next = a->hunts;
  a->hunts = hunt;
  gw->hunt = hunt;
  return hunt;
}

static void resolve(struct ttn_account *a, struct hunt *hunt) {
  struct gw *gw = hunt->gw;
  bool all = (hosts_all(a) & ~gw->lacks) == 0;
  if (hunt->held_at >= 0 &&
      (all || ttn_gateway_is_end(&gw->known, &hunt->held)))
    commit(a, gw, hunt->held_at, TTN_PROOF_ENTRY, &hunt->held,
           hunt->held_date);
  else if (all)
    commit(a, gw, gw->at, TTN_PROOF_ABSENT, NULL, hunt->lacked_date);
}

/* Of two disconnected entries the later one stands. */
static void hold(struct hunt *hunt, int h, const struct ttn_stats *stats,
                 int64_t date) {
  if (hunt->held_at >= 0 &&
      hunt->held.disconnected_at >= stats->disconnected_at)
    return;
  hunt->held_at = (int16_t)h;
  hunt->held_date = date;
  hunt->held = *stats;
  hunt->held.bands = NULL;
  hunt->held.metrics = NULL;
  hunt->held.n_bands = hunt->held.n_metrics = 0;
  hunt->held.protocol = hunt->held.remote_address = NULL;
}

/* Host h does not have gw connected; stats: its disconnected entry or NULL. */
static void lacking(struct ttn_account *a, int h, struct gw *gw, bool hunting,
                    const struct ttn_stats *stats, int64_t date) {
  struct host *host = &a->hosts[h];
  gw->lacks |= UINT64_C(1) << h;
  if (gw->hunt == NULL && (hosts_all(a) & ~gw->lacks) == 0) {
    commit(a, gw, stats != NULL ? h : gw->at,
           stats != NULL ? TTN_PROOF_ENTRY : TTN_PROOF_ABSENT, stats, date);
    return;
  }
  struct hunt *hunt = gw->hunt != NULL ? gw->hunt : begin_hunt(a, gw, date);
  if (hunt == NULL)
    return;
  if (stats != NULL)
    hold(hunt, h, stats, date);
  if (hunting) {
    if (hunt->pending > 0 && --hunt->pending == 0)
      resolve(a, hunt);
    return;
  }
  void *absent = host->absent;
  if (!ttn_grow(a->env, &absent, &host->room_absent, host->n_absent + 1,
                sizeof(struct gw *), GATEWAYS_MAX)) {
    a->report.failures[TTN_FAIL_MEMORY]++;
    return;
  }
  host->absent = absent;
  host->absent[host->n_absent++] = gw;
}

void turns_absent(struct ttn_account *a, int h, struct gw *gw, bool hunt,
                  int64_t date) {
  if (!is_over(gw))
    lacking(a, h, gw, hunt, NULL, date);
}

static int by_id(const void *a, const void *b) {
  return strcmp((*(struct gw *const *)a)->id, (*(struct gw *const *)b)->id);
}

/* All of host h's own ranges are over: what it lacks is looked for. */
static void begin_hunts(struct ttn_account *a, int h) {
  struct host *host = &a->hosts[h];
  for (int other = 0; other < (int)a->n_hosts; other++) {
    struct host *target = &a->hosts[other];
    uint32_t from = (uint32_t)target->n_turns;
    for (size_t i = 0; i < host->n_absent; i++) {
      struct gw *gw = host->absent[i];
      if (other == h || is_over(gw) || target->nowhere ||
          (gw->lacks >> other & 1) != 0)
        continue;
      if (add_turn(a, other, gw))
        gw->hunt->pending++;
    }
    if (target->n_turns > from)
      qsort(target->turns + from, target->n_turns - from,
            sizeof(struct gw *), by_id);
    slice(a, other, from, true, false, 0);
  }
  host->n_absent = 0;
}

void turns_range_over(struct ttn_account *a, int h, const struct range *r) {
  struct host *host = &a->hosts[h];
  if (!r->hunt && host->own_left > 0 && --host->own_left == 0 &&
      host->n_absent > 0)
    begin_hunts(a, h);
}

bool turns_look_elsewhere(struct ttn_account *a) {
  bool any = false;
  for (int h = 0; h < (int)a->n_hosts; h++) {
    any = any || a->hosts[h].n_absent > 0;
    begin_hunts(a, h);
  }
  return any;
}

static bool connected(const struct ttn_stats *s) {
  return (s->has & TTN_HAS_CONNECTED_AT) != 0 &&
         ((s->has & TTN_HAS_DISCONNECTED_AT) == 0 ||
          s->disconnected_at < s->connected_at);
}

static void entry(struct ttn_account *a, struct job *job, struct gw *gw,
                  const struct ttn_entry *e, int64_t date) {
  if (is_over(gw))
    return;
  if (e->bad != NULL) {
    if (a->n_bad++ == 0)
      ttn_print(a->bad_why, sizeof(a->bad_why), "%s: %s", gw->id, e->bad);
    a->report.failures[TTN_FAIL_JSON]++;
  } else if (connected(&e->stats) ||
             (e->stats.has & TTN_HAS_DISCONNECTED_AT) == 0) {
    commit(a, gw, job->host, TTN_PROOF_ENTRY, &e->stats, date);
  } else {
    lacking(a, job->host, gw, job->range.hunt, &e->stats, date);
  }
}

static int id_order(const void *id, const void *gw) {
  return strcmp(id, (*(struct gw *const *)gw)->id);
}

/* The entries of a whole answer. One for a gateway that was not asked for makes
 * all of it wrong: it is an answer to something else. */
bool turns_entries(struct ttn_account *a, struct job *job, int64_t date) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(job->decoder, &n);
  struct gw **turns = a->hosts[job->host].turns + job->range.from;
  struct gw *of[TTN_BATCH_MAX];
  bool there[TTN_BATCH_MAX] = {false};
  if (job->kind == KIND_SINGLE) {
    if (n != 1)
      return false;
    entry(a, job, turns[0], &entries[0], date);
    return true;
  }
  for (size_t i = 0; i < n; i++) {
    struct gw **gw = bsearch(entries[i].id, turns, job->range.n,
                             sizeof(*turns), id_order);
    if (gw == NULL)
      return false;
    of[i] = *gw;
    there[gw - turns] = true;
  }
  /* The host's turns may move in memory once hunts begin: not before the
   * range is over. */
  for (size_t i = 0; i < n; i++)
    entry(a, job, of[i], &entries[i], date);
  for (size_t i = 0; i < job->range.n; i++)
    if (!there[i])
      turns_absent(a, job->host, turns[i], job->range.hunt, date);
  return true;
}

static void refuse(struct ttn_account *a, struct gw *gw) {
  if (is_over(gw))
    return;
  gw->refused = true;
  gw->turn = TURN_REFUSED;
  if (gw->named)
    return;
  gw->named = true;
  size_t n = strlen(a->refused_names);
  a->n_refused_new++;
  if (n + TTN_ID_MAX + 3 < sizeof(a->refused_names))
    ttn_print(a->refused_names + n, sizeof(a->refused_names) - n, "%s%s",
              n == 0 ? "" : ", ", gw->id);
}

void turns_refused(struct ttn_account *a, int h, const struct range *r) {
  if (r->n > 1) {
    struct range low = *r, high = *r;
    low.n = (uint8_t)(r->n / 2);
    high.n = (uint8_t)(r->n - low.n);
    high.from = r->from + low.n;
    low.tries = high.tries = 0;
    turns_push(a, h, low);
    turns_push(a, h, high);
    return;
  }
  struct gw *gw = a->hosts[h].turns[r->from];
  if (r->hunt) /* it is not known there, or not to this key */
    turns_absent(a, h, gw, true, 0);
  else
    refuse(a, gw);
}

static void say_refused(struct ttn_account *a) {
  if (a->n_refused_new == 0)
    return;
  account_log(a, TTN_WARNING,
              "%zu gateway%s refused to this key and left out until that "
              "changes: %s%s: give the key's owner the right \"view gateway "
              "status\" on %s (Console: gateway, Collaborators)",
              a->n_refused_new, a->n_refused_new == 1 ? " is" : "s are",
              a->refused_names, a->n_refused_new > 5 ? " …" : "",
              a->n_refused_new == 1 ? "it" : "them");
  a->n_refused_new = 0;
  a->refused_names[0] = '\0';
}

static void say_bad(struct ttn_account *a) {
  if (a->n_bad > 0 && !a->said_bad)
    account_log(a, TTN_ERROR,
                "%zu gateway%s an entry that can't be believed and is unknown "
                "until that ends; first %s",
                a->n_bad, a->n_bad == 1 ? " has" : "s have", a->bad_why);
  else if (a->n_bad == 0 && a->said_bad)
    account_log(a, TTN_NOTICE, "all gateways' entries can be believed again");
  a->said_bad = a->n_bad > 0;
}

/* Where a host's next poll begins: with the first range that had no turn, or,
 * after a failed probe, with the one behind it. */
static void move_on(struct host *host) {
  if (host->n_primary == 0)
    return;
  size_t done = host->given_up || host->limited ? host->asked : 0;
  host->first = (host->first + done) % host->n_primary;
}

static void send_deferred(struct ttn_account *a) {
  if (a->dirty)
    account_save_state(a, false);
  for (size_t i = 0; i < a->n_gateways; i++) {
    struct gw *gw = a->gateways[i];
    if (gw->deferred == 0)
      continue;
    struct ttn_outcome outcome = {.state = gw->known.shown,
                                  .counts = gw->deferred};
    memcpy(outcome.value, gw->known.value, sizeof(outcome.value));
    struct ttn_meta meta = {.name = gw->name,
                            .eui = gw->eui,
                            .server_address = gw->address,
                            .has_location = gw->has_location,
                            .location = gw->location};
    ttn_report_gateway(a->sink, a->settings->collect, gw->id, &outcome, NULL,
                       0, a->settings->meta_data ? &meta : NULL,
                       TTN_PART_COUNTS);
    gw->deferred = 0;
  }
}

void turns_end(struct ttn_account *a, bool stopped) {
  for (struct hunt *hunt = a->hunts, *next; hunt != NULL; hunt = next) {
    next = hunt->next;
    if (!stopped && !is_over(hunt->gw))
      resolve(a, hunt);
    hunt->gw->hunt = NULL;
    ttn_free(a->env, hunt);
  }
  a->hunts = NULL;
  if (!stopped) {
    send_deferred(a);
    say_refused(a);
    say_bad(a);
  }
  for (size_t h = 0; h < a->n_hosts; h++)
    move_on(&a->hosts[h]);
  for (size_t i = 0; i < a->n_graves; i++)
    account_free_gw(a->env, a->graves[i]);
  a->n_graves = 0;
}
