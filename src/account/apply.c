/* SPDX-License-Identifier: MIT */
#include "account/apply.h"

#include "base/text.h"
#include "report/radio_values.h"
#include "report/values.h"

#include <string.h>

static void changes_begin(struct apply *ap, const struct account_context *c) {
  ttn_changes_begin(&ap->changes, (unsigned)c->settings->notification_limit);
}

void apply_init(struct apply *ap, const struct account_context *c) {
  changes_begin(ap, c);
}

void apply_begin(struct apply *ap) { ap->poll = (struct apply_poll){0}; }

static void count_bad(struct apply *ap, const struct gateway *gw,
                      const char *reason) {
  if (ap->poll.n_bad++ == 0)
    ttn_print(ap->poll.bad_reason, sizeof(ap->poll.bad_reason), "%s: %s",
              gw->id, reason);
}

void apply_bad_entry(struct apply *ap, struct account_context *c,
                     const struct gateway *gw, const char *reason) {
  count_bad(ap, gw, reason);
  context_count_failure(c, TTN_FAIL_JSON);
}

void apply_odd_field(struct apply *ap, const struct gateway *gw,
                     const char *field) {
  if (ap->poll.n_odd++ == 0)
    ttn_print(ap->poll.odd_reason, sizeof(ap->poll.odd_reason), "%s: %s",
              gw->id, field);
}

/* Gateway lines with plain ids need no list: another cluster than those that
 * were asked may have this gateway. */
static void log_guess(struct apply *ap, const struct account_context *c,
                      const struct hosts *hosts, const struct gateway *gw) {
  if (ttn_filter_exact(c->filter) && gw->known.connected_at == 0 &&
      ttn_episode_begin(&ap->guess))
    context_log(
        c, TTN_NOTICE,
        "gateway %s is not connected at %s: where it is registered is "
        "not known, since Gateway lines with plain ids need no list; if "
        "that is another cluster, name it with a Cluster line",
        gw->id, hosts->list[0].endpoint.host);
}

static void log_moved(const struct account_context *c,
                      const struct hosts *hosts, const struct gateway *gw,
                      int host) {
  if (!ttn_filter_exact(c->filter) /* else the registered host is a guess */
      && gw->registered_host >= 0 && gw->registered_host != host)
    context_log(c, TTN_NOTICE,
                "gateway %s is registered at %s but connected at %s, and is "
                "read there: set its gateway server address in the Console",
                gw->id, hosts->list[gw->registered_host].endpoint.host,
                hosts->list[host].endpoint.host);
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
  gateway_told(gw, context_mono(c));
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
    count_bad(ap, gw, why);
    context_count_failure(c, TTN_FAIL_ANSWER);
    return;
  }
  if (was_refused)
    context_log(c, TTN_NOTICE, "gateway %s is no longer refused", gw->id);
  if (f->proof == TTN_PROOF_ABSENT)
    log_guess(ap, c, hosts, gw);
  else if (outcome.state == TTN_CONNECTED && current != f->host)
    log_moved(c, hosts, gw, f->host);
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

static void add_name(char *names, size_t size, const char *id) {
  size_t n = strlen(names);
  if (n + TTN_ID_MAX + 3 < size)
    ttn_print(names + n, size - n, "%s%s", n == 0 ? "" : ", ", id);
}

void apply_refusal(struct apply *ap, struct gateway *gw, bool gone) {
  struct apply_poll *poll = &ap->poll;
  if (gateway_is_done(gw) || !gateway_refused(gw))
    return;
  if (gone) {
    poll->n_gone++;
    add_name(poll->gone_names, sizeof(poll->gone_names), gw->id);
  } else {
    poll->n_refused++;
    add_name(poll->refused_names, sizeof(poll->refused_names), gw->id);
  }
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

static void log_refused(const struct apply_poll *poll,
                        const struct account_context *c) {
  if (poll->n_refused > 0)
    context_log(c, TTN_WARNING,
                "%zu gateway%s refused to this key and left out until that "
                "changes: %s%s: give the key's owner the right \"view gateway "
                "status\" on %s (Console: gateway, Collaborators)",
                poll->n_refused, poll->n_refused == 1 ? " is" : "s are",
                poll->refused_names, poll->n_refused > 5 ? " …" : "",
                poll->n_refused == 1 ? "it" : "them");
}

/* They leave the list at the next discovery. */
static void log_gone(const struct apply_poll *poll,
                     const struct account_context *c) {
  if (poll->n_gone > 0)
    context_log(c, TTN_INFO, "%zu gateway%s no longer registered: %s%s",
                poll->n_gone, poll->n_gone == 1 ? " is" : "s are",
                poll->gone_names, poll->n_gone > 5 ? " …" : "");
}

void apply_end(struct apply *ap, const struct account_context *c,
               size_t n_gateways) {
  const struct apply_poll *poll = &ap->poll;
  ttn_changes_end(&ap->changes, c->sink, c->settings->account, n_gateways);
  changes_begin(ap, c);
  log_refused(poll, c);
  log_gone(poll, c);
  if (poll->n_bad > 0 && ttn_episode_begin(&ap->bad))
    context_log(c, TTN_ERROR,
                "%zu gateway%s implausible statistics and %s reported as "
                "unknown; first %s",
                poll->n_bad, poll->n_bad == 1 ? " has" : "s have",
                poll->n_bad == 1 ? "is" : "are", poll->bad_reason);
  else if (poll->n_bad == 0 && ttn_episode_end(&ap->bad))
    context_log(c, TTN_NOTICE, "all gateways' statistics are plausible again");
  if (poll->n_odd > 0 && ttn_episode_begin(&ap->odd))
    context_log(c, TTN_WARNING,
                "the statistics of %zu gateway%s have a field that makes no "
                "sense; its values are left out; first %s",
                poll->n_odd, poll->n_odd == 1 ? "" : "s", poll->odd_reason);
  else if (poll->n_odd == 0 && ttn_episode_end(&ap->odd))
    context_log(c, TTN_NOTICE, "all fields of the statistics make sense again");
}
