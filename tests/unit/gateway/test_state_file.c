/* SPDX-License-Identifier: MIT */
/* The state file: what is written is read, and whatever happens to a file or
 * to its disk, what is read is whole or nothing. */
#include "gateway/state_file.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/testing.h"

#define ACCOUNT "my home"
#define URL "https://eu1.cloud.thethings.network"
#define WHY 256

/* A directory of its own for each test. */
static int make_directory(void **state) {
  char *directory = strdup("/tmp/test_state_file.XXXXXX");
  if (directory == NULL || mkdtemp(directory) == NULL)
    return -1;
  *state = directory;
  return 0;
}

static int remove_directory(void **state) {
  char command[64];
  (void)chmod(*state, 0700);
  snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
  free(*state);
  return system(command);
}

static const char *in(void **state, const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", (char *)*state, name);
  return path;
}

static const struct ttn_gateway roof = {
    .shown = TTN_CONNECTED,
    .reported = 5,
    .connected_at = INT64_C(1700000000123456789),
    .value = {120, 77, 5},
    .offset = {17, 0, 3},
    .last = {1700000100, 0, 1700000050},
};
static const struct ttn_gateway attic = {
    .shown = TTN_DISCONNECTED,
    .reported = 7,
    .connected_at = INT64_C(1600000000000000000),
    .disconnected_at = INT64_C(1600000100000000000),
    .value = {INT64_MAX, 0, 1},
    .offset = {INT64_MAX, 1, -INT64_MAX},
};

/* roof, then attic: out of order. */
static enum ttn_failure write_two(const struct ttn_env *env, const char *path,
                                  bool with_values, char why[WHY]) {
  struct ttn_state_writer *writer =
      ttn_state_writer_open(env, path, ACCOUNT, URL, with_values, why, WHY);
  if (writer == NULL)
    return TTN_FAIL_STATE_FILE;
  ttn_state_writer_add(writer, "roof", 0, &roof);
  ttn_state_writer_add(writer, "end", 1234567890, &attic);
  return ttn_state_writer_close(writer, true, why, WHY);
}

struct content {
  struct ttn_state_row *rows;
  size_t n;
  bool with_values;
  char why[WHY];
};

static enum ttn_failure read_as(const struct ttn_env *env, const char *path,
                                const char *account, const char *url,
                                struct content *content) {
  memset(content, 0x55, sizeof *content);
  enum ttn_failure failure = ttn_state_file_read(
      env, path, account, url, &content->rows, &content->n,
      &content->with_values, content->why, sizeof content->why);
  if (failure != TTN_OK) {
    assert_null(content->rows);
    assert_int_equal(content->n, 0);
    assert_false(content->with_values);
    assert_true(content->why[0] != '\0');
  }
  return failure;
}

static enum ttn_failure read_it(const struct ttn_env *env, const char *path,
                                struct content *content) {
  return read_as(env, path, ACCOUNT, URL, content);
}

static void expect_broken(const struct ttn_env *env, const char *path,
                          const char *why) {
  struct content content;
  assert_int_equal(read_it(env, path, &content), TTN_FAIL_STATE_FILE);
  if (strstr(content.why, why) == NULL)
    fail_msg("\"%s\" doesn't say \"%s\"", content.why, why);
}

