/* SPDX-License-Identifier: MIT */
/* Options as a user writes them, and the sentences that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "lib/testing.h"
#include "base/text.h"

/* Shaped like a key, but of no stack. */
#define KEY                                                                    \
  "NNSXS.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG."                             \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST"

static struct test_env outside;
#define env outside.env

static int start(void **state) {
  (void)state;
  test_env_init(&outside);
  return 0;
}

static int no_leak(void **state) {
  (void)state;
  return outside.blocks == 0 ? 0 : -1;
}

/* What was logged since the last call. */
static const char *log_since(void) {
  static char lines[sizeof(outside.log)];
  strcpy(lines, outside.log);
  outside.log[0] = '\0';
  return lines;
}

/* What the kernel has: ours stands before libc's. NULL: it can't be read. */
static const char *kernel_host = "box";

int gethostname(char *name, size_t size) {
  if (kernel_host == NULL || strlen(kernel_host) >= size) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(name, kernel_host);
  return 0;
}

/* -- lines of configuration -- */

static bool text(struct ttn_settings *s, const char *name, const char *value) {
  struct ttn_option option = {
      .name = name,
      .value = {.type = TTN_VALUE_STRING, .string = value},
      .n_values = 1,
  };
  return ttn_settings_option(&env, s, &option);
}

static bool number(struct ttn_settings *s, const char *name, double value) {
  struct ttn_option option = {
      .name = name,
      .value = {.type = TTN_VALUE_NUMBER, .number = value},
      .n_values = 1,
  };
  return ttn_settings_option(&env, s, &option);
}

static bool boolean(struct ttn_settings *s, const char *name, bool value) {
  struct ttn_option option = {
      .name = name,
      .value = {.type = TTN_VALUE_BOOLEAN, .boolean = value},
      .n_values = 1,
  };
  return ttn_settings_option(&env, s, &option);
}

static struct ttn_settings *home(void) {
  struct ttn_settings *s = ttn_settings_new(&env, "home");
  assert_non_null(s);
  return s;
}

/* -- tests -- */

static void test_defaults(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKey", KEY));
  assert_true(ttn_settings_finish(&env, s, 10 * TTN_SECOND));
  assert_string_equal(s->account, "home");
  assert_string_equal(s->api_key, KEY);
  assert_null(s->api_key_file);
  assert_true(s->url.https);
  assert_string_equal(s->url.host, "eu1.cloud.thethings.network");
  assert_int_equal(s->url.port, 443);
  assert_int_equal(s->interval, INT64_C(60000000000));
  assert_int_equal(s->timeout, INT64_C(45000000000));
  assert_int_equal(s->discovery_interval, INT64_C(300000000000));
  assert_int_equal(s->spread, INT64_C(20000000000));
  assert_null(s->host);
  assert_true(s->verify_peer && s->verify_host);
  assert_int_equal(s->family, TTN_FAMILY_ANY);
  assert_int_equal(s->http_version, TTN_HTTP_2);
  assert_int_equal(s->proxy_auth, TTN_PROXY_BASIC);
  assert_int_equal(s->max_connections, 4);
  assert_int_equal(s->shard_index, 1);
  assert_int_equal(s->shard_count, 1);
  assert_null(s->state_file);
  assert_true(s->notifications);
  assert_int_equal(s->offline_after, 0);
  assert_false(s->meta_data || s->events || s->traffic || s->ignore_selected);
  assert_int_equal(s->collect, 255);
  assert_int_equal(s->n_gateways + s->n_organizations + s->n_clusters, 0);
  assert_string_equal(log_since(), "");
  ttn_settings_free(&env, s);
}

