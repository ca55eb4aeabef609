/* SPDX-License-Identifier: MIT */
/* A version within a file, wherever it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/versions.h"
#include "lib/testing.h"

#include <unistd.h>

#define BEFORE ((size_t)64 << 10)

static char path[] = "/tmp/ttn-test-versions-XXXXXX";

/* A file with the text behind so many zeros, and as many behind it. */
static void write_file(size_t before, const char *s, size_t behind) {
  static char zeros[BEFORE];
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fwrite(zeros, 1, before, file);
  fwrite(s, 1, strlen(s), file);
  fwrite(zeros, 1, behind, file);
  assert_int_equal(fclose(file), 0);
}

static void test_find(void **state) {
  (void)state;
  char version[VERSION_SIZE];
  write_file(0, "collectd is here\ncollectd 5.12.0.git, http://x", 100);
  assert_true(versions_find(path, "collectd ", version));
  assert_string_equal(version, "5.12.0.git");
  write_file(3, "ttn/12", 0); /* at the end */
  assert_true(versions_find(path, "ttn/", version));
  assert_string_equal(version, "12");
  write_file(3, "ttn/", 0);
  assert_false(versions_find(path, "ttn/", version));
  write_file(3, "ttn/x", 100);
  assert_false(versions_find(path, "ttn/", version));
  write_file(0, "", 0);
  assert_false(versions_find(path, "ttn/", version));
  assert_false(versions_find("/nowhere", "ttn/", version));
  assert_false(versions_find("/tmp", "ttn/", version));
}

/* A file that ends with a page: nothing behind it can be read. */
static void test_page(void **state) {
  (void)state;
  char version[VERSION_SIZE];
  write_file(BEFORE - strlen("ttn/0.1.0~rc1"), "ttn/0.1.0~rc1", 0);
  assert_true(versions_find(path, "ttn/", version));
  assert_string_equal(version, "0.1.0~rc1");
  write_file(BEFORE - strlen("ttn/"), "ttn/", 0);
  assert_false(versions_find(path, "ttn/", version));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_page),
  };
  int fd = mkstemp(path);
  if (fd < 0)
    return 1;
  close(fd);
  int failed = cmocka_run_group_tests_name("versions", tests, NULL, NULL);
  unlink(path);
  return failed;
}
