/* SPDX-License-Identifier: MIT */
/* ttn-check's own code: text and its width, ages, names of options, and the
 * whole command with each of its calls for memory failing in turn. What it
 * shows of a stack is tested from outside: tests/e2e/test_check.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>

#include "cli/messages.h"
#include "cli/run.h"
#include "cli/text.h"
#include "lib/fetch.h"
#include "tts/api_key.h"
#include "lib/web.h"

#include <unistd.h>

/* ---- text ---- */

static void test_text(void **state) {
  (void)state;
  struct test_env test;
  test_env_init(&test);
  struct text text = {.env = &test.env};
  text_add(&text, "%s-%d", "a", 7);
  text_add(&text, "%s", "");
  assert_string_equal(text.bytes, "a-7");
  assert_int_equal(text.n, 3);
  test.fail_at = test.calls + 1;
  text_add(&text, "%0100d", 0);
  assert_true(text.failed);
  assert_string_equal(text.bytes, "a-7");
  text_add(&text, "b"); /* once failed, nothing is added */
  assert_string_equal(text.bytes, "a-7");
  text_free(&text);
  assert_int_equal(test.blocks, 0);
}

static void test_widths(void **state) {
  (void)state;
  static const struct {
    const char *s;
    size_t utf8, ascii;
  } cases[] = {
      {"", 0, 0},
      {"roof", 4, 4},
      {"Büro", 4, 4},
      {"東京", 4, 2},
      {"🛰", 1, 1},
      {"e\xcc\x81", 1, 2},   /* a combining accent */
      {"a\tb\x1b[1m", 7, 7}, /* control characters */
      {"\xe2\x80\xae"
       "evil",
       5, 5},                 /* right to left from here */
      {"\xe2\x80\x8b", 1, 1}, /* no width: shown as '?' */
      {"\xc2\x9b", 1, 1},     /* what some terminals take for ESC [ */
      {"\xff\xfe", 2, 2},     /* no UTF-8 */
      {"\xc3", 1, 1},         /* cut within a character */
      {"\xe6\x9d", 2, 2},
      {"\xc0\xaf", 2, 2},         /* too long a form */
      {"\xed\xa0\x80", 3, 3},     /* a surrogate */
      {"\xf4\x90\x80\x80", 4, 4}, /* beyond all characters */
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    if (text_width(cases[i].s, true) != cases[i].utf8 ||
        text_width(cases[i].s, false) != cases[i].ascii)
      fail_msg("case %zu: %zu, %zu", i, text_width(cases[i].s, true),
               text_width(cases[i].s, false));
}

static void test_cells(void **state) {
  (void)state;
  static const struct {
    const char *s;
    size_t width;
    bool right, utf8;
    const char *cell;
  } cases[] = {
      {"roof", 6, false, true, "roof  "},
      {"roof", 6, true, true, "  roof"},
      {"roof", 4, false, true, "roof"},
      {"roof", 3, false, true, "ro…"},
      {"roof", 3, false, false, "ro~"},
      {"roof", 1, false, true, "…"},
      {"東京タワー", 6, false, true, "東京… "}, /* half of one is none */
      {"東京タワー", 10, false, true, "東京タワー"},
      {"Büro", 6, false, false, "B?ro  "},
      {"e\xcc\x81tage", 6, true, true, " e\xcc\x81tage"},
      {"a\nb", 4, false, true, "a?b "},
      {"", 2, true, true, "  "},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text text = {.env = &ttn_env_system};
    text_add_cell(&text, cases[i].s, cases[i].width, cases[i].right,
                  cases[i].utf8);
    if (strcmp(text.bytes, cases[i].cell) != 0)
      fail_msg("case %zu: \"%s\"", i, text.bytes);
    text_free(&text);
  }
}

static void test_paragraphs(void **state) {
  (void)state;
  static const struct {
    const char *s;
    size_t width, indent;
    const char *lines;
  } cases[] = {
      {"one two  three", 0, 4, "one two three\n"},
      {"one two three", 9, 2, "one two\n  three\n"},
      {"one two three", 5, 2, "one\n  two\n  three\n"},
      {"aaaaaaaaaaaa b", 5, 0, "aaaaaaaaaaaa\nb\n"},
      {"東京 東京 東京", 9, 0, "東京 東京\n東京\n"},
      {"", 9, 2, "\n"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text text = {.env = &ttn_env_system};
    text_add_paragraph(&text, cases[i].s, cases[i].width, cases[i].indent,
                       true);
    if (strcmp(text.bytes, cases[i].lines) != 0)
      fail_msg("case %zu: \"%s\"", i, text.bytes);
    text_free(&text);
  }
}

static void test_ages(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    const char *age;
  } cases[] = {
      {-5, "0 s"},          {0, "0 s"},         {119, "119 s"},
      {120, "2 min"},       {7199, "119 min"},  {7200, "2 hours"},
      {172799, "47 hours"}, {172800, "2 days"}, {86400 * 400, "400 days"},
  };
  char buffer[TEXT_AGE];
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_string_equal(text_age(buffer, cases[i].seconds * TTN_SECOND),
                        cases[i].age);
  assert_string_equal(text_age(buffer, TTN_SECOND - 1), "0 s");
}

/* The library speaks of collectd.conf. */
static void test_names(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"URL \"x\" has no scheme", "--url \"x\" has no scheme"},
      {"see that URL is its stack's", "see that --url is its stack's"},
      {"or name the gateways with Gateway lines",
       "or name the gateways with --gateway"},
      {"name it with a Gateway line, or", "name it with --gateway, or"},
      {"allow that with AllowPlainHTTP true",
       "allow that with --allow-plain-http"},
      {"name it with CACert", "name it with --cacert"},
      {"a Gateways line of MyURL", "a Gateways line of MyURL"},
      {"the gateway Console", "the gateway Console"},
      {"can't be Proxy-Authorization", "can't be Proxy-Authorization"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text text = {.env = &ttn_env_system};
    messages_add(&text, cases[i][0]);
    assert_string_equal(text.bytes == NULL ? "" : text.bytes, cases[i][1]);
    text_free(&text);
  }
}

