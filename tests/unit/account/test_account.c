/* SPDX-License-Identifier: MIT */
/* A whole account over a network that is played: each of its allocations fails
 * in turn, and what it reports meanwhile is right or not there. The stack that
 * is played has two hosts and six gateways:
 *
 *   a-gw  at eu1, connected; reconnects before the third poll
 *   b-gw  at nam1, connected
 *   c-gw  registered at eu1, connected at nam1
 *   d-gw  refused to this key
 *   e-gw  connected nowhere
 *   f-gw  at a host that may not have the key; no other has it
 *
 * and from the fourth poll on a seventh, g-gw; b-gw has left the list then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/account.h"
#include "lib/testing.h"

#include <sys/stat.h>
#include <unistd.h>

#define POLLS 5
#define EU1 "https://eu1.cloud.thethings.network"

/* What a poll told, by gateway a to g. */
struct seen {
  int64_t uplinks['h' - 'a']; /* -1: not told */
  int connected['h' - 'a'];   /* -1: not told */
  int up, unknown;
};

/* Of a life: what an allocation that fails is for. */
enum phase { START, DISCOVERY, POLL, DECODE, DISPATCH, SHUTDOWN, PHASES };
static const char *const phase_names[] = {"start",
                                          "discovery",
                                          "polling",
                                          "decoding",
                                          "answers, dispatch, state file",
                                          "shutdown"};

struct played {
  struct test_env *test;
  struct ttn_call *calls[64]; /* under way */
  size_t n_calls;
  int poll;
  struct seen seen;
  bool hang; /* nobody answers */
};

/* a-gw's count in each poll, and what has been counted in all. */
static const int64_t a_count[POLLS] = {10, 12, 5, 6, 9};
static const int64_t a_total[POLLS] = {10, 12, 17, 18, 21};

static const char *connected_at(char id, int poll) {
  return id == 'a' && poll >= 2 ? "2026-11-22T16:00:30Z"
                                : "2026-11-22T15:00:00Z";
}

static size_t print_list(const struct played *p, char *body, size_t size,
                         int64_t *total) {
  const char *second = p->poll < 3 ? "b-gw" : "g-gw";
  *total = 6;
  return (size_t)snprintf(
      body, size,
      "{\"gateways\":[{\"ids\":{\"gateway_id\":\"a-gw\"},\"name\":\"A\","
      "\"gateway_server_address\":\"eu1.cloud.thethings.network\"},"
      "{\"ids\":{\"gateway_id\":\"%s\"},"
      "\"gateway_server_address\":\"nam1.cloud.thethings.network\"},"
      "{\"ids\":{\"gateway_id\":\"c-gw\"}},{\"ids\":{\"gateway_id\":\"d-gw\"}},"
      "{\"ids\":{\"gateway_id\":\"e-gw\"}},{\"ids\":{\"gateway_id\":\"f-gw\"},"
      "\"gateway_server_address\":\"gateways.example\"}]}",
      second);
}

static bool is_at(char id, bool nam1) {
  return nam1 ? id == 'b' || id == 'c' || id == 'g' : id == 'a';
}

static size_t print_batch(const struct played *p, const struct ttn_call *call,
                          char *body, size_t size, int *status) {
  bool nam1 = strstr(call->url, "//nam1.") != NULL;
  size_t n = (size_t)snprintf(body, size, "{\"entries\":{");
  const char *comma = "";
  *status = 200;
  for (char id = 'a'; id <= 'g'; id++) {
    char quoted[] = {'"', id, '-', 'g', 'w', '"', '\0'};
    if (strstr(call->body, quoted) == NULL)
      continue;
    if (id == 'd') {
      *status = 403;
      return (size_t)snprintf(
          body, size,
          "{\"code\":7,\"message\":\"x\",\"details\":[{\"namespace\":"
          "\"pkg/identityserver\",\"name\":\"insufficient_rights\"}]}");
    }
    if (!is_at(id, nam1))
      continue;
    n += (size_t)snprintf(
        body + n, size - n,
        "%s%s:{\"connected_at\":\"%s\",\"uplink_count\":\"%lld\"}", comma,
        quoted, connected_at(id, p->poll),
        (long long)(id == 'a' ? a_count[p->poll] : 7));
    comma = ",";
  }
  return n + (size_t)snprintf(body + n, size - n, "}}");
}

