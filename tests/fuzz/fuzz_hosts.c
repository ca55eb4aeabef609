/* SPDX-License-Identifier: MIT */
/* URLs, gateways' addresses, and which hosts may have the key. The first line
 * of an input is the account's URL, the second a gateway's address and a
 * Cluster line.
 *
 * Whether a host may have the key is held against a rule that is written down
 * here once more, in the simplest words. And what libcurl makes of a URL of
 * ours must be the host, port, path and scheme that were meant. */
#include "fuzz.h"

#include "tts/endpoint.h"

#include <arpa/inet.h>
#include <curl/curl.h>

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static int dots(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++)
    n += *text == '.';
  return n;
}

/* Are both one label, of letters, digits and hyphens, in front of domain? */
static bool are_siblings(const char *a, const char *b, const char *domain) {
  return dots(a) == dots(domain) && dots(b) == dots(domain) &&
         ends_with(a, domain) && ends_with(b, domain) &&
         strchr(a, '_') == NULL && strchr(b, '_') == NULL;
}

static bool may_have_key(const struct ttn_endpoint *account, const char *host) {
  if (host[0] == '\0')
    return false;
  if (strcmp(host, account->host) == 0)
    return true;
  if (!account->https || account->port != 443 || account->path[0] != '\0')
    return false;
  if (are_siblings(account->host, host, ".cloud.thethings.network"))
    return true;
  size_t tenant = strcspn(account->host, ".") + 1;
  return strncmp(account->host, host, tenant) == 0 &&
         are_siblings(account->host + tenant, host + tenant,
                      ".cloud.thethings.industries");
}

/* Lower case and nothing else than a name or an address. */
static void check_host(const char *host) {
  char again[TTN_HOST_MAX + 1], address[TTN_HOST_MAX + 3];
  struct in6_addr ipv6;
  size_t n = strlen(host);
  bool is_ipv6 = strchr(host, ':') != NULL;
  REQUIRE(n <= TTN_HOST_MAX);
  if (is_ipv6)
    REQUIRE(inet_pton(AF_INET6, host, &ipv6) == 1);
  else
    REQUIRE(strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n);
  snprintf(address, sizeof(address), is_ipv6 ? "[%s]" : "%s", host);
  REQUIRE(ttn_address_host(address, again));
  REQUIRE(strcmp(again, host) == 0);
}

static void check_part(CURLU *url, CURLUPart part, const char *expected) {
  char *text = NULL;
  CURLUcode code = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT);
  if (expected == NULL)
    REQUIRE(code != CURLUE_OK);
  else
    REQUIRE(code == CURLUE_OK && strcmp(text, expected) == 0);
  curl_free(text);
}

/* What libcurl would connect to. */
static void check_url(const struct ttn_endpoint *endpoint, const char *text) {
  char host[TTN_HOST_MAX + 3], port[8];
  CURLU *url = curl_url();
  REQUIRE(curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK);
  snprintf(host, sizeof(host), strchr(endpoint->host, ':') ? "[%s]" : "%s",
           endpoint->host);
  snprintf(port, sizeof(port), "%u", endpoint->port);
  check_part(url, CURLUPART_HOST, host);
  check_part(url, CURLUPART_PORT, port);
  check_part(url, CURLUPART_SCHEME, endpoint->https ? "https" : "http");
  check_part(url, CURLUPART_PATH,
             endpoint->path[0] != '\0' ? endpoint->path : "/");
  check_part(url, CURLUPART_USER, NULL);
  check_part(url, CURLUPART_QUERY, NULL);
  curl_url_cleanup(url);
}

static void check_endpoint(const struct ttn_endpoint *endpoint) {
  char url[TTN_URL_MAX], why[200];
  struct ttn_endpoint again;
  REQUIRE(endpoint->host[0] != '\0' && endpoint->port != 0);
  check_host(endpoint->host);
  ttn_endpoint_print(url, sizeof(url), endpoint);
  REQUIRE(ttn_endpoint_parse(url, &again, why, sizeof(why)));
  REQUIRE(again.https == endpoint->https && again.port == endpoint->port);
  REQUIRE(strcmp(again.host, endpoint->host) == 0);
  REQUIRE(strcmp(again.path, endpoint->path) == 0);
  check_url(endpoint, url);
}

static void check_address(const struct ttn_endpoint *account,
                          const char *address) {
  char host[TTN_HOST_MAX + 1] = "x";
  bool ok = ttn_address_host(address, host);
  REQUIRE(ok || host[0] == '\0');
  REQUIRE(!ok || (host[0] == '\0') == (address[0] == '\0'));
  if (host[0] != '\0')
    check_host(host);
  REQUIRE(ttn_host_trusted(account, host) == may_have_key(account, host));
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  struct fuzz_input input = {bytes, n};
  struct ttn_endpoint account, cluster;
  char why[200] = "";
  (void)test;
  char *url = fuzz_line(&input), *text = fuzz_line(&input);
  bool ok = url != NULL && ttn_endpoint_parse(url, &account, why, sizeof(why));
  if (ok) {
    check_endpoint(&account);
    REQUIRE(ttn_host_trusted(&account, account.host));
  } else {
    REQUIRE(url == NULL || why[0] != '\0');
  }
  if (ok && text != NULL) {
    check_address(&account, text);
    why[0] = '\0';
    ok = ttn_endpoint_parse_cluster(text, &account, &cluster, why, sizeof(why));
    REQUIRE(ok || why[0] != '\0');
    if (ok)
      check_endpoint(&cluster);
  }
  free(url);
  free(text);
}
