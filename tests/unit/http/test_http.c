/* SPDX-License-Identifier: MIT */
/* Requests and answers over plain HTTP/1.1, with a server that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tts/decode.h"
#include "lib/fetch.h"
#include "lib/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct web web;

/* Made by gzip(1) at the start. */
static char *zipped, *bomb;
static size_t zipped_n, bomb_n;
#define BOMB_BYTES (TTN_BODY_MAX + 1)

static void large_headers(struct web_request *request) {
  char line[1100];
  snprintf(line, sizeof line, "X-Fill: %01000d\r\n", 0);
  web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
  for (int i = 0; i < 400; i++)
    web_send(request, line);
  web_send(request, "\r\n");
}

static void large_body(struct web_request *request) {
  static char block[1 << 16];
  web_send(request, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  for (size_t n = 0; n <= TTN_BODY_MAX && !request->over; n += sizeof block)
    web_send_n(request, block, sizeof block);
  request->over = true;
}

static void interim(struct web_request *request) {
  web_send(request, "HTTP/1.1 103 Early Hints\r\nX-Warning: early\r\n"
                    "X-Total-Count: 9\r\nX-Rate-Limit-Retry: 7\r\n\r\n"
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                    "X-Rate-Limit-Available: 3\r\n\r\n"
                    "2\r\nok\r\n0\r\nX-Total-Count: 8\r\n\r\n");
}

static void trickle(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 100 && !request->over && !request->web->stopping; i++) {
    web_send(request, "x");
    web_sleep(50);
  }
}

static void cut(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  request->over = true;
}

static void reset_in_body(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  web_sleep(50);
  web_reset(request);
}

static void reset_in_status(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nX-Wa");
  web_sleep(50);
  web_reset(request);
}

static void short_length(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                    "Connection: close\r\n\r\nhalf and more");
  request->over = true;
}

