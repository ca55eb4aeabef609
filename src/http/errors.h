/* SPDX-License-Identifier: MIT */
/* What libcurl says of a failure, in the terms of this project. Part of
 * http.c. */
#ifndef TTN_HTTP_ERRORS_H
#define TTN_HTTP_ERRORS_H

#include "http/net.h"

#include <curl/curl.h>

/* How a transfer that failed ended, as far as its handle tells. The caller
 * fills it. */
struct ttn_http_end {
  CURLcode code;
  const char *url;
  const char *text;     /* CURLOPT_ERRORBUFFER's, maybe "" */
  int64_t timeout;      /* what was allowed, ns */
  bool resolved;        /* the host name, or the proxy's */
  bool connected;       /* TCP */
  bool answering;       /* a header line came */
  bool proxy;           /* the way leads through a proxy, as far as is known */
  bool proxy_untrusted; /* TLS with the proxy itself did not come about */
  long proxy_status;    /* what the proxy answered to CONNECT; 0 = nothing */
};

/* Sets failure and why. For CURLE_WRITE_ERROR a failure other than TTN_OK that
 * is there already stays: the callbacks know better than libcurl why they gave
 * up. */
void ttn_http_explain(struct ttn_answer *answer,
                      const struct ttn_http_end *end);

#endif
