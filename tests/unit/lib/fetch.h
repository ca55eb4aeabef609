/* SPDX-License-Identifier: MIT */
/* Calls over struct ttn_net as a test makes them: one after another or many at
 * once, with the body kept. Include it after cmocka.h. */
#ifndef TTN_FETCH_H
#define TTN_FETCH_H

#include "http/http.h"
#include "lib/testing.h"

#define FETCH_KEY "NNSXS.ID.SECRET"

struct fetch {
  struct ttn_call call;
  char url[300];
  char body[1 << 12]; /* the first bytes of it */
  size_t n;           /* how many came */
  size_t give_up_at;  /* 0: never */
  int status;         /* as the data callback was told */
};

struct rig {
  struct test_env test;
  struct ttn_auth *auth;
  struct ttn_net *net;
};

/* What the environment says of proxies is not for a test. */
static inline void fetch_without_proxy(void) {
  static const char *const names[] = {"http_proxy", "https_proxy",
                                      "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
}

static inline int64_t fetch_now(void) { return ttn_env_system.mono(NULL); }

static inline int64_t fetch_mono(void *ctx) {
  (void)ctx;
  return fetch_now();
}

static inline struct ttn_http_options fetch_options(void) {
  return (struct ttn_http_options){.verify_peer = true,
                                   .verify_host = true,
                                   .max_connections = 4,
                                   .max_streams = 32,
                                   .user_agent = "ttn-test/1"};
}

static inline void rig_open_with(struct rig *rig,
                                 const struct ttn_http_options *options) {
  test_env_init(&rig->test)->env.mono = fetch_mono;
  rig->auth = ttn_auth_new(&rig->test.env, FETCH_KEY);
  rig->net = ttn_http_new(&rig->test.env, options);
  assert_non_null(rig->auth);
  assert_non_null(rig->net);
}

static inline void rig_open(struct rig *rig) {
  struct ttn_http_options options = fetch_options();
  rig_open_with(rig, &options);
}

/* And nothing may be left, nor anything have been logged. */
static inline void rig_close(struct rig *rig) {
  rig->net->free(rig->net->ctx);
  ttn_auth_free(&rig->test.env, rig->auth);
  assert_int_equal(rig->test.blocks, 0);
  assert_int_equal(rig->test.lines, 0);
}

static inline bool fetch_data(struct ttn_call *call, int status,
                              const char *bytes, size_t n) {
  struct fetch *fetch = call->ctx;
  fetch->status = status;
  for (size_t i = 0; i < n && fetch->n + i < sizeof fetch->body - 1; i++)
    fetch->body[fetch->n + i] = bytes[i];
  fetch->n += n;
  return fetch->give_up_at == 0 || fetch->n < fetch->give_up_at;
}

static inline struct ttn_call *fetch_init(struct fetch *fetch, struct rig *rig,
                                          const char *scheme, int port,
                                          const char *path) {
  memset(fetch, 0, sizeof *fetch);
  snprintf(fetch->url, sizeof fetch->url, "%s://127.0.0.1:%d/%s", scheme, port,
           path);
  fetch->call = (struct ttn_call){.url = fetch->url,
                                  .auth = rig->auth,
                                  .timeout = 5 * TTN_SECOND,
                                  .data = fetch_data,
                                  .ctx = fetch};
  return &fetch->call;
}

static inline void fetch_start(struct rig *rig, struct fetch *fetch) {
  assert_true(rig->net->start(rig->net->ctx, &fetch->call));
}

static inline struct ttn_call *fetch_wait(struct rig *rig, int ms) {
  struct ttn_call *call =
      rig->net->wait(rig->net->ctx, fetch_now() + ms * TTN_MS);
  if (call != NULL) {
    assert_null(call->net);
    assert_null(strstr(call->answer.why, "SECRET"));
    assert_int_equal(call->answer.failure != TTN_OK,
                     call->answer.why[0] != '\0');
  }
  return call;
}

/* One call from start to end. */
static inline const struct ttn_answer *fetch_run(struct rig *rig,
                                                 struct fetch *fetch) {
  fetch_start(rig, fetch);
  assert_ptr_equal(fetch_wait(rig, 20000), &fetch->call);
  return &fetch->call.answer;
}

static inline const struct ttn_answer *fetch_get(struct rig *rig,
                                                 struct fetch *fetch,
                                                 const char *scheme, int port,
                                                 const char *path) {
  fetch_init(fetch, rig, scheme, port, path);
  return fetch_run(rig, fetch);
}

#define assert_failure(answer, expected)                                       \
  do {                                                                         \
    const struct ttn_answer *answer_ = (answer);                               \
    if (answer_->failure != (expected))                                        \
      fail_msg("failure %s instead of %s: %s",                                 \
               ttn_failure_name(answer_->failure), ttn_failure_name(expected), \
               answer_->why);                                                  \
  } while (0)

#define assert_why(answer, words)                                              \
  do {                                                                         \
    if (strstr((answer)->why, words) == NULL)                                  \
      fail_msg("\"%s\" lacks \"%s\"", (answer)->why, words);                   \
  } while (0)

#endif
