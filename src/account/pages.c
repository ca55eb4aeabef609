/* SPDX-License-Identifier: MIT */
#include "account/pages.h"

#include "base/hash.h"

#include <assert.h>
#include <string.h>

/* The stack knows pages of equal size only: a page that begins at another place
 * than a multiple of TTN_LIST_MAX is page number k + 1 of pages with a lower
 * limit. Of so many k the best is taken: then 20,000 gateways need 21 pages,
 * 100,000 need 105. */
#define NUMBERS_TRIED 64
/* A page across the end of another begins so many places before. With a third
 * of a page it reaches as far behind that end, also behind the first page's. */
#define ACROSS (TTN_LIST_MAX / 3)
/* So many gateways at a page's beginning are looked for on the page before. */
#define EDGE 64

static size_t page_start(const struct list_page *page) {
  return (size_t)(page->number - 1) * page->limit;
}

static size_t page_end(const struct list_page *page) {
  return (size_t)page->number * page->limit;
}

/* The page that has the place `from` and reaches furthest. */
static struct list_page page_at(size_t from) {
  struct list_page best = {.number = 1, .limit = TTN_LIST_MAX};
  size_t least = (from + TTN_LIST_MAX - 1) / TTN_LIST_MAX;
  for (size_t before = least; from > 0 && before < least + NUMBERS_TRIED;
       before++) {
    struct list_page page = {.number = (unsigned)before + 1,
                             .limit = (unsigned)(from / before)};
    if (page_end(&page) > page_end(&best))
      best = page;
  }
  return best;
}

static void want_page(struct pages *p, size_t index, bool wanted) {
  p->n_wanted += wanted;
  p->n_wanted -= p->list[index].wanted;
  p->list[index].wanted = wanted;
}

/* A page that has the place `from`, as the index-th one. */
static bool add_page(struct pages *p, const struct ttn_env *env, size_t index,
                     size_t from) {
  void *list = p->list;
  if (!ttn_grow(env, &list, &p->room, p->n + 1, sizeof(*p->list),
                3 * PAGES_MAX))
    return false;
  p->list = list;
  memmove(&p->list[index + 1], &p->list[index],
          (p->n - index) * sizeof(*p->list));
  p->n++;
  p->list[index] = page_at(from);
  want_page(p, index, true);
  return true;
}

bool pages_begin(struct pages *p, const struct ttn_env *env) {
  p->n = p->n_wanted = p->n_across = 0;
  return add_page(p, env, 0, 0);
}

void pages_free(struct pages *p, const struct ttn_env *env) {
  ttn_free(env, p->list);
  *p = (struct pages){0};
}

size_t pages_take(struct pages *p) {
  size_t index = 0;
  assert(p->n_wanted > 0);
  while (!p->list[index].wanted)
    index++;
  want_page(p, index, false);
  return index;
}

void pages_want_again(struct pages *p, size_t index, bool tried) {
  p->list[index].tries = (uint8_t)(p->list[index].tries + tried);
  want_page(p, index, true);
}

static void keep_ids(struct list_page *page, const struct ttn_listed *listed,
                     size_t n) {
  assert(n <= TTN_LIST_MAX);
  page->n = n;
  for (size_t i = 0; i < n; i++)
    page->ids[i] = ttn_hash(TTN_HASH, listed[i].id, strlen(listed[i].id));
}

/* A server that always answers the same has no end. */
static bool is_repeated(const struct pages *p, size_t index) {
  const struct list_page *page = &p->list[index];
  return index > 0 && page->n > 0 && page[-1].n > 0 &&
         page->ids[0] == page[-1].ids[0];
}

/* Are there as many as a page has, behind which `rest` of the list's gateways
 * begin? */
static bool is_whole(const struct list_page *page, size_t count,
                     int64_t total) {
  int64_t rest = total - (int64_t)page_start(page);
  if (total == -1) /* it said none */
    return count <= page->limit;
  if (total < 0)
    return false;
  return (int64_t)count == (rest < 0             ? 0
                            : rest < page->limit ? rest
                                                 : (int64_t)page->limit);
}

/* The pages behind the last one that is planned, as far as total says; at least
 * one. */
static bool plan_more(struct pages *p, const struct ttn_env *env,
                      int64_t total) {
  do {
    if (p->n >= PAGES_MAX)
      return true;
    if (!add_page(p, env, p->n, page_end(&p->list[p->n - 1]) - PAGES_OVERLAP))
      return false;
  } while ((int64_t)page_end(&p->list[p->n - 1]) < total);
  return true;
}

static void drop_wanted(struct pages *p, size_t from) {
  for (size_t i = from; i < p->n; i++)
    want_page(p, i, false);
}

void pages_stop(struct pages *p) { drop_wanted(p, 0); }

bool pages_answered(struct pages *p, const struct ttn_env *env, size_t index,
                    const struct ttn_listed *listed, size_t n, size_t skipped,
                    int64_t total) {
  assert(index < p->n);
  struct list_page *page = &p->list[index];
  size_t count = n + skipped;
  keep_ids(page, listed, n);
  bool repeated = is_repeated(p, index);
  page->whole = is_whole(page, count, total);
  page->last =
      count < page->limit || (int64_t)(page_start(page) + count) == total;
  if (page->last || repeated)
    drop_wanted(p, index + 1); /* of no use */
  else if (index + 1 == p->n)
    return plan_more(p, env, total);
  return true;
}

static bool has_id(const struct list_page *page, uint64_t id) {
  for (size_t i = 0; i < page->n; i++)
    if (page->ids[i] == id)
      return true;
  return false;
}

static bool has_gap(const struct list_page *a, const struct list_page *b) {
  for (size_t i = 0; i < b->n && i < EDGE; i++)
    if (has_id(a, b->ids[i]))
      return false;
  return true;
}

/* The end of page `index` is read again with what follows it now. False: no
 * memory. */
static bool read_across(struct pages *p, const struct ttn_env *env,
                        size_t index) {
  p->n_across++;
  return add_page(p, env, index + 1, page_end(&p->list[index]) - ACROSS);
}

/* Are all pages there, up to the end of the list, each with all that it should
 * have? */
static bool are_whole(const struct pages *p) {
  for (size_t i = 0; i < p->n && p->list[i].whole; i++)
    if (p->list[i].last)
      return true;
  return false;
}

bool pages_check(struct pages *p, const struct ttn_env *env) {
  if (!are_whole(p))
    return false;
  for (size_t i = 0; !p->list[i].last; i++) {
    if (!has_gap(&p->list[i], &p->list[i + 1]))
      continue;
    if (p->n_across > p->n / 2 || !read_across(p, env, i)) {
      pages_stop(p);
      return false;
    }
    i++;
  }
  return p->n_wanted == 0;
}