static void test_every_option(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKeyFile", "/etc/collectd/ttn.key"));
  /* A Cluster line takes what it leaves out from the URL, even from below. */
  assert_true(text(s, "Cluster", "Other.example.org"));
  assert_true(text(s, "Cluster", "http://127.0.0.1:1885"));
  assert_true(text(s, "URL", "https://stack.example.org:8885/"));
  assert_true(number(s, "interval", 0.5)); /* collectd's names have no case */
  assert_true(number(s, "Timeout", 400));
  assert_true(number(s, "DiscoveryInterval", 30));
  assert_true(text(s, "Gateway", "roof"));
  assert_true(text(s, "Gateway", "/^lab-/"));
  assert_true(text(s, "Gateway", "attic-2"));
  assert_true(boolean(s, "IgnoreSelected", true));
  assert_true(text(s, "Organization", "my-org"));
  assert_true(text(s, "Host", "ttn.example.org"));
  assert_true(text(s, "CACert", "/etc/ssl/ca.pem"));
  assert_true(text(s, "ClientCert", "/etc/ssl/me.pem"));
  assert_true(text(s, "ClientKey", "/etc/ssl/me.key"));
  assert_true(text(s, "Proxy", ""));
  assert_true(text(s, "AddressFamily", "IPv6"));
  assert_true(text(s, "HTTPVersion", "1.1"));
  assert_true(text(s, "ProxyAuth", "Any"));
  assert_true(text(s, "Header", "X-Token: a b"));
  assert_true(text(s, "Header", "CF-Access-Client-Id:x"));
  assert_true(number(s, "MaxConnections", 64));
  assert_true(text(s, "Shard", "2/4"));
  assert_true(text(s, "StateFile", ""));
  assert_true(boolean(s, "Notifications", false));
  assert_true(number(s, "OfflineAfter", 300));
  assert_true(boolean(s, "Events", true));
  assert_true(boolean(s, "MetaData", true));
  assert_true(boolean(s, "Location", true));
  assert_true(boolean(s, "CollectAges", false));
  assert_true(boolean(s, "CollectAPI", false));
  assert_true(boolean(s, "CollectDetails", true));
  assert_true(ttn_settings_finish(&env, s, 10 * TTN_SECOND));
  assert_true(s->events);
  assert_string_equal(s->api_key_file, "/etc/collectd/ttn.key");
  assert_string_equal(s->url.host, "stack.example.org");
  assert_int_equal(s->url.port, 8885);
  assert_int_equal(s->interval, 500000000);
  assert_int_equal(s->timeout, 400000000);
  assert_int_equal(s->discovery_interval, INT64_C(30000000000));
  assert_int_equal(s->n_gateways, 3);
  assert_string_equal(s->gateways[0], "roof");
  assert_string_equal(s->gateways[1], "/^lab-/");
  assert_string_equal(s->gateways[2], "attic-2");
  assert_int_equal(s->n_clusters, 2);
  assert_true(s->clusters[0].https);
  assert_string_equal(s->clusters[0].host, "other.example.org");
  assert_int_equal(s->clusters[0].port, 8885);
  assert_false(s->clusters[1].https);
  assert_int_equal(s->clusters[1].port, 1885);
  assert_string_equal(s->proxy, "");
  assert_int_equal(s->family, TTN_FAMILY_IPV6);
  assert_int_equal(s->max_connections, 64);
  assert_int_equal(s->shard_index, 2);
  assert_int_equal(s->shard_count, 4);
  assert_string_equal(s->state_file, "");
  assert_false(s->notifications);
  assert_int_equal(s->offline_after, INT64_C(300000000000));
  assert_true(s->meta_data && s->ignore_selected);
  assert_int_equal(s->collect, (TTN_COLLECT_DEFAULT | TTN_COLLECT_LOCATION |
                                TTN_COLLECT_DETAILS) &
                                   ~TTN_COLLECT_AGES & ~TTN_COLLECT_API);
  struct ttn_http_options http;
  ttn_settings_http(s, &http);
  assert_string_equal(http.ca_cert, "/etc/ssl/ca.pem");
  assert_string_equal(http.client_cert, "/etc/ssl/me.pem");
  assert_string_equal(http.client_key, "/etc/ssl/me.key");
  assert_true(http.verify_peer && http.verify_host);
  assert_int_equal(http.family, TTN_FAMILY_IPV6);
  assert_int_equal(http.version, TTN_HTTP_1_1);
  assert_int_equal(http.proxy_auth, TTN_PROXY_ANY);
  assert_int_equal(http.n_headers, 2);
  assert_string_equal(http.headers[0], "X-Token: a b");
  assert_string_equal(http.headers[1], "CF-Access-Client-Id:x");
  assert_int_equal(http.max_streams, 32);
  assert_memory_equal(http.user_agent, "collectd-ttn/", 13);
  assert_string_equal(log_since(), "");
  ttn_settings_free(&env, s);
}

