/* SPDX-License-Identifier: MIT */
/* Which mounts only a pod can see, by lines of /proc/self/mountinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mount.h"

/* A pod's root, its volume for state and its secret, as runc and kubelet have
 * them. */
#define ROOT                                                                   \
  "1301 1200 0:301 / / ro,relatime master:5 - overlay overlay "                \
  "rw,lowerdir=/a\n"
#define STATE                                                                  \
  "1302 1301 8:1 /var/lib/kubelet/pods/x /var/lib/collectd rw,relatime - "     \
  "ext4 "                                                                      \
  "/dev/sda1 rw\n"
#define SECRET                                                                 \
  "1303 1301 0:77 / /run/secrets/ttn ro,relatime - tmpfs tmpfs rw,size=64k\n"

static char path[] = "/tmp/ttn-mounts-XXXXXX";

static bool is_volume(const char *mounts) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(mounts, file);
  assert_int_equal(fclose(file), 0);
  return ttn_mount_is_volume(path, makedev(0, 77));
}

static void test_secret(void **state) {
  (void)state;
  assert_true(is_volume(ROOT STATE SECRET));
  assert_true(is_volume(SECRET ROOT));
  assert_true(is_volume("1 2 0:77 / /s ro - tmpfs tmpfs rw\n"));
  /* Fields before the hyphen may be missing, and there may be several. */
  assert_true(is_volume(
      ROOT "1 2 0:77 / /s ro,relatime shared:1 master:2 - tmpfs tmpfs rw\n"));
}

static void test_others(void **state) {
  static const char *const rows[] = {
      "",
      ROOT STATE,
      /* a directory of the machine's /run */
      "1 2 0:77 /keys /s ro,relatime - tmpfs tmpfs rw\n",
      "1 2 0:77 /k /s ro,relatime - tmpfs tmpfs rw\n",
      /* writable */
      "1 2 0:77 / /s rw,relatime - tmpfs tmpfs rw\n",
      "1 2 0:77 / /s rw,ro - tmpfs tmpfs rw\n",
      "1 2 0:77 / /s rot - tmpfs tmpfs rw\n",
      /* on a disk */
      "1 2 0:77 / /s ro,relatime - ext4 /dev/sda1 rw\n",
      "1 2 0:77 / /s ro,relatime - tmpfsx tmpfs rw\n",
      /* there in another way, too */
      (SECRET "1 2 0:77 /keys /t ro,relatime - tmpfs tmpfs rw\n"),
      ("1 2 0:77 / /t rw,relatime - tmpfs tmpfs rw\n" SECRET),
      /* another device */
      "1 2 77:0 / /s ro,relatime - tmpfs tmpfs rw\n",
      "1 2 0:770 / /s ro,relatime - tmpfs tmpfs rw\n",
      /* cut */
      "1 2 0:77 / /s ro,relatime",
      "1 2 0:77\n",
      "1 2 0:77 / /s ro,relatime\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (is_volume(rows[i]))
      fail_msg("%zu: %s", i, rows[i]);
}

/* Lines that are longer than the buffer, before and in the wanted one. */
static void test_long_lines(void **state) {
  static char text[20000], filler[8000];
  (void)state;
  memset(filler, 'x', sizeof(filler) - 1);
  snprintf(text, sizeof(text), "1 2 0:5 / / rw - overlay o lowerdir=%s\n%s",
           filler, SECRET);
  assert_true(is_volume(text));
  snprintf(text, sizeof(text), "1 2 0:77 / /%s ro - tmpfs tmpfs rw\n%s", filler,
           SECRET);
  assert_false(is_volume(text));
}

static void test_unreadable(void **state) {
  (void)state;
  unlink(path);
  assert_false(ttn_mount_is_volume(path, makedev(0, 77)));
  assert_false(ttn_mount_is_volume("/", makedev(0, 77)));
}

/* No machine that runs tests has a file of its root in such a volume. */
static void test_here(void **state) {
  struct stat status;
  (void)state;
  assert_int_equal(stat("/", &status), 0);
  assert_false(ttn_mount_is_private(status.st_dev));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_secret),     cmocka_unit_test(test_others),
      cmocka_unit_test(test_long_lines), cmocka_unit_test(test_unreadable),
      cmocka_unit_test(test_here),
  };
  int fd = mkstemp(path);
  if (fd < 0 || close(fd) != 0)
    return 1;
  int failed = cmocka_run_group_tests_name("mount", tests, NULL, NULL);
  unlink(path);
  return failed;
}
