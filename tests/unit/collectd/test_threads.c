/* SPDX-License-Identifier: MIT */
/* Accounts that poll, notify and end all at once, in a daemon that starts and
 * stops again and again, with a stack that is slow, fails and refuses the key.
 * Above all for the thread sanitizer (./check tsan), which sees races of which
 * nothing else shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/collectd.h"
#include "lib/web.h"

#define LIVES 8
#define ACCOUNTS 6
#define READERS 3

static struct web web;
static char dir[] = "/tmp/ttn-test-XXXXXX";
static atomic_uint asked;
static atomic_int mood; /* of the stack */
enum { MIXED, WELL, REFUSING };

/* Both of the list and of the batch: an entry, or nothing that is one. */
static const char good[] =
    "{\"gateways\":[{\"ids\":{\"gateway_id\":\"roof\"}},"
    "{\"ids\":{\"gateway_id\":\"attic\"}}],"
    "\"entries\":{\"roof\":{\"connected_at\":\"2026-11-22T15:00:00Z\","
    "\"uplink_count\":\"41\"}}}";
static const char refused[] =
    "{\"code\":16,\"details\":[{\"namespace\":\"pkg/auth/rights\",\"name\":"
    "\"api_key_not_found\"}]}";

static void web_answer(struct web_request *request) {
  unsigned n = atomic_fetch_add(&asked, 1) % 16;
  if (mood == WELL)
    n = 0;
  if (mood == REFUSING)
    web_reply(request, "401 Unauthorized", "", refused, sizeof refused - 1);
  else if (n == 3)
    web_hang(request);
  else if (n == 7)
    web_reset(request);
  else if (n == 5)
    web_reply(request, "503 Service Unavailable", "", "", 0);
  else if (n == 9 || n == 10)
    web_reply(request, "401 Unauthorized", "", refused, sizeof refused - 1);
  else
    web_reply(request, "200 OK", "X-Total-Count: 2\r\n", good, sizeof good - 1);
}

/* collectd never reads and frees one account at once. */
static pthread_mutex_t reading[ACCOUNTS];
static atomic_bool over;

static void *read_all(void *arg) {
  (void)arg;
  for (int i = 0; !over; i = (i + 1) % ACCOUNTS) {
    struct collectd_read *read = &collectd.reads[i];
    pthread_mutex_lock(&reading[i]);
    if (read->data.data != NULL && read->callback(&read->data) != 0)
      abort();
    pthread_mutex_unlock(&reading[i]);
    web_sleep(1);
  }
  return NULL;
}

static void end_account(int i) {
  pthread_mutex_lock(&reading[i]);
  collectd.reads[i].data.free_func(collectd.reads[i].data.data);
  collectd.reads[i].data.data = NULL;
  pthread_mutex_unlock(&reading[i]);
}

/* The first one who asks has the gateways, all others have none, and only
 * statistics show that a key works. */
static bool reported_a_gateway(void) {
  bool found = false;
  pthread_mutex_lock(&collectd.lock);
  for (int i = 0; i < collectd.n_values && !found; i++)
    found = strcmp(collectd.values[i].plugin, "ttn") == 0;
  pthread_mutex_unlock(&collectd.lock);
  return found;
}

/* One daemon's life: half of the accounts end while the others go on. In the
 * first one the key works, and is refused then: that makes a notification. */
static void live(int life) {
  pthread_t readers[READERS];
  char name[16], state_file[64];
  int before = collectd.dispatched;
  over = false;
  mood = life == 0 ? WELL : MIXED;
  collectd.n_reads = 0;
  web_start(&web, web_answer);
  for (int i = 0; i < ACCOUNTS; i++) {
    snprintf(name, sizeof name, "account-%d", i);
    snprintf(state_file, sizeof state_file, "%s/%d.state", dir, i);
    collectd_configure(name, web.port, i % 2 == 0 ? state_file : "");
  }
  assert_int_equal(collectd.init(), 0);
  assert_int_equal(collectd.n_reads, ACCOUNTS);
  for (int i = 0; i < READERS; i++)
    assert_int_equal(pthread_create(&readers[i], NULL, read_all, NULL), 0);
  for (int i = 0; i < 2000 && collectd.dispatched == before; i++)
    web_sleep(10);
  for (int i = 0; i < 2000 && mood == WELL && !reported_a_gateway(); i++)
    web_sleep(10);
  if (mood == WELL)
    mood = REFUSING;
  for (int i = 0; i < 3000 && mood == REFUSING && collectd.notified == 0; i++)
    web_sleep(10);
  mood = MIXED;
  for (int i = 0; i < ACCOUNTS; i++) {
    web_sleep(20 + 7 * (life + i) % 30);
    end_account((life + i) % ACCOUNTS);
  }
  over = true;
  for (int i = 0; i < READERS; i++)
    pthread_join(readers[i], NULL);
  assert_int_equal(collectd.shutdown(), 0);
  web_stop(&web);
}

static void test_lives(void **state) {
  (void)state;
  for (int i = 0; i < LIVES; i++) {
    int before = collectd.dispatched;
    live(i);
    int after = collectd.dispatched;
    assert_true(after > before);
    web_sleep(20);
    assert_int_equal(collectd.dispatched, after);
  }
  assert_true(collectd.notified > 0);
}

static int load(void **state) {
  (void)state;
  assert_non_null(mkdtemp(dir));
  for (int i = 0; i < ACCOUNTS; i++)
    pthread_mutex_init(&reading[i], NULL);
  collectd_load();
  return 0;
}

static int unload(void **state) {
  char command[64];
  (void)state;
  snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives)};
  return cmocka_run_group_tests(tests, load, unload);
}
