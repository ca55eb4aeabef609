/* SPDX-License-Identifier: MIT */
/* The way to a server: names that don't resolve, name servers that don't
 * answer, and proxies. Here getaddrinfo(3) is the test's own, and libcurl's
 * calls come to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fetch.h"
#include "lib/relay.h"
#include "lib/web.h"

#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

static struct web web;
static atomic_bool names_hang = true;
static atomic_int resolving;

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **result) {
  int (*real)(const char *, const char *, const struct addrinfo *,
              struct addrinfo **);
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (strstr(node, "hang") == NULL)
    return strstr(node, "invalid") != NULL ? EAI_NONAME
                                           : real(node, service, hints, result);
  resolving++;
  while (names_hang)
    web_sleep(5);
  resolving--;
  return EAI_AGAIN;
}

/* A proxy for CONNECT: the port says how it answers. */
static void web_answer(struct web_request *request) {
  char bytes[4096];
  ssize_t n;
  if (strcmp(request->path, "127.0.0.1:1") == 0) {
    web_reply(request, "407 Proxy Authentication Required",
              "Proxy-Authenticate: Basic realm=x\r\nX-Total-Count: 3\r\n", "",
              0);
  } else if (strcmp(request->path, "127.0.0.1:2") == 0) {
    web_reply(request, "403 Forbidden", "", "", 0);
  } else if (strncmp(request->path, "127.0.0.1:", 10) == 0) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK)},
        .sin_port = htons((uint16_t)atoi(request->path + 10))};
    request->over = true;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
      web_send(request, "HTTP/1.1 200 OK\r\nX-Warning: the proxy's\r\n\r\n");
      /* What comes is not TLS: the client is to say so. */
      n = recv(request->fd, bytes, sizeof bytes, 0);
      if (n > 0)
        web_send(request, "HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    close(fd);
  } else {
    web_reply(request, "200 OK", "", "ok", 2);
  }
}

static struct ttn_call *prepare(struct fetch *fetch, struct client *client,
                                const char *url) {
  fetch_init(fetch, client, "http", 0, "");
  snprintf(fetch->url, sizeof fetch->url, "%s", url);
  return &fetch->call;
}

static void test_no_such_name(void **state) {
  struct client client;
  struct fetch fetch;
  (void)state;
  client_open(&client);
  for (int i = 0; i < 2; i++) {
    prepare(&fetch, &client, "http://nowhere.invalid/x");
    assert_failure(fetch_run(&client, &fetch), TTN_FAIL_DNS);
    assert_string_equal(fetch.call.answer.why,
                        "could not resolve the host name nowhere.invalid");
    assert_false(fetch.call.answer.reused);
  }
  client_close(&client);
}

/* The call ends in time, and so do cancel and free, though a thread of
 * libcurl's still waits for the name server. */
static void test_names_hang(void **state) {
  struct client client;
  struct fetch due, gone, left;
  int64_t begin;
  (void)state;

  client_open(&client);
  begin = fetch_now();
  prepare(&due, &client, "http://hang-1.invalid/x")->timeout = 1200 * TTN_MS;
  prepare(&gone, &client, "http://hang-2.invalid/x");
  prepare(&left, &client, "http://hang-3.invalid/x");
  fetch_start(&client, &due);
  fetch_start(&client, &gone);
  fetch_start(&client, &left);
  assert_ptr_equal(fetch_wait(&client, 3000), &due.call);
  assert_in_range(fetch_now() - begin, 1100 * TTN_MS, 1250 * TTN_MS);
  assert_failure(&due.call.answer, TTN_FAIL_DNS);
  assert_why(&due.call.answer, "no name server told the address of hang-1");
  assert_int_equal(resolving, 3);

  begin = fetch_now();
  client.net->cancel(client.net->ctx, &gone.call);
  client_close(&client);
  assert_in_range(fetch_now() - begin, 0, 50 * TTN_MS);

  names_hang = false;
  for (int i = 0; i < 100 && resolving > 0; i++)
    web_sleep(10);
  web_sleep(50); /* those threads tidy up after themselves */
}

static void test_family(void **state) {
  static const struct {
    enum ttn_family family;
    const char *host;
    enum ttn_failure failure;
  } cases[] = {
      {TTN_FAMILY_ANY, "127.0.0.1", TTN_OK},
      {TTN_FAMILY_IPV4, "localhost", TTN_OK},
      {TTN_FAMILY_IPV6, "localhost", TTN_FAIL_CONNECT},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_http_options options = fetch_options();
    struct client client;
    struct fetch fetch;
    char url[100];
    options.family = cases[i].family;
    client_open_with(&client, &options);
    snprintf(url, sizeof url, "http://%s:%d/ok", cases[i].host, web.port);
    prepare(&fetch, &client, url);
    assert_failure(fetch_run(&client, &fetch), cases[i].failure);
    client_close(&client);
  }
}