static size_t print_stats(const struct played *p, const struct ttn_call *call,
                          char *body, size_t size, int *status) {
  bool nam1 = strstr(call->url, "//nam1.") != NULL;
  char id = strstr(call->url, "/gs/gateways/")[strlen("/gs/gateways/")];
  if (id != 'd' && is_at(id, nam1))
    return (size_t)snprintf(
        body, size, "{\"connected_at\":\"%s\",\"uplink_count\":\"%lld\"}",
        connected_at(id, p->poll),
        (long long)(id == 'a' ? a_count[p->poll] : 7));
  *status = id == 'd' ? 403 : 404;
  return (size_t)snprintf(
      body, size,
      "{\"code\":7,\"message\":\"x\",\"details\":[{\"namespace\":"
      "\"pkg/gatewayserver\",\"name\":\"%s\"}]}",
      id == 'd' ? "no_gateway_rights" : "not_connected");
}

static const char auth_info[] =
    "{\"api_key\":{\"api_key\":{\"id\":\"ID\",\"rights\":["
    "\"RIGHT_USER_GATEWAYS_LIST\",\"RIGHT_GATEWAY_STATUS_READ\"]},"
    "\"entity_ids\":{\"user_ids\":{\"user_id\":\"alice\"}}}}";

static void answer(struct played *p, struct ttn_call *call) {
  char body[4096];
  size_t n;
  call->answer = (struct ttn_answer){.status = 200,
                                     .date = TEST_WALL,
                                     .total_count = -1,
                                     .rate_limit = -1,
                                     .rate_available = -1,
                                     .rate_reset = -1,
                                     .rate_retry = -1,
                                     .retry_after = -1,
                                     .http2 = true};
  assert_null(strstr(call->url, "gateways.example"));
  if (call->body != NULL)
    n = print_batch(p, call, body, sizeof(body), &call->answer.status);
  else if (strstr(call->url, "/gs/gateways/") != NULL)
    n = print_stats(p, call, body, sizeof(body), &call->answer.status);
  else if (strstr(call->url, "auth_info") != NULL)
    n = (size_t)snprintf(body, sizeof(body), "%s", auth_info);
  else
    n = print_list(p, body, sizeof(body), &call->answer.total_count);
  /* In two pieces, as it may come. */
  if (!call->data(call, call->answer.status, body, n / 2) ||
      !call->data(call, call->answer.status, body + n / 2, n - n / 2))
    call->answer.failure = TTN_FAIL_JSON;
}

static bool net_start(void *ctx, struct ttn_call *call) {
  struct played *p = ctx;
  if (call->body != NULL)
    p->test->phase = POLL;
  assert_true(p->n_calls < sizeof(p->calls) / sizeof(p->calls[0]));
  assert_non_null(call->auth);
  p->calls[p->n_calls++] = call;
  return true;
}

static struct ttn_call *net_wait(void *ctx, int64_t until) {
  struct played *p = ctx;
  const int phase = p->test->phase;
  if (p->n_calls == 0 || p->hang) {
    p->test->mono = until;
    return NULL;
  }
  struct ttn_call *call = p->calls[0];
  memmove(p->calls, p->calls + 1, --p->n_calls * sizeof(p->calls[0]));
  p->test->mono += 20 * TTN_MS;
  p->test->phase = DECODE;
  answer(p, call);
  p->test->phase = phase == DISCOVERY ? DISCOVERY : DISPATCH;
  return call;
}

static void net_cancel(void *ctx, struct ttn_call *call) {
  struct played *p = ctx;
  size_t i = 0;
  while (p->calls[i] != call)
    i++;
  memmove(p->calls + i, p->calls + i + 1,
          (--p->n_calls - i) * sizeof(p->calls[0]));
}

static void net_nothing(void *ctx) { (void)ctx; }

static void forget_seen(struct played *p) {
  for (size_t i = 0; i < sizeof(p->seen.uplinks) / sizeof(int64_t); i++)
    p->seen.uplinks[i] = -1, p->seen.connected[i] = -1;
  p->seen.up = p->seen.unknown = -1;
}

static void sink_value(void *ctx, const struct ttn_value *v) {
  struct played *p = ctx;
  if (v->series == TTN_SERIES_UP)
    p->seen.up = (int)v->gauge;
  if (v->series == TTN_SERIES_ALL_UNKNOWN)
    p->seen.unknown = (int)v->gauge;
  if (v->series == TTN_SERIES_UPLINK)
    p->seen.uplinks[v->subject[0] - 'a'] = v->count;
  if (v->series == TTN_SERIES_CONNECTED)
    p->seen.connected[v->subject[0] - 'a'] = (int)v->gauge;
}

static void sink_notify(void *ctx, const struct ttn_notification *n) {
  (void)ctx;
  fail_msg("notified: %s", n->message);
}

static const struct ttn_settings *keep;
static const char *key_file; /* NULL: the key is an option */

static void write_key(const char *key) {
  FILE *file = fopen(key_file, "w");
  assert_non_null(file);
  fputs(key, file);
  fclose(file);
}