static void test_key_take(void **state) {
  (void)state;
  char key[TTN_KEY_MAX + 1], why[200], large[TTN_KEY_MAX + 4098];
  assert_true(ttn_key_take(" NNSXS.A.B\r\n", 12, key, why, sizeof(why)));
  assert_string_equal(key, "NNSXS.A.B");
  memset(large, ' ', sizeof(large));
  memcpy(large, "NNSXS.A.B", 9);
  assert_true(ttn_key_take(large, sizeof(large) - 2, key, why, sizeof(why)));
  assert_false(ttn_key_take(large, sizeof(large), key, why, sizeof(why)));
  assert_non_null(strstr(why, "too large"));
  assert_int_equal(key[0], '\0');
  assert_false(ttn_key_take("NNSXS.A .B", 10, key, why, sizeof(why)));
  assert_non_null(strstr(why, "a blank"));
  assert_int_equal(key[0], '\0');
}

/* ---- the whole command, without memory ---- */

/* Nobody may have the key of "untrusted"; "gone" is disconnected. */
static void web_answer(struct web_request *request) {
  static const char auth[] =
      "{\"api_key\":{\"api_key\":{\"id\":\"K\",\"rights\":["
      "\"RIGHT_USER_GATEWAYS_LIST\",\"RIGHT_GATEWAY_STATUS_READ\","
      "\"RIGHT_USER_INFO\"]},\"entity_ids\":{\"user_ids\":{\"user_id\":"
      "\"alice\"}}}}";
  static const char list[] =
      "{\"gateways\":[{\"ids\":{\"gateway_id\":\"gone\"},\"name\":\"Gone\"},"
      "{\"ids\":{\"gateway_id\":\"roof\"},\"name\":\"D\xc3\xa4"
      "ch\"},"
      "{\"ids\":{\"gateway_id\":\"untrusted\"},"
      "\"gateway_server_address\":\"gs.example\"}]}";
  static const char batch[] =
      "{\"entries\":{\"roof\":{\"connected_at\":\"2026-01-01T00:00:00Z\","
      "\"uplink_count\":\"12\"}}}";
  if (strstr(request->path, "events") != NULL)
    web_reply(request, "404 Not Found", "", "", 0);
  else if (strstr(request->path, "auth_info") != NULL)
    web_reply(request, "200 OK", "", auth, strlen(auth));
  else if (strstr(request->path, "gs/") != NULL)
    web_reply(request, "200 OK", "", batch, strlen(batch));
  else
    web_reply(request, "200 OK", "X-Total-Count: 3\r\n", list, strlen(list));
}

struct outcome {
  int status;
  char out[1 << 14], err[1 << 12];
};

/* Where a descriptor went while the command wrote there. */
struct diversion {
  int fd, old;
  FILE *file;
};

