/* SPDX-License-Identifier: MIT */
#include "account/apply.h"

#include "base/text.h"
#include "report/values.h"

#include <string.h>

void apply_init(struct apply *ap, const struct account_context *c) {
  ttn_changes_begin(&ap->changes, (unsigned)c->settings->notification_limit);
}

void apply_begin(struct apply *ap) { ap->poll = (struct apply_poll){0}; }

static void tell_first(struct told *told, const struct gateway *gw,
                       const char *what) {
  if (told->n++ == 0)
    ttn_print(told->text, sizeof(told->text), "%s: %s", gw->id, what);
}

static void tell_name(struct told *told, const char *name) {
  static const char more[] = " …";
  size_t n = strlen(told->text), room = sizeof(told->text) - n;
  told->n++;
  if (told->cut)
    return;
  told->cut = strlen(name) + strlen(", ") + sizeof(more) > room;
  if (told->cut)
    ttn_print(told->text + n, room, "%s", more);
  else
    ttn_print(told->text + n, room, "%s%s", n == 0 ? "" : ", ", name);
}

void apply_bad_entry(struct apply *ap, struct account_context *c,
                     const struct gateway *gw, const char *reason) {
  tell_first(&ap->poll.bad, gw, reason);
  context_count_failure(c, TTN_FAIL_JSON);
}

void apply_odd_field(struct apply *ap, const struct gateway *gw,
                     const char *field) {
  tell_first(&ap->poll.odd, gw, field);
}

/* Gateway lines with plain ids need no list: another cluster than those that
 * were asked may have this gateway. */
static void log_guess(struct apply *ap, const struct account_context *c,
                      const struct gateway *gw) {
  if (ttn_filter_exact(c->filter) && gw->known.connected_at == 0 &&
      ttn_episode_begin(&ap->guess))
    context_log(c, TTN_NOTICE,
                "gateway %s is not connected at any host that was asked: where "
                "it is registered is not known, since Gateway lines with plain "
                "ids need no list; if that is another cluster, name it with a "
                "Cluster line",
                gw->id);
}

static void tell_moved(struct apply *ap, const struct account_context *c,
                       const struct hosts *hosts, const struct gateway *gw,
                       int host) {
  char name[TTN_ID_MAX + TTN_HOST_MAX + 8];
  if (!ttn_filter_exact(c->filter) /* else the registered host is a guess */
      && gw->registered_host >= 0 && gw->registered_host != host)
    tell_name(&ap->poll.moved, ttn_print(name, sizeof(name), "%s at %s", gw->id,
                                         hosts->list[host].endpoint.host));
}

/* Its counts are not wrong, but may lack messages: gateway/counters.h. */
static void log_servers(struct apply *ap, const struct account_context *c,
                        const struct gateway *gw) {
  if (ttn_gateway_has_servers(&gw->known) && ttn_episode_begin(&ap->servers))
    context_log(c, TTN_INFO,
                "gateway %s is held by at least 2 Gateway Servers, and its "
                "counts may lack messages: see COUNTS in collectd-ttn(5); "
                "other such gateways are not logged",
                gw->id);
}

static void notify(struct apply *ap, const struct account_context *c,
                   struct gateway *gw, enum ttn_state state,
                   const char *reason) {
  if (c->settings->notifications)
    ttn_notify_gateway(c->sink, &ap->changes, &gw->notice, gw->id, gw->name,
                       state, context_mono(c),
                       state == TTN_CONNECTED ? gw->known.connected_at
                                              : gw->known.disconnected_at,
                       c->settings->offline_after, reason);
}

static void report_gateway(const struct account_context *c,
                           const struct gateway *gw,
                           const struct ttn_outcome *outcome,
                           const struct ttn_stats *stats, int64_t server_time,
                           enum ttn_part part) {
  struct ttn_meta meta = gateway_meta(gw);
  if (stats != NULL) {
    meta.protocol = stats->protocol;
    meta.remote_address = stats->remote_address;
    meta.boot_time = stats->boot_time;
    meta.versions = stats->versions;
    meta.n_versions = stats->n_versions;
  }
  ttn_report_gateway(c->sink, c->settings->collect, gw->id, outcome, stats,
                     server_time, c->settings->meta_data ? &meta : NULL, part);
}

static void report_radio(const struct account_context *c,
                         const struct gateway *gw) {
  if (!gw->tells_radio)
    return;
  struct ttn_meta meta = gateway_meta(gw);
  ttn_report_radio(c->sink, gw->id, gw->radio,
                   c->settings->meta_data ? &meta : NULL);
}

void apply_change(struct apply *ap, struct account_context *c,
                  struct gateway *gw, const char *reason) {
  struct ttn_outcome outcome = {.state = gw->known.shown};
  report_gateway(c, gw, &outcome, NULL, 0, TTN_PART_BUT_COUNTS);
  ttn_notice_told(&gw->notice, outcome.state, context_mono(c));
  notify(ap, c, gw, outcome.state, reason);
}

/* Its own host may not be asked, and it was never seen at any other: whether it
 * is connected is not known. */
static bool nobody_has_it(const struct finding *f) {
  return f->proof == TTN_PROOF_ABSENT && f->gw->registered_host < 0 &&
         f->gw->known.shown == TTN_UNKNOWN;
}

