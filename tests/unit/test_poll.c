/* SPDX-License-Identifier: MIT */
/* What may happen amid a poll: answers in an awkward order, a list that
 * changes while statistics are under way, hosts that refuse or limit. Each test
 * plays the stack by a function that answers one request; what went out and
 * what was logged is looked for as text. tests/unit/test_account.c has a whole
 * life and the failures of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account.h"
#include "testing.h"

#define EU1 "eu1.cloud.thethings.network"
#define NAM1 "nam1.cloud.thethings.network"
#define CONNECTED "\"connected_at\":\"2026-11-22T15:00:00Z\""
#define DISCONNECTED "\"disconnected_at\":\"2026-11-22T15:30:00Z\""
#define ERROR(space, name)                                                     \
  "{\"code\":7,\"message\":\"x\",\"details\":[{\"namespace\":\"" space         \
  "\",\"name\":\"" name "\"}]}"

struct play {
  struct test_env test;
  struct ttn_account *account;
  struct ttn_sink sink;
  struct ttn_call *calls[4096]; /* under way, oldest first */
  size_t n_calls, started;
  int poll; /* 0 is the first */
  /* Fills in call's answer and body. */
  void (*answer)(struct play *play, struct ttn_call *call);
  const char *first; /* a call with this in its URL is answered first */
  const char *last;  /* and one with this after all others */
  char body[1 << 16];
  char told[1 << 16]; /* "plugin/instance/type-type_instance=number\n" */
  char notified[4096];
};

/* ---- the network ---- */

static bool net_start(void *ctx, struct ttn_call *call) {
  struct play *p = ctx;
  assert_true(p->n_calls < sizeof(p->calls) / sizeof(p->calls[0]));
  p->calls[p->n_calls++] = call;
  p->started++;
  return true;
}

static void take_off(struct play *p, size_t i) {
  p->n_calls--;
  memmove(p->calls + i, p->calls + i + 1,
          (p->n_calls - i) * sizeof(p->calls[0]));
}

static size_t choose(const struct play *p) {
  for (size_t i = 0; i < p->n_calls && p->first != NULL; i++)
    if (strstr(p->calls[i]->url, p->first) != NULL)
      return i;
  for (size_t i = 0; i < p->n_calls && p->last != NULL; i++)
    if (strstr(p->calls[i]->url, p->last) == NULL)
      return i;
  return 0;
}

static struct ttn_call *net_wait(void *ctx, int64_t until) {
  struct play *p = ctx;
  if (p->n_calls == 0) {
    p->test.mono = until;
    return NULL;
  }
  size_t i = choose(p);
  struct ttn_call *call = p->calls[i];
  take_off(p, i);
  p->test.mono += 20 * TTN_MS;
  call->answer = (struct ttn_answer){.status = 200,
                                     .date = p->test.wall,
                                     .total_count = -1,
                                     .rate_limit = -1,
                                     .rate_available = -1,
                                     .rate_reset = -1,
                                     .rate_retry = -1,
                                     .http2 = true};
  p->body[0] = '\0';
  p->answer(p, call);
  if (call->answer.failure == TTN_OK &&
      !call->data(call, call->answer.status, p->body, strlen(p->body)))
    call->answer.failure = TTN_FAIL_JSON;
  return call;
}

static void net_cancel(void *ctx, struct ttn_call *call) {
  struct play *p = ctx;
  for (size_t i = 0; i < p->n_calls; i++)
    if (p->calls[i] == call)
      take_off(p, i);
}

static void net_nothing(void *ctx) { (void)ctx; }

/* ---- what went out ---- */

static void sink_begin(void *ctx) { ((struct play *)ctx)->told[0] = '\0'; }

static void sink_value(void *ctx, const struct ttn_value *v) {
  struct play *p = ctx;
  size_t n = strlen(p->told);
  snprintf(p->told + n, sizeof(p->told) - n, "%s/%s/%s-%s=%.0f\n", v->plugin,
           v->instance, v->type, v->type_instance,
           v->derive ? (double)v->count : v->gauge);
}

static void sink_notify(void *ctx, const struct ttn_notification *n) {
  struct play *p = ctx;
  size_t used = strlen(p->notified);
  snprintf(p->notified + used, sizeof(p->notified) - used, "%s\n", n->message);
}

static size_t count(const char *text, const char *what) {
  size_t n = 0;
  for (; (text = strstr(text, what)) != NULL; text += strlen(what))
    n++;
  return n;
}

