/* SPDX-License-Identifier: MIT */
/* The key's file, good and hostile, and what a key may look like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tts/api_key.h"
#include "lib/testing.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ID "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG"
#define SECRET "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST"
#define KEY "NNSXS." ID "." SECRET

static char dir[] = "/tmp/ttn-key-XXXXXX";
static char path[64];

static void write_file(const char *bytes, size_t n, mode_t mode) {
  int fd;
  chmod(path, 0600); /* root could do without, if it is there at all */
  fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, n), (ssize_t)n);
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
}

/* key was `n` bytes long, and nothing of it is left. */
static void assert_wiped(const char *key) {
  for (size_t i = 0; i <= TTN_KEY_MAX; i++)
    assert_int_equal(key[i], 0);
}

static bool read_path(char *key, char *why, size_t size) {
  struct ttn_file_stamp stamp;
  const char *open_to;
  memset(key, 'x', TTN_KEY_MAX + 1);
  why[0] = '\0';
  return ttn_key_read(path, key, &stamp, &open_to, why, size);
}

static void test_contents(void **state) {
  static char longest[TTN_KEY_MAX + 4096 + 1], longest_key[TTN_KEY_MAX + 1];
  static const struct {
    const char *text;
    size_t n;        /* 0: strlen */
    const char *why; /* NULL: KEY is read */
  } cases[] = {
      {KEY, 0, NULL},
      {KEY "\n", 0, NULL},
      {KEY "\r\n", 0, NULL},
      {"\xef\xbb\xbf" KEY "\r\n", 0, NULL},
      {"\xef\xbb\xbf", 0, "is empty"},
      {"\n\r\n \t" KEY " \t\r\n\n\n", 0, NULL},
      {"", 0, "is empty"},
      {" \r\n\t\n", 0, "is empty"},
      {KEY "\n" KEY "\n", 0, "has two lines"},
      {KEY "\r" KEY, 0, "has two lines"},
      {"# my key\n" KEY, 0, "has two lines"},
      {KEY "\0", sizeof KEY, "NUL"},
      {"\0" KEY, sizeof KEY, "NUL"},
      {"NNSXS. " SECRET, 0, "has a blank"},
      {"NNSXS.\t" SECRET, 0, "has a blank"},
      {"Bearer " KEY, 0, "starts with \"Bearer\""},
      {"bearer\t" KEY, 0, "starts with \"Bearer\""},
      {"Authorization: Bearer " KEY, 0, "starts with \"Authorization:\""},
      {"\"" KEY "\"\n", 0, "is in quotes"},
      {KEY "\xEF\xBB\xBF", 0, "a character that no key has"},
      {KEY "\x7f", 0, "a character that no key has"},
      {KEY "\x01" KEY, 0, "a character that no key has"},
  };
  char key[TTN_KEY_MAX + 1], why[200];
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t n = cases[i].n != 0 ? cases[i].n : strlen(cases[i].text);
    write_file(cases[i].text, n, 0600);
    if (read_path(key, why, sizeof why) != (cases[i].why == NULL))
      fail_msg("case %zu: %s", i, why);
    if (cases[i].why == NULL) {
      assert_string_equal(key, KEY);
      continue;
    }
    if (strstr(why, cases[i].why) == NULL || strstr(why, "ABCD") != NULL)
      fail_msg("case %zu: %s", i, why);
    assert_wiped(key);
  }

  memset(longest_key, 'k', TTN_KEY_MAX);
  memset(longest, '\n', sizeof longest);
  memcpy(longest, longest_key, TTN_KEY_MAX);
  write_file(longest, sizeof longest - 1, 0600);
  assert_true(read_path(key, why, sizeof why));
  assert_string_equal(key, longest_key);
  write_file(longest, sizeof longest, 0600);
  assert_false(read_path(key, why, sizeof why));
  assert_non_null(strstr(why, "is too large"));
  longest[TTN_KEY_MAX] = 'k';
  write_file(longest, TTN_KEY_MAX + 1, 0600);
  assert_false(read_path(key, why, sizeof why));
  assert_non_null(strstr(why, "too long for a key"));
  assert_wiped(key);
}

