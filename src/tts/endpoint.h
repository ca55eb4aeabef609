/* SPDX-License-Identifier: MIT */
/* Where requests go, and which hosts may have the key. Pure text. */
#ifndef TTN_ENDPOINT_H
#define TTN_ENDPOINT_H

#include "base/env.h"

#define TTN_HOST_MAX 253
#define TTN_PATH_MAX 64

/* An API's base: scheme, host, port, and the path below which a reverse proxy
 * has the stack. */
struct ttn_endpoint {
  bool https;
  char host[TTN_HOST_MAX + 1]; /* lower case; an IPv6 address without [] */
  uint16_t port;
  char path[TTN_PATH_MAX + 1]; /* "", or "/lorawan" without a slash behind */
};

/* "https://eu1.cloud.thethings.network", with an optional port and path. False:
 * `why` names what is wrong and the fix. User, query, fragment, other schemes,
 * and the address of one of the stack's pages are errors, and so is a missing
 * scheme. */
bool ttn_endpoint_parse(const char *url, struct ttn_endpoint *endpoint,
                        char *why, size_t why_size);

/* As above, or a host, host:port or [ipv6]:port: what the Cluster option takes.
 * What is left out, a path too, comes from base. */
bool ttn_endpoint_parse_cluster(const char *text,
                                const struct ttn_endpoint *base,
                                struct ttn_endpoint *endpoint, char *why,
                                size_t why_size);

/* The host of a gateway_server_address ("host", "host:port",
 * "scheme://host:port"; port and scheme are the gateway's, not the API's),
 * lower case, without [] and without a dot at the end, into host
 * (TTN_HOST_MAX + 1 bytes). Empty address: host "". False: anything else than
 * a plain host name or IP address (a user, a path, a blank, a byte beyond
 * ASCII, a port out of range …). */
bool ttn_address_host(const char *address, char *host);

/* May the key of an account at `account` go to `host` (as ttn_address_host
 * gives it)? endpoint.c has the rule and its reasons. Cluster lines are the
 * caller's: this is what is inferred without them. */
bool ttn_host_trusted(const struct ttn_endpoint *account, const char *host);

/* "https://host[:port][/path]" (port only where it is not the scheme's own,
 * IPv6 in []) into buffer; returns it. TTN_URL_MAX bytes are enough. */
#define TTN_URL_MAX 344
char *ttn_endpoint_print(char *buffer, size_t size,
                         const struct ttn_endpoint *endpoint);

bool ttn_host_is_loopback(const char *host);

#endif