static struct diversion divert(int fd) {
  struct diversion d = {fd, dup(fd), tmpfile()};
  assert_non_null(d.file);
  assert_true(dup2(fileno(d.file), fd) >= 0);
  return d;
}

static void read_back(struct diversion *d, char *text, size_t size) {
  assert_true(dup2(d->old, d->fd) >= 0);
  close(d->old);
  ssize_t n = pread(fileno(d->file), text, size - 1, 0);
  text[n < 0 ? 0 : n] = '\0';
  fclose(d->file);
}

/* "URL" stands for the server's. */
static void run_check(struct test_env *test, const char *const *arguments,
                      const struct web *web, struct outcome *outcome) {
  char words[12][300], *argv[13];
  int argc = 0;
  for (; arguments[argc] != NULL; argc++) {
    snprintf(words[argc], sizeof(words[argc]), "%s", arguments[argc]);
    if (strcmp(arguments[argc], "URL") == 0)
      snprintf(words[argc], sizeof(words[argc]), "http://127.0.0.1:%d",
               web->port);
    argv[argc] = words[argc];
  }
  argv[argc] = NULL;
  fflush(stdout);
  struct diversion out = divert(STDOUT_FILENO), err = divert(STDERR_FILENO);
  test->env.mono = fetch_mono;
  outcome->status = ttn_check(&test->env, argc, argv);
  fflush(stdout);
  read_back(&out, outcome->out, sizeof(outcome->out));
  read_back(&err, outcome->err, sizeof(outcome->err));
}

/* begun: it may have written something before. */
static void fail_each(const char *const *arguments, bool begun) {
  static struct outcome outcome;
  static struct web web;
  web_start(&web, web_answer);
  for (int for_good = 0; for_good < 2; for_good++) {
    size_t nth = 0;
    for (bool reached = true; reached;) {
      struct test_env test;
      test_env_init(&test);
      test.fail_at = ++nth;
      test.for_good = for_good != 0;
      run_check(&test, arguments, &web, &outcome);
      assert_int_equal(test.blocks, 0);
      reached = test.calls >= nth;
      assert_int_equal(outcome.status, STATUS_PROBLEM);
      if (reached && strstr(outcome.err, "memory") == NULL)
        fail_msg("call %zu: no word of memory but %s", nth, outcome.err);
      assert_true(outcome.out[0] == '\0' ? reached : begun || !reached);
      if (web.connections > WEB_CONNECTIONS_MAX - 8) {
        web_stop(&web); /* it has room for so many in all */
        web_start(&web, web_answer);
      }
    }
    print_message("# each of %zu allocations failed in turn\n", nth - 1);
  }
  web_stop(&web);
}

static void test_memory(void **state) {
  (void)state;
  char path[] = "/tmp/ttn-test-check-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, "NNSXS.A.B\n", 10), 10);
  close(fd);
  const char *const table[] = {
      "ttn-check", "--key-file", path,  "--url", "URL",       "--cluster",
      "URL",       "--gateway",  "/./", "-o",    "Shard=1/1", NULL};
  const char *const json[] = {"ttn-check", "--key-file", path, "--url",
                              "URL",       "--json",     NULL};
  const char *const follow[] = {"ttn-check", "--key-file", path, "--url",
                                "URL",       "--follow",   NULL};
  const char *const both[] = {"ttn-check", "--key-file", path,     "--url",
                              "URL",       "--follow",   "--json", NULL};
  /* No gateway is selected: it shows that, and ends. */
  const char *const nothing[] = {"ttn-check", "--key-file", path,
                                 "--url",     "URL",        "--follow",
                                 "--gateway", "/none/",     NULL};
  const char *const report[] = {"ttn-check", "--key-file", path,
                                "--url",     "URL",        "--organization",
                                "town",      "-o",         "Header=A: b c",
                                "--report",  "-",          NULL};
  fail_each(table, false);
  fail_each(json, false);
  fail_each(follow, true);
  fail_each(both, true);
  fail_each(nothing, false);
  fail_each(report, false);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),     cmocka_unit_test(test_widths),
      cmocka_unit_test(test_cells),    cmocka_unit_test(test_paragraphs),
      cmocka_unit_test(test_ages),     cmocka_unit_test(test_names),
      cmocka_unit_test(test_key_take), cmocka_unit_test(test_memory),
  };
  fetch_without_proxy();
  setlocale(LC_CTYPE, "C.UTF-8");
  return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