#define assert_told(p, line)                                                   \
  do {                                                                         \
    if (count((p)->told, line "\n") != 1)                                      \
      fail_msg("%s is not among\n%s%s", line, (p)->told, (p)->test.log);       \
  } while (0)
#define assert_not_told(p, start)                                              \
  do {                                                                         \
    if (strstr((p)->told, start) != NULL)                                      \
      fail_msg("%s is among\n%s%s", start, (p)->told, (p)->test.log);          \
  } while (0)
#define assert_lines(p, n, what)                                               \
  do {                                                                         \
    if (count((p)->test.log, what) != (n))                                     \
      fail_msg("not %d times \"%s\" in\n%s", n, what, (p)->test.log);          \
  } while (0)

/* ---- the account ---- */

static void set(const struct ttn_env *env, struct ttn_settings *s,
                const char *name, const char *value) {
  char *end;
  struct ttn_option option = {.name = name, .n_values = 1};
  double number = strtod(value, &end);
  if (strcmp(value, "true") == 0)
    option.value =
        (struct ttn_option_value){.type = TTN_VALUE_BOOLEAN, .boolean = true};
  else if (*end == '\0' && end != value)
    option.value =
        (struct ttn_option_value){.type = TTN_VALUE_NUMBER, .number = number};
  else
    option.value =
        (struct ttn_option_value){.type = TTN_VALUE_STRING, .string = value};
  assert_true(ttn_settings_option(env, s, &option));
}

/* options: name, value, …, NULL, beyond a key and a discovery at each poll. */
static struct play *open_play(void (*answer)(struct play *, struct ttn_call *),
                              const char *const *options) {
  struct play *p = calloc(1, sizeof(*p));
  assert_non_null(p);
  test_env_init(&p->test);
  p->answer = answer;
  p->poll = -1;
  const struct ttn_env *env = &p->test.env;
  struct ttn_net net = {p,          net_start,   net_wait,
                        net_cancel, net_nothing, net_nothing};
  p->sink = (struct ttn_sink){p, sink_begin, sink_value, sink_notify};
  struct ttn_settings *s = ttn_settings_new(env, "home");
  assert_non_null(s);
  set(env, s, "APIKey", "NNSXS.KEY.SECRET");
  set(env, s, "StateFile", "");
  set(env, s, "DiscoveryInterval", "60");
  for (size_t i = 0; options != NULL && options[i] != NULL; i += 2)
    set(env, s, options[i], options[i + 1]);
  assert_true(ttn_settings_finish(env, s, 60 * TTN_SECOND));
  p->account = ttn_account_new(env, s, &net, &p->sink, NULL);
  assert_non_null(p->account);
  return p;
}

static void poll_play(struct play *p) {
  p->poll++;
  p->started = 0;
  p->test.mono += 60 * TTN_SECOND;
  p->test.wall += 60 * TTN_SECOND;
  ttn_account_poll(p->account);
  assert_int_equal(p->n_calls, 0);
}

static void close_play(struct play *p) {
  ttn_account_free(p->account);
  assert_int_equal(p->test.blocks, 0);
  assert_null(strstr(p->test.log, "SECRET"));
  free(p);
}

/* ---- answers ---- */

static inline bool is_list(const struct ttn_call *call) {
  return strstr(call->url, "/gateways?") != NULL;
}
static inline bool is_auth(const struct ttn_call *call) {
  return strstr(call->url, "/auth_info") != NULL;
}
static inline bool is_at(const struct ttn_call *call, const char *host) {
  return strstr(call->url, host) != NULL;
}

__attribute__((format(printf, 2, 3))) static void add(struct play *p,
                                                      const char *format, ...) {
  size_t n = strlen(p->body);
  va_list args;
  va_start(args, format);
  vsnprintf(p->body + n, sizeof(p->body) - n, format, args);
  va_end(args);
}

/* ids and addresses: "a-gw", EU1, "b-gw", NAM1, …, NULL */
static void give_list(struct play *p, struct ttn_call *call,
                      const char *const *gateways) {
  int64_t n = 0;
  add(p, "{\"gateways\":[");
  for (size_t i = 0; gateways[i] != NULL; i += 2, n++)
    add(p,
        "%s{\"ids\":{\"gateway_id\":\"%s\"},\"gateway_server_address\":\"%s\"}",
        i == 0 ? "" : ",", gateways[i], gateways[i + 1]);
  add(p, "]}");
  call->answer.total_count = n;
}
#define LIST(p, call, ...)                                                     \
  give_list(p, call, (const char *const[]){__VA_ARGS__, NULL})

