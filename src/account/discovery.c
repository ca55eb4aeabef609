/* SPDX-License-Identifier: MIT */
/* Which gateways there are: the list, page by page, and its merge into what is
 * known.
 *
 * The first page tells X-Total-Count; the others are asked for side by side.
 * A list may change while it is read: a gateway that is deleted moves the
 * others up, so one may be on no page. Hence: when totals differ between pages,
 * or fewer came than there are, the list adds gateways and removes none; and a
 * gateway leaves a list of several pages only after two lists in a row lacked
 * it. A failed discovery changes nothing and is tried again at the next poll.
 *
 * An empty list without X-Total-Count is no empty account: it is what a key
 * that was not heard gets, and a gateway's own key (tests/answers/list/
 * {no-key,bearer-forgotten,gateway}.json). */
#include "account/internal.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX (GATEWAYS_MAX / TTN_LIST_MAX + 1)

void discover_drop(struct ttn_account *a) {
  for (size_t i = 0; i < a->n_found; i++) {
    ttn_free(a->env, a->found[i].name);
    ttn_free(a->env, a->found[i].eui);
    ttn_free(a->env, a->found[i].address);
  }
  ttn_free(a->env, a->found);
  a->found = NULL;
  a->n_found = a->room_found = 0;
}

static struct found *add_found(struct ttn_account *a, const char *id) {
  void *found = a->found;
  if (!ttn_grow(a->env, &found, &a->room_found, a->n_found + 1,
                sizeof(*a->found), GATEWAYS_MAX))
    return NULL;
  a->found = found;
  struct found *f = &a->found[a->n_found++];
  memset(f, 0, sizeof(*f));
  ttn_print(f->id, sizeof(f->id), "%s", id);
  return f;
}

static int by_id(const void *a, const void *b) {
  return strcmp(((const struct found *)a)->id, ((const struct found *)b)->id);
}

/* Sorts what was found and drops what was found twice. */
static void sort_found(struct ttn_account *a) {
  if (a->n_found == 0)
    return;
  qsort(a->found, a->n_found, sizeof(*a->found), by_id);
  size_t kept = 1;
  for (size_t i = 1; i < a->n_found; i++) {
    struct found *f = &a->found[i];
    if (strcmp(a->found[kept - 1].id, f->id) != 0) {
      a->found[kept++] = *f;
      continue;
    }
    ttn_free(a->env, f->name);
    ttn_free(a->env, f->eui);
    ttn_free(a->env, f->address);
  }
  a->n_found = kept;
}

static void move_text(const struct ttn_env *env, char **to, char **from) {
  ttn_free(env, *to);
  *to = *from;
  *from = NULL;
}

/* The other hosts are asked again. Not amid a hunt: it counts who lacks it. */
static void forget_lacks(struct gw *gw) {
  if (gw->hunt == NULL)
    gw->lacks = 0;
}

static void update(struct ttn_account *a, struct gw *gw, struct found *f) {
  move_text(a->env, &gw->name, &f->name);
  move_text(a->env, &gw->eui, &f->eui);
  move_text(a->env, &gw->address, &f->address);
  gw->has_location = f->has_location;
  gw->location = f->location;
  if (gw->home != f->home)
    gw->at = f->home;
  gw->home = f->home;
  forget_lacks(gw);
  gw->missed = 0;
}

static void say_many(struct ttn_account *a) {
  if (!a->said_many)
    account_log(a, TTN_WARNING,
                "more than %d gateways: the rest is left out; divide them "
                "among several collectds with Shard",
                GATEWAYS_MAX);
  a->said_many = true;
}

static struct gw *enter(struct ttn_account *a, struct found *f) {
  enum ttn_owned owned =
      ttn_ownership_acquire(a->ownership, a, a->settings->host, f->id);
  if (owned == TTN_OWNED_BY_OTHER) {
    if (!a->said_foreign)
      account_log(a, TTN_WARNING,
                  "gateway %s is reported by another account already and left "
                  "out here, like any other that both may see: give one of the "
                  "accounts a Host option if both should report it",
                  f->id);
    a->said_foreign = true;
    return NULL;
  }
  struct gw *gw =
      owned == TTN_OWNED ? ttn_alloc(a->env, sizeof(*gw)) : NULL;
  if (gw == NULL) {
    ttn_ownership_release(a->ownership, a, a->settings->host, f->id);
    a->list_short = true;
    return NULL;
  }
  ttn_print(gw->id, sizeof(gw->id), "%s", f->id);
  gw->home = gw->at = f->home;
  update(a, gw, f);
  account_restore(a, gw->id, &gw->known);
  return gw;
}

