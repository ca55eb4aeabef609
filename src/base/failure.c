/* SPDX-License-Identifier: MIT */
#include "base/failure.h"

const char *ttn_failure_name(enum ttn_failure failure) {
  static const char *const names[TTN_FAILURES] = {
      [TTN_OK] = "ok",
      [TTN_FAIL_DNS] = "dns",
      [TTN_FAIL_CONNECT] = "connect",
      [TTN_FAIL_PROXY] = "proxy",
      [TTN_FAIL_TLS] = "tls",
      [TTN_FAIL_TIMEOUT] = "timeout",
      [TTN_FAIL_TRANSFER] = "transfer",
      [TTN_FAIL_HTTP] = "http",
      [TTN_FAIL_RATE_LIMIT] = "rate_limit",
      [TTN_FAIL_KEY] = "key",
      [TTN_FAIL_JSON] = "json",
      [TTN_FAIL_ANSWER] = "answer",
      [TTN_FAIL_TOO_LARGE] = "too_large",
      [TTN_FAIL_MEMORY] = "memory",
      [TTN_FAIL_STATE_FILE] = "state_file",
  };
  return failure < TTN_FAILURES ? names[failure] : "unknown";
}