static void bad_chunk(struct web_request *request) {
  web_send(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\nok\r\nzz\r\n");
}

static void not_http(struct web_request *request) {
  web_send(request, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
  request->over = true;
}

static void gzip_ok(struct web_request *request) {
  web_reply(request, "200 OK", "Content-Encoding: gzip\r\n", zipped, zipped_n);
}

static void gzip_garbage(struct web_request *request) {
  web_reply(request, "200 OK", "Content-Encoding: gzip\r\n", "no gzip at all",
            14);
}

static void gzip_bomb(struct web_request *request) {
  web_reply(request, "200 OK", "Content-Encoding: gzip\r\n", bomb, bomb_n);
}

static void redirect(struct web_request *request) {
  char header[100];
  snprintf(header, sizeof header, "Location: http://127.0.0.1:%d/ok\r\n",
           web.port);
  web_reply(request, "302 Found", header, "", 0);
}

static void reset_second(struct web_request *request) {
  if (request->nth == 0)
    web_reply(request, "200 OK", "", "ok", 2);
  else
    web_reset(request);
}

static void close_second(struct web_request *request) {
  if (request->nth == 0)
    web_reply(request, "200 OK", "", "ok", 2);
  else
    request->over = true;
}

static void slow(struct web_request *request) {
  web_sleep(100);
  web_reply(request, "200 OK", "", "ok", 2);
}

static void all_headers(struct web_request *request) {
  web_reply(request, "200 OK",
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "x-total-count: 2500\r\nX-RATE-LIMIT-LIMIT: 60\r\n"
            "X-Rate-Limit-Available: 59\r\nX-Rate-Limit-Reset: 1\r\n"
            "X-Rate-Limit-Retry: 0\r\n"
            "X-Warning: Restricted rights\r\n",
            "{}", 2);
}

static void ok(struct web_request *request) {
  web_reply(request, "200 OK", "", "ok", 2);
}

static void unavailable(struct web_request *request) {
  web_reply(request, "503 Service Unavailable", "", "{\"code\":14}", 11);
}

static const struct {
  const char *path;
  void (*answer)(struct web_request *request);
} pages[] = {
    {"ok", ok},
    {"slow", slow},
    {"hang", web_hang},
    {"reset", web_reset},
    {"reset-in-body", reset_in_body},
    {"reset-in-status", reset_in_status},
    {"reset-second", reset_second},
    {"close-second", close_second},
    {"trickle", trickle},
    {"cut", cut},
    {"short-length", short_length},
    {"bad-chunk", bad_chunk},
    {"not-http", not_http},
    {"gzip", gzip_ok},
    {"gzip-garbage", gzip_garbage},
    {"gzip-bomb", gzip_bomb},
    {"large-body", large_body},
    {"large-headers", large_headers},
    {"interim", interim},
    {"redirect", redirect},
    {"headers", all_headers},
    {"503", unavailable},
};

static void web_answer(struct web_request *request) {
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
    if (strcmp(request->path, pages[i].path) == 0) {
      pages[i].answer(request);
      return;
    }
  web_reply(request, "404 Not Found", "", "", 0);
}

static const struct ttn_answer *get(struct client *client, struct fetch *fetch,
                                    const char *path) {
  return fetch_get(client, fetch, "http", web.port, path);
}

static void test_get(void **state) {
  struct client client;
  struct fetch fetch;
  const struct ttn_answer *answer;
  (void)state;

  client_open(&client);
  answer = get(&client, &fetch, "headers");
  assert_failure(answer, TTN_OK);
  assert_int_equal(answer->status, 200);
  assert_int_equal(fetch.status, 200);
  assert_string_equal(fetch.body, "{}");
  assert_int_equal(answer->date, INT64_C(784111777) * TTN_SECOND);
  assert_int_equal(answer->total_count, 2500);
  assert_int_equal(answer->rate_limit, 60);
  assert_int_equal(answer->rate_available, 59);
  assert_int_equal(answer->rate_reset, 1);
  assert_int_equal(answer->rate_retry, 0);
  assert_string_equal(answer->warning, "Restricted rights");
  assert_false(answer->http2);
  assert_false(answer->reused);
  assert_true(web_saw(&web, "GET /headers HTTP/1.1\r\n"));
  assert_true(web_saw(&web, "\r\nAuthorization: Bearer " FETCH_KEY "\r\n"));
  assert_true(web_saw(&web, "\r\nUser-Agent: ttn-test/1\r\n"));
  assert_true(web_saw(&web, "\r\nAccept-Encoding: gzip\r\n"));
  assert_false(web_saw(&web, "\r\nContent-Type:"));
  client_close(&client);
}

static void test_post_then_get(void **state) {
  static char body[3000000];
  struct client client;
  struct fetch fetch;
  (void)state;

  client_open(&client);
  fetch_init(&fetch, &client, "http", web.port, "ok");
  fetch.call.body = "{\"gateway_ids\":[]}";
  fetch.call.body_size = strlen(fetch.call.body);
  assert_failure(fetch_run(&client, &fetch), TTN_OK);
  assert_true(web_saw(&web, "POST /ok HTTP/1.1\r\n"));
  assert_true(web_saw(&web, "\r\nContent-Type: application/json\r\n"));
  assert_true(web_saw(&web, "\r\nContent-Length: 18\r\n"));
  assert_string_equal(web.last_body, "{\"gateway_ids\":[]}");

  /* The same handle, and nothing of the first call is left in it. */
  fetch_init(&fetch, &client, "http", web.port, "ok");
  fetch.call.auth = NULL;
  assert_failure(fetch_run(&client, &fetch), TTN_OK);
  assert_true(web_saw(&web, "GET /ok HTTP/1.1\r\n"));
  assert_false(web_saw(&web, "Authorization"));
  assert_false(web_saw(&web, "Content-"));
  assert_true(fetch.call.answer.reused);

  /* A body for which libcurl would ask first whether it may be sent. */
  memset(body, ' ', sizeof body);
  fetch_init(&fetch, &client, "http", web.port, "ok");
  fetch.call.body = body;
  fetch.call.body_size = 1024 * 1024 - 4096;
  assert_failure(fetch_run(&client, &fetch), TTN_OK);
  assert_false(web_saw(&web, "Expect"));
  client_close(&client);
}

/* What a misbehaving server makes of a call: failure, status, a word of why. */
static void test_faults(void **state) {
  static const struct {
    const char *path;
    enum ttn_failure failure;
    int status;
    const char *why;
  } cases[] = {
      {"reset", TTN_FAIL_TRANSFER, 0, "127.0.0.1"},
      {"reset-in-status", TTN_FAIL_TRANSFER, 200, "reset"},
      {"reset-in-body", TTN_FAIL_TRANSFER, 200, "reset"},
      {"cut", TTN_FAIL_TRANSFER, 200, "127.0.0.1"},
      {"bad-chunk", TTN_FAIL_TRANSFER, 200, "127.0.0.1"},
      {"not-http", TTN_FAIL_TRANSFER, 0, "127.0.0.1"},
      {"gzip-garbage", TTN_FAIL_TRANSFER, 200, "127.0.0.1"},
      {"gzip-bomb", TTN_FAIL_TOO_LARGE, 200, "16 MiB"},
      {"large-body", TTN_FAIL_TOO_LARGE, 200, "16 MiB"},
      {"large-headers", TTN_FAIL_TOO_LARGE, 200, "256 KiB"},
      {"503", TTN_OK, 503, ""},
      {"redirect", TTN_OK, 302, ""},
      {"no-such-page", TTN_OK, 404, ""},
      /* libcurl calls it whole; that JSON is cut short, the decoder sees. */
      {"short-length", TTN_OK, 200, ""},
  };
  struct client client;
  struct fetch fetch;
  (void)state;

  client_open(&client);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct ttn_answer *answer;
    web_forget(&web);
    answer = get(&client, &fetch, cases[i].path);
    if (answer->failure != cases[i].failure ||
        answer->status != cases[i].status ||
        strstr(answer->why, cases[i].why) == NULL || web.requests != 1)
      fail_msg("%s: %s, status %d, %d requests: %s", cases[i].path,
               ttn_failure_name(answer->failure), answer->status, web.requests,
               answer->why);
    /* And the next call is none the worse for it. */
    assert_failure(get(&client, &fetch, "ok"), TTN_OK);
    assert_string_equal(fetch.body, "ok");
  }
  client_close(&client);
}

static void test_refused(void **state) {
  struct client client;
  struct fetch fetch;
  int port = 0;
  (void)state;

  int held = web_hold(&port);
  client_open(&client);
  assert_failure(fetch_get(&client, &fetch, "http", port, "ok"),
                 TTN_FAIL_CONNECT);
  assert_why(&fetch.call.answer, "127.0.0.1");
  assert_int_equal(fetch.call.answer.status, 0);
  client_close(&client);
  close(held);
}

/* A port whose queue is full: the kernel drops what else comes. */
static void test_not_accepted(void **state) {
  struct client client;
  struct fetch fetch;
  int port = 0, listener = web_listen(&port), fillers[4];
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr = {htonl(INADDR_LOOPBACK)},
                                .sin_port = htons((uint16_t)port)};
  (void)state;

  assert_int_equal(listen(listener, 0), 0);
  for (int i = 0; i < 4; i++) {
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
  }
  client_open(&client);
  fetch_init(&fetch, &client, "http", port, "ok")->timeout = 1200 * TTN_MS;
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_CONNECT);
  assert_why(&fetch.call.answer, "nobody accepted a connection at 127.0.0.1");
  assert_why(&fetch.call.answer, "within 1.1 s");
  /* Who has hardly any time left does not blame the server. */
  fetch_init(&fetch, &client, "http", port, "ok")->timeout = 100 * TTN_MS;
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_TIMEOUT);
  client_close(&client);
  for (int i = 0; i < 4; i++)
    close(fillers[i]);
  close(listener);
}

