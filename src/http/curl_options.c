/* SPDX-License-Identifier: MIT */
/* What a request looks like and what it may do: the options of easy handles,
 * and the key as a header. All of TLS is decided here.
 *
 * The key is in the caller's ttn_auth and in the request that libcurl sends.
 * Neither redirects nor proxies get it: FOLLOWLOCATION is off, and
 * CURLHEADER_SEPARATE keeps it out of CONNECT.
 *
 * Trap: Debian's libcurl has a default CAINFO and a default CAPATH; who sets
 * one still trusts the other. So both are set. */
#include "http/http.h"

#include "http/internal.h"
#include "base/secret.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* A connection is closed after this time (s), so that a host's new address is
 * used although the old one still works; not sooner, because a new connection
 * costs a handshake. */
#define CONNECTION_LIFE 600L

struct ttn_auth {
  size_t size;
  char header[]; /* "Authorization: Bearer …" */
};

/* What makes a connection trustworthy: no failure may go unnoticed. */
static bool set_tls(struct transfer *t) {
  const struct ttn_http_options *options = &t->http->options;
  struct stat status;
  bool ok = SET(CURLOPT_SSL_VERIFYPEER, options->verify_peer ? 1L : 0L) &&
            SET(CURLOPT_SSL_VERIFYHOST, options->verify_host ? 2L : 0L) &&
            SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (options->ca_cert != NULL) {
    bool is_dir =
        stat(options->ca_cert, &status) == 0 && S_ISDIR(status.st_mode);
    ok = ok && SET(CURLOPT_CAINFO, is_dir ? NULL : options->ca_cert) &&
         SET(CURLOPT_CAPATH, is_dir ? options->ca_cert : NULL);
  }
  if (options->client_cert != NULL)
    ok = ok && SET(CURLOPT_SSLCERT, options->client_cert);
  if (options->client_key != NULL)
    ok = ok && SET(CURLOPT_SSLKEY, options->client_key);
#if LIBCURL_VERSION_NUM >= 0x075700
  /* A renewed CACert is seen within a minute; the default is a day. */
  (void)SET(CURLOPT_CA_CACHE_TIMEOUT, 60L);
#endif
  return ok;
}

static const long ip_resolve[] = {
    [TTN_FAMILY_ANY] = CURL_IPRESOLVE_WHATEVER,
    [TTN_FAMILY_IPV4] = CURL_IPRESOLVE_V4,
    [TTN_FAMILY_IPV6] = CURL_IPRESOLVE_V6,
};

static const unsigned long proxy_auth[] = {
    [TTN_PROXY_BASIC] = CURLAUTH_BASIC,
    [TTN_PROXY_DIGEST] = CURLAUTH_DIGEST,
    [TTN_PROXY_NTLM] = CURLAUTH_NTLM,
    [TTN_PROXY_NEGOTIATE] = CURLAUTH_NEGOTIATE,
    [TTN_PROXY_ANY] = CURLAUTH_ANY,
};

const char *ttn_http_version(void) { return curl_version(); }

bool ttn_http_can_log_in(enum ttn_proxy_auth how) {
  int features = curl_version_info(CURLVERSION_NOW)->features;
  if (how == TTN_PROXY_NTLM)
    return (features & CURL_VERSION_NTLM) != 0;
  return how != TTN_PROXY_NEGOTIATE || (features & CURL_VERSION_SPNEGO) != 0;
}

/* Trap: libcurl begins Negotiate only if there is a user, though the ticket
 * says who it is.
 *
 * The certificate of an https:// proxy must be one that the system trusts:
 * CACert, VerifyPeer and VerifyHost are about the stack's alone. */
