/* SPDX-License-Identifier: MIT */
/* From CURLcode to enum ttn_failure and to a sentence that says which host,
 * what, and the fix where there is one. Knows libcurl's codes and
 * texts; starts nothing.
 *
 * Trap: some of libcurl's texts quote the proxy as it was set, with user and
 * password ("Unsupported proxy syntax in 'http://user:secret@…'"). None
 * quotes a request header, and URLs of this project hold no user, so a text
 * with an '@' is not passed on; curl_easy_strerror's stands in. */
#include "http/internal.h"
#include "base/text.h"

#include <string.h>

/* Who was given less than this to connect is not to blame for it. */
#define VERDICT_TIME TTN_SECOND

/* Longest part of a host name in a sentence, so that the fix has room. */
#define HOST_SHOWN 80

/* How a transfer that failed ended, as far as its handle tells. */
struct end {
  CURLcode code;
  const char *text;     /* libcurl's, maybe "" */
  int64_t timeout;      /* what was allowed, ns */
  bool resolved;        /* the host name, or the proxy's */
  bool connected;       /* TCP */
  bool answering;       /* a header line came */
  bool proxy;           /* the way leads through a proxy, as far as is known */
  bool proxy_untrusted; /* TLS with the proxy itself did not come about */
  long proxy_status;    /* what the proxy answered to CONNECT; 0 = nothing */
};

/* Before libcurl 8.7, or where it could not use the proxy's URL and so prepared
 * no connection (its scheme is not known then), only what is set by option is
 * known: a proxy of the environment is not, nor a host that needs none
 * (no_proxy). */
static bool uses_proxy(const struct transfer *t) {
  const char *proxy = t->http->options.proxy;
  long used = proxy != NULL && proxy[0] != '\0' && !t->options.direct;
#if LIBCURL_VERSION_NUM >= 0x080700
  const char *scheme = NULL;
  curl_easy_getinfo(t->easy, CURLINFO_SCHEME, &scheme);
  if (scheme != NULL)
    curl_easy_getinfo(t->easy, CURLINFO_USED_PROXY, &used);
#endif
  return used != 0;
}

static struct end end_of(struct transfer *t, CURLcode code) {
  struct end end = {.code = code,
                    .text = t->old_text ? "" : t->error,
                    .answering = t->answering,
                    .proxy = uses_proxy(t)};
  curl_off_t resolved = 0, sent = 0;
  long unverified = 0;
  curl_easy_getinfo(t->easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &unverified);
  curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &end.proxy_status);
  end.timeout = end.text[0] != '\0' ? t->connect_timeout : t->call->timeout;
  end.resolved = resolved > 0;
  /* CURLINFO_CONNECT_TIME_T is 0 on an old connection, and until TLS is up. */
  end.connected = sent > 0 || t->handshake || ttn_transfer_connection(t) != 0;
  /* With OpenSSL it is not 0 until the proxy's certificate is checked. */
  end.proxy_untrusted = unverified != 0 && end.proxy_status == 0;
  return end;
}

/* The server did not accept the client's certificate, or wants one. With TLS
 * 1.3 that is known only after the handshake, so libcurl calls it a failure to
 * receive. */
static bool client_refused(const struct end *end) {
  const char *alert = strstr(end->text, " alert ");
  return alert != NULL && (strstr(alert, "certificate") != NULL ||
                           strstr(alert, "unknown ca") != NULL ||
                           strstr(alert, "access denied") != NULL);
}

static enum ttn_failure failure_of(const struct end *end) {
  if (end->proxy_status != 0 && end->proxy_status / 100 != 2)
    return TTN_FAIL_PROXY;
  switch (end->code) {
  case CURLE_OK:
    return TTN_OK;
  case CURLE_COULDNT_RESOLVE_HOST:
    return TTN_FAIL_DNS;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_PROXY:
    return TTN_FAIL_PROXY;
  case CURLE_COULDNT_CONNECT:
    return end->proxy ? TTN_FAIL_PROXY : TTN_FAIL_CONNECT;
  case CURLE_OPERATION_TIMEDOUT:
    return TTN_FAIL_TIMEOUT;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ENGINE_NOTFOUND:
  case CURLE_SSL_ENGINE_SETFAILED:
  case CURLE_SSL_ENGINE_INITFAILED:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
  case CURLE_SSL_CRL_BADFILE:
  case CURLE_USE_SSL_FAILED:
    return TTN_FAIL_TLS;
  case CURLE_OUT_OF_MEMORY:
    return TTN_FAIL_MEMORY;
  default:
    return client_refused(end) ? TTN_FAIL_TLS : TTN_FAIL_TRANSFER;
  }
}

/* What to do about a TLS failure. The texts are OpenSSL's: with GnuTLS the last
 * one is always given. */