static void write_bytes(const char *path, const char *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

/* Not by assert_memory_equal: there is padding between the members. */
static void same_gateway(const struct ttn_gateway *a,
                         const struct ttn_gateway *b) {
  assert_int_equal(a->shown, b->shown);
  assert_int_equal(a->reported, b->reported);
  assert_int_equal(a->connected_at, b->connected_at);
  assert_int_equal(a->disconnected_at, b->disconnected_at);
  assert_memory_equal(a->value, b->value, sizeof a->value);
  assert_memory_equal(a->offset, b->offset, sizeof a->offset);
  assert_memory_equal(a->last, b->last, sizeof a->last);
}

static void brings_back_values(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  char why[WHY] = "";
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_true(content.with_values);
  assert_int_equal(content.n, 2);

  assert_string_equal(content.rows[0].id, "end");
  assert_int_equal(content.rows[0].gone_at, 1234567890);
  struct ttn_gateway expected = attic;
  expected.shown = 0;
  same_gateway(&content.rows[0].gateway, &expected);

  assert_string_equal(content.rows[1].id, "roof");
  assert_int_equal(content.rows[1].gone_at, 0);
  expected = roof;
  expected.shown = 0;
  expected.value[TTN_DOWNLINK] = 0; /* was not reported */
  same_gateway(&content.rows[1].gateway, &expected);
  ttn_state_rows_free(env, content.rows, content.n);
  assert_int_equal(test.blocks, 0);
}

static void leaves_values_out(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  char why[WHY] = "";
  assert_int_equal(write_two(env, in(state, "s"), false, why), TTN_OK);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_false(content.with_values);
  assert_int_equal(content.n, 2);
  assert_int_equal(content.rows[1].gateway.reported, 0);
  assert_int_equal(content.rows[1].gateway.value[0], 0);
  assert_int_equal(content.rows[1].gateway.offset[0], 17);
  assert_int_equal(content.rows[1].gateway.offset[2], 3);
  assert_int_equal(content.rows[1].gateway.connected_at,
                   INT64_C(1700000000123456789));
  ttn_state_rows_free(env, content.rows, content.n);
}

/* What several servers hold is in a file without values too. */
static void brings_back_counters(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct ttn_counter_sets sets = {.before_at = 5,
                                  .before_until = 6,
                                  .answered_at = 7,
                                  .shared = true},
                          back;
  struct ttn_gateway gateway = roof;
  struct content content;
  char why[WHY] = "";
  ttn_counters_add(&sets.now[TTN_UPLINK], 43, 1700000101000000000);
  ttn_counters_add(&sets.now[TTN_UPLINK], 17, 1700000100123456789);
  ttn_counters_add(&sets.now[TTN_TX_ACK], 2, 0);
  ttn_counters_add(&sets.before[TTN_DOWNLINK], INT64_MAX, 1);
  assert_true(ttn_counter_store_keep(env, &gateway.counters, &sets));
  struct ttn_state_writer *writer =
      ttn_state_writer_open(env, in(state, "s"), ACCOUNT, URL, false, why, WHY);
  ttn_state_writer_add(writer, "roof", 0, &gateway);
  assert_int_equal(ttn_state_writer_close(writer, true, why, WHY), TTN_OK);
  ttn_gateway_free(&gateway, env);

  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_int_equal(content.rows[0].gateway.reported, 5);
  assert_int_equal(content.rows[0].gateway.value[TTN_UPLINK], 120);
  ttn_counter_store_read(content.rows[0].gateway.counters, &back);
  assert_true(ttn_counter_sets_same(&sets, &back));
  assert_int_equal(back.before_at, 5);
  assert_int_equal(back.before_until, 6);
  assert_int_equal(back.answered_at, 7);
  assert_true(back.shared);
  assert_false(back.in_doubt);
  ttn_state_rows_free(env, content.rows, content.n);
  assert_int_equal(test.blocks, 0);
}

/* The format is read by the next version too. */
static void writes_what_its_head_says(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "";
  size_t size;
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  char *text = test_read_file(in(state, "s"), &size);
  assert_string_equal(
      text,
      "ttn-state 1 values\n"
      "account my%20home\n"
      "url https://eu1.cloud.thethings.network\n"
      "roof 0 1700000000123456789 0 17 0 3 120 - 5 1700000100 0 1700000050\n"
      "end 1234567890 1600000000000000000 1600000100000000000"
      " 9223372036854775807 1 -9223372036854775807 9223372036854775807 0 1"
      " 0 0 0\n"
      "END 2 05f8478867ce3db3\n");
  free(text);
  struct stat status;
  assert_int_equal(stat(in(state, "s"), &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  assert_int_equal(access(in(state, "s.tmp"), F_OK), -1);
}

static void finds_every_cut(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "";
  size_t size;
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  char *text = test_read_file(in(state, "s"), &size);
  for (size_t n = 0; n < size; n++) {
    write_bytes(in(state, "cut"), text, n);
    expect_broken(env, in(state, "cut"), "");
  }
  free(text);
  assert_int_equal(test.blocks, 0);
}

static void finds_every_changed_byte(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "";
  size_t size;
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  char *text = test_read_file(in(state, "s"), &size);
  for (size_t i = 0; i < size; i++) {
    for (int bit = 0; bit < 9; bit++) {
      char was = text[i];
      text[i] = (char)(bit == 8 ? 0 : was ^ (1 << bit));
      write_bytes(in(state, "odd"), text, size);
      expect_broken(env, in(state, "odd"), "");
      text[i] = was;
    }
  }
  free(text);
  assert_int_equal(test.blocks, 0);
}

static void finds_bytes_after_its_end(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "";
  size_t size;
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  char *text = test_read_file(in(state, "s"), &size);
  text = realloc(text, size + 2);
  text[size] = '\n';
  write_bytes(in(state, "s"), text, size + 1);
  expect_broken(env, in(state, "s"), "goes on after its end");
  text[size] = 'x';
  write_bytes(in(state, "s"), text, size + 1);
  expect_broken(env, in(state, "s"), "goes on after its end");
  memcpy(text + size - 1, "\0\n", 2); /* hidden from strcmp(3) */
  write_bytes(in(state, "s"), text, size + 1);
  expect_broken(env, in(state, "s"), "is no state file");
  free(text);
}

/* Lines with a right checksum that the writer never makes. */
static void write_lines(const char *path, const char *lines, size_t rows) {
  char text[8192], end[64];
  uint64_t sum = UINT64_C(0xcbf29ce484222325);
  snprintf(end, sizeof end, "END %zu ", rows);
  int n = snprintf(text, sizeof text, "%s%s", lines, end);
  for (int i = 0; i < n; i++)
    sum = (sum ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
  n += snprintf(text + n, sizeof text - (size_t)n, "%016llx\n",
                (unsigned long long)sum);
  write_bytes(path, text, (size_t)n);
}

#define HEAD "account my%20home\nurl " URL "\n"
#define OFFSETS "ttn-state 1 offsets\n" HEAD
#define VALUES "ttn-state 1 values\n" HEAD

static void finds_rows_that_are_none(void **state) {
  static const char *const bad[] = {
      OFFSETS "roof\n",
      OFFSETS "\n",
      OFFSETS " 0 1 0 2 3 4\n",
      OFFSETS "Roof 0 1 0 2 3 4\n",
      OFFSETS "ab 0 1 0 2 3 4\n",
      OFFSETS "abcdefghijklmnopqrstuvwxyz01234567890 0 1 0 2 3 4\n",
      OFFSETS "roof 0 1 0 2 3\n",
      OFFSETS "roof 0 1 0 2 3 \n",
      OFFSETS "roof 0 1 0 2 3 4 \n",
      OFFSETS "roof 0 1 0 2 3 4 5\n",
      OFFSETS "roof  0 1 0 2 3 4\n",
      OFFSETS "roof 0 1 0 2 3 x\n",
      OFFSETS "roof 0 1 0 2 3 4x\n",
      OFFSETS "roof 0 1 0 2 3 --4\n",
      OFFSETS "roof 0 1 0 2 3 -\n",
      OFFSETS "roof 0 1 0 2 3 -9223372036854775808\n",
      OFFSETS "roof -1 1 0 2 3 4\n",
      OFFSETS "roof 0 -1 0 2 3 4\n",
      OFFSETS "roof 0 1 -1 2 3 4\n",
      OFFSETS "roof 0 1 0 9223372036854775808 3 4\n",
      OFFSETS "roof 0 1 0 18446744073709551617 3 4\n",
      OFFSETS "roof 0 1 0 99999999999999999999999999 3 4\n",
      OFFSETS "roof 0 1 0 2 3 4 5 6 7\n",
      VALUES "roof 0 1 0 2 3 4\n",
      VALUES "roof 0 1 0 2 3 4 5 6 7\n",
      VALUES "roof 0 1 0 2 3 4 5 6 -7 0 0 0\n",
      VALUES "roof 0 1 0 2 3 4 5 6 -- 0 0 0\n",
      VALUES "roof 0 1 0 2 3 4 5 6 - \n",
      VALUES "roof 0 1 0 2 3 4 5 6 9223372036854775808 0 0 0\n",
  };
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    write_lines(in(state, "s"), bad[i], 1);
    expect_broken(env, in(state, "s"), "a line that is not a row");
  }
  write_lines(in(state, "s"), OFFSETS "roof 0 1 0 2 3 4\n", 1);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_int_equal(content.n, 1);
  ttn_state_rows_free(env, content.rows, content.n);
  write_lines(in(state, "s"), VALUES "roof 0 1 0 2 3 4 - - - 0 0 0\n", 1);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_int_equal(content.rows[0].gateway.reported, 0);
  ttn_state_rows_free(env, content.rows, content.n);

  write_lines(in(state, "s"), OFFSETS "roof 0 1 0 2 3 4\nroof 0 1 0 2 3 4\n",
              2);
  expect_broken(env, in(state, "s"), "a gateway twice");
  write_lines(in(state, "s"), OFFSETS "roof 0 1 0 2 3 4\n", 2);
  expect_broken(env, in(state, "s"), "checksum");
  write_lines(in(state, "s"), "ttn-state 2 offsets\n" HEAD, 0);
  expect_broken(env, in(state, "s"), "no state file of this version");
}

static void keeps_accounts_apart(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  char why[WHY] = "";
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  assert_int_equal(read_as(env, in(state, "s"), "other", URL, &content),
                   TTN_FAIL_STATE_FILE);
  assert_non_null(strstr(content.why, "another account"));
  assert_int_equal(read_as(env, in(state, "s"), "my%20home", URL, &content),
                   TTN_FAIL_STATE_FILE);
  assert_int_equal(read_as(env, in(state, "s"), ACCOUNT,
                           "https://nam1.cloud.thethings.network", &content),
                   TTN_FAIL_STATE_FILE);
  assert_non_null(strstr(content.why, "another URL"));
}

/* Blanks, line ends, bytes beyond ASCII; and one that is too long. */
static void escapes_names(void **state) {
  static const char *const names[] = {"", "a\nb %41", "gr\xc3\xbcn", "END 0 0"};
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  char why[WHY], name[5000];
  struct ttn_state_writer *writer;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    writer = ttn_state_writer_open(env, in(state, "s"), names[i], URL, false,
                                   why, WHY);
    assert_non_null(writer);
    assert_int_equal(ttn_state_writer_close(writer, true, why, WHY), TTN_OK);
    assert_int_equal(read_as(env, in(state, "s"), names[i], URL, &content),
                     TTN_OK);
    assert_int_equal(content.n, 0);
    assert_null(content.rows);
  }

  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  assert_int_equal(read_as(env, in(state, "s"), name, URL, &content),
                   TTN_FAIL_STATE_FILE);
  for (int long_url = 0; long_url < 2; long_url++) {
    writer =
        ttn_state_writer_open(env, in(state, "s"), long_url ? ACCOUNT : name,
                              long_url ? name : URL, false, why, WHY);
    assert_non_null(writer);
    ttn_state_writer_add(writer, "roof", 0, &roof);
    assert_int_equal(ttn_state_writer_close(writer, true, why, WHY),
                     TTN_FAIL_STATE_FILE);
    assert_non_null(strstr(why, "name or URL"));
  }
  assert_int_equal(access(in(state, "s.tmp"), F_OK), -1);
  assert_int_equal(test.blocks, 0);
}

static void finds_no_file(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  assert_int_equal(read_it(env, in(state, "none"), &content), TTN_OK);
  assert_int_equal(content.n, 0);
  assert_null(content.rows);
  assert_string_equal(content.why, "");
  assert_int_equal(read_it(env, in(state, "no/such/none"), &content), TTN_OK);

  assert_int_equal(mkdir(in(state, "directory"), 0700), 0);
  expect_broken(env, in(state, "directory"), "is not a regular file");
  assert_int_equal(mkfifo(in(state, "fifo"), 0600), 0);
  expect_broken(env, in(state, "fifo"), "is not a regular file");
  expect_broken(env, "/dev/zero", "is not a regular file");
  write_bytes(in(state, "file"), "", 0);
  expect_broken(env, in(state, "file"), "is cut short");
  expect_broken(env, in(state, "file/below"), "can't be read: Not a directory");
  /* Anything but a state file, of one endless line. */
  char line[10000];
  memset(line, 'x', sizeof line);
  write_bytes(in(state, "line"), line, sizeof line);
  expect_broken(env, in(state, "line"), "is no state file");
}

static void makes_its_directory(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  struct stat status;
  char why[WHY] = "", here[256];
  assert_int_equal(write_two(env, in(state, "ttn/s"), true, why), TTN_OK);
  assert_int_equal(stat(in(state, "ttn"), &status), 0);
  assert_int_equal(status.st_mode & 0777, 0700);
  assert_int_equal(read_it(env, in(state, "ttn/s"), &content), TTN_OK);
  ttn_state_rows_free(env, content.rows, content.n);
  /* One level only. */
  assert_int_equal(write_two(env, in(state, "a/b/s"), true, why),
                   TTN_FAIL_STATE_FILE);
  assert_non_null(strstr(why, "No such file"));
  /* A path within the working directory. */
  assert_non_null(getcwd(here, sizeof here));
  assert_int_equal(chdir(*state), 0);
  assert_int_equal(write_two(env, "plain", true, why), TTN_OK);
  assert_int_equal(access("plain", F_OK), 0);
  assert_int_equal(write_two(env, "sub/plain", true, why), TTN_OK);
  assert_int_equal(access("sub/plain", F_OK), 0);
  assert_int_equal(chdir(here), 0);
}

static void replaces_a_file(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  char why[WHY] = "";
  /* A crash left half a temporary file. */
  write_bytes(in(state, "s.tmp"), "ttn-state 1 va", 14);
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  assert_int_equal(write_two(env, in(state, "s"), false, why), TTN_OK);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_false(content.with_values);
  ttn_state_rows_free(env, content.rows, content.n);

  struct ttn_state_writer *writer =
      ttn_state_writer_open(env, in(state, "s"), ACCOUNT, URL, true, why, WHY);
  assert_non_null(writer);
  assert_int_equal(access(in(state, "s.tmp"), F_OK), 0);
  assert_int_equal(ttn_state_writer_close(writer, false, why, WHY), TTN_OK);
  assert_int_equal(access(in(state, "s.tmp"), F_OK), -1);
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_int_equal(content.n, 2);
  ttn_state_rows_free(env, content.rows, content.n);
  assert_int_equal(test.blocks, 0);
}

/* A symlink in the place of the temporary file leads nowhere. */
static void follows_no_planted_link(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "", victim[128];
  size_t size;
  snprintf(victim, sizeof victim, "%s", in(state, "victim"));
  write_bytes(victim, "precious", 8);
  assert_int_equal(symlink(victim, in(state, "s.tmp")), 0);
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  char *text = test_read_file(victim, &size);
  assert_string_equal(text, "precious");
  free(text);
}

static void says_where_it_cant_write(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  char why[WHY] = "", path[5000];
  assert_int_equal(mkdir(in(state, "directory"), 0700), 0);
  assert_int_equal(write_two(env, in(state, "directory"), true, why),
                   TTN_FAIL_STATE_FILE);
  assert_string_equal(why, "is not a regular file");
  assert_int_equal(mkfifo(in(state, "fifo"), 0600), 0);
  assert_int_equal(write_two(env, in(state, "fifo"), true, why),
                   TTN_FAIL_STATE_FILE);
  write_bytes(in(state, "file"), "", 0);
  assert_int_equal(write_two(env, in(state, "file/below"), true, why),
                   TTN_FAIL_STATE_FILE);
  assert_string_equal(why, "can't be created: Not a directory");
  memset(path, 'x', sizeof path);
  path[sizeof path - 1] = '\0';
  assert_int_equal(write_two(env, path, true, why), TTN_FAIL_STATE_FILE);
  assert_string_equal(why, "can't be created: File name too long");
  /* /proc refuses root too. */
  assert_int_equal(write_two(env, "/proc/ttn-state", true, why),
                   TTN_FAIL_STATE_FILE);
  assert_non_null(strstr(why, "can't be created: "));
  assert_int_equal(mkdir(in(state, "s.tmp"), 0700), 0);
  assert_int_equal(write_two(env, in(state, "s"), true, why),
                   TTN_FAIL_STATE_FILE);
  assert_int_equal(test.blocks, 0);
}

/* A limit on file sizes does what a full disk does: write(2) falls short. */
static void survives_a_full_disk(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  struct rlimit before, limit;
  char why[WHY] = "";
  assert_int_equal(write_two(env, in(state, "s"), true, why), TTN_OK);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  for (rlim_t size = 0; size < 240; size += 40) {
    limit = (struct rlimit){size, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum ttn_failure failure = write_two(env, in(state, "s"), false, why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(failure, TTN_FAIL_STATE_FILE);
    assert_string_equal(why, "can't be written: File too large");
    assert_int_equal(access(in(state, "s.tmp"), F_OK), -1);
  }
  signal(SIGXFSZ, SIG_DFL);
  /* The old one is as it was. */
  assert_int_equal(read_it(env, in(state, "s"), &content), TTN_OK);
  assert_true(content.with_values);
  assert_int_equal(content.n, 2);
  ttn_state_rows_free(env, content.rows, content.n);
  assert_int_equal(test.blocks, 0);
}

static void print_id(char id[TTN_ID_MAX + 1], size_t i) {
  snprintf(id, TTN_ID_MAX + 1, "gateway-%07zu", i);
}

static size_t write_many(const struct ttn_env *env, const char *path, size_t n,
                         enum ttn_failure expected) {
  char why[WHY] = "", id[TTN_ID_MAX + 1];
  struct ttn_state_writer *writer =
      ttn_state_writer_open(env, path, ACCOUNT, URL, true, why, WHY);
  assert_non_null(writer);
  for (size_t i = n; i-- > 0;) {
    print_id(id, i);
    ttn_state_writer_add(writer, id, 0, &roof);
  }
  assert_int_equal(ttn_state_writer_close(writer, true, why, WHY), expected);
  return n;
}

static void holds_a_million(void **state) {
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct content content;
  const char *path = in(state, "s");
  write_many(env, path, 1000000, TTN_OK);
  write_many(env, path, 1000001, TTN_FAIL_STATE_FILE);
  assert_int_equal(read_it(env, path, &content), TTN_OK);
  assert_int_equal(content.n, 1000000);
  assert_string_equal(content.rows[0].id, "gateway-0000000");
  assert_string_equal(content.rows[999999].id, "gateway-0999999");
  ttn_state_rows_free(env, content.rows, content.n);
  /* Bounded: the rows, once more while they grow, and a chunk. */
  assert_true(test.peak < 2 * 1000000 * sizeof(struct ttn_state_row) + 100000);

  /* One row more, with a right checksum or not, is one too many. */
  size_t size;
  char *text = test_read_file(path, &size);
  char *end = strstr(text, "END 1000000");
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fwrite(text, 1, (size_t)(end - text), file);
  fputs("roof 0 1 0 2 3 4 5 6 7\n", file);
  fclose(file);
  free(text);
  expect_broken(env, path, "more than 1000000 rows");
}

static void write_and_read(struct test_env *test, void *path) {
  struct content content;
  char why[WHY] = "";
  struct ttn_state_writer *writer =
      ttn_state_writer_open(&test->env, path, ACCOUNT, URL, true, why, WHY);
  if (writer == NULL) {
    assert_string_equal(why, "can't be written: there is no memory for it");
  } else {
    ttn_state_writer_add(writer, "roof", 0, &roof);
    assert_int_equal(ttn_state_writer_close(writer, true, why, WHY), TTN_OK);
  }
  enum ttn_failure failure = read_it(&test->env, path, &content);
  if (failure != TTN_OK) {
    assert_int_equal(failure, TTN_FAIL_MEMORY);
    assert_string_equal(content.why,
                        "can't be read: there is no memory for it");
  } else {
    assert_int_equal(content.n, 1);
    ttn_free(&test->env, content.rows);
  }
}

static void survives_lack_of_memory(void **state) {
  struct test_env test;
  char why[WHY], path[128];
  snprintf(path, sizeof path, "%s", in(state, "s"));
  /* So that there is one to read when none could be written. */
  struct ttn_state_writer *writer = ttn_state_writer_open(
      &test_env_init(&test)->env, path, ACCOUNT, URL, true, why, WHY);
  assert_non_null(writer);
  ttn_state_writer_add(writer, "roof", 0, &roof);
  assert_int_equal(ttn_state_writer_close(writer, true, why, WHY), TTN_OK);
  test_fail_each(&test, write_and_read, path);
}

#define TEST(f)                                                                \
  cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(brings_back_values),
      TEST(leaves_values_out),
      TEST(brings_back_counters),
      TEST(writes_what_its_head_says),
      TEST(finds_every_cut),
      TEST(finds_every_changed_byte),
      TEST(finds_bytes_after_its_end),
      TEST(finds_rows_that_are_none),
      TEST(keeps_accounts_apart),
      TEST(escapes_names),
      TEST(finds_no_file),
      TEST(makes_its_directory),
      TEST(replaces_a_file),
      TEST(follows_no_planted_link),
      TEST(says_where_it_cant_write),
      TEST(survives_a_full_disk),
      TEST(holds_a_million),
      TEST(survives_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