static bool set_proxy(struct transfer *t) {
  const struct ttn_http_options *options = &t->http->options;
  const char *user = options->proxy_user;
  if (user == NULL &&
      (options->proxy_auth == TTN_PROXY_NEGOTIATE ||
       (options->proxy_auth == TTN_PROXY_ANY && options->proxy != NULL &&
        !strchr(options->proxy, '@'))))
    user = ":";
  return (options->proxy == NULL || SET(CURLOPT_PROXY, options->proxy)) &&
         (user == NULL || SET(CURLOPT_PROXYUSERPWD, user)) &&
         SET(CURLOPT_PROXYAUTH, (long)proxy_auth[options->proxy_auth]) &&
         SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/* Where a request may go, and how it is sent. */
static bool set_routes(struct transfer *t) {
  bool ok = SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
            SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) &&
            SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
            SET(CURLOPT_IPRESOLVE, ip_resolve[t->http->options.family]) &&
            SET(CURLOPT_PROTOCOLS_STR, "http,https") && set_proxy(t);
  /* Not necessary: a libcurl without these still works. */
  (void)SET(CURLOPT_ACCEPT_ENCODING, "gzip");
  (void)SET(CURLOPT_PIPEWAIT, 1L);
  (void)SET(CURLOPT_TCP_KEEPALIVE, 1L);
  (void)SET(CURLOPT_DNS_CACHE_TIMEOUT, 60L);
  (void)SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE);
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)SET(CURLOPT_QUICK_EXIT, 1L);
#endif
  return ok;
}

bool ttn_http_set_up(struct transfer *t) {
  const char *user_agent = t->http->options.user_agent;
  return set_routes(t) && set_tls(t) &&
         (user_agent == NULL || SET(CURLOPT_USERAGENT, user_agent));
}

/* curl_slist_append would copy the key; libcurl only reads the list. */
static void add_header_line(struct call_options *options, size_t *n,
                            const char *line) {
  options->lines[*n] = (struct curl_slist){.data = (char *)(uintptr_t)line};
  if (*n > 0)
    options->lines[*n - 1].next = &options->lines[*n];
  ++*n;
}

bool ttn_http_set_call(struct transfer *t) {
  const struct ttn_call *call = t->call;
  struct call_options *options = &t->options;
  bool https = strncasecmp(call->url, "https:", 6) == 0;
  size_t n = 0;

  if (call->body != NULL) {
    add_header_line(options, &n, "Content-Type: application/json");
    /* Else libcurl waits up to a second for a 100 Continue if the body is
     * large: 1 MiB, with older ones 1 KiB. */
    add_header_line(options, &n, "Expect:");
  }
  if (call->auth != NULL)
    add_header_line(options, &n, call->auth->header);
  struct curl_slist *lines = t->http->headers;
  if (n > 0) {
    options->lines[n - 1].next = lines;
    lines = options->lines;
  }
  /* A proxy, be it of the environment, would get the key in clear text, and
   * its localhost is another one. NULL: as the environment says (no_proxy). */
  options->direct = !https && !t->http->options.allow_plain;
  if (!SET(CURLOPT_NOPROXY, options->direct ? "*" : NULL) ||
      !SET(CURLOPT_URL, call->url) || !SET(CURLOPT_HTTPHEADER, lines) ||
      !SET(CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L) ||
      !SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(t->connect_timeout / TTN_MS) + 1))
    return false;
  if (call->body != NULL) {
    if (!SET(CURLOPT_POST, 1L) || !SET(CURLOPT_POSTFIELDS, call->body) ||
        !SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size))
      return false;
  } else if (!SET(CURLOPT_HTTPGET, 1L)) {
    return false;
  }
  /* The stack speaks HTTP/2 without TLS, too, but a proxy in between may not,
   * and nothing would tell. */
  return (https && t->http->options.version == TTN_HTTP_2 &&
          SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS)) ||
         SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

void ttn_http_unset_call(struct transfer *t) {
  (void)SET(CURLOPT_HTTPHEADER, NULL);
  (void)SET(CURLOPT_POSTFIELDS, NULL);
}

struct ttn_auth *ttn_auth_new(const struct ttn_env *env, const char *key) {
  static const char lead[] = "Authorization: Bearer ";
  size_t n = strlen(key);
  struct ttn_auth *auth = ttn_alloc(env, sizeof *auth + sizeof lead + n);
  if (auth == NULL)
    return NULL;
  auth->size = sizeof lead + n;
  memcpy(auth->header, lead, sizeof lead - 1);
  memcpy(auth->header + sizeof lead - 1, key, n + 1);
  return auth;
}

void ttn_auth_free(const struct ttn_env *env, struct ttn_auth *auth) {
  if (auth == NULL)
    return;
  ttn_secret_wipe(auth->header, auth->size);
  ttn_free(env, auth);
}