/* Each row: one line with a text, and what is said about it. */
static void test_wrong_texts(void **state) {
  static const struct {
    const char *name, *value, *said;
  } rows[] = {
      {"URL", "eu1.cloud.thethings.network",
       "ERROR account \"home\": URL \"eu1.cloud.thethings.network\" has no "
       "scheme; put https:// in front\n"},
      {"URL", "https://me:secret@example.org",
       "ERROR account \"home\": URL \"…\" holds a user name or an "
       "'@'; the key alone identifies you\n"},
      {"Cluster", "example.org/api",
       "ERROR account \"home\": Cluster \"example.org/api\" has more than "
       "host and port; leave out what follows the host, or write all of it, as "
       "https://HOST/PATH\n"},
      {"Gateway", "Roof",
       "ERROR account \"home\": Gateway \"Roof\" is not an id: 3 to 36 "
       "lower-case letters, digits and single hyphens, as the Console shows "
       "it\n"},
      {"Gateway", "/^lab",
       "ERROR account \"home\": Gateway \"/^lab\" is not a regular "
       "expression: write it between slashes, as in \"/^lab-/\"\n"},
      {"Gateway", "",
       "ERROR account \"home\": Gateway is empty: give it a value or take "
       "the line out\n"},
      {"Organization", "my_org",
       "ERROR account \"home\": Organization \"my_org\" is not an id: 3 to 36 "
       "lower-case letters, digits and single hyphens, as the Console shows "
       "it\n"},
      {"Scope", "everything",
       "ERROR account \"home\": Scope \"everything\" is none of mine|all\n"},
      {"AddressFamily", "inet",
       "ERROR account \"home\": AddressFamily \"inet\" is none of "
       "any|ipv4|ipv6\n"},
      {"HTTPVersion", "1",
       "ERROR account \"home\": HTTPVersion \"1\" is none of 2|1.1\n"},
      {"ProxyAuth", "kerberos",
       "ERROR account \"home\": ProxyAuth \"kerberos\" is none of "
       "basic|digest|ntlm|negotiate|any\n"},
      {"Header", "X-Token SECRET",
       "ERROR account \"home\": Header is not a header: write \"Name: "
       "value\"\n"},
      {"Header", "X-Token:  ",
       "ERROR account \"home\": Header is not a header: write \"Name: "
       "value\"\n"},
      {"Header", ": SECRET",
       "ERROR account \"home\": Header is not a header: write \"Name: "
       "value\"\n"},
      {"Header", "authorization: Bearer SECRET",
       "ERROR account \"home\": Header can't be Authorization: that is for "
       "the key alone, see APIKeyFile\n"},
      {"Header", "Proxy-authorization: Basic SECRET",
       "ERROR account \"home\": Header can't be Proxy-Authorization: see "
       "ProxyUserFile\n"},
      {"Header", "host: elsewhere",
       "ERROR account \"home\": Header can't be host: the plugin sends its "
       "own\n"},
      {"Header", "X-Token: SECRET\r\nHost: elsewhere",
       "ERROR account \"home\": Header holds a line end or another control "
       "character: write it on one line\n"},
      {"Shard", "5/4",
       "ERROR account \"home\": Shard \"5/4\" is not a shard: \"2/4\" is the "
       "second of four collectds, of 10000 at most, \"auto/4\" the one that "
       "the number at the end of the host name says\n"},
      {"Shard", "0/4",
       "ERROR account \"home\": Shard \"0/4\" is not a shard: \"2/4\" is the "
       "second of four collectds, of 10000 at most, \"auto/4\" the one that "
       "the number at the end of the host name says\n"},
      {"Shard", "1/2/3",
       "ERROR account \"home\": Shard \"1/2/3\" is not a shard: \"2/4\" is "
       "the second of four collectds, of 10000 at most, \"auto/4\" the one "
       "that the number at the end of the host name says\n"},
      {"Shard", "1/99999999999",
       "ERROR account \"home\": Shard \"1/99999999999\" is not a shard: "
       "\"2/4\" is the second of four collectds, of 10000 at most, \"auto/4\" "
       "the one that the number at the end of the host name says\n"},
      {"Shard", "auto/0",
       "ERROR account \"home\": Shard \"auto/0\" is not a shard: \"2/4\" is "
       "the second of four collectds, of 10000 at most, \"auto/4\" the one "
       "that the number at the end of the host name says\n"},
      {"Shard", "auto/3",
       "ERROR account \"home\": Shard \"auto/3\" needs a host name with a "
       "hyphen and a number at its end, as \"ttn-0\" for the first, and it is "
       "\"box\": change it, or write \"1/3\"\n"},
      {"Host", "two\nlines",
       "ERROR account \"home\": Host holds a line end or another control "
       "character: write it on one line\n"},
      {"Host", "B\xfcro",
       "ERROR account \"home\": Host is not UTF-8, and Prometheus would drop "
       "the whole scrape: save the configuration as UTF-8, or write it in "
       "ASCII\n"},
      {"Interval", "60",
       "ERROR account \"home\": Interval wants a number without quotes: "
       "Interval 60\n"},
      {"VerifyPeer", "true",
       "ERROR account \"home\": VerifyPeer wants true or false, without "
       "quotes: VerifyPeer true\n"},
      {"ProxyUserFile", "proxy.user",
       "ERROR account \"home\": ProxyUserFile \"proxy.user\" is read before "
       "collectd goes to its BaseDir: give a path that begins with /\n"},
      {"APIKeyFile", KEY,
       "ERROR account \"home\": APIKeyFile wants the name of a file; for the "
       "key itself there is APIKey\n"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    assert_false(text(s, rows[i].name, rows[i].value));
    assert_string_equal(log_since(), rows[i].said);
    ttn_settings_free(&env, s);
  }
}

static void test_wrong_numbers(void **state) {
  static const struct {
    const char *name;
    double value;
    const char *said;
  } rows[] = {
      {"Interval", 0,
       "ERROR account \"home\": Interval 0 is out of range: it can be 0.1 to "
       "86400 seconds\n"},
      {"Interval", -60,
       "ERROR account \"home\": Interval -60 is out of range: it can be 0.1 "
       "to 86400 seconds\n"},
      {"Timeout", 45,
       "ERROR account \"home\": Timeout 45 is out of range: it can be 100 to "
       "3600000 milliseconds\n"},
      {"Timeout", 450.5,
       "ERROR account \"home\": Timeout 450.5 must be a whole number of "
       "milliseconds\n"},
      {"MaxConnections", 1.5,
       "ERROR account \"home\": MaxConnections 1.5 must be a whole number\n"},
      {"MaxConnections", 1e300,
       "ERROR account \"home\": MaxConnections 1e+300 is out of range: it "
       "can be 1 to 64\n"},
      {"OfflineAfter", 604801,
       "ERROR account \"home\": OfflineAfter 604801 is out of range: it can "
       "be 0 to 604800 seconds\n"},
      {"Gateway", 12345,
       "ERROR account \"home\": Gateway 12345 must be in quotes, else "
       "collectd reads it as a number: Gateway \"…\"\n"},
      {"APIKey", 12345,
       "ERROR account \"home\": APIKey must be in quotes: APIKey \"…\"\n"},
      {"MetaData", 1,
       "ERROR account \"home\": MetaData wants true or false, without "
       "quotes: MetaData false\n"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    assert_false(number(s, rows[i].name, rows[i].value));
    assert_string_equal(log_since(), rows[i].said);
    ttn_settings_free(&env, s);
  }
  struct ttn_settings *s = home();
  assert_false(number(s, "Interval", 0.0 / 0.0));
  assert_non_null(strstr(log_since(), "Interval"));
  ttn_settings_free(&env, s);
}

static void test_wrong_shapes(void **state) {
  static const struct {
    struct ttn_option option;
    const char *said;
  } rows[] = {
      {{.name = "Gateway",
        .value = {.type = TTN_VALUE_STRING, .string = "my"},
        .n_values = 2},
       "ERROR account \"home\": Gateway has 2 values where one belongs: a "
       "text must be in quotes\n"},
      {{.name = "Interval",
        .value = {.type = TTN_VALUE_NUMBER, .number = 60},
        .n_values = 3},
       "ERROR account \"home\": Interval has 3 values where one belongs\n"},
      {{.name = "APIKeyFile"},
       "ERROR account \"home\": APIKeyFile has no value: write APIKeyFile "
       "\"FILE\"\n"},
      {{.name = "Interval"},
       "ERROR account \"home\": Interval has no value: write Interval "
       "SECONDS\n"},
      {{.name = "Gateway",
        .value = {.type = TTN_VALUE_STRING, .string = "roof"},
        .n_values = 1,
        .n_children = 1},
       "ERROR account \"home\": Gateway is not a block: write it on one "
       "line, Gateway ID|/REGEX/\n"},
      {{.name = "Host",
        .value = {.type = TTN_VALUE_BOOLEAN, .boolean = true},
        .n_values = 1},
       "ERROR account \"home\": Host must be in quotes: Host \"…\"\n"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    assert_false(ttn_settings_option(&env, s, &rows[i].option));
    assert_string_equal(log_since(), rows[i].said);
    ttn_settings_free(&env, s);
  }
}

/* What is no option is ignored, but not in silence; and its value, which could
 * be a key, is not shown. */
#define LONG40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
static void test_unknown_options(void **state) {
  static const struct {
    const char *name, *said;
  } rows[] = {
      {"Intervall", "there is no option Intervall, it is ignored; did you "
                    "mean Interval?"},
      {"apikyfile", "there is no option apikyfile, it is ignored; did you "
                    "mean APIKeyFile?"},
      {"CollectRoundTrips", "there is no option CollectRoundTrips, it is "
                            "ignored; did you mean CollectRoundTripTimes?"},
      {"API_Key",
       "there is no option API_Key, it is ignored; did you mean APIKey?"},
      {"Colour", "there is no option Colour, it is ignored"},
      {"X", "there is no option X, it is ignored"},
      {"AnOptionWithANameThatIsLongerThanAnyOfOursCouldBe",
       "there is no option AnOptionWithANameThatIsLongerThanAnyOfOursCouldBe, "
       "it is ignored"},
      {LONG40 LONG40 LONG40 LONG40,
       "there is no option " LONG40 "xxxxxxxxxxxxxxxxxxxx, it is ignored"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char line[300];
    struct ttn_settings *s = home();
    assert_true(text(s, rows[i].name, KEY));
    ttn_print(line, sizeof(line), "WARNING account \"home\": %s\n",
              rows[i].said);
    assert_string_equal(log_since(), line);
    ttn_settings_free(&env, s);
  }
}

static void test_bad_key_is_not_shown(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_false(text(s, "APIKey", "NNSXS.WITH BLANK.SECRETSECRET"));
  const char *said = log_since();
  assert_memory_equal(said, "ERROR account \"home\": APIKey ", 29);
  assert_null(strstr(said, "NNSXS.W"));
  assert_null(strstr(said, "SECRETSECRET"));
  ttn_settings_free(&env, s);
}

static void test_key_missing_or_twice(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(
      log_since(),
      "ERROR account \"home\": APIKeyFile (or APIKey) is missing: make a "
      "personal API key in the stack's Console with the rights \"list gateways "
      "the user is a collaborator of\" (RIGHT_USER_GATEWAYS_LIST) and \"view "
      "gateway status\" (RIGHT_GATEWAY_STATUS_READ)\n");
  assert_true(text(s, "APIKey", KEY));
  assert_true(text(s, "APIKeyFile", "/k"));
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(log_since(),
                      "ERROR account \"home\": APIKey and APIKeyFile don't go "
                      "together: keep one of them\n");
  ttn_settings_free(&env, s);
}

static void test_options_together(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKeyFile", "ttn.key"));
  assert_string_equal(
      log_since(), "WARNING account \"home\": APIKeyFile \"ttn.key\" is "
                   "looked for in collectd's BaseDir; better give a path that "
                   "begins with /\n");
  assert_true(text(s, "Host", "a"));
  assert_true(text(s, "Host", "b"));
  assert_string_equal(log_since(), "WARNING account \"home\": Host is given "
                                   "twice; the last line counts\n");
  assert_string_equal(s->host, "b");
  assert_true(text(s, "ClientKey", "/k"));
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(log_since(),
                      "ERROR account \"home\": ClientKey belongs to a "
                      "certificate: ClientCert is missing\n");
  ttn_settings_free(&env, s);
}

static void test_proxy_user(void **state) {
  static const struct {
    const char *holds; /* NULL: there is no such file */
    const char *proxy;
    mode_t mode;
    const char *said; /* "": the line is used */
  } rows[] = {
      {"mole:burrow7\n", NULL, 0600, ""},
      {"  mole:bur:row 7\r\n", "http://proxy", 0644, "can be read by others"},
      {"mole burrow7\n", NULL, 0600, "has no colon"},
      {"mole:a\nmole:b\n", NULL, 0600, "has two lines"},
      {"", NULL, 0600, "is empty; put the user:password into it"},
      {NULL, NULL, 0600, "can't be read"},
      {"mole:burrow7\n", "http://me:word@proxy", 0600, "keep one of them"},
  };
  char path[] = "/tmp/ttn-settings-XXXXXX";
  int fd = mkstemp(path);
  (void)state;
  assert_true(fd >= 0 && close(fd) == 0);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    unlink(path);
    if (rows[i].holds != NULL) {
      FILE *file = fopen(path, "w");
      assert_non_null(file);
      fputs(rows[i].holds, file);
      assert_int_equal(fclose(file) | chmod(path, rows[i].mode), 0);
    }
    assert_true(text(s, "APIKey", KEY) && text(s, "ProxyUserFile", path));
    assert_true(rows[i].proxy == NULL || text(s, "Proxy", rows[i].proxy));
    bool good = ttn_settings_finish(&env, s, 0);
    const char *said = log_since();
    assert_int_equal(good, i < 2);
    if (strstr(said, rows[i].said) == NULL || strstr(said, "row") != NULL ||
        (rows[i].said[0] == '\0' && said[0] != '\0'))
      fail_msg("%zu: %s", i, said);
    if (good)
      assert_string_equal(s->proxy_user,
                          i == 0 ? "mole:burrow7" : "mole:bur:row 7");
    ttn_settings_free(&env, s);
  }
  unlink(path);
}

/* The pods of a StatefulSet, each with its own share. */
static void test_shard_of_host(void **state) {
  static const struct {
    const char *host, *shard;
    int index; /* 0: refused, with `said` in the message */
    const char *said;
  } rows[] = {
      {"ttn-0", "auto/1", 1, ""},
      {"ttn-0", "auto/3", 1, ""},
      {"ttn-2", "auto/3", 3, ""},
      {"ttn-9999.ttn.local", "auto/10000", 10000, ""},
      {"ttn-3", "auto/3", 0,
       "Shard \"auto/3\" is for host names that end with -0 to -2, and it is "
       "\"ttn-3\": write the number of collectds behind the slash\n"},
      {"ttn", "auto/3", 0, "needs a host name with a hyphen and a number"},
      {NULL, "auto/3", 0, "needs a host name: File name too long"},
      {"ttn-0", "auto", 0, "is not a shard"},
      {"ttn-0", "auto/", 0, "is not a shard"},
      {"ttn-0", "auto/1/2", 0, "is not a shard"},
      {"ttn-0", "auto/10001", 0, "is not a shard"},
      {"ttn-0", "auto/-1", 0, "is not a shard"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    kernel_host = rows[i].host;
    bool good = text(s, "Shard", rows[i].shard);
    kernel_host = "box";
    const char *said = log_since();
    if (good != (rows[i].index > 0) || strstr(said, rows[i].said) == NULL ||
        (good && said[0] != '\0'))
      fail_msg("%zu: %s", i, said);
    assert_int_equal(s->shard_index, good ? rows[i].index : 1);
    assert_int_equal(s->shard_count, good ? atoi(rows[i].shard + 5) : 1);
    ttn_settings_free(&env, s);
  }
}

/* A key that was written where it does not belong is not repeated. */
static void test_key_in_wrong_place(void **state) {
  static const char *const options[] = {
      "URL",      "Gateway", "Organization",  "Cluster",   "AddressFamily",
      "Shard",    "CACert",  "APIKeyFile",    "Host",      "StateFile",
      "Interval", "Header",  "ProxyUserFile", "ProxyAuth", "HTTPVersion"};
  (void)state;
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
    struct ttn_settings *s = home();
    (void)text(s, options[i], KEY);
    (void)text(s, options[i], "https://" KEY "@eu1.example.org");
    (void)text(s, options[i], "Bearer " KEY);
    const char *said = log_since();
    if (strstr(said, "NNSXS.A") != NULL || strstr(said, "QRST") != NULL)
      fail_msg("%s: %s", options[i], said);
    ttn_settings_free(&env, s);
  }
  struct ttn_settings *s = home();
  assert_true(text(s, KEY, "x"));
  assert_string_equal(
      log_since(), "WARNING account \"home\": there is no option NNSXS.*****"
                   "*************************************************, it is "
                   "ignored\n");
  ttn_settings_free(&env, s);
}

static void test_unsafe_options(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKey", KEY));
  assert_true(text(s, "URL", "http://stack.example.org:1885"));
  assert_true(text(s, "Cluster", "https://a.example.org"));
  assert_true(text(s, "Cluster", "b.example.org"));
  assert_true(boolean(s, "VerifyHost", false));
  assert_true(boolean(s, "AllowPlainHTTP", true));
  assert_true(ttn_settings_finish(&env, s, 0));
  assert_string_equal(
      log_since(),
      "WARNING account \"home\": URL http://stack.example.org:1885: the API "
      "key goes over the network in clear text; use https://\n"
      "WARNING account \"home\": Cluster http://b.example.org:1885: the API "
      "key goes over the network in clear text; use https://\n"
      "WARNING account \"home\": VerifyHost false: anybody between this "
      "host and the stack can read the API key; CACert is the safe way to "
      "trust a certificate of your own\n");
  ttn_settings_free(&env, s);
}

/* The URL costs the account, a Cluster line only itself. */
static void test_plain_http_refused(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKey", KEY));
  assert_true(text(s, "URL", "http://stack.example.org:1885"));
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(
      log_since(),
      "ERROR account \"home\": URL http://stack.example.org:1885 is not used: "
      "the API key would go over the network in clear text; use https://, or "
      "allow that with AllowPlainHTTP true\n");
  ttn_settings_free(&env, s);

  s = home();
  assert_true(text(s, "APIKey", KEY));
  assert_true(text(s, "Cluster", "a.example.org"));
  assert_true(text(s, "Cluster", "http://b.example.org"));
  assert_true(text(s, "Cluster", "http://127.0.0.2:1885"));
  assert_true(ttn_settings_finish(&env, s, 0));
  assert_string_equal(
      log_since(),
      "ERROR account \"home\": Cluster http://b.example.org is not used: the "
      "API key would go over the network in clear text; use https://, or allow "
      "that with AllowPlainHTTP true\n");
  assert_int_equal(s->n_clusters, 2);
  assert_string_equal(s->clusters[0].host, "a.example.org");
  assert_string_equal(s->clusters[1].host, "127.0.0.2");
  ttn_settings_free(&env, s);
}

static void test_scope(void **state) {
  (void)state;
  struct ttn_settings *s = home();
  assert_int_equal(s->scope, TTN_SCOPE_MINE);
  assert_true(text(s, "APIKey", KEY));
  assert_true(text(s, "Scope", "All"));
  assert_int_equal(s->scope, TTN_SCOPE_ALL);
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(log_since(),
                      "ERROR account \"home\": Scope \"all\" needs URL: the "
                      "stack that you operate\n");
  assert_true(text(s, "URL", "https://stack.example.org"));
  assert_true(ttn_settings_finish(&env, s, 0));
  assert_string_equal(log_since(), "");
  assert_true(text(s, "Organization", "my-org"));
  assert_false(ttn_settings_finish(&env, s, 0));
  assert_string_equal(log_since(),
                      "ERROR account \"home\": Scope \"all\" and Organization "
                      "don't go together: keep one of them\n");
  ttn_settings_free(&env, s);
}

static void test_plain_http_here(void **state) {
  static const struct {
    const char *url;
    bool good;
  } rows[] = {
      {"http://localhost", true},
      {"http://LOCALHOST.:1885", true},
      {"http://127.0.0.1:1885", true},
      {"http://127.255.255.254", true},
      {"http://[::1]:1885", true},
      {"http://[0:0::0:1]", true},
      {"http://128.0.0.1", false},
      {"http://126.255.255.255", false},
      {"http://0.0.0.0", false},
      {"http://10.0.0.1", false},
      {"http://[::]", false},
      {"http://[::2]", false},
      {"http://[::ffff:127.0.0.1]", false},
      {"http://localhost.example", false},
      {"http://a.localhost", false},
      {"http://127.0.0.1.example", false},
      {"http://localhost-1", false},
      {"https://10.0.0.1", true},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = home();
    assert_true(text(s, "APIKey", KEY));
    assert_true(text(s, "URL", rows[i].url));
    if (ttn_settings_finish(&env, s, 0) != rows[i].good)
      fail_msg("%s", rows[i].url);
    assert_int_equal(log_since()[0] == '\0', rows[i].good);
    ttn_settings_free(&env, s);
  }
}

/* 0: not given. */
static struct ttn_settings *with_times(double interval, double timeout) {
  struct ttn_settings *s = home();
  assert_true(text(s, "APIKey", KEY));
  if (interval > 0)
    assert_true(number(s, "Interval", interval));
  if (timeout > 0)
    assert_true(number(s, "Timeout", timeout));
  return s;
}

static void test_interval_and_timeout(void **state) {
  static const struct {
    double interval, timeout; /* 0: not given */
    int64_t plugin, interval_ns, timeout_ns;
    bool warned;
  } rows[] = {
      {0, 0, INT64_C(10000000000), INT64_C(60000000000), INT64_C(45000000000),
       false},
      {0, 0, INT64_C(300000000000), INT64_C(300000000000), INT64_C(45000000000),
       false},
      {20, 0, INT64_C(10000000000), INT64_C(20000000000), INT64_C(20000000000),
       false},
      {20, 45000, INT64_C(10000000000), INT64_C(20000000000),
       INT64_C(45000000000), true},
      {0, 90000, INT64_C(10000000000), INT64_C(60000000000),
       INT64_C(90000000000), true},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = with_times(rows[i].interval, rows[i].timeout);
    assert_true(ttn_settings_finish(&env, s, rows[i].plugin));
    assert_int_equal(s->interval, rows[i].interval_ns);
    assert_int_equal(s->timeout, rows[i].timeout_ns);
    assert_int_equal(strstr(log_since(), "longer than the interval") != NULL,
                     rows[i].warned);
    ttn_settings_free(&env, s);
  }
}

static void test_spread(void **state) {
  static const struct {
    double interval, timeout, spread; /* 0, 0, -1: not given */
    double used;
    const char *warning;
  } rows[] = {
      {0, 0, -1, 20, NULL},
      {300, 0, -1, 22.5, NULL},
      {9, 0, -1, 3, NULL},
      {9, 60000, -1, 3, NULL},
      {0, 10000, -1, 5, NULL},
      {0, 0, 0, 0, NULL},
      {0, 0, 12.5, 12.5, NULL},
      {0, 0, 22.5, 22.5, NULL},
      {0, 0, 30, 22.5,
       "Spread 30 s is longer than half of Timeout: 22.5 s are used"},
      {9, 0, 5, 4.5, "Spread 5 s is longer than half of Interval: 4.5 s are"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = with_times(rows[i].interval, rows[i].timeout);
    if (rows[i].spread >= 0)
      assert_true(number(s, "Spread", rows[i].spread));
    assert_true(ttn_settings_finish(&env, s, 10 * TTN_SECOND));
    assert_int_equal(s->spread, (int64_t)(rows[i].used * TTN_SECOND));
    const char *log = log_since();
    assert_int_equal(strstr(log, "Spread") != NULL, rows[i].warning != NULL);
    if (rows[i].warning != NULL)
      assert_non_null(strstr(log, rows[i].warning));
    ttn_settings_free(&env, s);
  }
  struct ttn_settings *s = home();
  assert_false(number(s, "Spread", -1));
  assert_false(number(s, "Spread", 1801));
  ttn_settings_free(&env, s);
  log_since();
}

static void test_place(void **state) {
  static const struct {
    const char *account, *state_file, *base, *path, *shard;
  } rows[] = {
      {"home", NULL, "/var/lib/collectd", "/var/lib/collectd/ttn/home.state",
       NULL},
      {"a/b c%", NULL, "/b", "/b/ttn/a%2Fb%20c%25.state", NULL},
      {"..", NULL, "/b", "/b/ttn/%2E..state", NULL},
      {"caf\xc3\xa9", NULL, "/b", "/b/ttn/caf%C3%A9.state", NULL},
      {"home", "/x/y", "/b", "/x/y", NULL},
      {"home", "y", "/b", "/b/y", NULL},
      {"home", "", "/b", "", NULL},
      {"home", "y", "relative", "y", NULL},
      {"home", NULL, NULL, "ttn/home.state", NULL},
      {"home", NULL, "/b", "/b/ttn/home.state", "1/4"},
      {"home", NULL, "/b", "/b/ttn/home.state.2", "2/4"},
      {"home", "/x/y", "/b", "/x/y.10000", "10000/10000"},
      {"home", "y", NULL, "y.3", "3/4"},
      {"home", "", "/b", "", "2/4"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct ttn_settings *s = ttn_settings_new(&env, rows[i].account);
    assert_non_null(s);
    if (rows[i].state_file != NULL)
      assert_true(text(s, "StateFile", rows[i].state_file));
    if (rows[i].shard != NULL)
      assert_true(text(s, "Shard", rows[i].shard));
    assert_true(ttn_settings_place(&env, s, "box", rows[i].base));
    assert_string_equal(s->state_file, rows[i].path);
    assert_string_equal(s->host, "box");
    ttn_settings_free(&env, s);
  }
}

static void test_account_names(void **state) {
  char longest[129];
  (void)state;
  memset(longest, 'a', 128);
  longest[128] = '\0';
  assert_null(ttn_settings_new(&env, longest));
  assert_null(ttn_settings_new(&env, ""));
  assert_null(ttn_settings_new(&env, "two\nlines"));
  (void)log_since();
  assert_null(ttn_settings_new(&env, "B\xfcro")); /* Latin-1 */
  assert_string_equal(
      log_since(),
      "ERROR <Account \"B?ro\"> is left out: an account needs a name of 1 to "
      "127 bytes of UTF-8 without control characters; if it has others than "
      "ASCII, save the configuration as UTF-8\n");
  assert_null(ttn_settings_new(&env, "B\xc2\x85ro")); /* U+0085, a line end */
  assert_non_null(strstr(log_since(), "<Account \"B?ro\"> is left out"));
  longest[127] = '\0';
  struct ttn_settings *s = ttn_settings_new(&env, longest);
  assert_non_null(s);
  assert_true(ttn_settings_place(&env, s, "box", "/b"));
  assert_int_equal(strlen(s->state_file), 3 + 4 + 127 + 6);
  ttn_settings_free(&env, s);
}

/* The table, as manual and example read it. */
static void test_info(void **state) {
  size_t n = 0;
  (void)state;
  for (const struct ttn_option_info *info; (info = ttn_settings_info(n)); n++) {
    assert_non_null(info->name);
    assert_non_null(info->value);
    for (size_t i = 0; i < n; i++)
      assert_string_not_equal(ttn_settings_info(i)->name, info->name);
  }
  assert_int_equal(n, 44);
}

/* An account with an option of each kind, while memory fails. */
static void take_all(struct test_env *test, void *arg) {
  struct ttn_settings *s = ttn_settings_new(&env, "home");
  (void)arg;
  bool good = s != NULL && text(s, "APIKey", KEY) && text(s, "Host", "a") &&
              text(s, "Gateway", "roof") && text(s, "Gateway", "attic") &&
              text(s, "Gateway", "/x/") && text(s, "Organization", "org") &&
              text(s, "Cluster", "a.example.org") &&
              text(s, "Cluster", "b.example.org") &&
              text(s, "Header", "X-Token: 1") && text(s, "Header", "X-B: 2") &&
              ttn_settings_finish(&env, s, 0) &&
              ttn_settings_place(&env, s, "box", "/var/lib/collectd");
  ttn_settings_free(&env, s);
  bool failed = test->fail_at <= test->calls;
  assert_int_equal(good, !failed);
  assert_string_equal(log_since(),
                      failed ? "ERROR account \"home\": no memory for its "
                               "options\n"
                             : "");
}

static void test_no_memory(void **state) {
  (void)state;
  test_fail_each(&outside, take_all, NULL);
  assert_true(outside.calls > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_defaults, start, no_leak),
      cmocka_unit_test_setup_teardown(test_every_option, start, no_leak),
      cmocka_unit_test_setup_teardown(test_wrong_texts, start, no_leak),
      cmocka_unit_test_setup_teardown(test_wrong_numbers, start, no_leak),
      cmocka_unit_test_setup_teardown(test_wrong_shapes, start, no_leak),
      cmocka_unit_test_setup_teardown(test_unknown_options, start, no_leak),
      cmocka_unit_test_setup_teardown(test_bad_key_is_not_shown, start,
                                      no_leak),
      cmocka_unit_test_setup_teardown(test_key_missing_or_twice, start,
                                      no_leak),
      cmocka_unit_test_setup_teardown(test_options_together, start, no_leak),
      cmocka_unit_test_setup_teardown(test_proxy_user, start, no_leak),
      cmocka_unit_test_setup_teardown(test_shard_of_host, start, no_leak),
      cmocka_unit_test_setup_teardown(test_key_in_wrong_place, start, no_leak),
      cmocka_unit_test_setup_teardown(test_unsafe_options, start, no_leak),
      cmocka_unit_test_setup_teardown(test_plain_http_refused, start, no_leak),
      cmocka_unit_test_setup_teardown(test_scope, start, no_leak),
      cmocka_unit_test_setup_teardown(test_plain_http_here, start, no_leak),
      cmocka_unit_test_setup_teardown(test_interval_and_timeout, start,
                                      no_leak),
      cmocka_unit_test_setup_teardown(test_spread, start, no_leak),
      cmocka_unit_test_setup_teardown(test_place, start, no_leak),
      cmocka_unit_test_setup_teardown(test_account_names, start, no_leak),
      cmocka_unit_test_setup_teardown(test_info, start, no_leak),
      cmocka_unit_test_setup_teardown(test_no_memory, start, no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
