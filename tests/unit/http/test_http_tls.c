/* SPDX-License-Identifier: MIT */
/* TLS and HTTP/2: nghttpx in front of the test's server, with certificates
 * that openssl(1) makes at the start, and a relay that falls silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fetch.h"
#include "lib/relay.h"
#include "lib/web.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct web web;
static char dir[] = "/tmp/ttn-test-XXXXXX";
static char ca[64];
static int front_port;
static pid_t front;

/* As many as go over one connection at once. */
#define TOGETHER 32

static void web_answer(struct web_request *request) {
  if (strcmp(request->path, "together") == 0)
    for (int i = 0; i < 1000 && request->web->peak < TOGETHER; i++)
      web_sleep(5);
  if (strcmp(request->path, "slow") == 0)
    web_sleep(200);
  if (strcmp(request->path, "slower") == 0)
    web_sleep(1200);
  if (strcmp(request->path, "stall") == 0) {
    web_send(request, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    web_hang(request);
  } else {
    web_reply(request, "200 OK", "X-Total-Count: 1\r\n", "ok", 2);
  }
}

static void open_with_ca(struct client *client, const char *ca_cert) {
  struct ttn_http_options options = fetch_options();
  options.ca_cert = ca_cert;
  client_open_with(client, &options);
}

/* Each path n times, at most `width` at once; how many connections it took. */
static int get_many(struct client *client, int port, const char *path, int n,
                    int width) {
  static struct fetch fetches[100];
  int started = 0, fresh = 0;
  for (int ended = 0; ended < n; ended++) {
    struct ttn_call *call;
    for (; started < n && started - ended < width; started++) {
      fetch_init(&fetches[started], client, "https", port, path);
      fetch_start(client, &fetches[started]);
    }
    call = fetch_wait(client, 10000);
    assert_non_null(call);
    assert_failure(&call->answer, TTN_OK);
    assert_int_equal(call->answer.status, 200);
    assert_int_equal(call->answer.total_count, 1);
    assert_true(call->answer.http2);
    assert_string_equal(((struct fetch *)call->ctx)->body, "ok");
    fresh += !call->answer.reused;
  }
  return fresh;
}

static void test_one_connection(void **state) {
  struct client client;
  (void)state;
  open_with_ca(&client, ca);
  assert_int_equal(get_many(&client, front_port, "ok", 100, TOGETHER), 1);
  assert_int_equal(get_many(&client, front_port, "ok", 100, TOGETHER), 0);
  web_forget(&web);
  assert_int_equal(
      get_many(&client, front_port, "together", TOGETHER, TOGETHER), 0);
  assert_int_equal(web.peak, TOGETHER);
  assert_true(web_saw(&web, "\r\nAuthorization: Bearer " FETCH_KEY "\r\n"));
  client_close(&client);
}

/* More at once than a connection may have streams: libcurl opens others. */
static void test_all_at_once(void **state) {
  struct client client;
  (void)state;
  open_with_ca(&client, ca);
  assert_in_range(get_many(&client, front_port, "ok", 100, 100), 1, 4);
  client_close(&client);
}

static void test_certificates(void **state) {
  static const struct {
    const char *server, *ca;
    bool skip_peer, skip_host;
    enum ttn_failure failure;
    const char *why;
  } cases[] = {
      {"here", "ca.pem", false, false, TTN_OK, ""},
      {"here", "hashed", false, false, TTN_OK, ""},
      {"here", NULL, false, false, TTN_FAIL_TLS, "name it with CACert"},
      {"here", "other.pem", false, false, TTN_FAIL_TLS, "name it with CACert"},
      {"here", "none.pem", false, false, TTN_FAIL_TLS, "CACert must be"},
      {"here", "here.key", false, false, TTN_FAIL_TLS, "CACert"},
      {"here", NULL, false, true, TTN_FAIL_TLS, "name it with CACert"},
      {"here", NULL, true, false, TTN_OK, ""},
      {"there", "ca.pem", false, false, TTN_FAIL_TLS, "in its certificate"},
      {"there", "ca.pem", false, true, TTN_OK, ""},
      {"old", "ca.pem", false, false, TTN_FAIL_TLS, "clock"},
      {"self", "ca.pem", false, false, TTN_FAIL_TLS, "name it with CACert"},
  };
  const char *running = "here";
  int port = front_port;
  pid_t pid = -1;
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_http_options options = fetch_options();
    const struct ttn_answer *answer;
    struct client client;
    struct fetch fetch;
    char path[100];
    if (strcmp(running, cases[i].server) != 0) {
      if (pid != -1)
        nghttpx_stop(pid);
      port = 0;
      running = cases[i].server;
      pid = nghttpx_start(&port, web.port, dir, running);
    }
    snprintf(path, sizeof path, "%s/%s", dir, cases[i].ca);
    options.ca_cert = cases[i].ca != NULL ? path : NULL;
    options.verify_peer = !cases[i].skip_peer;
    options.verify_host = !cases[i].skip_host;
    client_open_with(&client, &options);
    web_forget(&web);
    answer = fetch_get(&client, &fetch, "https", port, "ok");
    if (answer->failure != cases[i].failure ||
        strstr(answer->why, cases[i].why) == NULL)
      fail_msg("case %zu: %s: %s", i, ttn_failure_name(answer->failure),
               answer->why);
    assert_int_equal(web.requests, cases[i].failure == TTN_OK);
    client_close(&client);
  }
  nghttpx_stop(pid);
}