static struct ttn_settings *settings(struct test_env *test,
                                     const char *state_file) {
  const struct ttn_env *env = &test->env;
  struct ttn_settings *s = ttn_settings_new(env, "home");
  const char *options[][2] = {{"APIKey", "NNSXS.KEY.SECRET"},
                              {"StateFile", state_file},
                              {"DiscoveryInterval", NULL},
                              {"Interval", NULL}};
  if (key_file != NULL) {
    options[0][0] = "APIKeyFile";
    options[0][1] = key_file;
  }
  for (size_t i = 0; i < 4 && s != NULL; i++) {
    struct ttn_option option = {.name = options[i][0], .n_values = 1};
    if (options[i][1] != NULL)
      option.value = (struct ttn_option_value){.type = TTN_VALUE_STRING,
                                               .string = options[i][1]};
    else
      option.value =
          (struct ttn_option_value){.type = TTN_VALUE_NUMBER, .number = 60};
    if (!ttn_settings_option(env, s, &option)) {
      ttn_settings_free(env, s);
      return NULL;
    }
  }
  if (s != NULL && !ttn_settings_finish(env, s, 60 * TTN_SECOND)) {
    ttn_settings_free(env, s);
    return NULL;
  }
  keep = s;
  return s;
}

static struct ttn_account *begin(struct played *p, struct ttn_sink *sink,
                                 const char *state_file) {
  struct ttn_net net = {.ctx = p,
                        .start = net_start,
                        .wait = net_wait,
                        .cancel = net_cancel,
                        .wake = net_nothing,
                        .free = net_nothing};
  struct ttn_settings *s = settings(p->test, state_file);
  *sink = (struct ttn_sink){p,           net_nothing, sink_value,
                            sink_notify, net_nothing, NULL};
  if (s == NULL)
    return NULL;
  return ttn_account_new(&p->test->env, s, &net, sink, NULL);
}

/* All but how much of a-gw's first connection was seen. */
static void check_all_there(const struct played *p) {
  const struct seen *seen = &p->seen;
  assert_true(seen->uplinks[0] >= 0);
  assert_int_equal(seen->connected[0], 1);
  assert_int_equal(seen->uplinks[1], p->poll < 3 ? 7 : -1);
  assert_int_equal(seen->uplinks[2], 7); /* found at nam1 */
  assert_int_equal(seen->connected[2], 1);
  assert_int_equal(seen->connected[3], -1); /* refused */
  assert_int_equal(seen->connected[4], 0);
  assert_int_equal(seen->uplinks[4], -1);
  assert_int_equal(seen->connected[5], -1); /* an untrusted host's */
  assert_int_equal(seen->uplinks[6], p->poll < 3 ? -1 : 7);
  assert_int_equal(seen->unknown, 2);
  assert_int_equal(seen->up, 1); /* all that may be asked did answer */
}

static void check_whole(const struct played *p) {
  check_all_there(p);
  assert_int_equal(p->seen.uplinks[0], a_total[p->poll]);
}

/* Right, or not there. Of a-gw's first connection a count of 10, of 12, or
 * nothing was seen. */
static void check_none_wrong(const struct played *p) {
  const struct seen *seen = &p->seen;
  int64_t before = seen->uplinks[0] - a_count[p->poll];
  if (seen->uplinks[0] != -1)
    assert_true(before == 0 ||
                (p->poll >= 2 && (before == 10 || before == 12)));
  for (int i = 1; i < 7; i++)
    assert_true(seen->uplinks[i] == -1 || seen->uplinks[i] == 7);
  assert_true(seen->connected[0] != 0 && seen->connected[1] != 0 &&
              seen->connected[2] != 0);
  assert_true(seen->connected[3] == -1 && seen->connected[4] != 1);
  assert_true(seen->connected[5] == -1);
  if (seen->up == 1)
    assert_int_equal(seen->unknown, 2);
}

static void poll_once(struct played *p, struct ttn_account *account, int poll) {
  p->poll = poll;
  if (key_file != NULL && poll == 2)
    write_key("NNSXS.KEY.SECRET2\n"); /* of another length: it is noticed */
  p->test->phase = DISCOVERY;
  forget_seen(p);
  p->test->mono += 60 * TTN_SECOND;
  p->test->wall += 60 * TTN_SECOND;
  ttn_account_poll(account);
  assert_int_equal(p->n_calls, 0);
}

