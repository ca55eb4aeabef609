/* SPDX-License-Identifier: MIT */
/* What a report must not tell: each kind of name in each kind of sentence, with
 * and without --report-ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/disguise.h"
#include "lib/testing.h"

#include <stdlib.h>

/* As long as a message quotes. */
#define LONG "a-scope-of-sixty-characters-that-is-far-too-long-for-a-scope"

static struct given_option given[] = {
    {.name = "Header", .value = {.string = "X-Door: open sesame"}},
    {.name = "Proxy", .value = {.string = "http://mole:burrow7@proxy:3128"}},
    {.name = "Organization", .value = {.string = "town"}},
    {.name = "Organization", .value = {.string = "village"}},
    {.name = "Gateway", .value = {.string = "roof"}},
    {.name = "Gateway", .value = {.string = "cellar"}},
    {.name = "Gateway", .value = {.string = "/^lab/"}},
    {.name = "Host", .value = {.string = "Berlin"}},
    {.name = "APIKey", .value = {.string = "odd-key"}},
    {.name = "URL", .value = {.string = "stack1"}},
    {.name = "Cluster", .value = {.string = "stack2:99999"}},
    {.name = "Gateway", .value = {.string = "/(church/"}},
    {.name = "AddressFamily", .value = {.string = "secret"}},
    {.name = "HTTPVersion", .value = {.string = "1.1"}},
    {.name = "Shard", .value = {.string = "shed/7"}},
    {.name = "Scope", .value = {.string = LONG "beyond"}},
};
static struct ttn_endpoint network = {.https = true,
                                      .host = "eu1.cloud.thethings.network",
                                      .port = 443},
                           tenant = {.https = true,
                                     .host =
                                         "acme.nam1.cloud.thethings.industries",
                                     .port = 443},
                           own = {.https = true,
                                  .host = "stack.example.org",
                                  .port = 8885};
static struct row rows[] = {
    {.seen = {.id = "alice-gw-1"}},
    {.seen = {.id = "far", .address = "gs.example.net"},
     .why = UNKNOWN_UNTRUSTED},
    {.seen = {.id = "roof"}},
};
static struct ttn_host_status hosts[] = {
    {.endpoint = &network}, {.endpoint = &tenant}, {.endpoint = &own}};
static const struct ttn_auth_info key = {.kind = TTN_KEY_USER,
                                         .entity_id = "alice"};

struct world {
  struct cli_env env;
  struct options options;
  struct snapshot snap;
  struct disguise disguise;
};

static void open_world(struct world *w, const struct ttn_env *under,
                       bool keep) {
  *w = (struct world){
      .options = {
          .list = {.items = given, .n = sizeof(given) / sizeof(given[0])}}};
  cli_env_init(&w->env, under);
  w->snap = (struct snapshot){.env = &w->env,
                              .options = &w->options,
                              .rows = rows,
                              .n_rows = 3,
                              .untrusted = {{.host = "gs.example.net"}},
                              .n_untrusted = 1,
                              .hosts = hosts,
                              .status = {.n_hosts = 3, .key = &key}};
  disguise_open(&w->disguise, &w->snap, keep);
}

static void check_sentence(const struct world *w, const char *s,
                           const char *wanted) {
  struct text text = {.env = &ttn_env_system};
  disguise_add(&w->disguise, &text, s);
  assert_string_equal(text.bytes, wanted);
  text_free(&text);
}

static const char *const sentences[][2] = {
    /* names that are known */
    {"2 gateways are unknown: alice-gw-1, roof.",
     "2 gateways are unknown: gw-1, gw-3."},
    {"Organization \"village\": gateway cellar",
     "Organization \"org-2\": gateway gw-4"},
    {"alice has my key", "<key's owner> has my key"},
    {"at Berlin", "at <Host>"},
    {"alice-gw-10 and roofs stay", "alice-gw-10 and roofs stay"},
    /* values that are refused */
    {"--url \"stack1\" has no scheme", "--url \"<URL>\" has no scheme"},
    {"--cluster \"stack2:99999\" holds no valid port",
     "--cluster \"<URL>\" holds no valid port"},
    {"--gateway \"/(church/\" is not, as in \"/^lab-/\"",
     "--gateway \"/…/\" is not, as in \"/^lab-/\""},
    {"AddressFamily \"secret\" is none of any|ipv4|ipv6",
     "AddressFamily \"…\" is none of any|ipv4|ipv6"},
    {"HTTPVersion \"1.1\", Shard \"shed/7\"",
     "HTTPVersion \"1.1\", Shard \"…\""},
    {"Scope \"" LONG "\" is none of", "Scope \"…\" is none of"},
    /* hosts, known or not */
    {"https://eu1.cloud.thethings.network: could not connect",
     "The Things Network eu1: could not connect"},
    {"https://acme.nam1.cloud.thethings.industries/x answered",
     "The Things Industries cloud nam1 answered"},
    {"https://stack.example.org:8885: list", "self-hosted 3 port 8885: list"},
    {"connect to Stack.Example.org:8885 failed",
     "connect to self-hosted 3:8885 failed"},
    {"because gs.example.net may not", "because self-hosted 4 may not"},
    {"moved to http://login:pass@other.example/", "moved to <URL>"},
    {"for other.example, and x.y.zz:80.", "for <host>, and <host>."},
    {"could not resolve proxy", "could not resolve <proxy>"},
    /* what has the form of one */
    {"connect to 10.0.0.1 port 443: Connection refused",
     "connect to <IP address> port 443: Connection refused"},
    {"at [fe80::1%eth0]:443 or ::1,", "at <IP address> or <IP address>,"},
    {"EUI 00800000C0000001 of me@example.org", "EUI <EUI> of <address>"},
    {"error setting /etc/ssl/alice.pem", "error setting <path>"},
    {"--key-file \"/home/my name/a key\" can't be read",
     "--key-file \"<path>\" can't be read"},
    {"subject name 'printer' does not match (the key's own)",
     "subject name '…' does not match (the key's own)"},
    /* what stays */
    {"answered 403, pkg/auth/rights:no_user_rights",
     "answered 403, pkg/auth/rights:no_user_rights"},
    {"OpenSSL/3.0.15: error:0A00010B:SSL routines::wrong version number",
     "OpenSSL/3.0.15: error:0A00010B:SSL routines::wrong version number"},
    {"the key lacks the right \"view gateway status\" "
     "(RIGHT_GATEWAY_STATUS_READ): a gateway's own",
     "the key lacks the right \"view gateway status\" "
     "(RIGHT_GATEWAY_STATUS_READ): a gateway's own"},
    {"see collectd.conf, round_trip_times.count, 7.88.1, 0.5 s",
     "see collectd.conf, round_trip_times.count, 7.88.1, 0.5 s"},
    {"", NULL},
};