static void assert_refused(const char *expected) {
  char key[TTN_KEY_MAX + 1], why[200];
  alarm(5); /* should it block all the same */
  assert_false(read_path(key, why, sizeof why));
  alarm(0);
  if (strstr(why, expected) == NULL)
    fail_msg("\"%s\" lacks \"%s\"", why, expected);
  assert_wiped(key);
}

static void test_kinds_of_file(void **state) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char key[TTN_KEY_MAX + 1], why[200], link_path[80];
  int fd;
  (void)state;

  unlink(path);
  assert_refused("can't be read: No such file");
  assert_int_equal(mkdir(path, 0700), 0);
  assert_refused("is a directory");
  rmdir(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_refused("is a FIFO");
  unlink(path);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(address.sun_path, path);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_refused("can't be read"); /* open(2) fails on it */
  close(fd);
  unlink(path);
  assert_int_equal(symlink("/dev/zero", path), 0);
  assert_refused("is a device");
  unlink(path);
  assert_int_equal(symlink(path, path), 0);
  assert_refused("can't be read");
  unlink(path);
  fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_int_equal(ftruncate(fd, 1 << 30), 0); /* 1 GiB, none of it on disk */
  close(fd);
  assert_refused("is too large");

  /* Secret stores hand out symlinks. */
  write_file(KEY "\n", sizeof KEY, 0600);
  snprintf(link_path, sizeof link_path, "%s.real", path);
  assert_int_equal(rename(path, link_path), 0);
  assert_int_equal(symlink(link_path, path), 0);
  assert_true(read_path(key, why, sizeof why));
  assert_string_equal(key, KEY);
  unlink(path);
  unlink(link_path);
}

static void test_unreadable(void **state) {
  char key[TTN_KEY_MAX + 1], why[200];
  bool read;
  (void)state;
  write_file(KEY, strlen(KEY), 0000);
  read = read_path(key, why, sizeof why);
  if (geteuid() == 0) { /* who may read all */
    assert_true(read);
  } else {
    assert_false(read);
    assert_string_equal(why, "can't be read: Permission denied");
  }
}

static void test_open_to(void **state) {
  static const struct {
    mode_t mode;
    const char *open_to;
  } cases[] = {{0600, NULL},     {0400, NULL},     {0640, "group"},
               {0644, "others"}, {0604, "others"}, {0622, NULL}};
  struct ttn_file_stamp stamp;
  char key[TTN_KEY_MAX + 1], why[200];
  const char *open_to;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_file(KEY, strlen(KEY), cases[i].mode);
    assert_true(ttn_key_read(path, key, &stamp, &open_to, why, sizeof why));
    assert_int_equal(open_to == NULL, cases[i].open_to == NULL);
    if (open_to != NULL)
      assert_string_equal(open_to, cases[i].open_to);
  }
}

static void test_changed(void **state) {
  struct ttn_file_stamp stamp;
  struct timespec times[2];
  char key[TTN_KEY_MAX + 1], why[200], other[80];
  const char *open_to;
  struct stat status;
  (void)state;

  write_file(KEY, strlen(KEY), 0600);
  assert_true(ttn_key_read(path, key, &stamp, &open_to, why, sizeof why));
  assert_false(ttn_secret_changed(path, &stamp));
  assert_false(ttn_secret_changed(path, &stamp));

  /* Replaced by one of the same size and time. */
  assert_int_equal(stat(path, &status), 0);
  snprintf(other, sizeof other, "%s.new", path);
  assert_int_equal(rename(path, other), 0);
  assert_true(ttn_secret_changed(path, &stamp));
  write_file(KEY, strlen(KEY), 0600);
  times[0] = times[1] = status.st_mtim;
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  assert_true(ttn_secret_changed(path, &stamp));
  unlink(other);

  /* Times that int64_t nanoseconds do not hold. */
  for (int i = 0; i < 2; i++) {
    times[0] = times[1] =
        (struct timespec){(time_t)(INT64_C(10413792000) + i), 0};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(stat(path, &status), 0);
    if (status.st_mtim.tv_sec != times[1].tv_sec)
      break; /* nor does this file system */
    assert_true(ttn_key_read(path, key, &stamp, &open_to, why, sizeof why));
    assert_false(ttn_secret_changed(path, &stamp));
  }

  /* A file that was bad has a stamp, too: it is read again once it changes. */
  write_file("", 0, 0600);
  assert_false(ttn_key_read(path, key, &stamp, &open_to, why, sizeof why));
  assert_false(ttn_secret_changed(path, &stamp));
  write_file(KEY, strlen(KEY), 0600);
  assert_true(ttn_secret_changed(path, &stamp));
  unlink(path);
  assert_true(ttn_secret_changed(path, &stamp));
  assert_false(ttn_key_read(path, key, &stamp, &open_to, why, sizeof why));
  assert_true(ttn_secret_changed(path, &stamp));
}

