/* SPDX-License-Identifier: MIT */
/* One list, read page by page while it may change. A page shows a part of the
 * list as it was at one time. When gateways are created or deleted, those
 * behind them move to other places: between two pages one may come twice, or
 * not at all. Therefore each page begins within the page before it: two pages
 * that have a gateway in common have no gap between them, whatever the order
 * is. Across a gap another page is read. */
#ifndef TTN_PAGES_H
#define TTN_PAGES_H

#include "base/env.h"
#include "tts/records.h"

/* So many places of the page before are read again, so that as many gateways
 * may be deleted in the meantime. */
#define PAGES_OVERLAP 10
/* 1,000,000 gateways need 1052. */
#define PAGES_MAX 1200

struct list_page {
  unsigned number, limit; /* of its request: places (number - 1) * limit to
                           * number * limit - 1 of the list */
  bool wanted;            /* to be requested */
  uint8_t tries;          /* that failed */
  bool whole;             /* it has what its own X-Total-Count lets expect */
  bool last;              /* nothing comes behind it */
  size_t n;
  uint64_t ids[TTN_LIST_MAX]; /* n hashes of them */
};

/* All zero at first. */
struct pages {
  struct list_page *list; /* in order of their places */
  size_t n, room, n_wanted;
  size_t n_across; /* of them, those that were read across a gap */
};

/* A list is to be read, from its first page. False: no memory. */
bool pages_begin(struct pages *p, const struct ttn_env *env);
void pages_free(struct pages *p, const struct ttn_env *env);

/* Takes a page that is wanted, of n_wanted: it is requested. */
size_t pages_take(struct pages *p);
/* It was limited or lost. tried: this was an attempt. */
void pages_want_again(struct pages *p, size_t index, bool tried);
/* No more pages are wanted. */
void pages_stop(struct pages *p);

/* Page `index` came, with n valid gateways and some that are not. total: its
 * X-Total-Count, < 0: it said none. Plans the pages that follow. False: no
 * memory. */
bool pages_answered(struct pages *p, const struct ttn_env *env, size_t index,
                    const struct ttn_listed *listed, size_t n, size_t skipped,
                    int64_t total);
/* All that were requested came: is each gateway that was in the list all the
 * time on a page? False: some may be on none, or pages are wanted across gaps.
 */
bool pages_check(struct pages *p, const struct ttn_env *env);

#endif