/* An entry, as `fields`, for each gateway of the batch. */
static inline void give_batch(struct play *p, const struct ttn_call *call,
                              const char *fields) {
  static const char key[] = "\"gateway_id\":\"";
  const char *comma = "";
  add(p, "{\"entries\":{");
  for (const char *at = call->body; (at = strstr(at, key)) != NULL;
       comma = ",") {
    at += sizeof(key) - 1;
    add(p, "%s\"%.*s\":{%s}", comma, (int)strcspn(at, "\""), at, fields);
  }
  add(p, "}}");
}

static inline void refuse(struct play *p, struct ttn_call *call, int status,
                          const char *body) {
  call->answer.status = status;
  add(p, "%s", body);
}

/* ---- the list changes amid a poll ---- */

static void moves_to_stranger(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", p->poll == 0 ? EU1 : "gateways.example");
  else
    give_batch(p, call,
               p->poll == 1 ? CONNECTED ",\"uplink_count\":\"7\"" : "");
}

/* Its new host may not have the key: what the old one says is not followed. */
static void test_moves_to_a_stranger(void **state) {
  (void)state;
  struct play *p = open_play(moves_to_stranger, NULL);
  p->first = "/gateways?";
  poll_play(p);
  poll_play(p);
  assert_not_told(p, "ttn/a-gw");
  assert_told(p, "ttn_api/home/count-unknown=1");
  assert_lines(p, 0, "is registered at");
  poll_play(p);
  assert_int_equal(p->started, 1);
  assert_not_told(p, "ttn/a-gw");
  close_play(p);
}

static void leaves(struct play *p, struct ttn_call *call) {
  if (is_list(call) && p->poll == 0)
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    give_batch(p, call, CONNECTED);
}

/* Answered first, gone from the list then: it isn't counted any more. */
static void test_leaves_after_its_answer(void **state) {
  (void)state;
  struct play *p = open_play(leaves, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/count-connected=2");
  p->last = "/gateways?";
  poll_play(p);
  assert_told(p, "ttn_api/home/count-gateways=1");
  assert_told(p, "ttn_api/home/count-connected=1");
  assert_told(p, "ttn_api/home/count-unknown=0");
  close_play(p);
}

static void no_list(struct play *p, struct ttn_call *call) {
  refuse(p, call, 500, "{}");
}

/* How many gateways there are is not known, and not 0. */
static void test_no_list_yet(void **state) {
  (void)state;
  struct play *p = open_play(no_list, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=0");
  assert_not_told(p, "/count-");
  close_play(p);
}

/* ---- limits ---- */

static inline void limit(struct play *p, struct ttn_call *call, int64_t retry) {
  refuse(p, call, 429, ERROR("pkg/ratelimit", "rate_limit_exceeded"));
  call->answer.rate_retry = retry;
}

static void limits_list(struct play *p, struct ttn_call *call) {
  if (is_list(call) && p->poll > 0)
    limit(p, call, 3600);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    give_batch(p, call, CONNECTED);
}

/* Kinds of call are limited apart: a list that has to wait holds up nothing. */
static void test_limited_list(void **state) {
  (void)state;
  struct play *p = open_play(limits_list, NULL);
  for (int poll = 0; poll < 4; poll++) {
    poll_play(p);
    assert_told(p, "ttn/a-gw/bool-connected=1");
    assert_told(p, "ttn_api/home/bool-up=1");
  }
  assert_lines(p, 1, "the list of gateways can't be read");
  assert_lines(p, 0, "raise Timeout");
  close_play(p);
}

static void limits_auth_info(struct play *p, struct ttn_call *call) {
  call->answer.http2 = false; /* four calls at a time */
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_auth(call))
    limit(p, call, 3600);
  else if (strstr(call->body, "b-gw") != NULL)
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
  else
    give_batch(p, call, CONNECTED);
}

/* More than one batch's worth, of which the first is refused. */
static void limits_auth_amid_many(struct play *p, struct ttn_call *call) {
  if (!is_list(call)) {
    limits_auth_info(p, call);
    return;
  }
  add(p, "{\"gateways\":[");
  for (int i = 0; i < 1000; i++)
    add(p, "%s{\"ids\":{\"gateway_id\":\"%c-%04d%s\"}}", i == 0 ? "" : ",",
        i < 100 ? 'a' : 'c', i, i == 50 ? "b-gw" : "");
  add(p, "]}");
  call->answer.total_count = 1000;
}

static void test_limited_auth_info(void **state) {
  (void)state;
  struct play *p = open_play(limits_auth_amid_many, NULL);
  for (int poll = 0; poll < 2; poll++) {
    poll_play(p);
    assert_told(p, "ttn_api/home/count-connected=900");
    assert_told(p, "ttn_api/home/count-unknown=100");
  }
  close_play(p);
}

static void storm(struct play *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_amid_many(p, call);
  } else if (p->poll == 0) {
    give_batch(p, call, CONNECTED);
  } else {
    limit(p, call, 0);
  }
}

