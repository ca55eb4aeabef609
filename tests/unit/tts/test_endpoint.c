/* SPDX-License-Identifier: MIT */
/* URLs, addresses, and the rule that says which hosts may have the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tts/endpoint.h"
#include "lib/testing.h"

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"
#define L61 "a234567890123456789012345678901234567890123456789012345678901"
#define HOST253 L63 "." L63 "." L63 "." L61

static void test_url(void **state) {
  static const struct {
    const char *url, *printed; /* NULL: an error that says `why` */
    const char *why;
  } cases[] = {
      {"https://eu1.cloud.thethings.network",
       "https://eu1.cloud.thethings.network", ""},
      {"https://eu1.cloud.thethings.network/",
       "https://eu1.cloud.thethings.network", ""},
      {"HTTPS://EU1.Cloud.TheThings.Network:443/",
       "https://eu1.cloud.thethings.network", ""},
      {"https://stack.example.org.", "https://stack.example.org", ""},
      {"https://stack.example.org:8885", "https://stack.example.org:8885", ""},
      {"http://localhost:1885", "http://localhost:1885", ""},
      {"http://the_stack:80", "http://the_stack", ""},
      {"http://stack:443", "http://stack:443", ""},
      {"https://stack:80", "https://stack:80", ""},
      {"https://192.0.2.1", "https://192.0.2.1", ""},
      {"https://[2001:DB8:0::1]:8885", "https://[2001:db8::1]:8885", ""},
      {"https://[::ffff:192.0.2.1]", "https://[::ffff:192.0.2.1]", ""},
      {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example", ""},
      {"https://1.example", "https://1.example", ""},
      {"", NULL, "is empty"},
      {"eu1.cloud.thethings.network", NULL, "put https:// in front"},
      {"eu1.cloud.thethings.network:443", NULL, "put https:// in front"},
      {"//stack", NULL, "put https:// in front"},
      {"https:/stack", NULL, "put https:// in front"},
      {"https:stack", NULL, "put https:// in front"},
      {"://stack", NULL, "put https:// in front"},
      {" https://stack", NULL, "put https:// in front"},
      {"ftp://stack", NULL, "other than https and http"},
      {"httpss://stack", NULL, "other than https and http"},
      {"file:///etc/passwd", NULL, "other than https and http"},
      {"https://stack/lorawan", "https://stack/lorawan", ""},
      {"https://stack:8885/a/B_1.x~-/", "https://stack:8885/a/B_1.x~-", ""},
      {"https://[::1]:81/t", "https://[::1]:81/t", ""},
      {"https://stack/consoles", "https://stack/consoles", ""},
      {"https://stack/" L63, "https://stack/" L63, ""},
      {"https://stack/a" L63, NULL, "64 characters"},
      {"https://stack/api/v3", NULL, "leave out /console, /oauth or /api"},
      {"https://stack/console/", NULL, "leave out /console"},
      {"https://stack/lorawan/console/gateways", NULL, "leave out /console"},
      {"https://stack/oauth/login?n=x", NULL, "leave out /console"},
      {"https://stack/lorawan?x", NULL, "leave out what follows the path"},
      {"https://stack/l%6frawan", NULL, "other characters"},
      {"https://stack/a b", NULL, "other characters"},
      {"https://stack/a@b", NULL, "other characters"},
      {"https://stack/../x", NULL, "\"..\""},
      {"https://stack/./x", NULL, "\".\""},
      {"https://stack/a//b", NULL, "an empty part"},
      {"https://stack/a//", NULL, "an empty part"},
      {"https://stack//", NULL, "an empty part"},
      {"https://me@stack/x", NULL, "'@'"},
      {"https://stack?x", NULL, "leave out what follows the host"},
      {"https://stack#x", NULL, "leave out what follows the host"},
      {"https://stack\\x", NULL, "leave out what follows the host"},
      {"https://me@stack", NULL, "'@'"},
      {"https://me:word@stack", NULL, "'@'"},
      {"https://", NULL, "no host name"},
      {"https:///", NULL, "no host name"},
      {"https://:443", NULL, "no valid host name"},
      {"https://.", NULL, "no valid host name"},
      {"https://stack..", NULL, "no valid host name"},
      {"https://a..b", NULL, "no valid host name"},
      {"https://.a", NULL, "no valid host name"},
      {"https://-a.b", NULL, "no valid host name"},
      {"https://a-.b", NULL, "no valid host name"},
      {"https://sta ck", NULL, "no valid host name"},
      {"https://sta%63k", NULL, "no valid host name"},
      {"https://b\xc3\xbc"
       "cher",
       NULL, "no valid host name"},
      {"https://stack\n", NULL, "no valid host name"},
      {"https://127.1", NULL, "no valid host name"},
      {"https://2130706433", NULL, "no valid host name"},
      {"https://0x7f000001", NULL, "no valid host name"},
      {"https://0x7F.1", NULL, "no valid host name"},
      {"https://0x", NULL, "no valid host name"},
      {"https://192.0.2.256", NULL, "no valid host name"},
      {"https://192.0.2.01", NULL, "no valid host name"},
      {"https://1.2.3.4.5", NULL, "no valid host name"},
      {"https://[::1", NULL, "no valid host name"},
      {"https://[]", NULL, "no valid host name"},
      {"https://[1.2.3.4]", NULL, "no valid host name"},
      {"https://[fe80::1%25eth0]", NULL, "no valid host name"},
      {"https://[stack]", NULL, "no valid host name"},
      {"https://::1", NULL, "in brackets"},
      {"https://stack:1:2", NULL, "in brackets"},
      {"https://[::1]x", NULL, "no valid port"},
      {"https://[::1]443", NULL, "no valid port"},
      {"https://stack:", NULL, "no valid port"},
      {"https://stack:0", NULL, "no valid port"},
      {"https://stack:65536", NULL, "no valid port"},
      {"https://stack:4294967739", NULL, "no valid port"},
      {"https://stack:-1", NULL, "no valid port"},
      {"https://stack:+1", NULL, "no valid port"},
      {"https://stack:4 43", NULL, "no valid port"},
      {"https://stack:https", NULL, "no valid port"},
      {"https://" HOST253, "https://" HOST253, ""},
      {"https://" HOST253 ":65535/", "https://" HOST253 ":65535", ""},
      {"https://b" HOST253, NULL, "no valid host name"},
      {"https://b" L63 ".c", NULL, "no valid host name"},
      {"https://" HOST253 HOST253, NULL, "too long"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_endpoint endpoint = {.port = 7};
    char why[200] = "", printed[TTN_URL_MAX];
    bool ok = ttn_endpoint_parse(cases[i].url, &endpoint, why, sizeof why);
    if (ok != (cases[i].printed != NULL) || strstr(why, cases[i].why) == NULL ||
        (ok && strcmp(ttn_endpoint_print(printed, sizeof printed, &endpoint),
                      cases[i].printed) != 0))
      fail_msg("%s: %s", cases[i].url, ok ? printed : why);
    if (!ok)
      assert_int_equal(endpoint.port, 7); /* left alone */
  }
}

static void test_cluster(void **state) {
  static const struct {
    const char *text, *printed;
  } cases[] = {
      {"nam1.stack.example.org", "http://nam1.stack.example.org:1885"},
      {"NAM1:8080", "http://nam1:8080"},
      {"nam1:80", "http://nam1"},
      {"[2001:db8::2]", "http://[2001:db8::2]:1885"},
      {"[2001:db8::2]:80", "http://[2001:db8::2]"},
      {"https://nam1", "https://nam1"},
      {"https://nam1:8885/", "https://nam1:8885"},
      {"http://nam1", "http://nam1"},
      {"", NULL},
      {"nam1/", NULL},
      {"nam1/api", NULL},
      {"nam1?x", NULL},
      {"me@nam1", NULL},
      {"2001:db8::2", NULL},
      {"ws://nam1", NULL},
      {"https://nam1/api", NULL},
      {"https://nam1/lorawan", "https://nam1/lorawan"},
      {"nam1:0", NULL},
      {"*.example.org", NULL},
      {"nam1 eu1", NULL},
      {"://nam1", NULL},
  };
  struct ttn_endpoint base = {.https = false, .host = "eu1", .port = 1885};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_endpoint endpoint;
    char why[200] = "", printed[TTN_URL_MAX];
    bool ok = ttn_endpoint_parse_cluster(cases[i].text, &base, &endpoint, why,
                                         sizeof why);
    if (ok != (cases[i].printed != NULL) || ok != (why[0] == '\0') ||
        (ok && strcmp(ttn_endpoint_print(printed, sizeof printed, &endpoint),
                      cases[i].printed) != 0))
      fail_msg("%s: %s", cases[i].text, ok ? printed : why);
  }
}

