/* SPDX-License-Identifier: MIT */
/* What a receiver can take, and where a text may be cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

static void test_plain(void **state) {
  static const char *const good[] = {
      "",        "roof", "B\xc3\xbcro", "\xe6\xbc\xa2", "\xf0\x9f\x93\xa1",
      "\xc2\xa0"};
  static const char *const bad[] = {"B\xfcro",
                                    "\xc3",
                                    "\xbc",
                                    "two\nlines",
                                    "\x7f",
                                    "\xc2\x85",
                                    "\xc0\xaf",
                                    "\xed\xa0\x80",
                                    "\xe0\x80\xaf",
                                    "\xf0\x80\x80\xaf",
                                    "\xf4\x90\x80\x80",
                                    "\xff"};
  (void)state;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    assert_true(ttn_utf8_plain(good[i]));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_false(ttn_utf8_plain(bad[i]));
}

static void test_clean(void **state) {
  char text[8];
  (void)state;
  assert_int_equal(ttn_utf8_clean(text, sizeof(text), "B\xfcro\n", 5), 5);
  assert_string_equal(text, "B?ro?");
  assert_int_equal(ttn_utf8_clean(text, 4, "ab\xc3\xbc", 4), 2);
  assert_string_equal(text, "ab");
}

/* At every size, no half character is left, and no whole one is lost. */
static void test_cut(void **state) {
  static const char whole[] = "a\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x93\xa1z";
  static const size_t ends[] = {0, 1, 3, 6, 10, 11};
  (void)state;
  for (size_t size = 1; size <= sizeof(whole); size++) {
    char text[sizeof(whole)];
    size_t end = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
      if (ends[i] < size)
        end = ends[i];
    ttn_print(text, size, "%s", whole);
    assert_int_equal(strlen(text), end);
    assert_true(ttn_utf8_plain(text));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain),
      cmocka_unit_test(test_clean),
      cmocka_unit_test(test_cut),
  };
  return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