/* After a refusal the next call of its kind goes alone. */
static void test_storm_of_limits(void **state) {
  (void)state;
  struct play *p = open_play(storm, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=1");
  for (int poll = 0; poll < 2; poll++) {
    poll_play(p);
    /* a list, the batches side by side, and then one a second for 45 s */
    assert_in_range(p->started, 2, 1 + 10 + 45);
    assert_told(p, "ttn_api/home/count-unknown=1000");
  }
  assert_lines(p, 1, "the rate limit leaves gateways unknown");
  close_play(p);
}

static void limited_home(struct play *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_amid_many(p, call);
  } else if (is_at(call, EU1) && strstr(call->body, "c-0500") != NULL) {
    limit(p, call, 3600);
  } else {
    add(p, "{\"entries\":{}}");
  }
}

/* What a limited host did say, that it lacks a gateway, is followed up though
 * it never gets through all of its own. */
static void test_looks_elsewhere_when_limited(void **state) {
  (void)state;
  const char *const options[] = {"Cluster", NAM1, NULL};
  struct play *p = open_play(limited_home, options);
  poll_play(p);
  assert_told(p, "ttn/a-0000/bool-connected=0");
  assert_not_told(p, "ttn/c-0500/");
  close_play(p);
}

/* A server without the batch; one gateway's own limit is far off. */
static void limits_one(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1, "c-gw", EU1);
  else if (call->body != NULL)
    refuse(p, call, 404, "{\"code\":5,\"message\":\"Not Found\"}");
  else if (is_at(call, "a-gw"))
    limit(p, call, 3600);
  else if (is_at(call, EU1) || is_at(call, "c-gw"))
    add(p, "{" CONNECTED "}");
  else
    refuse(p, call, 404, ERROR("pkg/gatewayserver", "not_connected"));
}

static void test_one_limited_gateway(void **state) {
  (void)state;
  struct play *p = open_play(limits_one, NULL);
  poll_play(p);
  assert_told(p, "ttn/c-gw/bool-connected=1");
  assert_told(p, "ttn/b-gw/bool-connected=1"); /* found at eu1, behind a-gw */
  assert_not_told(p, "ttn/a-gw/");
  close_play(p);
}

/* ---- the key ---- */

static void one_cluster_refuses(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1);
  else if (is_at(call, NAM1))
    refuse(p, call, 401, ERROR("pkg/identityserver", "api_key_not_found"));
  else
    give_batch(p, call, CONNECTED);
}

/* It takes nothing from the others, and is said once. */
static void test_one_cluster_refuses_the_key(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct play *p = open_play(one_cluster_refuses, options);
  for (int poll = 0; poll < 4; poll++) {
    poll_play(p);
    assert_told(p, "ttn/a-gw/bool-connected=1");
    assert_not_told(p, "ttn/b-gw");
    assert_told(p, "ttn_api/home/bool-up=0");
  }
  assert_lines(p, 1, "the stack does not know this key");
  assert_lines(p, 0, "works again");
  assert_string_equal(p->notified, "");
  close_play(p);
}

static void right_comes_back(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    add(p,
        "{\"api_key\":{\"api_key\":{\"id\":\"ID\",\"rights\":["
        "\"RIGHT_USER_GATEWAYS_LIST\"%s]},"
        "\"entity_ids\":{\"user_ids\":{\"user_id\":\"alice\"}}}}",
        p->poll == 0 ? "" : ",\"RIGHT_GATEWAY_STATUS_READ\"");
  else
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
}

