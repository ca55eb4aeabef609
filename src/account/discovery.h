/* SPDX-License-Identifier: MIT */
/* Which gateways there are: reads the list of gateways page by page. */
#ifndef TTN_DISCOVERY_H
#define TTN_DISCOVERY_H

#include "account/context.h"
#include "account/gateways.h"
#include "account/hosts.h"
#include "account/pages.h"

enum discovery_state {
  DISCOVERY_IDLE, /* none in this poll */
  DISCOVERY_RUNNING,
  DISCOVERY_DONE,
  DISCOVERY_FAILED
};

/* What a step of a discovery means for the poll. */
enum discovery_step {
  DISCOVERY_MORE,  /* nothing yet: there are pages to come, or it failed */
  DISCOVERY_LISTED /* all is found: gateways_merge, then discovery_merged */
};

struct source {             /* the key's own list, or an organization's */
  const char *organization; /* NULL: the key's own */
  struct pages pages;
  bool whole;   /* nothing is missing on its pages */
  bool refused; /* the key may not list this organization: logged */
};

/* One page of one source. */
struct page {
  unsigned source, index;
  const char *organization; /* as its source has it */
  unsigned number, limit;   /* of its request */
  uint8_t tries;
  bool search; /* by the search instead of the list */
};

struct discovery_poll {
  enum discovery_state state;
  bool denied; /* it failed for a right that the key lacks */
  bool held;   /* no page is requested until auth_info is answered */
  bool waits;  /* the page `refused` waits for auth_info */
  struct page refused;
  unsigned in_flight; /* pages under way, and `refused` while it waits */
  char reason[512];   /* why it failed, "": it did not */
};

/* All zero at first. */
struct discovery {
  struct source *sources;
  size_t n_sources;
  struct found_list found;
  bool have_list;        /* one discovery succeeded */
  bool all;              /* Scope "all": by an admin's search */
  bool search;           /* the key may not list, but search */
  char list_denied[512]; /* why it may not list */
  int64_t discovered_at; /* mono of the last one that did */
  struct ttn_episode failing;
  int64_t failing_since; /* mono */
  struct discovery_poll poll;
};

/* False: no memory. */
bool discovery_init(struct discovery *d, const struct account_context *c);
void discovery_free(struct discovery *d, const struct ttn_env *env);

void discovery_begin(struct discovery *d);
/* The poll that began at `started` (mono) has a key: starts a discovery if one
 * is due. */
enum discovery_step discovery_start(struct discovery *d,
                                    struct account_context *c, int64_t started);
/* A poll ends: one line when failures begin, one when they end. quiet: the
 * cause is logged elsewhere. limited: its rate limit is why it is not whole.
 * False: there was one in this poll, and it failed. */
bool discovery_end(struct discovery *d, const struct account_context *c,
                   bool quiet, bool limited);

/* With Scope "all" it is held until auth_info tells that the key is an admin's:
 * to another key the search lists fewer gateways, and does not say so. */
void discovery_release(struct discovery *d);

bool discovery_has_page(const struct discovery *d);
/* Takes the next page that is to be requested. may_search: the key is known to
 * be one that may be searched with. */
struct page discovery_take_page(struct discovery *d, bool may_search);

/* What became of a page: */
enum discovery_step discovery_page(struct discovery *d,
                                   struct account_context *c,
                                   struct hosts *hosts, struct gateways *g,
                                   struct page page,
                                   const struct ttn_listed *listed, size_t n,
                                   size_t skipped, int64_t total);
/* The key may not list it. The other lists are still of use, but not if it is
 * the only one. */
enum discovery_step discovery_denied(struct discovery *d,
                                     struct account_context *c,
                                     struct page page, const char *reason);
/* As above, but if it is a page of the key's own list, the search may do
 * instead: the page waits, and discovery_search decides. False: it may not. */
bool discovery_ask_search(struct discovery *d, struct page page,
                          const char *reason);
/* The page that waits, if any, is searched for, or denied after all. admin: the
 * key is known to be one's. */
enum discovery_step discovery_search(struct discovery *d,
                                     struct account_context *c, bool may_search,
                                     bool admin);
/* It is requested again, later in this poll. */
void discovery_retry(struct discovery *d, struct page page, bool tried);
/* It failed, and so does the discovery. */
void discovery_page_failed(struct discovery *d, struct page page,
                           const char *reason);
void discovery_fail(struct discovery *d, const char *reason);

/* Is nothing missing in what was found? */
bool discovery_is_complete(const struct discovery *d);
/* The list is merged. */
void discovery_merged(struct discovery *d, struct account_context *c,
                      const struct gateways *g, struct list_change change,
                      int64_t started);

/* Is any Organization line refused, as far as is known? */
bool discovery_any_denied(const struct discovery *d);

#endif