/* Answers for it may still be under way: it is freed at the poll's end. */
static void leave(struct ttn_account *a, struct gw *gw) {
  gw->gone = true;
  account_keep_row(a, gw);
  ttn_ownership_release(a->ownership, a, a->settings->host, gw->id);
  a->graves[a->n_graves++] = gw;
}

static bool several_pages(const struct ttn_account *a) {
  for (size_t i = 0; i < a->n_sources; i++)
    if (a->sources[i].n_listed > TTN_LIST_MAX)
      return true;
  return false;
}

/* Both lists are sorted. False: no memory, nothing changed. */
static bool merge(struct ttn_account *a, bool complete, size_t *entered,
                  size_t *left) {
  size_t most = a->n_gateways + a->n_found;
  struct gw **merged = ttn_alloc(a->env, (most + 1) * sizeof(*merged));
  struct gw **graves =
      a->env->resize(a->env->ctx, a->graves,
                     (a->n_graves + a->n_gateways + 1) * sizeof(*graves));
  if (graves != NULL)
    a->graves = graves;
  if (merged == NULL || graves == NULL) {
    ttn_free(a->env, merged);
    return false;
  }
  uint8_t patience = several_pages(a) ? 2 : 1;
  size_t n = 0, i = 0, j = 0;
  a->list_short = false;
  while (i < a->n_gateways || j < a->n_found) {
    int order = i == a->n_gateways ? 1
                : j == a->n_found  ? -1
                                   : strcmp(a->gateways[i]->id, a->found[j].id);
    struct gw *gw = order <= 0 ? a->gateways[i] : NULL;
    if (order == 0) {
      update(a, gw, &a->found[j]);
      merged[n++] = gw;
    } else if (order < 0) {
      forget_lacks(gw);
      if (complete && ++gw->missed >= patience) {
        leave(a, gw);
        ++*left;
      } else {
        merged[n++] = gw;
      }
    } else if (n + (a->n_gateways - i) >= GATEWAYS_MAX) {
      say_many(a); /* a list that is never whole removes none */
    } else if ((gw = enter(a, &a->found[j])) != NULL) {
      merged[n++] = gw;
      ++*entered;
    }
    i += order <= 0;
    j += order >= 0;
  }
  ttn_free(a->env, a->gateways);
  a->gateways = merged;
  a->n_gateways = n;
  return true;
}

static void say_list(struct ttn_account *a, size_t entered, size_t left) {
  if (!a->have_list)
    account_log(a, TTN_INFO, "%zu gateway%s to report", a->n_gateways,
                a->n_gateways == 1 ? "" : "s");
  else if (entered + left > 0)
    account_log(a, TTN_INFO,
                "%zu gateway%s to report: %zu new, %zu no longer listed",
                a->n_gateways, a->n_gateways == 1 ? "" : "s", entered, left);
}

static void done(struct ttn_account *a, bool complete) {
  size_t entered = 0, left = 0;
  sort_found(a);
  if (!merge(a, complete, &entered, &left)) {
    discover_fail(a, "no memory");
    return;
  }
  account_sort_rows(a);
  discover_drop(a);
  if (complete)
    account_rows_gone(a);
  say_list(a, entered, left);
  for (size_t h = 0; h < a->n_hosts; h++)
    a->hosts[h].no_batch = false;
  a->have_list = true;
  a->discovery = DISCOVERY_DONE;
  a->discovered_at = a->started;
  if (a->list_short) { /* for lack of memory: again at the next poll */
    a->discovered_at -= a->settings->discovery_interval;
    a->report.failures[TTN_FAIL_MEMORY]++;
  }
  a->retry_refused = true;
  turns_plan(a);
}

/* A list of exact names needs no list right and no listing; where they are
 * registered isn't known then, so they are asked at the account's host and
 * looked for at its Cluster lines. */
static void exact(struct ttn_account *a) {
  const struct ttn_settings *s = a->settings;
  for (size_t i = 0; i < s->n_gateways; i++) {
    const char *id = s->gateways[i];
    if (!ttn_id_valid(id, strlen(id))) {
      if (!a->have_list)
        account_log(a, TTN_WARNING,
                    "Gateway \"%s\" is no gateway id (3 to 36 of a-z, 0-9 and "
                    "-) and left out: the id is what the Console shows below "
                    "the gateway's name",
                    id);
    } else if (ttn_select_wanted(a->select, id) && add_found(a, id) == NULL) {
      discover_fail(a, "no memory");
      return;
    }
  }
  done(a, true);
}