void apply_finding(struct apply *ap, struct account_context *c,
                   struct hosts *hosts, struct offsets *offsets,
                   const struct finding *f) {
  struct gateway *gw = f->gw;
  const char *why = NULL;
  if (gateway_is_done(gw))
    return;
  if (nobody_has_it(f)) {
    gateway_elsewhere(gw);
    hosts_log_untrusted(hosts, c, gw->id, gw->address);
    return;
  }
  int current = gw->current_host;
  bool was_refused = gw->refused;
  struct ttn_outcome outcome = gateway_learn(c->env, gw, f->host, f->proof,
                                             f->stats, f->server_time, &why);
  if (why != NULL) {
    tell_first(&ap->poll.bad, gw, why);
    context_count_failure(c, TTN_FAIL_ANSWER);
    return;
  }
  if (was_refused)
    tell_name(&ap->poll.allowed, gw->id);
  if (f->proof == TTN_PROOF_ABSENT)
    log_guess(ap, c, gw);
  else if (outcome.state == TTN_CONNECTED && current != f->host)
    tell_moved(ap, c, hosts, gw, f->host);
  log_servers(ap, c, gw);
  if (f->stats != NULL && (c->settings->collect & TTN_COLLECT_LOCATION) != 0)
    gateway_keep_own_place(c->env, gw, f->stats);
  if (outcome.offset_moved)
    offsets_changed(offsets);
  if (outcome.state == TTN_UNKNOWN)
    return;
  bool wait = outcome.offset_moved && offsets_kept(c);
  if (wait)
    gateway_defer_counts(gw, outcome.counts);
  report_gateway(c, gw, &outcome, outcome.past ? NULL : f->stats,
                 f->server_time, wait ? TTN_PART_BUT_COUNTS : TTN_PART_ALL);
  report_radio(c, gw);
  notify(ap, c, gw, outcome.state, "");
}

void apply_places(const struct account_context *c, const struct gateways *g) {
  if ((c->settings->collect & TTN_COLLECT_LOCATION) == 0)
    return;
  for (size_t i = 0; i < g->n; i++) {
    const struct ttn_location *place = gateway_location(g->list[i]);
    if (place == NULL)
      continue;
    struct ttn_meta meta = gateway_meta(g->list[i]);
    ttn_report_place(c->sink, g->list[i]->id, place,
                     c->settings->meta_data ? &meta : NULL);
  }
}

void apply_refusal(struct apply *ap, struct gateway *gw, bool gone) {
  if (!gateway_is_done(gw) && gateway_refused(gw))
    tell_name(gone ? &ap->poll.gone : &ap->poll.refused, gw->id);
}

void apply_pending(struct account_context *c, struct gateways *g,
                   struct offsets *offsets) {
  if (offsets->dirty)
    gateways_save(g, c, offsets, false);
  for (size_t i = 0; i < g->n; i++) {
    struct gateway *gw = g->list[i];
    if (gw->pending_counts == 0)
      continue;
    struct ttn_outcome outcome = {.state = gw->known.shown,
                                  .counts = gw->pending_counts};
    memcpy(outcome.value, gw->known.value, sizeof(outcome.value));
    report_gateway(c, gw, &outcome, NULL, 0, TTN_PART_COUNTS);
    gateway_defer_counts(gw, 0);
  }
}

static const char *are(const struct told *told) {
  return told->n == 1 ? " is" : "s are";
}

static void log_names(const struct apply_poll *poll,
                      const struct account_context *c) {
  const struct told *told = &poll->refused;
  if (told->n > 0)
    context_log(c, TTN_WARNING,
                "%zu gateway%s refused to this key and left out until that "
                "changes: %s: give the key's owner the right \"view gateway "
                "status\" on %s (Console: gateway, Collaborators)",
                told->n, are(told), told->text, told->n == 1 ? "it" : "them");
  told = &poll->gone; /* they leave the list at the next discovery */
  if (told->n > 0)
    context_log(c, TTN_INFO, "%zu gateway%s no longer registered: %s", told->n,
                are(told), told->text);
  told = &poll->allowed;
  if (told->n > 0)
    context_log(c, TTN_NOTICE, "%zu gateway%s no longer refused: %s", told->n,
                are(told), told->text);
  told = &poll->moved;
  if (told->n > 0)
    context_log(
        c, TTN_NOTICE,
        "%zu gateway%s connected at another host than the registered one, "
        "and read there: %s: set %s gateway server address in the Console",
        told->n, are(told), told->text, told->n == 1 ? "its" : "their");
}

void apply_end(struct apply *ap, const struct account_context *c,
               size_t n_gateways) {
  const struct told *bad = &ap->poll.bad, *odd = &ap->poll.odd;
  ttn_changes_end(&ap->changes, c->sink, c->settings->account, n_gateways);
  ttn_changes_begin(&ap->changes, (unsigned)c->settings->notification_limit);
  log_names(&ap->poll, c);
  if (bad->n > 0 && ttn_episode_begin(&ap->bad))
    context_log(c, TTN_ERROR,
                "%zu gateway%s implausible statistics and %s reported as "
                "unknown; first %s",
                bad->n, bad->n == 1 ? " has" : "s have",
                bad->n == 1 ? "is" : "are", bad->text);
  else if (bad->n == 0 && ttn_episode_end(&ap->bad))
    context_log(c, TTN_NOTICE, "all gateways' statistics are plausible again");
  if (odd->n > 0 && ttn_episode_begin(&ap->odd))
    context_log(c, TTN_WARNING,
                "the statistics of %zu gateway%s have a field that makes no "
                "sense; its values are left out; first %s",
                odd->n, odd->n == 1 ? "" : "s", odd->text);
  else if (odd->n == 0 && ttn_episode_end(&ap->odd))
    context_log(c, TTN_NOTICE, "all fields of the statistics make sense again");
}