static const char *tls_fix(const struct end *end) {
  if (client_refused(end) && !end->proxy_untrusted)
    return "; it wants a certificate of a CA that it trusts: see ClientCert";
  switch (end->code) {
  case CURLE_SSL_CACERT_BADFILE:
    return "; CACert must be a readable PEM file or hashed directory";
  case CURLE_SSL_CERTPROBLEM:
    return "; see ClientCert and ClientKey";
  case CURLE_SSL_CONNECT_ERROR:
    if (strstr(end->text, "wrong version") != NULL)
      return "; does that port speak https?";
    return strstr(end->text, "alert handshake failure") != NULL
               ? "; does the server want a ClientCert?"
               : "";
  case CURLE_PEER_FAILED_VERIFICATION:
    if (strstr(end->text, "expired") != NULL ||
        strstr(end->text, "not yet valid") != NULL)
      return "; is this machine's clock right?";
    if (strstr(end->text, "name") != NULL)
      return "; use the name that is in its certificate";
    return end->proxy_untrusted
               ? "; if its CA is your own, let this system trust it"
               : "; if its CA is your own, name it with CACert";
  default:
    return "";
  }
}

static const char *lead(enum ttn_failure failure, const struct end *end) {
  switch (failure) {
  case TTN_FAIL_DNS:
    return "could not resolve the host name";
  case TTN_FAIL_CONNECT:
    return "could not connect to";
  case TTN_FAIL_PROXY:
    return "the proxy did not connect to";
  case TTN_FAIL_TLS:
    return end->proxy_untrusted ? "no secure connection to the proxy for"
                                : "no secure connection to";
  case TTN_FAIL_MEMORY:
    return "no memory to ask";
  default:
    return "no whole answer from";
  }
}

static const char *what_to_do(enum ttn_failure failure, const struct end *end) {
  if (failure == TTN_FAIL_PROXY && end->proxy_status == 407)
    return "; see ProxyUserFile and ProxyAuth";
  return failure == TTN_FAIL_TLS ? tls_fix(end) : "";
}

/* What did not happen in time. Who is to blame is known when libcurl's own
 * time-out, which is for connecting only, says so; else the call may have
 * waited for another's connection all the time. */
static const char *timeout_lead(const struct end *end,
                                enum ttn_failure *failure) {
  bool sure = end->text[0] != '\0' && end->timeout >= VERDICT_TIME;
  if (end->answering)
    return "no whole answer from";
  if (end->connected)
    return "no answer from";
  if (sure && end->resolved) {
    *failure = end->proxy ? TTN_FAIL_PROXY : TTN_FAIL_CONNECT;
    return end->proxy ? lead(*failure, end) : "nobody accepted a connection at";
  }
  if (sure && strncmp(end->text, "Resolving", 9) == 0) {
    *failure = TTN_FAIL_DNS;
    return "no name server told the address of";
  }
  return "no connection to";
}

/* libcurl's words, or "" where the lead has said it all. */
static void detail(char *buffer, size_t size, enum ttn_failure failure,
                   const struct end *end) {
  const char *text = end->text;
  buffer[0] = '\0';
  if (failure == TTN_FAIL_DNS || failure == TTN_FAIL_MEMORY)
    return;
  if (text[0] == '\0' && end->code == CURLE_COULDNT_CONNECT)
    text = "it has no address that AddressFamily allows"; /* none was tried */
  else if (text[0] == '\0' || strchr(text, '@') != NULL)
    text = curl_easy_strerror(end->code);
  ttn_print(buffer, size, ": %s", text);
  for (char *c = buffer; *c != '\0'; c++)
    if (*c < ' ' || *c > '~')
      *c = '?';
}

void ttn_http_explain(struct transfer *t, CURLcode code) {
  struct ttn_answer *answer = &t->call->answer;
  const struct end end = end_of(t, code);
  const char *url = t->call->url, *host = strstr(url, "://");
  int host_n;
  char text[CURL_ERROR_SIZE + 2];

  host = host != NULL ? host + 3 : url;
  host_n = (int)strcspn(host, "/?");
  if (host_n > HOST_SHOWN)
    host_n = HOST_SHOWN;

  if (end.code != CURLE_WRITE_ERROR || answer->failure == TTN_OK)
    answer->failure = failure_of(&end);
  if (answer->failure == TTN_FAIL_TOO_LARGE) {
    ttn_print(answer->why, sizeof answer->why,
              "the answer of %.*s is beyond %u MiB, or its headers beyond "
              "%u KiB",
              host_n, host, TTN_BODY_MAX >> 20, TTN_HEADERS_MAX >> 10);
  } else if (answer->failure == TTN_FAIL_JSON) {
    ttn_print(answer->why, sizeof answer->why,
              "the answer of %.*s was given up", host_n, host);
  } else if (answer->failure == TTN_FAIL_TIMEOUT) {
    const char *what = timeout_lead(&end, &answer->failure);
    ttn_print(answer->why, sizeof answer->why, "%s %.*s within %.1f s", what,
              host_n, host, (double)end.timeout / (double)TTN_SECOND);
  } else if (answer->failure != TTN_OK) {
    detail(text, sizeof text, answer->failure, &end);
    ttn_print(answer->why, sizeof answer->why, "%s %.*s%.110s%s",
              lead(answer->failure, &end), host_n, host, text,
              what_to_do(answer->failure, &end));
  }
}