void discover_begin(struct ttn_account *a) {
  int64_t slack = a->settings->interval / 2;
  a->list_why[0] = '\0';
  if (a->have_list &&
      a->started - a->discovered_at < a->settings->discovery_interval - slack)
    return;
  discover_drop(a);
  if (ttn_select_exact(a->select)) {
    exact(a);
    return;
  }
  a->discovery = DISCOVERY_RUNNING;
  a->n_again = 0;
  for (size_t i = 0; i < a->n_sources; i++) {
    struct source *s = &a->sources[i];
    *s = (struct source){.organization = s->organization,
                         .refused = s->refused,
                         .total = -1,
                         .next_page = 1,
                         .last_page = 1};
  }
}

bool discover_has_next(const struct ttn_account *a) {
  if (a->discovery != DISCOVERY_RUNNING)
    return false;
  if (a->n_again > 0)
    return true;
  for (size_t i = 0; i < a->n_sources; i++)
    if (a->sources[i].next_page <= a->sources[i].last_page)
      return true;
  return false;
}

void discover_next(struct ttn_account *a, struct job *job) {
  if (a->n_again > 0) {
    struct page page = a->again[--a->n_again];
    job->source = page.source;
    job->page = page.page;
    job->tries = page.tries;
  } else {
    unsigned i = 0;
    while (a->sources[i].next_page > a->sources[i].last_page)
      i++;
    job->source = i;
    job->page = a->sources[i].next_page++;
  }
  a->sources[job->source].in_flight++;
}

void discover_print_url(const struct ttn_account *a, struct job *job) {
  const char *organization = a->sources[job->source].organization;
  ttn_print(job->url, sizeof(job->url),
            "%s/api/v3/%s%s%sgateways?field_mask=name,gateway_server_address%s"
            "&limit=%d&page=%u",
            a->hosts[0].base, organization == NULL ? "" : "organizations/",
            organization == NULL ? "" : organization,
            organization == NULL ? "" : "/",
            a->settings->meta_data ? ",antennas" : "", TTN_LIST_MAX,
            job->page);
}

void discover_again(struct ttn_account *a, const struct job *job, bool tried) {
  a->sources[job->source].in_flight--;
  if (a->n_again < sizeof(a->again) / sizeof(a->again[0]))
    a->again[a->n_again++] = (struct page){
        job->source, job->page, (uint8_t)(job->tries + tried)};
  else
    discover_fail(a, "the rate limit leaves no room for the list");
}

void discover_fail(struct ttn_account *a, const char *why) {
  if (a->discovery == DISCOVERY_RUNNING || a->list_why[0] == '\0')
    ttn_print(a->list_why, sizeof(a->list_why), "%s", why);
  a->discovery = DISCOVERY_FAILED;
}

static char *keep(struct ttn_account *a, bool wanted, const char *text) {
  char *copy = wanted && text != NULL ? ttn_strdup(a->env, text) : NULL;
  if (copy != NULL)
    ttn_key_mask(copy);
  return copy;
}

static bool take(struct ttn_account *a, const struct ttn_listed *listed) {
  const struct ttn_settings *s = a->settings;
  if (!ttn_select_wanted(a->select, listed->id))
    return true;
  struct found *f = add_found(a, listed->id);
  if (f == NULL) {
    if (a->n_found == GATEWAYS_MAX)
      say_many(a);
    return a->n_found == GATEWAYS_MAX;
  }
  f->home = (int16_t)hosts_find(a, listed->address);
  f->name = keep(a, s->meta_data || s->notifications, listed->name);
  f->eui = keep(a, s->meta_data, listed->eui);
  f->address = keep(a, s->meta_data, listed->address);
  f->has_location = listed->has_location;
  f->location = listed->location;
  return true;
}

/* Which pages are still to come, after page `page` brought n gateways. */
static void plan_pages(struct source *s, unsigned page, size_t n,
                       uint64_t first) {
  bool full = n >= TTN_LIST_MAX;
  if (page == 1) {
    s->first_done = true;
    if (full && s->total > TTN_LIST_MAX) {
      int64_t pages = (s->total + TTN_LIST_MAX - 1) / TTN_LIST_MAX;
      s->last_page = pages > PAGES_MAX ? PAGES_MAX : (unsigned)pages;
    } else if (full && s->total != TTN_LIST_MAX) {
      s->last_page = 2; /* the total is not known, or lies */
    }
  } else if (full && page == s->last_page && page < PAGES_MAX &&
             (int64_t)page * TTN_LIST_MAX != s->total) {
    /* More than there should be: on, unless the same page comes again. */
    if (first == s->first_ids)
      s->moved = true;
    else
      s->last_page++;
  } else if (!full && page < s->last_page) {
    s->moved = true;
    s->last_page = page; /* a total that is far too large ends here */
  }
  s->first_ids = first;
}

