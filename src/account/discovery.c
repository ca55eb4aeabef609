/* SPDX-License-Identifier: MIT */
/* The first page has X-Total-Count; the other pages are requested in parallel.
 * pages.c tells whether they have all gateways that were in the list all the
 * time; if not, the list adds gateways and removes none. A failed discovery
 * changes nothing and is tried again at the next poll. */
#include "account/discovery.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

bool discovery_init(struct discovery *d, const struct account_context *c) {
  const struct ttn_settings *s = c->settings;
  size_t n = s->n_organizations > 0 ? s->n_organizations : 1;
  d->sources = ttn_alloc(c->env, n * sizeof(*d->sources));
  if (d->sources == NULL) {
    context_log(c, TTN_ERROR, "no memory");
    return false;
  }
  d->n_sources = n;
  d->all = s->scope == TTN_SCOPE_ALL && !ttn_filter_exact(c->filter);
  for (size_t i = 0; i < s->n_organizations; i++)
    d->sources[i].organization = s->organizations[i];
  return true;
}

/* What was read of lists, in part or whole. */
static void forget_lists(struct discovery *d, const struct ttn_env *env) {
  found_free(&d->found, env);
  for (size_t i = 0; i < d->n_sources; i++)
    pages_free(&d->sources[i].pages, env);
}

void discovery_free(struct discovery *d, const struct ttn_env *env) {
  forget_lists(d, env);
  ttn_free(env, d->sources);
}

void discovery_fail(struct discovery *d, const char *reason) {
  if (d->poll.state == DISCOVERY_RUNNING || d->poll.reason[0] == '\0')
    ttn_print(d->poll.reason, sizeof(d->poll.reason), "%s", reason);
  d->poll.state = DISCOVERY_FAILED;
}

/* Gateway lines with plain ids need no list right and no listing. Where these
 * gateways are registered is not known then: they are asked at the account's
 * host and looked up at its Cluster lines. */
static enum discovery_step find_named(struct discovery *d,
                                      const struct account_context *c) {
  const struct ttn_settings *s = c->settings;
  for (size_t i = 0; i < s->n_gateways; i++) {
    struct ttn_listed named = {.id = s->gateways[i]};
    if (ttn_filter_wanted(c->filter, named.id) &&
        !found_add(&d->found, c, &named, 0)) {
      discovery_fail(d, "no memory");
      return DISCOVERY_MORE;
    }
  }
  return DISCOVERY_LISTED;
}

void discovery_begin(struct discovery *d) {
  d->poll = (struct discovery_poll){0};
}

enum discovery_step discovery_start(struct discovery *d,
                                    struct account_context *c,
                                    int64_t started) {
  const struct ttn_settings *s = c->settings;
  if (d->have_list &&
      started - d->discovered_at < s->discovery_interval - s->interval / 2)
    return DISCOVERY_MORE;
  for (size_t i = 0; i < d->n_sources; i++)
    d->sources[i].whole = true; /* until it is read */
  if (ttn_filter_exact(c->filter))
    return find_named(d, c);
  d->poll.state = DISCOVERY_RUNNING;
  d->poll.held = d->all;
  for (size_t i = 0; i < d->n_sources; i++)
    if (!pages_begin(&d->sources[i].pages, c->env))
      discovery_fail(d, "no memory");
  return DISCOVERY_MORE;
}

static bool any_wanted(const struct discovery *d) {
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].pages.n_wanted > 0)
      return true;
  return false;
}

void discovery_release(struct discovery *d) { d->poll.held = false; }

bool discovery_has_page(const struct discovery *d) {
  return d->poll.state == DISCOVERY_RUNNING && !d->poll.held && any_wanted(d);
}

struct page discovery_take_page(struct discovery *d, bool may_search) {
  struct page page = {0};
  while (d->sources[page.source].pages.n_wanted == 0)
    page.source++;
  struct pages *pages = &d->sources[page.source].pages;
  page.organization = d->sources[page.source].organization;
  page.index = (unsigned)pages_take(pages);
  page.number = pages->list[page.index].number;
  page.limit = pages->list[page.index].limit;
  page.tries = pages->list[page.index].tries;
  d->poll.in_flight++;
  page.search =
      d->all || (d->search && may_search && page.organization == NULL);
  return page;
}

static struct source *page_ended(struct discovery *d, struct page page) {
  assert(d->poll.in_flight > 0);
  d->poll.in_flight--;
  return &d->sources[page.source];
}

void discovery_retry(struct discovery *d, struct page page, bool tried) {
  pages_want_again(&page_ended(d, page)->pages, page.index, tried);
}

void discovery_page_failed(struct discovery *d, struct page page,
                           const char *reason) {
  page_ended(d, page);
  discovery_fail(d, reason);
}

static bool find(struct discovery *d, const struct account_context *c,
                 struct hosts *hosts, struct gateways *g,
                 const struct ttn_listed *listed) {
  if (!ttn_filter_wanted(c->filter, listed->id))
    return true;
  if (found_add(&d->found, c, listed, hosts_find(hosts, c, listed->address)))
    return true;
  if (d->found.n < FOUND_MAX)
    return false;
  gateways_too_many(g, c);
  return true;
}

bool discovery_is_complete(const struct discovery *d) {
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].refused || !d->sources[i].whole)
      return false;
  return true;
}