static void test_gzip(void **state) {
  struct client client;
  struct fetch fetch;
  (void)state;

  client_open(&client);
  assert_failure(get(&client, &fetch, "gzip"), TTN_OK);
  assert_string_equal(fetch.body, "a body that was compressed\n");
  assert_true(web_saw(&web, "\r\nAccept-Encoding: gzip\r\n"));
  client_close(&client);
}

static void test_interim_and_trailers(void **state) {
  struct client client;
  struct fetch fetch;
  const struct ttn_answer *answer;
  (void)state;

  client_open(&client);
  answer = get(&client, &fetch, "interim");
  assert_failure(answer, TTN_OK);
  assert_int_equal(answer->status, 200);
  assert_int_equal(answer->total_count, -1);
  assert_int_equal(answer->rate_available, 3);
  assert_int_equal(answer->rate_retry, -1);
  assert_string_equal(answer->warning, "");
  client_close(&client);
}

static void test_given_up(void **state) {
  struct client client;
  struct fetch fetch;
  (void)state;

  client_open(&client);
  fetch_init(&fetch, &client, "http", web.port, "gzip");
  fetch.give_up_at = 1;
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_JSON);
  assert_int_equal(fetch.call.answer.status, 200);
  client_close(&client);
}

/* Time-outs come when they are due, whatever else is under way. */
static void test_timeouts(void **state) {
  struct client client;
  struct fetch hang, drip, good;
  int64_t begin = fetch_now();
  struct ttn_call *call;
  (void)state;

  client_open(&client);
  fetch_init(&hang, &client, "http", web.port, "hang")->timeout = 300 * TTN_MS;
  fetch_init(&drip, &client, "http", web.port, "trickle")->timeout =
      500 * TTN_MS;
  fetch_init(&good, &client, "http", web.port, "ok");
  fetch_start(&client, &drip);
  fetch_start(&client, &hang);
  fetch_start(&client, &good);
  assert_ptr_equal(fetch_wait(&client, 5000), &good.call);
  call = fetch_wait(&client, 5000);
  assert_ptr_equal(call, &hang.call);
  assert_in_range(fetch_now() - begin, 300 * TTN_MS, 400 * TTN_MS);
  assert_failure(&call->answer, TTN_FAIL_TIMEOUT);
  assert_why(&call->answer, "no answer from 127.0.0.1:");
  assert_why(&call->answer, "within 0.3 s");
  call = fetch_wait(&client, 5000);
  assert_ptr_equal(call, &drip.call);
  assert_in_range(fetch_now() - begin, 500 * TTN_MS, 600 * TTN_MS);
  assert_failure(&call->answer, TTN_FAIL_TIMEOUT);
  assert_why(&call->answer, "no whole answer from");
  assert_int_equal(call->answer.status, 200);
  assert_null(fetch_wait(&client, 20));

  /* No time at all. */
  fetch_init(&good, &client, "http", web.port, "hang")->timeout = 0;
  assert_failure(fetch_run(&client, &good), TTN_FAIL_TIMEOUT);
  fetch_init(&good, &client, "http", web.port, "hang")->timeout = -1;
  assert_failure(fetch_run(&client, &good), TTN_FAIL_TIMEOUT);
  client_close(&client);
}

