/* SPDX-License-Identifier: MIT */
/* Why something failed. */
#ifndef TTN_FAILURE_H
#define TTN_FAILURE_H

/* The names (ttn_failure_name) are the type instances of ttn_api's `errors`,
 * which users rely on. */
enum ttn_failure {
  TTN_OK,
  TTN_FAIL_DNS,        /* "dns": the host name was not resolved */
  TTN_FAIL_CONNECT,    /* "connect": nobody accepts connections there */
  TTN_FAIL_PROXY,      /* "proxy": the proxy refused or is not there */
  TTN_FAIL_TLS,        /* "tls": handshake or certificate */
  TTN_FAIL_TIMEOUT,    /* "timeout": no whole answer in time */
  TTN_FAIL_TRANSFER,   /* "transfer": the connection broke during an answer */
  TTN_FAIL_HTTP,       /* "http": a status that is no answer (5xx, 404 …) */
  TTN_FAIL_RATE_LIMIT, /* "rate_limit": 429 */
  TTN_FAIL_KEY,        /* "key": the key was refused, or lacks a right */
  TTN_FAIL_JSON,       /* "json": not JSON, cut short, or of a wrong shape */
  TTN_FAIL_ANSWER,     /* "answer": well-formed, but not to what was asked */
  TTN_FAIL_TOO_LARGE,  /* "too_large": beyond what a sane answer has */
  TTN_FAIL_MEMORY,     /* "memory" */
  TTN_FAIL_STATE_FILE, /* "state_file" */
  TTN_FAILURES         /* how many there are */
};
const char *ttn_failure_name(enum ttn_failure failure);

#endif