static void test_a_life(void **state) {
  struct test_env test;
  struct ttn_sink sink;
  (void)state;
  test_env_init(&test);
  struct played p = {.test = &test};
  struct ttn_account *account = begin(&p, &sink, "");
  assert_non_null(account);
  for (int poll = 0; poll < POLLS; poll++) {
    poll_once(&p, account, poll);
    check_whole(&p);
  }
  ttn_account_free(account);
  assert_int_equal(test.blocks, 0);
  assert_null(strstr(test.log, "SECRET"));
}

/* From start to shutdown. Of memory that fails once, the next poll knows
 * nothing any more. False: there was none to start with. */
static bool run(struct played *p, const char *state_file, int first) {
  struct ttn_sink sink;
  struct test_env *test = p->test;
  test->phase = START;
  struct ttn_account *account = begin(p, &sink, state_file);
  if (account == NULL)
    return false;
  for (int poll = first; poll < POLLS; poll++) {
    bool failed = test->calls >= test->fail_at;
    poll_once(p, account, poll);
    check_none_wrong(p);
    if (failed && !test->for_good)
      check_all_there(p);
  }
  test->phase = SHUTDOWN;
  ttn_account_free(account);
  return true;
}

/* One life, and with a state file the beginning of another. */
static void live(struct test_env *test, const char *state_file) {
  struct played p = {.test = test};
  unlink(state_file); /* of the life before */
  if (key_file != NULL)
    write_key("NNSXS.KEY.SECRET\n");
  if (run(&p, state_file, 0) && state_file[0] != '\0')
    run(&p, state_file, POLLS - 1);
}

/* How many allocations failed, by phase. */
static size_t failed[PHASES];

static void life(struct test_env *test, void *arg) {
  live(test, arg);
  if (test->calls >= test->fail_at && !test->for_good)
    failed[test->failed_in]++;
}

static void fail_each(const char *what, char *state_file) {
  struct test_env test;
  memset(failed, 0, sizeof(failed));
  test_fail_each(&test, life, state_file);
  for (int i = 0; i < PHASES; i++)
    print_message("# %s, %s: each of %zu allocations failed\n", what,
                  phase_names[i], failed[i]);
}

static void test_memory(void **state) {
  char path[64], file[80], key[80];
  (void)state;
  assert_non_null(test_directory(path));
  snprintf(file, sizeof(file), "%s/state", path);
  fail_each("no state file", (char *)"");
  snprintf(key, sizeof(key), "%s/key", path);
  key_file = key;
  umask(077);
  fail_each("with a state file and a key file", file);
  key_file = NULL;
  for (int i = 0; i < PHASES; i++)
    assert_true(failed[i] > 0);
  unlink(file);
  unlink(key);
  rmdir(path);
}

static void test_deadline(void **state) {
  struct test_env test;
  struct ttn_sink sink;
  (void)state;
  test_env_init(&test);
  struct played p = {.test = &test};
  struct ttn_account *account = begin(&p, &sink, "");
  assert_non_null(account);
  poll_once(&p, account, 0);
  check_whole(&p);
  p.hang = true;
  int64_t start = test.mono + 60 * TTN_SECOND;
  poll_once(&p, account, 1);
  assert_int_equal(test.mono - start, keep->timeout);
  for (int i = 0; i < 7; i++)
    assert_int_equal(p.seen.uplinks[i], -1);
  assert_int_equal(p.seen.unknown, 6);
  p.hang = false;
  poll_once(&p, account, 2);
  assert_int_equal(p.seen.uplinks[0], 10 + 5); /* the 2 in between are lost */
  assert_int_equal(p.seen.unknown, 2);
  ttn_account_free(account);
  assert_int_equal(test.blocks, 0);
}

/* Stopped: nothing more goes out, and later polls end at once. */
static struct ttn_account *stopping;
static struct ttn_call *wait_and_stop(void *ctx, int64_t until) {
  struct ttn_call *call = net_wait(ctx, until);
  ttn_account_stop(stopping);
  return call;
}

static void test_stop(void **state) {
  struct test_env test;
  struct ttn_sink sink;
  (void)state;
  test_env_init(&test);
  struct played p = {.test = &test};
  struct ttn_net net = {&p,         net_start,   wait_and_stop,
                        net_cancel, net_nothing, net_nothing};
  sink = (struct ttn_sink){&p,          net_nothing, sink_value,
                           sink_notify, net_nothing, NULL};
  stopping = ttn_account_new(&test.env, settings(&test, ""), &net, &sink, NULL);
  assert_non_null(stopping);
  poll_once(&p, stopping, 0);
  assert_int_equal(p.seen.up, -1);
  assert_int_equal(p.seen.unknown, -1);
  ttn_account_poll(stopping);
  assert_int_equal(p.n_calls, 0);
  ttn_account_free(stopping);
  assert_int_equal(test.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_life),
      cmocka_unit_test(test_deadline),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
