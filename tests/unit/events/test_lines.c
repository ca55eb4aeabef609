/* SPDX-License-Identifier: MIT */
/* The event stream's lines: each recorded stream, whole and byte by byte, and
 * lines that are none. */
#include "lib/testing.h"

#include "base/hash.h"
#include "base/timestamp.h"
#include "events/lines.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (1 << 18)

/* What was heard, one letter a line: s(tart), c(onnect), S(tatistics),
 * d(isconnect), o(ther), e(rror), u(plink), x (dropped), - (bad). */
struct heard {
  char kinds[512];
  size_t n;
  uint64_t uplinks; /* of the latest statistics */
  char gateway[TTN_ID_MAX + 1], reason[64], error[128], refused[64];
};

static void hear(struct heard *heard, const struct ttn_lines *lines) {
  static const char letters[] = {
      [TTN_EVENT_OTHER] = 'o',      [TTN_EVENT_START] = 's',
      [TTN_EVENT_CONNECT] = 'c',    [TTN_EVENT_STATS] = 'S',
      [TTN_EVENT_DISCONNECT] = 'd', [TTN_EVENT_ERROR] = 'e',
      [TTN_EVENT_UPLINK] = 'u',     [TTN_EVENT_UPLINK_DROP] = 'x'};
  const struct ttn_event *event = ttn_decoder_event(lines->decoder);
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(lines->decoder, &n);
  assert_true(heard->n < sizeof heard->kinds - 1);
  heard->kinds[heard->n++] = letters[event->kind];
  if (event->kind == TTN_EVENT_CONNECT || event->kind == TTN_EVENT_STATS) {
    assert_int_equal(n, 1);
    assert_null(entries[0].bad);
    if ((entries[0].stats.has & TTN_HAS_COUNT) != 0)
      heard->uplinks = entries[0].stats.count[TTN_UPLINK];
  }
  if (event->kind != TTN_EVENT_ERROR && event->kind != TTN_EVENT_OTHER)
    assert_true(event->time > 0);
  if (event->gateway[0] != '\0')
    strcpy(heard->gateway, event->gateway);
  if (event->reason != NULL)
    strcpy(heard->reason, event->reason);
  if (event->kind == TTN_EVENT_ERROR) {
    memcpy(heard->error, ttn_decoder_error(lines->decoder)->message, 127);
    strcpy(heard->refused, ttn_decoder_error(lines->decoder)->gateway);
  }
}

static struct heard hear_text(const char *text, size_t n, size_t step) {
  struct heard heard = {.n = 0};
  struct ttn_lines lines;
  enum ttn_line line;
  assert_true(ttn_lines_init(&lines, &ttn_env_system));
  for (size_t at = 0; at < n; at += step) {
    const char *bytes = text + at;
    size_t rest = n - at < step ? n - at : step;
    while ((line = ttn_lines_next(&lines, &bytes, &rest)) != TTN_LINE_NONE)
      if (line == TTN_LINE_EVENT)
        hear(&heard, &lines);
      else
        heard.kinds[heard.n++] = '-';
  }
  ttn_lines_free(&lines);
  return heard;
}

