/* SPDX-License-Identifier: MIT */
#include "base/failure.h"

const char *ttn_failure_name(enum ttn_failure failure) {
  switch (failure) {
  case TTN_OK:
    return "ok";
  case TTN_FAIL_DNS:
    return "dns";
  case TTN_FAIL_CONNECT:
    return "connect";
  case TTN_FAIL_PROXY:
    return "proxy";
  case TTN_FAIL_TLS:
    return "tls";
  case TTN_FAIL_TIMEOUT:
    return "timeout";
  case TTN_FAIL_TRANSFER:
    return "transfer";
  case TTN_FAIL_HTTP:
    return "http";
  case TTN_FAIL_RATE_LIMIT:
    return "rate_limit";
  case TTN_FAIL_KEY:
    return "key";
  case TTN_FAIL_JSON:
    return "json";
  case TTN_FAIL_ANSWER:
    return "answer";
  case TTN_FAIL_TOO_LARGE:
    return "too_large";
  case TTN_FAIL_MEMORY:
    return "memory";
  case TTN_FAIL_STATE_FILE:
    return "state_file";
  case TTN_FAILURES:
    break;
  }
  return "unknown";
}