static void *wake_later(void *user) {
  struct ttn_net *net = user;
  web_sleep(100);
  net->wake(net->ctx);
  return NULL;
}

static void test_wait_and_wake(void **state) {
  struct client client;
  struct fetch fetch;
  pthread_t thread;
  int64_t begin;
  (void)state;

  client_open(&client);
  begin = fetch_now();
  assert_null(fetch_wait(&client, 100)); /* nothing is under way */
  assert_in_range(fetch_now() - begin, 100 * TTN_MS, 150 * TTN_MS);

  fetch_init(&fetch, &client, "http", web.port, "hang");
  fetch_start(&client, &fetch);
  begin = fetch_now();
  assert_null(fetch_wait(&client, 100));
  assert_in_range(fetch_now() - begin, 100 * TTN_MS, 150 * TTN_MS);
  assert_null(fetch_wait(&client, -100));

  begin = fetch_now();
  pthread_create(&thread, NULL, wake_later, client.net);
  assert_null(fetch_wait(&client, 5000));
  assert_in_range(fetch_now() - begin, 90 * TTN_MS, 200 * TTN_MS);
  pthread_join(thread, NULL);

  begin = fetch_now();
  client.net->wake(client.net->ctx);
  client.net->wake(client.net->ctx);
  assert_null(fetch_wait(&client, 5000));
  assert_in_range(fetch_now() - begin, 0, 50 * TTN_MS);
  assert_null(fetch_wait(&client, 100)); /* two wakes are one */
  assert_in_range(fetch_now() - begin, 100 * TTN_MS, 200 * TTN_MS);
  client_close(&client); /* with a call under way */
  assert_null(fetch.call.net);
}