static void test_address(void **state) {
  static const struct {
    const char *address, *host; /* NULL: none can be told */
  } cases[] = {
      {"", ""},
      {"eu1.cloud.thethings.network", "eu1.cloud.thethings.network"},
      {"EU1.cloud.thethings.network.", "eu1.cloud.thethings.network"},
      {"eu1.cloud.thethings.network:1700", "eu1.cloud.thethings.network"},
      {"mqtts://eu1.cloud.thethings.network:8882",
       "eu1.cloud.thethings.network"},
      {"WSS://eu1.cloud.thethings.network:8887", "eu1.cloud.thethings.network"},
      {"udp://eu1", "eu1"},
      {"localhost", "localhost"},
      {"localhost:1700", "localhost"},
      {"169.254.0.1", "169.254.0.1"},
      {"[::1]", "::1"},
      {"[0:0::0001]:1700", "::1"},
      {"xn--80ak6aa92e.com", "xn--80ak6aa92e.com"},
      {"a_b", "a_b"},
      {HOST253, HOST253},
      {HOST253 ".:65535", HOST253},
      {"b" HOST253, NULL},
      {"b" L63, NULL},
      {".", NULL},
      {"a..b", NULL},
      {".a", NULL},
      {"a..", NULL},
      {"-a", NULL},
      {"a-", NULL},
      {"me@eu1", NULL},
      {"https://eu1.cloud.thethings.network@evil.example", NULL},
      {"eu1/", NULL},
      {"eu1/x", NULL},
      {"https://eu1/", NULL},
      {"eu1\\x", NULL},
      {"eu1?x", NULL},
      {"eu1#x", NULL},
      {"eu1%2eexample", NULL},
      {"eu1%00", NULL},
      {"eu1\n", NULL},
      {"eu1\r\nHost: evil", NULL},
      {"\teu1", NULL},
      {" ", NULL},
      {"eu1 ", NULL},
      {"eu1:", NULL},
      {"eu1:0", NULL},
      {"eu1:65536", NULL},
      {"eu1:99999999999", NULL},
      {"eu1:1700:1700", NULL},
      {"eu1:x", NULL},
      {"::1", NULL},
      {"[::1", NULL},
      {"[::1]:", NULL},
      {"[fe80::1%eth0]", NULL},
      {"[v1.x]", NULL},
      {"127.1", NULL},
      {"0x7f000001", NULL},
      {"0177.0.0.1", NULL},
      {"999.1.1.1", NULL},
      {"\xd1\x81loud.thethings.network", NULL},         /* a Cyrillic es */
      {"eu1.cloud\xe3\x80\x82thethings.network", NULL}, /* an ideographic dot */
      {"\xff", NULL},
      {"*.cloud.thethings.network", NULL},
      {"eu1,nam1", NULL},
      {"eu1;x", NULL},
      {"://eu1", NULL},
      {"a://b://c", NULL},
      {"averylongschemename://eu1", NULL},
  };
  char host[TTN_HOST_MAX + 1];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bool ok;
    memset(host, 'x', sizeof host);
    ok = ttn_address_host(cases[i].address, host);
    if (ok != (cases[i].host != NULL) ||
        strcmp(host, ok ? cases[i].host : "") != 0)
      fail_msg("%s: %s", cases[i].address, host);
  }
}

