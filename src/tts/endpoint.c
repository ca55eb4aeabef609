/* SPDX-License-Identifier: MIT */
/* URLs, host names and the rule that says which hosts may have the key. Pure
 * text: no name is resolved here, nothing is sent.
 *
 * Why not libcurl's URL parser: it is lenient where this must be strict. It
 * takes "https:/host", "host\path", percent signs in host names and IPv4
 * addresses such as 0x7f.1, and turns them into something else; a key must go
 * to what was written, or nowhere. So a host is letters, digits, hyphens,
 * underscores and dots, or an IP address in its one usual form, and every
 * other byte is an error.
 *
 * Underscores are allowed although no registered domain has them: services
 * in containers have (http://the_stack:1885), and libcurl takes them. They
 * are not part of what is inferred below.
 *
 * Trap: getaddrinfo(3) reads "127.1", "0177.0.0.1" and "2130706433" as IPv4
 * addresses. A name whose last label is a number is therefore refused unless
 * it is an address of four plain decimal numbers. */
#include "tts/endpoint.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63
#define SCHEME_MAX 16

/* ASCII only: the locale is the daemon's business. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool is_decimal(char c) { return c >= '0' && c <= '9'; }

static bool is_alnum(char c) { return is_decimal(c) || (c >= 'a' && c <= 'z'); }

/* One label of a host name, in lower case. */
static bool label_valid(const char *label, size_t n) {
  if (n == 0 || n > LABEL_MAX || label[0] == '-' || label[n - 1] == '-')
    return false;
  for (size_t i = 0; i < n; i++)
    if (!is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
      return false;
  return true;
}

/* What getaddrinfo would take for a part of an IPv4 address: decimal or
 * octal digits, or 0x with or without hexadecimal ones. */
static bool label_is_number(const char *label, size_t n) {
  bool hex = n >= 2 && label[0] == '0' && label[1] == 'x';
  for (size_t i = hex ? 2 : 0; i < n; i++)
    if (!is_decimal(label[i]) && !(hex && label[i] >= 'a' && label[i] <= 'f'))
      return false;
  return true;
}

static bool name_valid(const char *name) {
  const char *label = name;
  for (;;) {
    size_t n = strcspn(label, ".");
    if (!label_valid(label, n))
      return false;
    if (label[n] == '\0') {
      struct in_addr address;
      return !label_is_number(label, n) ||
             inet_pton(AF_INET, name, &address) == 1;
    }
    label += n + 1;
  }
}

/* text is what stands between brackets. One address has many spellings, and
 * hosts are compared as text: so it is printed again. */
static bool read_ipv6(const char *text, size_t n, char *host) {
  char copy[INET6_ADDRSTRLEN];
  struct in6_addr address;
  if (n >= sizeof copy)
    return false;
  memcpy(copy, text, n);
  copy[n] = '\0';
  return inet_pton(AF_INET6, copy, &address) == 1 &&
         inet_ntop(AF_INET6, &address, host, TTN_HOST_MAX + 1) != NULL;
}

static bool read_name(const char *text, size_t n, char *host) {
  if (n > 0 && text[n - 1] == '.')
    n--;
  if (n == 0 || n > TTN_HOST_MAX)
    return false;
  for (size_t i = 0; i < n; i++)
    host[i] = lower(text[i]);
  host[n] = '\0';
  return name_valid(host);
}

static bool read_port(const char *text, uint16_t *port) {
  unsigned value = 0;
  size_t n = strlen(text);
  if (n == 0 || n > 5)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (!is_decimal(text[i]))
      return false;
    value = value * 10 + (unsigned)(text[i] - '0');
  }
  if (value == 0 || value > 65535)
    return false;
  *port = (uint16_t)value;
  return true;
}

/* "host", "host:port" or "[ipv6]", "[ipv6]:port", and nothing behind it.
 * *port stays as it is where none is written. NULL: done; else what is wrong
 * with it, and host and *port are not to be used. */
