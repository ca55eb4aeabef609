/* SPDX-License-Identifier: MIT */
/* The first page has X-Total-Count; the other pages are requested in parallel.
 * A list may change while it is read: when a gateway is deleted, the others
 * move up, so one may be on no page. Therefore: if totals differ between pages,
 * or fewer gateways came than there are, the list adds gateways and removes
 * none; and a gateway leaves a list of several pages only after two lists in a
 * row lacked it. A failed discovery changes nothing and is tried again at the
 * next poll. */
#include "account/discovery.h"

#include "base/hash.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

#define PAGES_MAX (GATEWAYS_MAX / TTN_LIST_MAX + 1)

bool discovery_init(struct discovery *d, const struct account_context *c) {
  const struct ttn_settings *s = c->settings;
  size_t n = s->n_organizations > 0 ? s->n_organizations : 1;
  d->sources = ttn_alloc(c->env, n * sizeof(*d->sources));
  if (d->sources == NULL) {
    context_log(c, TTN_ERROR, "no memory");
    return false;
  }
  d->n_sources = n;
  for (size_t i = 0; i < s->n_organizations; i++)
    d->sources[i].organization = s->organizations[i];
  return true;
}

void discovery_free(struct discovery *d, const struct ttn_env *env) {
  found_free(&d->found, env);
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
    if (!ttn_id_valid(named.id, strlen(named.id))) {
      if (!d->have_list)
        context_log(c, TTN_WARNING,
                    "Gateway \"%s\" is not a gateway id (3 to 36 of a-z, 0-9 "
                    "and -) and is left out: the Console shows the id below "
                    "the gateway's name",
                    named.id);
    } else if (ttn_filter_wanted(c->filter, named.id) &&
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
  d->n_again = 0;
  for (size_t i = 0; i < d->n_sources; i++) {
    struct source *source = &d->sources[i];
    *source = (struct source){.organization = source->organization,
                              .refused = source->refused,
                              .total = -1,
                              .next_page = 1,
                              .last_page = 1};
  }
  if (ttn_filter_exact(c->filter))
    return find_named(d, c);
  d->poll.state = DISCOVERY_RUNNING;
  return DISCOVERY_MORE;
}

bool discovery_has_page(const struct discovery *d) {
  if (d->poll.state != DISCOVERY_RUNNING)
    return false;
  if (d->n_again > 0)
    return true;
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].next_page <= d->sources[i].last_page)
      return true;
  return false;
}

struct page discovery_take_page(struct discovery *d, bool may_search) {
  struct page page = {0};
  if (d->n_again > 0) {
    page = d->again[--d->n_again];
  } else {
    while (d->sources[page.source].next_page >
           d->sources[page.source].last_page)
      page.source++;
    page.number = d->sources[page.source].next_page++;
  }
  d->sources[page.source].in_flight++;
  page.search =
      d->search && may_search && d->sources[page.source].organization == NULL;
  return page;
}

struct ttn_list_of discovery_list_of(const struct discovery *d,
                                     struct page page) {
  return (struct ttn_list_of){d->sources[page.source].organization,
                              page.search};
}

static struct source *page_ended(struct discovery *d, struct page page) {
  struct source *source = &d->sources[page.source];
  assert(source->in_flight > 0);
  source->in_flight--;
  return source;
}

void discovery_retry(struct discovery *d, struct page page, bool tried) {
  page_ended(d, page);
  page.tries = (uint8_t)(page.tries + tried);
  if (d->n_again < sizeof(d->again) / sizeof(d->again[0]))
    d->again[d->n_again++] = page;
  else
    discovery_fail(d, "the rate limit leaves no room for the list");
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
  if (d->found.n < GATEWAYS_MAX)
    return false;
  gateways_too_many(g, c);
  return true;
}