static void test_check(void **state) {
  static const struct {
    const char *key;
    bool ok, odd;
  } cases[] = {
      {KEY, true, false},
      {"x", true, true},
      {"NNSXS." ID "." SECRET "A", true, true},
      {"NNSXS." ID "A." SECRET, true, true},
      {"NNSXS." ID "." ID, true, true},
      {"NNSXS." ID, true, true},
      {"NNSXS." ID ".", true, true},
      {"NNSXS.", true, true},
      {"MFRWG." ID "." SECRET, true, true},
      {"nnsxs." ID "." SECRET, true, true},
      {"NNSXS." ID ".abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst",
       true, true},
      {"Bearerless", true, true},
      {"", false, false},
      {"Bearer", false, false},
      {"Bearer " KEY, false, false},
      {" " KEY, false, false},
      {KEY "\n", false, false},
      {KEY "\r\nX-Evil: 1", false, false},
      {"'" KEY "'", false, false},
      {"k\xc3\xa9y", false, false},
  };
  char why[200], key[TTN_KEY_MAX + 2];
  const char *odd;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    why[0] = '\0';
    if (ttn_key_check(cases[i].key, &odd, why, sizeof why) != cases[i].ok ||
        (odd != NULL) != cases[i].odd || (why[0] == '\0') != cases[i].ok)
      fail_msg("case %zu: %s", i, why);
  }
  memset(key, 'k', sizeof key);
  key[TTN_KEY_MAX + 1] = '\0';
  assert_false(ttn_key_check(key, &odd, why, sizeof why));
  key[TTN_KEY_MAX] = '\0';
  assert_true(ttn_key_check(key, &odd, why, sizeof why));
}

static int set_up(void **state) {
  (void)state;
  if (mkdtemp(dir) == NULL)
    return -1;
  snprintf(path, sizeof path, "%s/key", dir);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unlink(path);
  return rmdir(dir);
}

/* All that may be of a key, and nothing else. */
static void test_mask(void **state) {
  static const struct {
    const char *text, *masked;
  } cases[] = {
      {"", ""},
      {"the key works again", "the key works again"},
      {"NNSXS., 39 characters, a dot", "NNSXS., 39 characters, a dot"},
      {"NNSXS.\u2026.\u2026", "NNSXS.\u2026.\u2026"},
      {"RIGHT_USER_GATEWAYS_LIST", "RIGHT_USER_GATEWAYS_LIST"},
      {"AABBCCDDEEFF", "AABBCCDDEEFF"},
      {"ABCDEFGHIJKLMNOPQRS", "ABCDEFGHIJKLMNOPQRS"},
      {"ABCDEFGHIJKLMNOPQRS2", "********************"},
      {"xABCDEFGHIJKLMNOPQRS7y", "x********************y"},
      {"ABCDEFGHIJ.ABCDEFGHIJKLMNOPQRSTUV",
       "ABCDEFGHIJ.**********************"},
      {"\"NNSXS.ABC\"", "\"NNSXS.***\""},
      {"at nnsxs.abc.d2, x", "at nnsxs.******, x"},
      {"ANNSXS.AB.C, NNSXS.D", "ANNSXS.****, NNSXS.*"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[100];
    snprintf(text, sizeof text, "%s", cases[i].text);
    ttn_secret_mask(text);
    assert_string_equal(text, cases[i].masked);
  }
  char key[] = KEY;
  ttn_secret_mask(key);
  assert_string_equal(key,
                      "NNSXS.****************************************"
                      "****************************************************");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_contents),   cmocka_unit_test(test_kinds_of_file),
      cmocka_unit_test(test_unreadable), cmocka_unit_test(test_open_to),
      cmocka_unit_test(test_changed),    cmocka_unit_test(test_check),
      cmocka_unit_test(test_mask),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