static void test_cancel(void **state) {
  struct client client;
  struct fetch gone, drip, ended, good;
  (void)state;

  client_open(&client);
  fetch_init(&gone, &client, "http", web.port, "hang");
  fetch_start(&client, &gone); /* not even begun */
  client.net->cancel(client.net->ctx, &gone.call);
  assert_null(gone.call.net);
  client.net->cancel(client.net->ctx, &gone.call); /* not under way: nothing */
  assert_null(fetch_wait(&client, 20));

  fetch_init(&drip, &client, "http", web.port, "trickle");
  fetch_init(&ended, &client, "http", web.port, "ok");
  fetch_init(&good, &client, "http", web.port, "slow");
  fetch_start(&client, &drip);
  fetch_start(&client, &good);
  assert_ptr_equal(fetch_wait(&client, 5000), &good.call);
  assert_true(drip.n > 0);
  client.net->cancel(client.net->ctx, &drip.call); /* within its body */
  assert_null(fetch_wait(&client, 20));

  /* Two have ended, one was given back: the other can still be cancelled. */
  fetch_init(&good, &client, "http", web.port, "ok");
  fetch_start(&client, &ended);
  fetch_start(&client, &good);
  struct ttn_call *first = fetch_wait(&client, -1); /* hardly any yet */
  web_sleep(100);
  if (first == NULL)
    first = fetch_wait(&client, 5000);
  if (first == &good.call)
    client.net->cancel(client.net->ctx, &ended.call);
  else
    client.net->cancel(client.net->ctx, &good.call);
  assert_null(fetch_wait(&client, 20));
  assert_failure(get(&client, &good, "ok"), TTN_OK);
  client_close(&client);
}

/* Connections are kept, and one that died is replaced without a failure. */
static void test_connections(void **state) {
  static const char *const dying[] = {"reset-second", "close-second"};
  struct client client;
  struct fetch fetch;
  (void)state;

  client_open(&client);
  assert_false(get(&client, &fetch, "ok")->reused);
  assert_true(get(&client, &fetch, "ok")->reused);
  fetch_init(&fetch, &client, "http", web.port, "ok")->fresh = true;
  assert_false(fetch_run(&client, &fetch)->reused);
  assert_true(get(&client, &fetch, "ok")->reused);

  web_close_all(&web); /* between polls */
  web_sleep(20);
  assert_failure(get(&client, &fetch, "ok"), TTN_OK);
  assert_false(fetch.call.answer.reused);

  for (size_t i = 0; i < 2; i++) { /* as the request is sent */
    client_close(&client);
    client_open(&client);
    web_forget(&web);
    assert_false(get(&client, &fetch, dying[i])->reused);
    assert_failure(get(&client, &fetch, dying[i]), TTN_OK);
    assert_false(fetch.call.answer.reused);
    assert_int_equal(web.requests, 3);
  }
  client_close(&client);
}