/* Does the key of an account at url go where a gateway's address says? */
static bool trusted(const char *url, const char *address) {
  struct ttn_endpoint account;
  char host[TTN_HOST_MAX + 1], why[200];
  if (!ttn_endpoint_parse(url, &account, why, sizeof why))
    fail_msg("%s: %s", url, why);
  return ttn_address_host(address, host) && ttn_host_trusted(&account, host);
}

static void test_trusted(void **state) {
  static const struct {
    const char *url, *address;
  } cases[] = {
      {"https://eu1.cloud.thethings.network", "eu1.cloud.thethings.network"},
      {"https://eu1.cloud.thethings.network", "nam1.cloud.thethings.network"},
      {"https://eu1.cloud.thethings.network",
       "AU1.Cloud.TheThings.Network.:1700"},
      {"https://nam1.cloud.thethings.network",
       "wss://eu1.cloud.thethings.network:8887"},
      {"https://eu1.cloud.thethings.network", "as-2.cloud.thethings.network"},
      {"https://acme.eu1.cloud.thethings.industries",
       "acme.eu1.cloud.thethings.industries"},
      {"https://acme.eu1.cloud.thethings.industries",
       "ACME.nam1.cloud.thethings.industries:8881"},
      /* The host that the user named, whatever it is. */
      {"http://eu1.cloud.thethings.network:8080",
       "eu1.cloud.thethings.network"},
      {"https://stack.example.org", "Stack.Example.org:1700"},
      {"http://localhost:1885", "localhost:1700"},
      {"https://192.0.2.1", "192.0.2.1"},
      {"https://[2001:db8::1]", "[2001:DB8:0::1]:1700"},
      {"https://cloud.thethings.network", "cloud.thethings.network"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (!trusted(cases[i].url, cases[i].address))
      fail_msg("%s doesn't trust %s", cases[i].url, cases[i].address);
}

#define TTN "https://eu1.cloud.thethings.network"
#define TTI "https://acme.eu1.cloud.thethings.industries"

static void test_look_alikes(void **state) {
  static const struct {
    const char *url, *address;
  } cases[] = {
      /* The domain as something else than a suffix of whole labels. */
      {TTN, "cloud.thethings.network"},
      {TTN, ".cloud.thethings.network"},
      {TTN, "thethings.network"},
      {TTN, "eu1.thethings.network"},
      {TTN, "evil-cloud.thethings.network"},
      {TTN, "eu1.evil-cloud.thethings.network"},
      {TTN, "evilcloud.thethings.network"},
      {TTN, "eu1.cloud.thethings.network.evil.com"},
      {TTN, "cloud.thethings.network.evil.com"},
      {TTN, "eu1.cloud.evilthethings.network"},
      {TTN, "eu1.cloud.thethings.networks"},
      {TTN, "eu1.cloud.thethings.networ"},
      {TTN, "eu1-cloud.thethings.network"},
      {TTN, "eu1.cloud-thethings.network"},
      {TTN, "eu1.cloud.thethings.network-evil.com"},
      {TTN, "eu1.cloud.thethings.network.cloud.thethings.network"},
      /* More than one label, or none that is one. */
      {TTN, "evil.eu1.cloud.thethings.network"},
      {TTN, "a.b.c.cloud.thethings.network"},
      {TTN, "..cloud.thethings.network"},
      {TTN, "eu1..cloud.thethings.network"},
      {TTN, "eu1.cloud..thethings.network"},
      {TTN, "nam1.cloud.thethings.network.."},
      {TTN, "-.cloud.thethings.network"},
      {TTN, "-nam1.cloud.thethings.network"},
      {TTN, "nam1-.cloud.thethings.network"},
      {TTN, "nam_1.cloud.thethings.network"},
      {TTN, "_nam1.cloud.thethings.network"},
      {TTN, "*.cloud.thethings.network"},
      {TTN, "b" L63 ".cloud.thethings.network"},
      /* The other service, and look-alikes of the domain. */
      {TTN, "eu1.cloud.thethings.industries"},
      {TTN, "acme.eu1.cloud.thethings.industries"},
      {TTN, "eu1.cloud.thethlngs.network"},
      {TTN, "eu1.cloud.the-things.network"},
      {TTN, "eu1.cloud.thethings.net"},
      {TTN, "eu1.cloud.xn--thethngs-2za.network"},
      {TTN, "eu1.cloud.theth\xc3\xadngs.network"},
      {TTN, "\xd0\xb5u1.cloud.thethings.network"},
      {TTN, "eu1.cloud.thethings\xe3\x80\x82network"},
      /* Users, paths, ports, escapes, line ends. */
      {TTN, "nam1.cloud.thethings.network@evil.com"},
      {TTN, "https://nam1.cloud.thethings.network@evil.com"},
      {TTN, "https://nam1.cloud.thethings.network:443@evil.com"},
      {TTN, "evil.com/nam1.cloud.thethings.network"},
      {TTN, "evil.com#nam1.cloud.thethings.network"},
      {TTN, "evil.com?nam1.cloud.thethings.network"},
      {TTN, "evil.com\\.cloud.thethings.network"},
      {TTN, "evil.com%00.cloud.thethings.network"},
      {TTN, "evil.com%2f.cloud.thethings.network"},
      {TTN, "evil\n.cloud.thethings.network"},
      {TTN, "evil .cloud.thethings.network"},
      {TTN, "nam1.cloud.thethings.network:70000"},
      {TTN, "nam1.cloud.thethings.network:"},
      {TTN, "nam1.cloud.thethings.network:80:80"},
      {TTN, "https://https://nam1.cloud.thethings.network"},
      /* Addresses. */
      {TTN, "localhost"},
      {TTN, "127.0.0.1"},
      {TTN, "169.254.0.1"},
      {TTN, "[::1]"},
      {TTN, "evil.com"},
      {TTN, "eu1"},
      /* Another tenant, no tenant, more than a tenant. */
      {TTI, "evil.eu1.cloud.thethings.industries"},
      {TTI, "eu1.cloud.thethings.industries"},
      {TTI, "acme.cloud.thethings.industries"},
      {TTI, "cloud.thethings.industries"},
      {TTI, "acme.eu1.nam1.cloud.thethings.industries"},
      {TTI, "evil.acme.eu1.cloud.thethings.industries"},
      {TTI, "acmeevil.eu1.cloud.thethings.industries"},
      {TTI, "acme-evil.eu1.cloud.thethings.industries"},
      {TTI, "acm.eu1.cloud.thethings.industries"},
      {TTI, "acme..cloud.thethings.industries"},
      {TTI, "acme.nam_1.cloud.thethings.industries"},
      {TTI, "acme.nam1.cloud.thethings.network"},
      {TTI, "nam1.cloud.thethings.network"},
      {TTI, "acme.nam1.cloud.thethings.industries.evil.com"},
      {TTI, "acme.evil.com"},
      /* Accounts from which nothing is inferred. */
      {"https://cloud.thethings.network", "eu1.cloud.thethings.network"},
      {"https://a.eu1.cloud.thethings.network", "nam1.cloud.thethings.network"},
      {"https://a.eu1.cloud.thethings.network",
       "b.eu1.cloud.thethings.network"},
      {"https://e_1.cloud.thethings.network", "nam1.cloud.thethings.network"},
      {"https://eu1.cloud.thethings.industries",
       "nam1.cloud.thethings.industries"},
      {"https://eu1.cloud.thethings.industries",
       "acme.eu1.cloud.thethings.industries"},
      {"https://a.acme.eu1.cloud.thethings.industries",
       "a.acme.nam1.cloud.thethings.industries"},
      {"https://eu1.cloud.thethings.network.evil.com",
       "nam1.cloud.thethings.network.evil.com"},
      {"https://eu1.stack.example.org", "nam1.stack.example.org"},
      {"https://stack.example.org", "example.org"},
      {"https://stack.example.org", "a.stack.example.org"},
      {"https://192.0.2.1", "192.0.2.2"},
      {"https://localhost", "127.0.0.1"},
      /* http, or another port, in front of a public name. */
      {"http://eu1.cloud.thethings.network", "nam1.cloud.thethings.network"},
      {"http://eu1.cloud.thethings.network:443",
       "nam1.cloud.thethings.network"},
      {"https://eu1.cloud.thethings.network:8443",
       "nam1.cloud.thethings.network"},
      {"https://acme.eu1.cloud.thethings.industries:80",
       "acme.nam1.cloud.thethings.industries"},
      /* No address: whose it is, the caller says. */
      {TTN, ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (trusted(cases[i].url, cases[i].address))
      fail_msg("%s trusts %s", cases[i].url, cases[i].address);
}

/* Also when it is asked about what ttn_address_host would never give. */
static void test_unclean_hosts(void **state) {
  static const char *const hosts[] = {
      "",
      ".cloud.thethings.network",
      "EU1.cloud.thethings.network",
      "nam1.cloud.thethings.network.",
      "nam1.cloud.thethings.network:443",
      "evil.com/.cloud.thethings.network",
      "evil\n.cloud.thethings.network",
      "\xff.cloud.thethings.network",
      "evil@nam1.cloud.thethings.network",
      "b" L63 ".cloud.thethings.network",
  };
  struct ttn_endpoint account = {
      .https = true, .host = "eu1.cloud.thethings.network", .port = 443};
  struct ttn_endpoint nowhere = {.https = true, .host = "", .port = 443};
  (void)state;
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    assert_false(ttn_host_trusted(&account, hosts[i]));
    assert_false(ttn_host_trusted(&nowhere, hosts[i]));
  }
}

static void test_loopback(void **state) {
  static const struct {
    const char *host;
    bool loopback;
  } cases[] = {
      {"localhost", true},    {"127.0.0.1", true},       {"127.1.2.3", true},
      {"::1", true},          {"128.0.0.1", false},      {"::2", false},
      {"0.0.0.0", false},     {"localhost.evil", false}, {"", false},
      {"127.0.0.1.a", false}, {"localhos", false},       {"::", false},
      {"127.evil.com", false}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (ttn_host_is_loopback(cases[i].host) != cases[i].loopback)
      fail_msg("%s", cases[i].host);
}

static void test_print(void **state) {
  struct ttn_endpoint longest = {.https = false, .port = 65535};
  char printed[TTN_URL_MAX], small[8];
  (void)state;
  strcpy(longest.host, HOST253);
  ttn_endpoint_print(printed, sizeof printed, &longest);
  assert_string_equal(printed, "http://" HOST253 ":65535");
  assert_ptr_equal(ttn_endpoint_print(small, sizeof small, &longest), small);
  assert_string_equal(small, "http://");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_url),         cmocka_unit_test(test_cluster),
      cmocka_unit_test(test_address),     cmocka_unit_test(test_trusted),
      cmocka_unit_test(test_look_alikes), cmocka_unit_test(test_unclean_hosts),
      cmocka_unit_test(test_loopback),    cmocka_unit_test(test_print),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