static void test_sentences(void **state) {
  (void)state;
  struct world w;
  open_world(&w, &ttn_env_system, false);
  assert_false(w.disguise.failed);
  for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
    if (sentences[i][1] != NULL)
      check_sentence(&w, sentences[i][0], sentences[i][1]);
  disguise_free(&w.disguise);
}

/* Secrets go in both ways, also within a word. */
static void test_secrets(void **state) {
  (void)state;
  for (int keep = 0; keep < 2; keep++) {
    struct world w;
    open_world(&w, &ttn_env_system, keep != 0);
    check_sentence(&w, "it said Open Sesame, xburrow7y and odd-key",
                   "it said ***, x***y and ***");
    check_sentence(&w, "login mole:burrow7", "login ***");
    disguise_free(&w.disguise);
  }
}

static void test_kept(void **state) {
  (void)state;
  struct world w;
  char shown[DISGUISE_SHOWN];
  open_world(&w, &ttn_env_system, true);
  static const char s[] = "https://stack.example.org:8885: alice-gw-1 of "
                          "alice at 10.0.0.1, '/x' and /etc/x";
  check_sentence(&w, s, s);
  assert_string_equal(disguise_host(&w.disguise, "stack.example.org", shown),
                      "stack.example.org");
  disguise_free(&w.disguise);
}

static void check_file(const struct world *w, const char *path,
                       const char *wanted) {
  struct text text = {.env = &ttn_env_system};
  disguise_add_file(&w->disguise, &text, path);
  assert_string_equal(text.bytes, wanted);
  text_free(&text);
}

/* The key of a gateway that the poll did not find. */
static void test_own_key(void **state) {
  static const struct ttn_auth_info own_key = {.kind = TTN_KEY_GATEWAY,
                                               .entity_id = "rooftop-acme"};
  struct world w;
  (void)state;
  open_world(&w, &ttn_env_system, false);
  disguise_free(&w.disguise);
  w.snap.status.key = &own_key;
  disguise_open(&w.disguise, &w.snap, false);
  check_sentence(&w, "the key is gateway rooftop-acme's own",
                 "the key is gateway <key's owner>'s own");
  disguise_free(&w.disguise);
}

static void test_files(void **state) {
  (void)state;
  struct world w;
  open_world(&w, &ttn_env_system, false);
  check_file(&w, "/home/alice/ttn-home.key", "ttn-home.key");
  check_file(&w, "roof.key", "gw-3.key");
  check_file(&w, "/etc/town.key", "org-1.key");
  disguise_free(&w.disguise);
}

static void disguise_once(struct test_env *test, void *arg) {
  struct world w;
  (void)arg;
  open_world(&w, &test->env, false);
  bool reached = test->fail_at > 0 && test->calls >= test->fail_at;
  assert_true(w.disguise.failed == reached);
  disguise_free(&w.disguise);
}

static void test_memory(void **state) {
  (void)state;
  struct test_env test;
  test_env_init(&test);
  test_fail_each(&test, disguise_once, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sentences), cmocka_unit_test(test_secrets),
      cmocka_unit_test(test_kept),      cmocka_unit_test(test_files),
      cmocka_unit_test(test_own_key),   cmocka_unit_test(test_memory),
  };
  unsetenv("https_proxy");
  unsetenv("HTTPS_PROXY");
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  unsetenv("ALL_PROXY");
  return cmocka_run_group_tests_name("disguise", tests, NULL, NULL);
}