static const char *read_authority(const char *text, char *host,
                                  uint16_t *port) {
  const char *after;
  bool host_ok;
  if (strchr(text, '@') != NULL)
    return "holds a user name or an '@'; the key alone identifies you";
  if (text[0] == '[') {
    const char *close = strchr(text, ']');
    host_ok =
        close != NULL && read_ipv6(text + 1, (size_t)(close - text - 1), host);
    after = close != NULL ? close + 1 : text;
  } else {
    size_t n = strcspn(text, ":");
    if (text[n] == ':' && strchr(text + n + 1, ':') != NULL)
      return "holds two colons; write an IPv6 address in brackets, as [::1]";
    host_ok = read_name(text, n, host);
    after = text + n;
  }
  if (!host_ok)
    return text[0] == '\0' ? "holds no host name"
                           : "holds no valid host name; a host is letters, "
                             "digits, hyphens and dots, or an IP address";
  if (*after != '\0' && (*after != ':' || !read_port(after + 1, port)))
    return "holds no valid port; a port is a number from 1 to 65535";
  return NULL;
}

/* The length of a "scheme://" at the start of text, without the "://", or 0. */
static size_t scheme_length(const char *text) {
  size_t n = 0;
  while (n < SCHEME_MAX && is_alnum(lower(text[n])))
    n++;
  return strncmp(text + n, "://", 3) == 0 ? n : 0;
}

static bool segment_is(const char *text, size_t n, const char *word) {
  return n == strlen(word) && strncmp(text, word, n) == 0;
}

/* One part of a path. NULL: it is fine. */
static const char *check_segment(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!is_alnum(lower(text[i])) && strchr("-._~", text[i]) == NULL)
      return "has a path with other characters than letters, digits and "
             "\"-._~/\"; leave out what follows the path";
  if (n == 0 || segment_is(text, n, ".") || segment_is(text, n, ".."))
    return "has a path with an empty part, \".\" or \"..\"; leave that out";
  if (segment_is(text, n, "console") || segment_is(text, n, "oauth") ||
      segment_is(text, n, "api"))
    return "is the address of a page; leave out /console, /oauth or /api and "
           "what follows";
  return NULL;
}

/* What stands behind host and port: "", or "/lorawan". A slash at its end says
 * nothing. */
static const char *read_path(const char *text, char *path) {
  size_t n = strlen(text);
  if (n > 0 && text[n - 1] == '/')
    n--;
  if (n == 0)
    return NULL;
  if (text[0] != '/')
    return "has more than scheme, host, port and path; leave out what follows "
           "the host";
  if (n > TTN_PATH_MAX)
    return "has a path that is too long; it can have 64 characters";
  for (size_t from = 1, end; from <= n; from = end + 1) {
    end = from + strcspn(text + from, "/");
    if (end > n)
      end = n;
    const char *wrong = check_segment(text + from, end - from);
    if (wrong != NULL)
      return wrong;
  }
  memcpy(path, text, n);
  path[n] = '\0';
  return NULL;
}

static const char *read_url(const char *url, struct ttn_endpoint *endpoint) {
  /* The longest text that can be right: brackets or a dot, a colon, five
   * digits. */
  char text[TTN_HOST_MAX + 16];
  const char *wrong;
  size_t scheme = scheme_length(url);
  size_t n;

  if (url[0] == '\0')
    return "is empty; write https:// and the stack's host name";
  if (scheme == 0)
    return "has no scheme; put https:// in front";
  endpoint->https = strncasecmp(url, "https:", 6) == 0;
  if (!endpoint->https && strncasecmp(url, "http:", 5) != 0)
    return "has a scheme other than https and http; write https://";
  url += scheme + 3;

  n = strcspn(url, "/?#\\");
  if (n >= sizeof text)
    return "is too long; a host name has at most 253 characters";
  memcpy(text, url, n);
  text[n] = '\0';
  endpoint->port = endpoint->https ? 443 : 80;
  wrong = read_authority(text, endpoint->host, &endpoint->port);
  return wrong != NULL ? wrong : read_path(url + n, endpoint->path);
}

static bool judge(const char *wrong, const struct ttn_endpoint *parsed,
                  struct ttn_endpoint *endpoint, char *why, size_t why_size) {
  if (wrong != NULL) {
    ttn_print(why, why_size, "%s", wrong);
    return false;
  }
  *endpoint = *parsed;
  return true;
}