/* Which pages are still to come, after page `number` brought n gateways. */
static void plan_pages(struct source *s, unsigned number, size_t n,
                       uint64_t first) {
  bool full = n >= TTN_LIST_MAX;
  if (number == 1) {
    if (full && s->total > TTN_LIST_MAX) {
      int64_t pages = (s->total + TTN_LIST_MAX - 1) / TTN_LIST_MAX;
      s->last_page = pages > PAGES_MAX ? PAGES_MAX : (unsigned)pages;
    } else if (full && s->total != TTN_LIST_MAX) {
      s->last_page = 2; /* the total is not known, or wrong */
    }
  } else if (full && number == s->last_page && number < PAGES_MAX &&
             (int64_t)number * TTN_LIST_MAX != s->total) {
    /* More than there should be: continue, unless the same page comes again. */
    if (first == s->first_ids)
      s->moved = true;
    else
      s->last_page++;
  } else if (!full && number < s->last_page) {
    s->moved = true;
    s->last_page = number; /* a total that is far too large ends here */
  }
  s->first_ids = first;
}

bool discovery_is_complete(const struct discovery *d) {
  for (size_t i = 0; i < d->n_sources; i++) {
    const struct source *s = &d->sources[i];
    if (s->refused || s->moved ||
        (s->total >= 0 && (int64_t)s->n_listed != s->total))
      return false;
  }
  return true;
}

unsigned discovery_patience(const struct discovery *d) {
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].n_listed > TTN_LIST_MAX)
      return 2;
  return 1;
}

/* Is every page of every list there, or known to be refused? */
static enum discovery_step next_step(struct discovery *d) {
  bool any = false;
  for (size_t i = 0; i < d->n_sources; i++) {
    const struct source *s = &d->sources[i];
    if (s->in_flight > 0 || s->next_page <= s->last_page || d->n_again > 0)
      return DISCOVERY_MORE;
    any = any || !s->refused;
  }
  if (any)
    return DISCOVERY_LISTED;
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
  if (page.number == 1)
    s->total = total >= 0 ? total : -1;
  else if (total != s->total)
    s->moved = true;
  if (total == -2) /* malformed */
    s->moved = true;
  s->n_listed += n + skipped;
  for (size_t i = 0; i < n; i++)
    if (!find(d, c, hosts, g, &listed[i])) {
      discovery_fail(d, "no memory");
      return DISCOVERY_MORE;
    }
  if (s->refused)
    context_log(c, TTN_NOTICE, "Organization \"%s\": the key may list it again",
                s->organization);
  s->refused = false;
  plan_pages(s, page.number, n + skipped,
             n == 0 ? 0
                    : ttn_hash(TTN_HASH, listed[0].id, strlen(listed[0].id)));
  return next_step(d);
}

enum discovery_step discovery_denied(struct discovery *d,
                                     struct account_context *c,
                                     struct page page, const char *reason) {
  struct source *s = page_ended(d, page);
  char named[560];
  d->poll.denied = true;
  if (page.search) /* the list may be allowed by now */
    d->search = false;
  if (d->poll.state != DISCOVERY_RUNNING)
    return DISCOVERY_MORE;
  if (s->organization != NULL)
    reason = ttn_print(named, sizeof(named), "Organization \"%s\": %s",
                       s->organization, reason);
  if (d->n_sources == 1) {
    discovery_fail(d, reason);
    return DISCOVERY_MORE;
  }
  if (!s->refused)
    context_log(c, TTN_ERROR, "%s", reason);
  s->refused = true;
  s->next_page = s->last_page + 1;
  return next_step(d);
}

bool discovery_ask_search(struct discovery *d, struct page page,
                          const char *reason) {
  if (page.search || d->sources[page.source].organization != NULL ||
      d->poll.waits || d->poll.state != DISCOVERY_RUNNING)
    return false;
  d->poll.waits = true;
  d->poll.refused = page;
  ttn_print(d->list_denied, sizeof(d->list_denied), "%s", reason);
  return true;
}

enum discovery_step discovery_search(struct discovery *d,
                                     struct account_context *c,
                                     bool may_search) {
  if (!d->poll.waits)
    return DISCOVERY_MORE;
  d->poll.waits = false;
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
                      const struct gateways *g, bool merged,
                      struct list_change change, int64_t started) {
  const char *plural = g->n == 1 ? "" : "s";
  if (!merged) {
    discovery_fail(d, "no memory");
    return;
  }
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
  if (d->poll.state == DISCOVERY_FAILED) {
    found_free(&d->found, c->env);
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

void discovery_stopped(struct discovery *d, const struct ttn_env *env) {
  found_free(&d->found, env);
  d->poll.state = DISCOVERY_IDLE;
}