/* Runs `openssl s_server` on a port, with here.pem and at most TLS 1.1. */
static pid_t old_server_start(int *port) {
  char command[400];
  web_hold(port);
  pid_t pid = fork();
  if (pid == 0) {
    snprintf(command, sizeof command,
             "exec openssl s_server -accept 127.0.0.1:%d -key %s/here.key "
             "-cert %s/here.pem -tls1_1 -cipher ALL:@SECLEVEL=0 -quiet "
             "</dev/null >/dev/null 2>&1",
             *port, dir, dir);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  return pid;
}

/* Nothing below TLS 1.2 will do, and the proxy's certificate must be one that
 * the system trusts. */
static void test_proxy_with_tls(void **state) {
  enum { NO_PROXY, PROXY, OLD_PROXY };
  static const struct {
    int proxy;
    const char *lead, *reason;
  } cases[] = {
      {PROXY, "no secure connection to the proxy for 127.0.0.1:",
       "; if its CA is your own, let this system trust it"},
      {OLD_PROXY,
       "no secure connection to the proxy for 127.0.0.1:", "protocol"},
      {NO_PROXY, "no secure connection to 127.0.0.1:", "protocol"},
  };
  int old_port = 0;
  pid_t old = old_server_start(&old_port);
  (void)state;
  web_sleep(300);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct ttn_http_options options = fetch_options();
    struct client client;
    struct fetch fetch;
    char proxy[100];
    snprintf(proxy, sizeof proxy, "https://127.0.0.1:%d",
             cases[i].proxy == PROXY ? front_port : old_port);
    options.proxy = cases[i].proxy == NO_PROXY ? NULL : proxy;
    options.ca_cert = ca;
    client_open_with(&client, &options);
    assert_failure(fetch_get(&client, &fetch, "https", old_port, "ok"),
                   TTN_FAIL_TLS);
    assert_why(&fetch.call.answer, cases[i].lead);
    assert_why(&fetch.call.answer, cases[i].reason);
    client_close(&client);
  }
  kill(old, SIGKILL);
  waitpid(old, NULL, 0);
}

