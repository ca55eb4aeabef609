/* SPDX-License-Identifier: MIT */
/* A list that is read page by page while gateways are created and deleted: what
 * was there all the time is on a page, or the list is known not to be whole.
 * The list here is one of numbers; their ids are in no order that strcmp(3)
 * knows, as with the collations of databases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/pages.h"
#include "lib/testing.h"

#include <stdlib.h>
#include <string.h>

#define MOST 20000 /* numbers in the list */
#define NUMBERS (4 * MOST)

/* The list at one time, the numbers that were in it from the start on, and
 * those that a page showed. */
struct story {
  struct test_env test;
  struct pages pages;
  unsigned at[MOST], n;
  bool is_old[NUMBERS], seen[NUMBERS];
  unsigned requests;
  char ids[TTN_LIST_MAX][TTN_ID_MAX + 1];
  struct ttn_listed listed[TTN_LIST_MAX];
};

static unsigned random_below(unsigned n) {
  return n == 0 ? 0 : (unsigned)rand() % n;
}

/* n of the even numbers. */
static struct story *story_open(unsigned n) {
  struct story *s = calloc(1, sizeof(*s));
  assert_non_null(s);
  test_env_init(&s->test);
  for (s->n = 0; s->n < n; s->n++) {
    s->at[s->n] = NUMBERS / 4 + 2 * s->n;
    s->is_old[s->at[s->n]] = true;
  }
  return s;
}

static void story_close(struct story *s) {
  pages_free(&s->pages, &s->test.env);
  assert_int_equal(s->test.blocks, 0);
  free(s);
}

static void delete_at(struct story *s, unsigned i) {
  s->is_old[s->at[i]] = false;
  s->n--;
  memmove(&s->at[i], &s->at[i + 1], (s->n - i) * sizeof(s->at[0]));
}

/* A number that is not in the list yet, at or behind place i. */
static void create_at(struct story *s, unsigned i) {
  unsigned number = i == 0 ? 0 : s->at[i - 1] + 1;
  if (i == 0) /* in front of all */
    number = s->n == 0 ? NUMBERS / 2 : s->at[0] - 1;
  if (s->n == MOST || number >= NUMBERS || s->is_old[number] ||
      (i < s->n && s->at[i] == number))
    return;
  memmove(&s->at[i + 1], &s->at[i], (s->n - i) * sizeof(s->at[0]));
  s->at[i] = number;
  s->n++;
}

/* Up to `most` of each; front: near the first place, where all others move. */
static void change(struct story *s, unsigned most, bool front) {
  unsigned deletions = random_below(most + 1),
           creations = random_below(most + 1);
  for (; deletions > 0 && s->n > 0; deletions--)
    delete_at(s, random_below(front && s->n > 30 ? 30 : s->n));
  for (; creations > 0; creations--)
    create_at(s, random_below(front && s->n > 0 ? 2 : s->n + 1));
}

static void answer(struct story *s, size_t index) {
  const struct list_page *page = &s->pages.list[index];
  size_t start = (size_t)(page->number - 1) * page->limit, n = 0;
  for (; n < page->limit && start + n < s->n; n++) {
    unsigned number = s->at[start + n];
    s->seen[number] = true;
    snprintf(s->ids[n], sizeof(s->ids[n]), "gw-%08x", number * 2654435761u);
    s->listed[n] = (struct ttn_listed){.id = s->ids[n]};
  }
  s->requests++;
  assert_true(
      pages_answered(&s->pages, &s->test.env, index, s->listed, n, 0, s->n));
}

/* Reads it, `window` pages in parallel, whose answers come in any order. */
static bool read_list(struct story *s, unsigned window, unsigned most,
                      bool front) {
  size_t sent[32];
  unsigned n_sent = 0;
  bool whole = false;
  assert_true(pages_begin(&s->pages, &s->test.env));
  while (s->pages.n_wanted > 0) {
    while (s->pages.n_wanted > 0 || n_sent > 0) {
      while (s->pages.n_wanted > 0 && n_sent < window)
        sent[n_sent++] = pages_take(&s->pages);
      unsigned i = random_below(n_sent);
      change(s, most, front);
      answer(s, sent[i]);
      sent[i] = sent[--n_sent];
    }
    whole = pages_check(&s->pages, &s->test.env);
  }
  return whole;
}

static unsigned count_lost(const struct story *s) {
  unsigned lost = 0;
  for (unsigned number = 0; number < NUMBERS; number++)
    lost += s->is_old[number] && !s->seen[number];
  return lost;
}

/* A list that does not change is read once, in as few pages as can be. */
static void test_calm(void **state) {
  static const struct {
    unsigned n, pages;
  } rows[] = {{0, 1},    {1, 1},    {999, 1},  {1000, 1}, {1001, 2},  {1980, 2},
              {1981, 3}, {2500, 3}, {3500, 4}, {5000, 6}, {20000, 21}};
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct story *s = story_open(rows[i].n);
    assert_true(read_list(s, 8, 0, false));
    assert_int_equal(s->requests, rows[i].pages);
    assert_int_equal(count_lost(s), 0);
    for (size_t page = 0; page < s->pages.n; page++)
      assert_in_range(s->pages.list[page].limit, 900, TTN_LIST_MAX);
    story_close(s);
  }
}