static void test_many(void **state) {
  static struct fetch fetches[20];
  struct client client;
  int before = web.connections;
  bool seen[20] = {false};
  (void)state;

  client_open(&client);
  /* What the server still does for the test before is none of this one's. */
  for (int i = 0; i < 100 && web.now > 0; i++)
    web_sleep(20);
  web_forget(&web);
  for (int i = 0; i < 20; i++) {
    fetch_init(&fetches[i], &client, "http", web.port, "slow");
    fetch_start(&client, &fetches[i]);
  }
  for (int i = 0; i < 20; i++) {
    struct ttn_call *call = fetch_wait(&client, 5000);
    struct fetch *fetch = call->ctx;
    assert_failure(&call->answer, TTN_OK);
    assert_false(seen[fetch - fetches]);
    seen[fetch - fetches] = true;
  }
  assert_null(fetch_wait(&client, 20));
  assert_int_equal(web.connections - before, 4);
  assert_int_equal(web.peak, 4);
  client_close(&client);
}

/* Calls that wait for a connection are counted from their start. */
static void test_timeout_while_waiting(void **state) {
  static struct fetch fetches[6];
  struct client client;
  int64_t begin = fetch_now();
  (void)state;

  client_open(&client);
  for (int i = 0; i < 6; i++) {
    fetch_init(&fetches[i], &client, "http", web.port, "hang");
    fetches[i].call.timeout = 200 * TTN_MS;
    fetch_start(&client, &fetches[i]);
  }
  for (int i = 0; i < 6; i++)
    assert_failure(&fetch_wait(&client, 5000)->answer, TTN_FAIL_TIMEOUT);
  assert_in_range(fetch_now() - begin, 200 * TTN_MS, 300 * TTN_MS);
  client_close(&client);
}

static void one_call(struct test_env *test, void *arg) {
  struct ttn_http_options options = fetch_options();
  struct client client = {.net = NULL};
  struct fetch fetch;
  (void)arg;
  options.headers = (char *[]){"X-Token: x"};
  options.n_headers = 1;
  test->env.mono = fetch_mono;
  client.auth = ttn_auth_new(&test->env, FETCH_KEY);
  client.net = ttn_http_new(&test->env, &options);
  if (client.net != NULL && client.auth != NULL) {
    fetch_init(&fetch, &client, "http", web.port, "ok");
    if (client.net->start(client.net->ctx, &fetch.call)) {
      assert_ptr_equal(fetch_wait(&client, 5000), &fetch.call);
      assert_failure(&fetch.call.answer, TTN_OK);
    } else {
      assert_null(fetch_wait(&client, 20));
    }
  }
  if (client.net != NULL)
    client.net->free(client.net->ctx);
  ttn_auth_free(&test->env, client.auth);
}

static void test_no_memory(void **state) {
  struct test_env test;
  (void)state;
  test_fail_each(&test, one_call, NULL);
  assert_int_equal(test.calls, 4); /* all of them were reached */
}

static char *output_of(const char *command, size_t *n) {
  size_t room = 1 << 20;
  char *bytes = malloc(room);
  FILE *pipe = popen(command, "r");
  *n = fread(bytes, 1, room, pipe);
  assert_int_equal(pclose(pipe), 0);
  return bytes;
}

static int set_up(void **state) {
  char command[100];
  (void)state;
  assert_true(ttn_http_global_init());
  snprintf(command, sizeof command, "head -c %u /dev/zero | gzip -9",
           BOMB_BYTES);
  bomb = output_of(command, &bomb_n);
  zipped = output_of("echo a body that was compressed | gzip", &zipped_n);
  web_start(&web, web_answer);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  web_stop(&web);
  free(zipped);
  free(bomb);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_get),
      cmocka_unit_test(test_post_then_get),
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_not_accepted),
      cmocka_unit_test(test_gzip),
      cmocka_unit_test(test_interim_and_trailers),
      cmocka_unit_test(test_given_up),
      cmocka_unit_test(test_timeouts),
      cmocka_unit_test(test_wait_and_wake),
      cmocka_unit_test(test_cancel),
      cmocka_unit_test(test_connections),
      cmocka_unit_test(test_many),
      cmocka_unit_test(test_timeout_while_waiting),
      cmocka_unit_test(test_no_memory),
  };
  fetch_without_proxy();
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