static void test_wrong_scheme(void **state) {
  struct client client;
  struct fetch fetch;
  (void)state;
  open_with_ca(&client, ca);
  assert_failure(fetch_get(&client, &fetch, "https", web.port, "ok"),
                 TTN_FAIL_TLS);
  assert_why(&fetch.call.answer, "does that port speak https?");
  assert_failure(fetch_get(&client, &fetch, "http", front_port, "ok"),
                 TTN_FAIL_TRANSFER);
  client_close(&client);
}

/* Accepted by the kernel, and nobody answers the handshake. */
static void test_handshake_hangs(void **state) {
  struct client client;
  struct fetch fetch;
  int port = 0, listener = web_listen(&port);
  int64_t begin = fetch_now();
  (void)state;
  open_with_ca(&client, ca);
  fetch_init(&fetch, &client, "https", port, "ok")->timeout = 1200 * TTN_MS;
  assert_failure(fetch_run(&client, &fetch), TTN_FAIL_TIMEOUT);
  assert_why(&fetch.call.answer, "no answer from 127.0.0.1");
  assert_in_range(fetch_now() - begin, 1000 * TTN_MS, 1300 * TTN_MS);
  client_close(&client);
  close(listener);
}

/* Nothing comes any more over a connection that stays open. Calls time out on
 * it; later ones, asking for a fresh one or not, have another, and so have
 * those that were on it and still have time. */
static void test_silent(void **state) {
  static struct fetch due[3], patient, later;
  struct client client;
  struct relay relay;
  (void)state;

  for (int fresh = 0; fresh < 2; fresh++) {
    relay_start(&relay, front_port);
    open_with_ca(&client, ca);
    assert_int_equal(get_many(&client, relay.port, "ok", 1, 1), 1);
    relay_silence(&relay);
    fetch_init(&patient, &client, "https", relay.port, "slow");
    fetch_start(&client, &patient);
    for (int i = 0; i < 3; i++) {
      fetch_init(&due[i], &client, "https", relay.port, "ok");
      due[i].call.timeout = 1050 * TTN_MS;
      fetch_start(&client, &due[i]);
    }
    for (int i = 0; i < 3; i++) {
      struct ttn_call *call = fetch_wait(&client, 2000);
      assert_failure(&call->answer, TTN_FAIL_TIMEOUT);
      assert_why(&call->answer, "no answer from 127.0.0.1");
      assert_true(call->answer.reused);
    }
    fetch_init(&later, &client, "https", relay.port, "ok")->fresh = fresh != 0;
    fetch_start(&client, &later);
    assert_ptr_equal(fetch_wait(&client, 1000), &later.call);
    assert_failure(&later.call.answer, TTN_OK);
    assert_ptr_equal(fetch_wait(&client, 1000), &patient.call);
    assert_failure(&patient.call.answer, TTN_OK);
    assert_int_equal(get_many(&client, relay.port, "ok", 10, 5), 0);
    web_sleep(30);
    assert_int_equal(relay.open, 1 + fresh);
    assert_int_equal(relay.connections, 2 + fresh);
    client_close(&client);
    relay_stop(&relay);
  }
}

/* A stream cannot be sent again: it ends with the connection that fell silent,
 * long after its time to connect, and says so. */
static void test_stream_on_silent(void **state) {
  static struct fetch stream, due;
  struct client client;
  struct relay relay;
  (void)state;
  relay_start(&relay, front_port);
  open_with_ca(&client, ca);
  fetch_init(&stream, &client, "https", relay.port, "stall");
  stream.call.endless = true;
  fetch_start(&client, &stream);
  while (stream.n == 0)
    assert_null(fetch_wait(&client, 20));
  relay_silence(&relay);
  fetch_init(&due, &client, "https", relay.port, "ok");
  due.call.timeout = 1050 * TTN_MS;
  fetch_start(&client, &due);
  assert_ptr_equal(fetch_wait(&client, 2000), &due.call);
  assert_failure(&due.call.answer, TTN_FAIL_TIMEOUT);
  assert_ptr_equal(fetch_wait(&client, 100), &stream.call);
  assert_failure(&stream.call.answer, TTN_FAIL_TRANSFER);
  assert_why(&stream.call.answer, "no whole answer from 127.0.0.1:");
  assert_why(&stream.call.answer, ": its connection fell silent");
  client_close(&client);
  relay_stop(&relay);
}