/* The key is well again although all of its gateways are refused. */
static void test_key_works_for_no_gateway(void **state) {
  (void)state;
  struct play *p = open_play(right_comes_back, NULL);
  poll_play(p);
  assert_lines(p, 1, "RIGHT_GATEWAY_STATUS_READ");
  poll_play(p);
  poll_play(p);
  assert_lines(p, 1, "the key works again");
  assert_lines(p, 1, "refused to this key");
  close_play(p);
}

static void no_auth_info(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    refuse(p, call, 500, "{\"code\":13,\"message\":\"x\"}");
  else
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
}

/* Gateways that are unknown for that are unknown for a reason that is said. */
static void test_auth_info_fails(void **state) {
  (void)state;
  struct play *p = open_play(no_auth_info, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=0");
  assert_lines(p, 1, "auth_info: answered 500");
  poll_play(p);
  assert_lines(p, 1, "auth_info: answered 500");
  close_play(p);
}

#define LONG_SECRET "AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD"
static void echoes_key(struct play *p, struct ttn_call *call) {
  refuse(p, call, 401, ERROR("pkg/identityserver", "api_key_expired"));
  snprintf(call->answer.warning, sizeof(call->answer.warning),
           "Bearer NNSXS.KEY." LONG_SECRET);
}

/* A hostile answer echoes the key: it is in no line and no notification. */
static void test_echo(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct play *p = open_play(echoes_key, options);
  poll_play(p);
  assert_non_null(strstr(p->notified, "the key has expired"));
  assert_null(strstr(p->notified, LONG_SECRET));
  assert_null(strstr(p->test.log, LONG_SECRET));
  close_play(p);
}

/* ---- a host that does not exist ---- */

static void typo(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "down-gw", EU1, "typo-gw", NAM1);
  else if (is_at(call, NAM1))
    call->answer.failure = p->poll == 1 ? TTN_FAIL_CONNECT : TTN_FAIL_DNS;
  else
    add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
}

/* A gateway's address with a typo must not hide that another is down; a host
 * that is there, or that the configuration names, may yet have that other. */
static void test_typo_in_an_address(void **state) {
  (void)state;
  struct play *p = open_play(typo, NULL);
  p->first = NAM1;
  poll_play(p);
  assert_told(p, "ttn/a-gw/bool-connected=1");
  assert_told(p, "ttn/down-gw/bool-connected=0");
  assert_not_told(p, "ttn/typo-gw");
  assert_told(p, "ttn_api/home/bool-up=0");
  poll_play(p);
  assert_not_told(p, "ttn/down-gw");
  poll_play(p);
  assert_told(p, "ttn/down-gw/bool-connected=0");
  close_play(p);
  const char *const options[] = {"Cluster", NAM1, NULL};
  p = open_play(typo, options);
  poll_play(p);
  assert_not_told(p, "ttn/down-gw");
  close_play(p);
}

/* ---- memory ---- */

static void connects_elsewhere(struct play *p, struct ttn_call *call) {
  if (p->poll > 0 || is_at(call, NAM1))
    give_batch(p, call, CONNECTED);
  else
    add(p, "{\"entries\":{}}");
}

/* A list of exact names that finds no memory takes no gateway away. */
static void test_names_without_memory(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  for (size_t nth = 1; nth < 20; nth++) {
    struct play *p = open_play(connects_elsewhere, options);
    poll_play(p);
    p->test.fail_at = p->test.calls + nth;
    poll_play(p);
    assert_told(p, "ttn_api/home/count-gateways=2");
    assert_lines(p, 0, "no longer listed");
    close_play(p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moves_to_a_stranger),
      cmocka_unit_test(test_leaves_after_its_answer),
      cmocka_unit_test(test_no_list_yet),
      cmocka_unit_test(test_limited_list),
      cmocka_unit_test(test_limited_auth_info),
      cmocka_unit_test(test_storm_of_limits),
      cmocka_unit_test(test_looks_elsewhere_when_limited),
      cmocka_unit_test(test_one_limited_gateway),
      cmocka_unit_test(test_one_cluster_refuses_the_key),
      cmocka_unit_test(test_key_works_for_no_gateway),
      cmocka_unit_test(test_auth_info_fails),
      cmocka_unit_test(test_echo),
      cmocka_unit_test(test_typo_in_an_address),
      cmocka_unit_test(test_names_without_memory),
  };
  return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
