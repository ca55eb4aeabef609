/* SPDX-License-Identifier: MIT */
/* Problems that tests/e2e/test_check.py can't bring about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/account.h"
#include "base/text.h"
#include "cli/diagnose.h"
#include "lib/testing.h"

static struct ttn_endpoint endpoint = {
    .https = true, .host = "stack.example.org", .port = 443};
static struct ttn_net no_net;

static void free_nothing(void *ctx) { (void)ctx; }

static struct ttn_account *new_account(void) {
  static const struct ttn_sink sink = {0};
  const struct ttn_option key = {
      .name = "APIKey",
      .value = {.type = TTN_VALUE_STRING, .string = "NNSXS.A.B"},
      .n_values = 1};
  struct ttn_settings *settings = ttn_settings_new(&ttn_env_system, "home");
  no_net.free = free_nothing;
  assert_true(ttn_settings_option(&ttn_env_system, settings, &key) &&
              ttn_settings_finish(&ttn_env_system, settings, 0));
  struct ttn_account *account =
      ttn_account_new(&ttn_env_system, settings, &no_net, &sink, NULL);
  assert_non_null(account);
  return account;
}

struct world {
  struct ttn_host_status host;
  struct row rows[2];
};

static void be_late(struct world *w) {
  w->host.dated = true;
  w->host.ahead = 600 * TTN_SECOND;
}

static void be_refused(struct world *w) { w->rows[1].why = UNKNOWN_REFUSED; }

static void be_addressless(struct world *w) {
  w->rows[1].why = UNKNOWN_BAD_ADDRESS;
}

static void be_limited(struct world *w) { w->host.limited = true; }

static void be_failed(struct world *w) {
  w->host.failed = true;
  w->host.failure = TTN_FAIL_DNS;
  w->host.why = "could not resolve the host name";
}

/* What a poll of one host found, but for its gateways. */
static struct snapshot snapshot_of(struct cli_env *env,
                                   const struct options *options,
                                   struct ttn_account *account,
                                   struct ttn_host_status *host) {
  return (struct snapshot){.env = env,
                           .options = options,
                           .url = endpoint,
                           .account = account,
                           .hosts = host,
                           .status = {.n_hosts = 1}};
}

/* Gateways of which no answer says anything are a problem of their own, unless
 * another one is the cause. */
static void test_explained(void **state) {
  static const struct {
    void (*change)(struct world *w);
    const char *kinds[2];
  } cases[] = {
      {be_late, {"clock", "unknown"}},
      {be_refused, {"refused", "unknown"}},
      {be_addressless, {"address", "unknown"}},
      {be_limited, {"rate_limit"}},
      {be_failed, {"dns"}},
  };
  (void)state;
  struct options options = {0};
  struct cli_env env;
  cli_env_init(&env, &ttn_env_system);
  struct ttn_account *account = new_account();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct problems problems = {0};
    struct world w = {
        .host = {.endpoint = &endpoint, .answered = true},
        .rows = {
            {.seen = {.id = "barn"}, .why = UNKNOWN_NO_ANSWER, .untrusted = -1},
            {.seen = {.id = "roof"},
             .why = UNKNOWN_NO_ANSWER,
             .untrusted = -1}}};
    cases[i].change(&w);
    struct snapshot snap = snapshot_of(&env, &options, account, &w.host);
    snap.rows = w.rows;
    snap.n_rows = snap.n_state[TTN_UNKNOWN] = snap.status.n_gateways = 2;
    snap.status.listed = true;
    assert_true(diagnose(&problems, &snap));
    print_message("# case %zu\n", i);
    assert_int_equal(problems.n, cases[i].kinds[1] != NULL ? 2 : 1);
    for (size_t k = 0; k < problems.n; k++)
      assert_string_equal(problems.list[k].kind, cases[i].kinds[k]);
    problems_free(&problems, &env.env);
  }
  ttn_account_free(account);
  cli_env_free(&env);
}

static void test_list_reasons(void **state) {
  static const char *const cases[][3] = {
      {"no memory", "no memory",
       "see that more memory is free, and run this again"},
      {"not complete by the poll's deadline: raise Timeout",
       "not complete by the poll's deadline", "raise --timeout"},
      {"auth_info does not tell: URL must be the cluster",
       "auth_info does not tell", "--url must be the cluster"},
      {"answered 404, pkg/x:y", "answered 404, pkg/x:y",
       "check that --url is the cluster with the Identity Server (for The "
       "Things Network that is eu1, wherever the gateways are); if it is, run "
       "this again"},
  };
  (void)state;
  struct options options = {0};
  struct cli_env env;
  cli_env_init(&env, &ttn_env_system);
  struct ttn_account *account = new_account();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct problems problems = {0};
    struct ttn_host_status host = {.endpoint = &endpoint, .answered = true};
    struct snapshot snap = snapshot_of(&env, &options, account, &host);
    snap.status.list_reason = cases[i][0];
    char message[200];
    ttn_print(message, sizeof(message),
              "https://stack.example.org has no list of gateways: %s",
              cases[i][1]);
    assert_true(diagnose(&problems, &snap));
    assert_int_equal(problems.n, 1);
    assert_string_equal(problems.list[0].message.bytes, message);
    assert_string_equal(problems.list[0].fix.bytes, cases[i][2]);
    problems_free(&problems, &env.env);
  }
  ttn_account_free(account);
  cli_env_free(&env);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_explained),
                                     cmocka_unit_test(test_list_reasons)};
  return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