/* The last calls on a silent connection take it with them, however they end
 * and however short their time was. */
static void test_last_on_silent(void **state) {
  static struct fetch last[2];
  (void)state;
  for (int cancelled = 0; cancelled < 2; cancelled++) {
    struct client client;
    struct relay relay;
    relay_start(&relay, front_port);
    open_with_ca(&client, ca);
    assert_int_equal(get_many(&client, relay.port, "ok", 1, 1), 1);
    relay_silence(&relay);
    for (int i = 0; i < 2; i++) {
      fetch_init(&last[i], &client, "https", relay.port, "ok");
      last[i].call.timeout = 500 * TTN_MS;
      fetch_start(&client, &last[i]);
    }
    assert_null(fetch_wait(&client, 50));
    for (int i = 0; i < 2; i++)
      if (cancelled)
        client.net->cancel(client.net->ctx, &last[i].call);
      else
        assert_failure(&fetch_wait(&client, 5000)->answer, TTN_FAIL_TIMEOUT);
    assert_int_equal(get_many(&client, relay.port, "ok", 5, 5), 1);
    client_close(&client);
    relay_stop(&relay);
  }
}

/* One call that times out does not make others leave a connection over which
 * answers come, whether they have begun or are still waited for. */
static void test_slow_but_alive(void **state) {
  static struct fetch stall, patient;
  struct client client;
  struct relay relay;
  (void)state;

  relay_start(&relay, front_port);
  open_with_ca(&client, ca);
  assert_int_equal(get_many(&client, relay.port, "ok", 1, 1), 1);
  fetch_init(&stall, &client, "https", relay.port, "stall");
  stall.call.timeout = 1900 * TTN_MS;
  fetch_start(&client, &stall);
  for (int64_t begin = fetch_now(); fetch_now() < begin + TTN_SECOND;)
    assert_null(fetch_wait(&client, 100));
  for (int i = 0; i < 2; i++) {
    fetch_init(&patient, &client, "https", relay.port,
               i == 0 ? "slow" : "slower");
    fetch_start(&client, &patient);
    assert_ptr_equal(fetch_wait(&client, 2000),
                     i == 0 ? &patient.call : &stall.call);
  }
  assert_failure(&stall.call.answer, TTN_FAIL_TIMEOUT);
  assert_why(&stall.call.answer, "no whole answer from");
  assert_ptr_equal(fetch_wait(&client, 2000), &patient.call);
  assert_failure(&patient.call.answer, TTN_OK);
  assert_int_equal(relay.connections, 1);
  client_close(&client);
  relay_stop(&relay);
}

/* A connection that breaks, at rest or under many calls, costs no answer. */
static void test_broken(void **state) {
  static struct fetch fetches[20];
  struct client client;
  struct relay relay;
  (void)state;

  relay_start(&relay, front_port);
  open_with_ca(&client, ca);
  assert_int_equal(get_many(&client, relay.port, "ok", 1, 1), 1);
  relay_break(&relay);
  web_sleep(30);
  assert_int_equal(get_many(&client, relay.port, "ok", 10, 10), 1);

  for (int i = 0; i < 20; i++) {
    fetch_init(&fetches[i], &client, "https", relay.port, "slow");
    fetch_start(&client, &fetches[i]);
  }
  assert_null(fetch_wait(&client, 50));
  relay_break(&relay);
  for (int i = 0; i < 20; i++)
    assert_failure(&fetch_wait(&client, 2000)->answer, TTN_OK);
  assert_in_range(relay.connections, 3, 6); /* max_connections new ones */
  client_close(&client);
  relay_stop(&relay);
}

