/* SPDX-License-Identifier: MIT */
#include "lib/fetch.h"

void fetch_without_proxy(void) {
  static const char *const names[] = {"http_proxy", "https_proxy",
                                      "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
}

int64_t fetch_now(void) { return ttn_env_system.mono(NULL); }

int64_t fetch_mono(void *ctx) {
  (void)ctx;
  return fetch_now();
}

struct ttn_http_options fetch_options(void) {
  return (struct ttn_http_options){.verify_peer = true,
                                   .verify_host = true,
                                   .max_connections = 4,
                                   .max_streams = 32,
                                   .user_agent = "ttn-test/1"};
}

void client_open_with(struct client *client,
                      const struct ttn_http_options *options) {
  test_env_init(&client->test)->env.mono = fetch_mono;
  client->auth = ttn_auth_new(&client->test.env, FETCH_KEY);
  client->net = ttn_http_new(&client->test.env, options);
  assert_non_null(client->auth);
  assert_non_null(client->net);
}

void client_open(struct client *client) {
  struct ttn_http_options options = fetch_options();
  client_open_with(client, &options);
}

void client_close(struct client *client) {
  client->net->free(client->net->ctx);
  ttn_auth_free(&client->test.env, client->auth);
  assert_int_equal(client->test.blocks, 0);
  assert_int_equal(client->test.lines, 0);
}

static bool fetch_data(struct ttn_call *call, int status, const char *bytes,
                       size_t n) {
  struct fetch *fetch = call->ctx;
  fetch->status = status;
  for (size_t i = 0; i < n && fetch->n + i < sizeof fetch->body - 1; i++)
    fetch->body[fetch->n + i] = bytes[i];
  fetch->n += n;
  return fetch->give_up_at == 0 || fetch->n < fetch->give_up_at;
}

struct ttn_call *fetch_init(struct fetch *fetch, struct client *client,
                            const char *scheme, int port, const char *path) {
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

void fetch_start(struct client *client, struct fetch *fetch) {
  assert_true(client->net->start(client->net->ctx, &fetch->call));
}

struct ttn_call *fetch_wait(struct client *client, int ms) {
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

const struct ttn_answer *fetch_run(struct client *client, struct fetch *fetch) {
  fetch_start(client, fetch);
  assert_ptr_equal(fetch_wait(client, 20000), &fetch->call);
  return &fetch->call.answer;
}

const struct ttn_answer *fetch_get(struct client *client, struct fetch *fetch,
                                   const char *scheme, int port,
                                   const char *path) {
  fetch_init(fetch, client, scheme, port, path);
  return fetch_run(client, fetch);
}