bool ttn_endpoint_parse(const char *url, struct ttn_endpoint *endpoint,
                        char *why, size_t why_size) {
  struct ttn_endpoint parsed = {0};
  return judge(read_url(url, &parsed), &parsed, endpoint, why, why_size);
}

bool ttn_endpoint_parse_cluster(const char *text,
                                const struct ttn_endpoint *base,
                                struct ttn_endpoint *endpoint, char *why,
                                size_t why_size) {
  struct ttn_endpoint parsed = {0};
  if (strstr(text, "://") != NULL)
    return judge(read_url(text, &parsed), &parsed, endpoint, why, why_size);
  parsed = *base;
  return judge(text[strcspn(text, "/?#\\")] == '\0'
                   ? read_authority(text, parsed.host, &parsed.port)
                   : "has more than host and port; leave out what follows the "
                     "host, or write all of it, as https://HOST/PATH",
               &parsed, endpoint, why, why_size);
}

bool ttn_address_host(const char *address, char *host) {
  size_t scheme = scheme_length(address);
  uint16_t port = 0;
  host[0] = '\0';
  if (address[0] == '\0')
    return true;
  if (scheme > 0)
    address += scheme + 3;
  if (read_authority(address, host, &port) == NULL)
    return true;
  host[0] = '\0';
  return false;
}

/* If host is one label in front of domain (".example.org"), its length. */
static size_t one_label_before(const char *host, const char *domain) {
  size_t n = strcspn(host, ".");
  if (strcmp(host + n, domain) != 0 || !label_valid(host, n) ||
      memchr(host, '_', n) != NULL)
    return 0;
  return n;
}

/* The rule. A gateway_server_address is written by anybody who may edit that
 * gateway, which on a public network can be anybody who made the user a
 * collaborator; so it must not say where the key goes. The key goes to
 *
 * - the host of the account's URL: the user named it;
 * - the other regions of the same public service, for which its operator's
 *   one Identity Server made the key: under cloud.thethings.network every
 *   single label is a region (eu1, nam1, au1) in the operator's own zone;
 *   under cloud.thethings.industries it is TENANT.REGION, and only the same
 *   tenant's regions count, since another tenant is another customer;
 * - and nowhere else, whatever it looks like: not to the domain itself, not to
 *   two labels, and nothing is inferred for any other domain, for who could
 *   say which hosts of example.org belong together? Cluster does.
 *
 * Inferred only from https on its own port and without a path: who writes
 * something else means one machine that stands in for the public service. */
bool ttn_host_trusted(const struct ttn_endpoint *account, const char *host) {
  static const char network[] = ".cloud.thethings.network";
  static const char industries[] = ".cloud.thethings.industries";
  const char *own = account->host;
  size_t tenant = strcspn(own, ".");

  if (host[0] == '\0')
    return false;
  if (strcmp(host, own) == 0)
    return true;
  if (!account->https || account->port != 443 || account->path[0] != '\0')
    return false;
  if (one_label_before(own, network) > 0)
    return one_label_before(host, network) > 0;
  if (own[tenant] == '.' && tenant > 0 &&
      one_label_before(own + tenant + 1, industries) > 0)
    return strncmp(host, own, tenant + 1) == 0 &&
           one_label_before(host + tenant + 1, industries) > 0;
  return false;
}

char *ttn_endpoint_print(char *buffer, size_t size,
                         const struct ttn_endpoint *endpoint) {
  bool ipv6 = strchr(endpoint->host, ':') != NULL;
  char port[8] = "";
  if (endpoint->port != (endpoint->https ? 443 : 80))
    ttn_print(port, sizeof port, ":%u", endpoint->port);
  return ttn_print(buffer, size, "%s://%s%s%s%s%s",
                   endpoint->https ? "https" : "http", ipv6 ? "[" : "",
                   endpoint->host, ipv6 ? "]" : "", port, endpoint->path);
}

/* Only what libcurl and the kernel take for this machine whatever a name
 * server says. */
bool ttn_host_is_loopback(const char *host) {
  struct in_addr address;
  if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
    return true;
  return inet_pton(AF_INET, host, &address) == 1 &&
         (ntohl(address.s_addr) >> 24) == 127;
}