/* The server restarts between two calls, with a GOAWAY or without. */
static void test_restart(void **state) {
  static const int signals[] = {SIGQUIT, SIGTERM, SIGKILL};
  struct client client;
  (void)state;

  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    int port = 0;
    pid_t pid = nghttpx_start(&port, web.port, dir, "here");
    open_with_ca(&client, ca);
    assert_int_equal(get_many(&client, port, "ok", 5, 5), 1);
    kill(pid, signals[i]);
    web_sleep(100);
    if (signals[i] == SIGQUIT) /* it would wait for its clients */
      kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid = nghttpx_start(&port, web.port, dir, "here");
    assert_int_equal(get_many(&client, port, "ok", 5, 5), 1);
    client_close(&client);
    nghttpx_stop(pid);
  }
}

static void make_certificates(void) {
  char command[2000];
  assert_non_null(mkdtemp(dir));
  snprintf(ca, sizeof ca, "%s/ca.pem", dir);
  snprintf(
      command, sizeof command,
      "cd %s && exec 2>/dev/null && "
      "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && "
      "new=\"openssl req -x509 $ec -days 2\" && "
      "here='-addext subjectAltName=DNS:localhost,IP:127.0.0.1' && "
      "by='-CA ca.pem -CAkey ca.key' && "
      "$new -keyout ca.key -out ca.pem -subj /CN=ca && "
      "$new -keyout other.key -out other.pem -subj /CN=other && "
      "$new -keyout self.key -out self.pem -subj /CN=self $here && "
      "$new -keyout here.key -out here.pem -subj /CN=here $by $here && "
      "$new -keyout there.key -out there.pem -subj /CN=there $by "
      "-addext subjectAltName=DNS:there.example.org && "
      "openssl req $ec -keyout old.key -out old.csr -subj /CN=old $here && "
      "touch index && "
      "printf '[ca]\\ndefault_ca=x\\n[x]\\ndatabase=index\\n"
      "new_certs_dir=.\\nrand_serial=yes\\ndefault_md=sha256\\npolicy=p\\n"
      "copy_extensions=copy\\n[p]\\ncommonName=supplied\\n' >ca.cnf && "
      /* The one command that dates back in every version. */
      "openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key "
      "-startdate 20200101000000Z -enddate 20200102000000Z -in old.csr "
      "-out old.pem && "
      "mkdir hashed && "
      "cp ca.pem hashed/$(openssl x509 -noout -hash -in ca.pem).0",
      dir);
  if (system(command) != 0)
    fail_msg("no certificates: is openssl installed?");
}

/* In this process, OpenSSL itself has nothing against TLS 1.1. */
static void allow_old_tls(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/openssl.cnf", dir);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n"
        "[c]\nMinProtocol=TLSv1\nCipherString=ALL:@SECLEVEL=0\n",
        file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(setenv("OPENSSL_CONF", path, 1), 0);
}

static int set_up(void **state) {
  (void)state;
  make_certificates();
  allow_old_tls();
  assert_true(ttn_http_global_init());
  web_start(&web, web_answer);
  front = nghttpx_start(&front_port, web.port, dir, "here");
  return 0;
}

static int tear_down(void **state) {
  char command[100];
  (void)state;
  if (front > 0) { /* set_up got so far */
    nghttpx_stop(front);
    web_stop(&web);
  }
  snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_connection),
      cmocka_unit_test(test_all_at_once),
      cmocka_unit_test(test_certificates),
      cmocka_unit_test(test_proxy_with_tls),
      cmocka_unit_test(test_wrong_scheme),
      cmocka_unit_test(test_handshake_hangs),
      cmocka_unit_test(test_silent),
      cmocka_unit_test(test_stream_on_silent),
      cmocka_unit_test(test_last_on_silent),
      cmocka_unit_test(test_slow_but_alive),
      cmocka_unit_test(test_broken),
      cmocka_unit_test(test_restart),
  };
  fetch_without_proxy();
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