static void test_proxy(void **state) {
  static const struct {
    const char *proxy;
    int port; /* 0: the one that this test plays */
    const char *url;
    enum ttn_failure failure;
    const char *why;
  } cases[] = {
      {"http://user:PASSWORD@127.0.0.1", 0, "https://127.0.0.1:1/x",
       TTN_FAIL_PROXY, "407"},
      {"http://user:PASSWORD@127.0.0.1", 0, "https://127.0.0.1:2/x",
       TTN_FAIL_PROXY, "403"},
      {"http://user:PASSWORD@127.0.0.1", 1, "https://127.0.0.1:3/x",
       TTN_FAIL_PROXY, "the proxy did not connect to 127.0.0.1:3"},
      {"http://user:PASSWORD@nowhere.invalid", 1, "https://127.0.0.1:3/x",
       TTN_FAIL_PROXY, "nowhere.invalid"},
      {"nonsense://user:PASSWORD@127.0.0.1", 0, "https://127.0.0.1:3/x",
       TTN_FAIL_PROXY, "127.0.0.1:3"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_http_options options = fetch_options();
    struct client client;
    struct fetch fetch;
    char proxy[100];
    const struct ttn_answer *answer = &fetch.call.answer;
    snprintf(proxy, sizeof proxy, "%s:%d", cases[i].proxy,
             cases[i].port != 0 ? cases[i].port : web.port);
    options.proxy = proxy;
    client_open_with(&client, &options);
    web_forget(&web);
    prepare(&fetch, &client, cases[i].url);
    assert_failure(fetch_run(&client, &fetch), cases[i].failure);
    assert_why(answer, cases[i].why);
    assert_null(strstr(answer->why, "PASSWORD"));
    assert_int_equal(answer->total_count, -1); /* that was the proxy's */
    assert_int_equal(answer->status, 0);
    assert_false(web_saw(&web, FETCH_KEY));
    client_close(&client);
  }
}

/* In clear text the key goes to a proxy only where that is allowed. */
static void test_proxy_of_plain_http(void **state) {
  (void)state;
  for (int allowed = 0; allowed < 2; allowed++)
    for (int of_environment = 0; of_environment < 2; of_environment++) {
      struct ttn_http_options options = fetch_options();
      struct client client;
      struct fetch fetch;
      char proxy[100];
      snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", web.port);
      options.allow_plain = allowed;
      if (of_environment)
        setenv("http_proxy", proxy, 1);
      else
        options.proxy = proxy;
      client_open_with(&client, &options);
      web_forget(&web);
      prepare(&fetch, &client, "http://127.0.0.1:3/x"); /* nobody is there */
      (void)fetch_run(&client, &fetch);
      assert_failure(&fetch.call.answer, allowed ? TTN_OK : TTN_FAIL_CONNECT);
      assert_int_equal(web_saw(&web, FETCH_KEY), allowed);
      unsetenv("http_proxy");
      client_close(&client);
    }
}

/* "" is no proxy: it is not to blame. */
static void test_no_proxy(void **state) {
  struct ttn_http_options options = fetch_options();
  struct client client;
  struct fetch fetch;
  (void)state;
  options.proxy = "";
  client_open_with(&client, &options);
  prepare(&fetch, &client, "https://127.0.0.1:3/x"); /* nobody is there */
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_CONNECT);
  assert_why(&fetch.call.answer, "could not connect to 127.0.0.1:3: ");
  client_close(&client);
}

/* A proxy that accepts and says nothing. 7.88 knows that it accepted, 8.14 only
 * that the way to the server was never there: both are right. */
static void test_proxy_hangs(void **state) {
  struct ttn_http_options options = fetch_options();
  struct client client;
  struct fetch fetch;
  char proxy[100];
  int port = 0, listener = web_listen(&port);
  (void)state;
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", port);
  options.proxy = proxy;
  client_open_with(&client, &options);
  prepare(&fetch, &client, "https://127.0.0.1:3/x")->timeout = 1200 * TTN_MS;
  (void)fetch_run(&client, &fetch);
  if (fetch.call.answer.failure == TTN_FAIL_TIMEOUT) {
    assert_why(&fetch.call.answer, "no answer from 127.0.0.1:3 within 1.1 s");
  } else {
    assert_failure(&fetch.call.answer, TTN_FAIL_PROXY);
    assert_why(&fetch.call.answer,
               "the proxy did not connect to 127.0.0.1:3 within 1.1 s");
  }
  client_close(&client);
  close(listener);
}

/* Through the proxy, and then no TLS: what CONNECT carried has no key. */
static void test_proxy_sees_no_key(void **state) {
  struct ttn_http_options options = fetch_options();
  struct client client;
  struct fetch fetch;
  char proxy[100], url[100];
  (void)state;
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", web.port);
  options.proxy = proxy;
  client_open_with(&client, &options);
  web_forget(&web);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/x", web.port);
  prepare(&fetch, &client, url);
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_TLS);
  assert_string_equal(fetch.call.answer.warning, "");
  assert_true(web_saw(&web, "CONNECT 127.0.0.1:"));
  assert_false(web_saw(&web, "Authorization"));
  client_close(&client);
}

static int set_up(void **state) {
  (void)state;
  assert_true(ttn_http_global_init());
  web_start(&web, web_answer);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  web_stop(&web);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_such_name),
      cmocka_unit_test(test_names_hang),
      cmocka_unit_test(test_family),
      cmocka_unit_test(test_proxy),
      cmocka_unit_test(test_proxy_of_plain_http),
      cmocka_unit_test(test_no_proxy),
      cmocka_unit_test(test_proxy_hangs),
      cmocka_unit_test(test_proxy_sees_no_key),
  };
  fetch_without_proxy();
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