/* Changes with every page, up to 127 of each kind: none is lost, and the list
 * is whole. */
static void test_changes(void **state) {
  (void)state;
  srand(1);
  for (unsigned n = 0; n <= 6000; n += 300)
    for (unsigned most = 0; most <= 1023; most = most * 2 + 1)
      for (unsigned window = 1; window <= 32; window *= 32)
        for (unsigned front = 0; front <= 1; front++) {
          struct story *s = story_open(n);
          bool whole = read_list(s, window, most, front);
          assert_true(whole || most > 63);
          assert_true(!whole || count_lost(s) == 0);
          assert_in_range(s->requests, 1, 2 * MOST / 900);
          story_close(s);
        }
}

/* Too many, for ever: it ends, and the list is not whole. */
static void test_too_many_changes(void **state) {
  (void)state;
  struct story *s = story_open(9000);
  assert_true(pages_begin(&s->pages, &s->test.env));
  while (s->pages.n_wanted > 0) {
    while (s->pages.n_wanted > 0) {
      for (unsigned i = 0; i < 400; i++) {
        delete_at(s, 0);
        create_at(s, s->n);
      }
      answer(s, pages_take(&s->pages));
    }
    assert_false(pages_check(&s->pages, &s->test.env));
  }
  assert_in_range(s->requests, 10, 22);
  story_close(s);
}

/* As many are created as deleted: the total stays, and tells nothing. */
static void test_equal_total(void **state) {
  (void)state;
  struct story *s = story_open(2500);
  assert_true(pages_begin(&s->pages, &s->test.env));
  answer(s, pages_take(&s->pages));
  for (unsigned i = 0; i < 200; i++) {
    delete_at(s, 0);
    create_at(s, s->n);
  }
  while (s->pages.n_wanted > 0)
    answer(s, pages_take(&s->pages));
  assert_int_equal(count_lost(s), 190);
  /* One page across the end of the first one is enough. */
  assert_false(pages_check(&s->pages, &s->test.env));
  assert_int_equal(s->pages.n_wanted, 1);
  answer(s, pages_take(&s->pages));
  assert_true(pages_check(&s->pages, &s->test.env));
  assert_int_equal(count_lost(s), 0);
  story_close(s);
}

/* The answer to page `index` of a list of the same gateways each time. */
static void answer_lie(struct story *s, size_t index, size_t n, int64_t total) {
  for (size_t i = 0; i < n; i++) {
    snprintf(s->ids[i], sizeof(s->ids[i]), "gw-%zu", i);
    s->listed[i] = (struct ttn_listed){.id = s->ids[i]};
  }
  s->requests++;
  assert_true(
      pages_answered(&s->pages, &s->test.env, index, s->listed, n, 0, total));
}

/* Totals that do not fit what came, or none at all. */
static void test_lies(void **state) {
  static const struct {
    size_t n; /* on each page */
    int64_t total;
    bool whole;
    unsigned requests;
  } rows[] = {
      {500, -1, true, 1},   {500, 500, true, 1},   {500, 501, false, 1},
      {500, 499, false, 1}, {500, -2, false, 1},   {1000, -1, false, 2},
      {1000, 1, false, 2},  {1000, 1000, true, 1}, {1000, INT64_MAX, false, 2},
      {0, 0, true, 1},      {0, -1, true, 1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct story *s = story_open(0);
    assert_true(pages_begin(&s->pages, &s->test.env));
    while (s->pages.n_wanted > 0)
      answer_lie(s, pages_take(&s->pages), rows[i].n, rows[i].total);
    assert_int_equal(pages_check(&s->pages, &s->test.env), rows[i].whole);
    assert_int_equal(s->requests, rows[i].requests);
    story_close(s);
  }
}

/* Those without a valid id count, too. */
static void test_skipped(void **state) {
  (void)state;
  struct story *s = story_open(0);
  assert_true(pages_begin(&s->pages, &s->test.env));
  assert_true(pages_answered(&s->pages, &s->test.env, pages_take(&s->pages),
                             s->listed, 0, 3, 3));
  assert_true(pages_check(&s->pages, &s->test.env));
  story_close(s);
}

static void read_without_memory(struct test_env *test, void *arg) {
  struct pages pages = {0};
  struct ttn_listed *listed = arg;
  bool good = pages_begin(&pages, &test->env) &&
              pages_answered(&pages, &test->env, pages_take(&pages), listed,
                             TTN_LIST_MAX, 0, 9000);
  assert_true(good == (test->calls < test->fail_at));
  pages_free(&pages, &test->env);
}

static void test_no_memory(void **state) {
  struct test_env test;
  (void)state;
  struct story *s = story_open(0);
  for (size_t i = 0; i < TTN_LIST_MAX; i++)
    s->listed[i] = (struct ttn_listed){.id = "a-gw"};
  test_fail_each(test_env_init(&test), read_without_memory, s->listed);
  story_close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_calm),
      cmocka_unit_test(test_changes),
      cmocka_unit_test(test_equal_total),
      cmocka_unit_test(test_too_many_changes),
      cmocka_unit_test(test_lies),
      cmocka_unit_test(test_skipped),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
