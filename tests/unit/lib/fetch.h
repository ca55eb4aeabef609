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

struct client {
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

static inline void client_open_with(struct client *client,
                                    const struct ttn_http_options *options) {
  test_env_init(&client->test)->env.mono = fetch_mono;
  client->auth = ttn_auth_new(&client->test.env, FETCH_KEY);
  client->net = ttn_http_new(&client->test.env, options);
  assert_non_null(client->auth);
  assert_non_null(client->net);
}

static inline void client_open(struct client *client) {
  struct ttn_http_options options = fetch_options();
  client_open_with(client, &options);
}

/* And nothing may be left, nor anything have been logged. */
static inline void client_close(struct client *client) {
  client->net->free(client->net->ctx);
  ttn_auth_free(&client->test.env, client->auth);
  assert_int_equal(client->test.blocks, 0);
  assert_int_equal(client->test.lines, 0);
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

static inline struct ttn_call *fetch_init(struct fetch *fetch,
                                          struct client *client,
                                          const char *scheme, int port,
                                          const char *path) {
  memset(fetch, 0, sizeof *fetch);
  snprintf(fetch->url, sizeof fetch->url, "%s://127.0.0.1:%d/%s", scheme, port,
           path);
  fetch->call = (struct ttn_call){.url = fetch->url,
                                  .auth = client->auth,
                                  .timeout = 5 * TTN_SECOND,
                                  .data = fetch_data,
                                  .ctx = fetch};
  return &fetch->call;
}

static inline void fetch_start(struct client *client, struct fetch *fetch) {
  assert_true(client->net->start(client->net->ctx, &fetch->call));
}

static inline struct ttn_call *fetch_wait(struct client *client, int ms) {
  struct ttn_call *call =
      client->net->wait(client->net->ctx, fetch_now() + ms * TTN_MS);
  if (call != NULL) {
    assert_null(call->net);
    assert_null(strstr(call->answer.why, "SECRET"));
    assert_int_equal(call->answer.failure != TTN_OK,
                     call->answer.why[0] != '\0');
  }
  return call;
}

/* One call from start to end. */
static inline const struct ttn_answer *fetch_run(struct client *client,
                                                 struct fetch *fetch) {
  fetch_start(client, fetch);
  assert_ptr_equal(fetch_wait(client, 20000), &fetch->call);
  return &fetch->call.answer;
}

static inline const struct ttn_answer *fetch_get(struct client *client,
                                                 struct fetch *fetch,
                                                 const char *scheme, int port,
                                                 const char *path) {
  fetch_init(fetch, client, scheme, port, path);
  return fetch_run(client, fetch);
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