/* Is every page of every list there, or known to be refused? */
static enum discovery_step next_step(struct discovery *d,
                                     const struct ttn_env *env) {
  bool any = false;
  if (any_wanted(d) || d->poll.in_flight > 0)
    return DISCOVERY_MORE;
  for (size_t i = 0; i < d->n_sources; i++) {
    struct source *s = &d->sources[i];
    any = any || !s->refused;
    s->whole = !s->refused && pages_check(&s->pages, env);
  }
  if (any_wanted(d))
    return DISCOVERY_MORE;
  if (any)
    return DISCOVERY_LISTED;
  d->poll.denied = true;
  discovery_fail(d, "the key may not list any of the Organization lines");
  return DISCOVERY_MORE;
}

enum discovery_step discovery_page(struct discovery *d,
                                   struct account_context *c,
                                   struct hosts *hosts, struct gateways *g,
                                   struct page page,
                                   const struct ttn_listed *listed, size_t n,
                                   size_t skipped, int64_t total) {
  struct source *s = page_ended(d, page);
  if (d->poll.state != DISCOVERY_RUNNING)
    return DISCOVERY_MORE;
  for (size_t i = 0; i < n; i++)
    if (!find(d, c, hosts, g, &listed[i])) {
      discovery_fail(d, "no memory");
      return DISCOVERY_MORE;
    }
  if (s->refused)
    context_log(c, TTN_NOTICE, "Organization \"%s\": the key may list it again",
                s->organization);
  s->refused = false;
  if (!pages_answered(&s->pages, c->env, page.index, listed, n, skipped,
                      total)) {
    discovery_fail(d, "no memory");
    return DISCOVERY_MORE;
  }
  return next_step(d, c->env);
}

enum discovery_step discovery_denied(struct discovery *d,
                                     struct account_context *c,
                                     struct page page, const char *reason) {
  struct source *s = page_ended(d, page);
  char named[560];
  if (page.search) /* the list may be allowed by now */
    d->search = false;
  if (d->poll.state != DISCOVERY_RUNNING)
    return DISCOVERY_MORE;
  if (s->organization != NULL)
    reason = ttn_print(named, sizeof(named), "Organization \"%s\": %s",
                       s->organization, reason);
  if (d->n_sources == 1) {
    d->poll.denied = true;
    discovery_fail(d, reason);
    return DISCOVERY_MORE;
  }
  if (!s->refused)
    context_log(c, TTN_ERROR, "%s", reason);
  s->refused = true;
  pages_stop(&s->pages);
  return next_step(d, c->env);
}

bool discovery_ask_search(struct discovery *d, struct page page,
                          const char *reason) {
  if (page.search || page.organization != NULL || d->poll.waits ||
      d->poll.state != DISCOVERY_RUNNING)
    return false;
  d->poll.waits = true;
  d->poll.refused = page;
  ttn_print(d->list_denied, sizeof(d->list_denied), "%s", reason);
  return true;
}

enum discovery_step discovery_search(struct discovery *d,
                                     struct account_context *c, bool may_search,
                                     bool admin) {
  size_t n = strlen(d->list_denied);
  if (!d->poll.waits)
    return DISCOVERY_MORE;
  d->poll.waits = false;
  if (admin)
    ttn_print(
        d->list_denied + n, sizeof(d->list_denied) - n,
        ", or report all gateways of the stack with Scope \"all\", as the "
        "key is an admin's");
  if (!may_search) {
    context_count_failure(c, TTN_FAIL_KEY);
    return discovery_denied(d, c, d->poll.refused, d->list_denied);
  }
  if (!d->search)
    context_log(c, TTN_NOTICE,
                "the key may not list gateways: the stack's search, which "
                "needs no right for it, is used instead");
  d->search = true;
  discovery_retry(d, d->poll.refused, false);
  return DISCOVERY_MORE;
}

void discovery_merged(struct discovery *d, struct account_context *c,
                      const struct gateways *g, struct list_change change,
                      int64_t started) {
  const char *plural = g->n == 1 ? "" : "s";
  if (!d->have_list)
    context_log(c, TTN_INFO, "%zu gateway%s to report", g->n, plural);
  else if (change.added + change.removed > 0)
    context_log(c, TTN_INFO,
                "%zu gateway%s to report: %zu new, %zu no longer listed", g->n,
                plural, change.added, change.removed);
  d->have_list = true;
  d->poll.state = DISCOVERY_DONE;
  d->discovered_at = started;
  if (g->incomplete) { /* for lack of memory: again at the next poll */
    d->discovered_at -= c->settings->discovery_interval;
    context_count_failure(c, TTN_FAIL_MEMORY);
  }
}

bool discovery_any_denied(const struct discovery *d) {
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].refused)
      return true;
  return false;
}

bool discovery_end(struct discovery *d, const struct account_context *c,
                   bool quiet, bool limited) {
  char words[64];
  if (d->poll.state == DISCOVERY_RUNNING)
    discovery_fail(d, limited ? "the rate limit leaves no room for it: raise "
                                "DiscoveryInterval, or ask the operator for a "
                                "higher limit"
                              : "not complete by the poll's deadline: raise "
                                "Timeout");
  forget_lists(d, c->env);
  if (d->poll.state == DISCOVERY_FAILED) {
    if (!quiet && ttn_episode_begin(&d->failing)) {
      d->failing_since = context_mono(c);
      context_log(c, TTN_ERROR, "the list of gateways can't be read: %s%s",
                  d->poll.reason,
                  d->have_list ? "; the gateways known so far are kept" : "");
    }
  } else if (d->poll.state == DISCOVERY_DONE && ttn_episode_end(&d->failing)) {
    context_log(c, TTN_NOTICE,
                "the list of gateways can be read again, after %s",
                ttn_print_duration(words, sizeof(words),
                                   context_mono(c) - d->failing_since));
  }
  return d->poll.state != DISCOVERY_FAILED;
}