/* Every page of every list is there, or known to be refused. */
static void end_when_over(struct ttn_account *a) {
  bool complete = true, any = false;
  for (size_t i = 0; i < a->n_sources; i++) {
    const struct source *s = &a->sources[i];
    if (s->in_flight > 0 || s->next_page <= s->last_page || a->n_again > 0)
      return;
    any = any || !s->refused;
    complete = complete && !s->refused && !s->moved &&
               (s->total < 0 || (int64_t)s->n_listed == s->total);
  }
  if (any)
    done(a, complete);
  else
    discover_fail(a, "the key may list none of the Organization lines");
}

static uint64_t first_hash(const struct ttn_listed *listed, size_t n) {
  return n == 0 ? 0 : ttn_hash(TTN_HASH, listed[0].id, strlen(listed[0].id));
}

void discover_page(struct ttn_account *a, struct job *job) {
  struct source *s = &a->sources[job->source];
  size_t n, skipped;
  const struct ttn_listed *listed =
      ttn_decoder_listed(job->decoder, &n, &skipped);
  int64_t total = job->call.answer.total_count;
  s->in_flight--;
  if (a->discovery != DISCOVERY_RUNNING)
    return;
  if (job->page == 1)
    s->total = total >= 0 ? total : -1;
  else if (total != s->total)
    s->moved = true;
  if (total == -2)
    s->moved = true;
  s->n_listed += n + skipped;
  for (size_t i = 0; i < n; i++) {
    if (!take(a, &listed[i])) {
      discover_fail(a, "no memory");
      return;
    }
  }
  if (s->refused)
    account_log(a, TTN_NOTICE, "Organization \"%s\": the key may list it again",
                s->organization);
  s->refused = false;
  plan_pages(s, job->page, n + skipped, first_hash(listed, n));
  end_when_over(a);
}

void discover_refused(struct ttn_account *a, struct job *job,
                      const char *why) {
  struct source *s = &a->sources[job->source];
  char named[560];
  s->in_flight--;
  if (a->discovery != DISCOVERY_RUNNING)
    return;
  if (s->organization != NULL)
    why = ttn_print(named, sizeof(named), "Organization \"%s\": %s",
                    s->organization, why);
  if (a->n_sources == 1) {
    discover_fail(a, why);
    return;
  }
  if (!s->refused)
    account_log(a, TTN_ERROR, "%s", why);
  s->refused = true;
  s->next_page = s->last_page + 1;
  end_when_over(a);
}

bool discover_lacks(const struct ttn_account *a) {
  for (size_t i = 0; i < a->n_sources; i++)
    if (a->sources[i].refused)
      return true;
  return false;
}

static bool waits_for_limit(const struct ttn_account *a, int64_t now) {
  int64_t until = INT64_MAX;
  return !hosts_may_start(a, 0, KIND_LIST, now, &until) && until != INT64_MAX;
}

/* One line when it begins, one when it ends. */
bool discover_end(struct ttn_account *a) {
  char words[64];
  int64_t now = a->env->mono(a->env->ctx);
  if (a->discovery == DISCOVERY_RUNNING)
    discover_fail(a, waits_for_limit(a, now)
                         ? "the rate limit leaves no room for it: raise "
                           "DiscoveryInterval, or ask the operator for a "
                           "higher limit"
                         : "not whole by the poll's deadline: raise Timeout");
  if (a->discovery == DISCOVERY_FAILED) {
    discover_drop(a);
    if (!a->said_list && !a->key_refused && !a->hosts[0].failed) {
      account_log(a, TTN_ERROR,
                  "the list of gateways can't be read: %s%s", a->list_why,
                  a->have_list ? "; the gateways known so far are kept" : "");
      a->said_list = true;
      a->list_since = now;
    }
  } else if (a->said_list && a->discovery == DISCOVERY_DONE) {
    account_log(a, TTN_NOTICE,
                "the list of gateways can be read again, after %s",
                ttn_words(words, sizeof(words), now - a->list_since));
    a->said_list = false;
  }
  bool well = a->discovery != DISCOVERY_FAILED;
  a->discovery = DISCOVERY_IDLE;
  return well;
}