static void test_recordings(void **state) {
  static const struct {
    const char *name, *kinds;
    uint64_t uplinks;
    const char *gateway, *reason, *error, *refused;
  } streams[] = {
      {"events/udp-life-status.json", "scSoSSSSSSSSSS", 10, "alice-gw-3", "",
       "", ""},
      {"events/udp-life-traffic.json", "scSouoSuouoSuxuoSuuuuooooSSSSSSS", 10,
       "alice-gw-3", "", "", ""},
      {"events/restart.json", "se", 0, "", "",
       "error:unknown:unknown (grpc: the client connection is closing)", ""},
      {"events/who-mixed-unknown.json", "e", 0, "", "",
       "error:pkg/auth/rights:no_gateway_rights (no rights for gateway "
       "`no-such-gateway`)",
       "no-such-gateway"},
      {"events/who-admin-unknown.json", "e", 0, "", "",
       "error:pkg/identityserver/store:gateway_not_found (gateway with id "
       "`no-such-gateway` not found)",
       "no-such-gateway"},
      {"events/who-wrong-key.json", "e", 0, "", "",
       "error:pkg/identityserver:invalid_authorization (invalid "
       "authorization)",
       ""},
      {"events/who-admin-traffic.json", "s", 0, "", "", "", ""},
      {"two-servers/two-servers-redis.json", NULL, 36, "alice-gw-3",
       "connection expired", "", ""},
  };
  static char text[TEXT_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    size_t n = test_stream(streams[i].name, text, TEXT_MAX);
    struct heard whole = hear_text(text, n, n);
    for (size_t step = 1; step < 6000; step = step * 7 + 1) {
      struct heard cut = hear_text(text, n, step);
      assert_memory_equal(&cut, &whole, sizeof whole);
    }
    if (streams[i].kinds != NULL)
      assert_string_equal(whole.kinds, streams[i].kinds);
    assert_int_equal(whole.uplinks, streams[i].uplinks);
    assert_string_equal(whole.gateway, streams[i].gateway);
    assert_string_equal(whole.reason, streams[i].reason);
    assert_string_equal(whole.error, streams[i].error);
    assert_string_equal(whole.refused, streams[i].refused);
  }
}

/* Events that are parted by an empty line. */
static void test_parted(void **state) {
  static char text[TEXT_MAX];
  (void)state;
  size_t n = test_stream("events/who-sse.json", text, TEXT_MAX);
  struct heard heard = hear_text(text, n, 100);
  assert_int_equal(strchr(heard.kinds, '-') == NULL, true);
  assert_int_equal(heard.kinds[0], 's');
}

static void test_bad_lines(void **state) {
  static const char *const bad[] = {
      "[]\n",
      "nonsense\n",
      "{\"result\":7}\n",
      "{\"a\":1}\n",
      "\x80\n",
      "{\"result\":{\"name\":\"gs.gateway.disconnect\",\"time\":\"now\"}}\n",
      "{\"result\":{\"name\":7}}\n",
      "{\"result\":{\"identifiers\":[{\"gateway_ids\":{\"gateway_id\":7}}]}}\n",
      "{\"result\":{\"name\":\"gs.gateway.connect\",\"data\":[]}}\n"};
  static const char good[] = "{\"result\":{\"name\":\"events.stream.start\","
                             "\"time\":\"2026-11-26T13:00:05Z\"}}\n";
  char text[512];
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    strcpy(text, bad[i]);
    strcat(text, good);
    for (size_t step = 1; step < 300; step += 37) {
      struct heard heard = hear_text(text, strlen(text), step);
      assert_string_equal(heard.kinds, "-s");
    }
  }
}

/* Memory does not follow the length of a line. */
static void test_long_line(void **state) {
  static char filler[1 << 16];
  struct test_env test;
  const struct ttn_env *env = &test_env_init(&test)->env;
  struct ttn_lines lines;
  (void)state;
  memset(filler, 'x', sizeof filler);
  assert_true(ttn_lines_init(&lines, env));
  const char *bytes = "{\"result\":{\"name\":\"";
  size_t n = strlen(bytes);
  assert_int_equal(ttn_lines_next(&lines, &bytes, &n), TTN_LINE_NONE);
  for (int i = 0; i < 1000; i++) {
    bytes = filler;
    n = sizeof filler;
    assert_int_equal(ttn_lines_next(&lines, &bytes, &n), TTN_LINE_NONE);
  }
  assert_true(test.peak < 1 << 20);
  bytes = "\"}}\n{\"result\":{\"name\":\"a\"}}\n";
  n = strlen(bytes);
  assert_int_equal(ttn_lines_next(&lines, &bytes, &n), TTN_LINE_BAD);
  assert_int_equal(ttn_lines_next(&lines, &bytes, &n), TTN_LINE_EVENT);
  assert_int_equal(ttn_lines_next(&lines, &bytes, &n), TTN_LINE_NONE);
  ttn_lines_free(&lines);
  assert_int_equal(test.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_recordings),
      cmocka_unit_test(test_parted),
      cmocka_unit_test(test_bad_lines),
      cmocka_unit_test(test_long_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
