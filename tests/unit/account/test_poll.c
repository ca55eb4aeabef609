/* SPDX-License-Identifier: MIT */
/* What may happen during a poll: answers in an awkward order, a list that
 * changes while statistics are under way, hosts that refuse or limit. Each test
 * plays the stack by a function that answers one request; what went out and
 * what was logged is looked for as text. tests/unit/test_account.c has a whole
 * life and the failures of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/stack.h"

/* ---- a key without the right to list ---- */

#define NO_LIST                                                                \
  "{\"code\":7,\"message\":\"x\",\"details\":[{\"namespace\":\"pkg/auth/"      \
  "rights\","                                                                  \
  "\"name\":\"insufficient_user_rights\",\"attributes\":{\"missing\":["        \
  "\"RIGHT_USER_GATEWAYS_LIST\"]}}]}"
#define OWNER(admin)                                                           \
  "{\"api_key\":{\"api_key\":{\"id\":\"K\",\"rights\":["                       \
  "\"RIGHT_GATEWAY_STATUS_READ\"]},\"entity_ids\":{\"user_ids\":{\"user_id\":" \
  "\"alice\"}}}" admin "}"

static const char *owner_of_key;
static int search_status;

static void may_not_list(struct stack *p, struct ttn_call *call) {
  if (is_auth(call))
    answer_add(p, "%s", owner_of_key);
  else if (is_at(call, "/search/gateways?") && search_status != 200)
    answer_error(p, call, search_status, "{\"code\":5,\"message\":\"x\"}");
  else if (is_at(call, "/search/gateways?"))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_list(call))
    answer_error(p, call, 403, NO_LIST);
  else
    answer_batch(p, call, CONNECTED);
}

/* The search lists what the key's owner collaborates on: one line says so, and
 * the list is not asked again. */
static void test_searches(void **state) {
  (void)state;
  owner_of_key = OWNER("");
  search_status = 200;
  struct stack *p = stack_open(may_not_list, NULL);
  for (int poll = 0; poll < 3; poll++) {
    stack_poll(p);
    assert_int_equal(p->started, poll == 0 ? 4 : 2);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_reported(p, "ttn/b-gw/bool-connected=1");
    assert_reported(p, "ttn_api/home/bool-up=1");
    assert_not_reported(p, "ttn_api/home/errors-key=1");
  }
  assert_logged(p, 1, "NOTICE account \"home\": the key may not list gateways");
  assert_logged(p, 0, "ERROR");
  /* The right to search goes, too: the list is tried again. */
  search_status = 403;
  stack_poll(p);
  stack_poll(p);
  assert_logged(p, 1,
                "ERROR account \"home\": the list of gateways can't be read");
  assert_logged(p, 1, "give it the right");
  stack_close(p);
}

/* An admin's search would list all gateways of the stack, and an old stack has
 * no search. */
static void test_does_not_search(void **state) {
  static const struct {
    const char *owner;
    int status;
  } rows[] = {{OWNER(",\"is_admin\":true"), 200}, {OWNER(""), 404}};
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    owner_of_key = rows[i].owner;
    search_status = rows[i].status;
    struct stack *p = stack_open(may_not_list, NULL);
    stack_poll(p);
    stack_poll(p);
    assert_not_reported(p, "ttn/");
    assert_reported(p, "ttn_api/home/bool-up=0");
    assert_logged(p, 1, "ERROR");
    stack_close(p);
  }
}

static void limits_auth_once(struct stack *p, struct ttn_call *call) {
  may_not_list(p, call);
  if (!is_auth(call) || p->poll > 0)
    return;
  p->body[0] = '\0';
  answer_error(p, call, 429, ERROR("pkg/ratelimit", "rate_limit_exceeded"));
  call->answer.rate_retry = 50; /* until the next poll */
}

/* A list that waits for auth_info when the poll ends was denied, and the next
 * poll reads it again. */
static void test_list_waits_for_auth_info(void **state) {
  (void)state;
  owner_of_key = OWNER("");
  search_status = 200;
  struct stack *p = stack_open(limits_auth_once, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/bool-up=0");
  assert_logged(p, 1, "can't be read: the key may not list gateways");
  for (int poll = 1; poll < 3; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_reported(p, "ttn_api/home/bool-up=1");
  }
  assert_logged(p, 1, "the list of gateways can be read again");
  assert_logged(p, 1, "ERROR");
  stack_close(p);
}

/* ---- a host that wants a break ---- */

/* A proxy before nam1 says 503, and when to come back: in the fourth poll. */
static void wants_a_break(struct stack *p, struct ttn_call *call) {
  if (is_list(call)) {
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1);
  } else if (is_at(call, NAM1) && p->poll == 1) {
    answer_error(p, call, 503, "<html>");
    call->answer.retry_after = 170;
  } else {
    answer_batch(p, call, CONNECTED);
  }
}

static void test_break_after_503(void **state) {
  (void)state;
  struct stack *p = stack_open(wants_a_break, NULL);
  for (int poll = 0; poll < 6; poll++) {
    stack_poll(p);
    bool away = poll >= 1 && poll <= 3;
    assert_int_equal(p->started, poll == 2 || poll == 3 ? 2 : 3);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_int_equal(count(p->reported, "ttn/b-gw/bool-connected=1\n"), !away);
    assert_int_equal(count(p->reported, "ttn_api/home/bool-up=1\n"), !away);
    assert_not_reported(p, "ttn_api/home/errors-rate_limit");
  }
  assert_logged(p, 1, "ERROR");
  assert_logged(p, 1, "responds again");
  assert_logged(p, 0, "rate limit");
  stack_close(p);
}

static void home_wants_a_break(struct stack *p, struct ttn_call *call) {
  wants_a_break(p, call);
  if (is_list(call) || p->poll != 1)
    return;
  p->body[0] = '\0';
  answer_error(p, call, 503, "<html>");
  call->answer.retry_after = 170;
}

static void list_wants_a_break(struct stack *p, struct ttn_call *call) {
  wants_a_break(p, call);
  if (!is_list(call) || p->poll != 1)
    return;
  p->body[0] = '\0';
  answer_error(p, call, 503, "<html>");
  call->answer.retry_after = 170;
}

/* The list is not read during the break, which is no rate limit; the host's own
 * line says why. */
static void test_break_of_the_list(void **state) {
  (void)state;
  struct stack *p = stack_open(home_wants_a_break, NULL);
  for (int poll = 0; poll < 6; poll++) {
    stack_poll(p);
    assert_int_equal(count(p->reported, "ttn_api/home/bool-up=1\n"),
                     poll == 0 || poll > 3);
  }
  assert_logged(p, 2, "ERROR");
  assert_logged(p, 2, "statistics: answered 503");
  assert_logged(p, 0, "the list of gateways");
  stack_close(p);
  p = stack_open(list_wants_a_break, NULL);
  p->last = "/gateways?";
  for (int poll = 0; poll < 6; poll++)
    stack_poll(p);
  assert_logged(p, 1, "the list of gateways can't be read: answered 503");
  assert_logged(p, 1, "the list of gateways can be read again");
  stack_close(p);
}

static void repaired(struct stack *p, struct ttn_call *call) {
  bool breaks = is_at(call, EU1) ? p->poll == 2 && p->started == 2
                                 : p->poll >= 1 && p->poll < 4;
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1);
  else if (breaks)
    call->answer = (struct ttn_answer){.failure = TTN_FAIL_TRANSFER};
  else
    answer_batch(p, call, CONNECTED);
}

/* A failure that a second attempt repairs is no line, whatever else is unknown.
 */
static void test_repaired_failure(void **state) {
  (void)state;
  const char *const options[] = {"DiscoveryInterval", "3600", NULL};
  struct stack *p = stack_open(repaired, options);
  p->first = EU1;
  for (int poll = 0; poll < 5; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_int_equal(count(p->reported, "ttn/b-gw/bool-connected=1\n"),
                     poll == 0 || poll == 4);
  }
  assert_logged(p, 1, "ERROR");
  assert_logged(p, 1, "responds again");
  stack_close(p);
}

/* ---- the list changes during a poll ---- */

static void moves_to_untrusted(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", p->poll == 0 ? EU1 : "gateways.example");
  else
    answer_batch(p, call,
                 p->poll == 1 ? CONNECTED ",\"uplink_count\":\"7\"" : "");
}

/* Its new host may not have the key, but the account's own has the gateway: an
 * address of a vendor or of an old stack. */
static void test_moves_to_untrusted_host(void **state) {
  (void)state;
  struct stack *p = stack_open(moves_to_untrusted, NULL);
  p->first = "/gateways?";
  stack_poll(p);
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/packets-uplink=7");
  assert_reported(p, "ttn_api/home/count-unknown=0");
  assert_reported(p, "ttn_api/home/bool-up=1");
  assert_logged(p, 0, "gateways.example");
  stack_close(p);
}

static void at_untrusted(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", "gateways.example", "b-gw", "not a host", "c-gw",
         "router.eu.example:1700");
  else if (is_at(call, EU1) && p->poll == 1)
    answer_error(p, call, 500, "{}");
  else if (is_at(call, EU1))
    answer_add(p, "{\"entries\":{\"c-gw\":{%s}}}",
               p->poll < 3 ? CONNECTED : DISCONNECTED);
  else
    answer_add(p, "{}");
}

/* Addresses that are foreign, or none: unknown, and named, only when no host
 * that may have the key has the gateway; up is 0 only when one of those does
 * not answer. A gateway that was seen there can be disconnected. */
static void test_at_untrusted_hosts(void **state) {
  const char *const options[] = {"Cluster", NAM1, NULL};
  (void)state;
  struct stack *p = stack_open(at_untrusted, options);
  for (int poll = 0; poll < 4; poll++) {
    stack_poll(p);
    assert_not_reported(p, "ttn/a-gw");
    assert_not_reported(p, "ttn/b-gw");
    assert_reported(p, poll == 1 ? "ttn_api/home/bool-up=0"
                                 : "ttn_api/home/bool-up=1");
    assert_reported(p, poll == 1 ? "ttn_api/home/count-unknown=3"
                                 : "ttn_api/home/count-unknown=2");
    if (poll != 1)
      assert_reported(p, poll < 3 ? "ttn/c-gw/bool-connected=1"
                                  : "ttn/c-gw/bool-connected=0");
  }
  assert_logged(p, 1,
                "gateway a-gw is unknown: no cluster that was asked has it, "
                "and gateways.example, where it is registered, may not have "
                "the key; if that host is yours, allow it with: Cluster "
                "\"https://gateways.example\"");
  assert_logged(p, 1,
                "gateway b-gw is unknown: no cluster that was asked has it, "
                "and its gateway server address \"not?a?host\" is not a host");
  assert_logged(p, 0, "c-gw");
  stack_close(p);
}

static void leaves(struct stack *p, struct ttn_call *call) {
  if (is_list(call) && p->poll == 0)
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    answer_batch(p, call, CONNECTED);
}

/* Answered first, gone from the list then: it isn't counted any more. */
static void test_leaves_after_its_answer(void **state) {
  (void)state;
  struct stack *p = stack_open(leaves, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-connected=2");
  p->last = "/gateways?";
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-gateways=1");
  assert_reported(p, "ttn_api/home/count-connected=1");
  assert_reported(p, "ttn_api/home/count-unknown=0");
  stack_close(p);
}

static void no_list(struct stack *p, struct ttn_call *call) {
  answer_error(p, call, 500, "{}");
}

/* How many gateways there are is not known, and not 0. */
static void test_no_list_yet(void **state) {
  (void)state;
  struct stack *p = stack_open(no_list, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/bool-up=0");
  assert_not_reported(p, "/count-");
  stack_close(p);
}

/* ---- limits ---- */

static inline void limit(struct stack *p, struct ttn_call *call,
                         int64_t retry) {
  answer_error(p, call, 429, ERROR("pkg/ratelimit", "rate_limit_exceeded"));
  call->answer.rate_retry = retry;
}

static void limits_list(struct stack *p, struct ttn_call *call) {
  if (is_list(call) && p->poll > 0)
    limit(p, call, 3600);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    answer_batch(p, call, CONNECTED);
}

/* Kinds of call are limited apart: a list that has to wait holds up nothing. */
static void test_limited_list(void **state) {
  (void)state;
  struct stack *p = stack_open(limits_list, NULL);
  for (int poll = 0; poll < 4; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_reported(p, "ttn_api/home/bool-up=1");
  }
  assert_logged(p, 1, "the list of gateways can't be read");
  assert_logged(p, 0, "raise Timeout");
  stack_close(p);
}

static void limits_auth_info(struct stack *p, struct ttn_call *call) {
  call->answer.http2 = false; /* four calls at a time */
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_auth(call))
    limit(p, call, 3600);
  else if (strstr(call->body, "b-gw") != NULL)
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
  else
    answer_batch(p, call, CONNECTED);
}

/* More than one batch's worth, of which the first is refused. */
static void limits_auth_of_many(struct stack *p, struct ttn_call *call) {
  if (!is_list(call)) {
    limits_auth_info(p, call);
    return;
  }
  answer_add(p, "{\"gateways\":[");
  for (int i = 0; i < 1000; i++)
    answer_add(p, "%s{\"ids\":{\"gateway_id\":\"%c-%04d%s\"}}",
               i == 0 ? "" : ",", i < 100 ? 'a' : 'c', i,
               i == 50 ? "b-gw" : "");
  answer_add(p, "]}");
  call->answer.total_count = 1000;
}

static void test_limited_auth_info(void **state) {
  (void)state;
  struct stack *p = stack_open(limits_auth_of_many, NULL);
  for (int poll = 0; poll < 2; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn_api/home/count-connected=900");
    assert_reported(p, "ttn_api/home/count-unknown=100");
  }
  assert_logged(p, 1, "because of the rate limit some gateways are unknown");
  stack_close(p);
}

static void storm(struct stack *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_of_many(p, call);
  } else if (p->poll == 0) {
    answer_batch(p, call, CONNECTED);
  } else {
    limit(p, call, 0);
  }
}

/* After a refusal the next call of its kind goes alone. */
static void test_storm_of_limits(void **state) {
  (void)state;
  struct stack *p = stack_open(storm, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/bool-up=1");
  for (int poll = 0; poll < 2; poll++) {
    stack_poll(p);
    /* a list, the batches in parallel, and then one a second for 45 s */
    assert_in_range(p->started, 2, 1 + 10 + 45);
    assert_reported(p, "ttn_api/home/count-unknown=1000");
  }
  assert_logged(p, 1, "because of the rate limit some gateways");
  stack_close(p);
}

static void limited_home(struct stack *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_of_many(p, call);
  } else if (is_at(call, EU1) && strstr(call->body, "c-0500") != NULL) {
    limit(p, call, 3600);
  } else {
    answer_add(p, "{\"entries\":{}}");
  }
}

/* What a limited host did say, that it lacks a gateway, is followed up though
 * it never gets through all of its own. */
static void test_looks_elsewhere_when_limited(void **state) {
  (void)state;
  const char *const options[] = {"Cluster", NAM1, NULL};
  struct stack *p = stack_open(limited_home, options);
  stack_poll(p);
  assert_reported(p, "ttn/a-0000/bool-connected=0");
  assert_not_reported(p, "ttn/c-0500/");
  stack_close(p);
}

static void one_batch_hangs(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    limits_auth_of_many(p, call);
  else if (p->poll > 0 && strstr(call->body, "a-0000") != NULL)
    call->answer = (struct ttn_answer){.failure = TTN_FAIL_TIMEOUT};
  else
    answer_batch(p, call, CONNECTED);
}

/* The next poll's probe is another batch. */
static void test_one_batch_hangs(void **state) {
  (void)state;
  const char *const options[] = {"DiscoveryInterval", "3600", "Spread", "0",
                                 NULL};
  struct stack *p = stack_open(one_batch_hangs, options);
  stack_poll(p);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-connected=900");
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-unknown=1000");
  for (int poll = 3; poll < 6; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn_api/home/count-connected=900");
  }
  stack_close(p);
}

static void fails_for_some(struct stack *p, struct ttn_call *call) {
  bool some = call->body != NULL && strstr(call->body, "a-0000") != NULL;
  if (is_list(call))
    limits_auth_of_many(p, call);
  else if (some && p->poll > 1)
    answer_error(p, call, 500, "{}");
  else
    answer_batch(p, call, some ? CONNECTED "," DISCONNECTED : CONNECTED);
}

/* Those that are down were asked for everywhere before; that their host fails
 * for them is a line all the same. */
static void test_failure_for_some(void **state) {
  (void)state;
  const char *const options[] = {"DiscoveryInterval", "3600", NULL};
  struct stack *p = stack_open(fails_for_some, options);
  for (int poll = 0; poll < 4; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn_api/home/count-connected=900");
    assert_int_equal(
        count(p->reported, "ttn_api/home/count-disconnected=100\n"), poll < 2);
  }
  assert_logged(p, 1, "statistics: answered 500");
  stack_close(p);
}

/* A server without the batch; one gateway's own limit is far off. */
static void limits_one(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1, "c-gw", EU1);
  else if (call->body != NULL)
    answer_error(p, call, 404, "{\"code\":5,\"message\":\"Not Found\"}");
  else if (is_at(call, "a-gw"))
    limit(p, call, 3600);
  else if (is_at(call, EU1) || is_at(call, "c-gw"))
    answer_add(p, "{" CONNECTED "}");
  else
    answer_error(p, call, 404, ERROR("pkg/gatewayserver", "not_connected"));
}

static void test_one_limited_gateway(void **state) {
  (void)state;
  struct stack *p = stack_open(limits_one, NULL);
  stack_poll(p);
  assert_reported(p, "ttn/c-gw/bool-connected=1");
  assert_reported(p,
                  "ttn/b-gw/bool-connected=1"); /* found at eu1, behind a-gw */
  assert_not_reported(p, "ttn/a-gw/");
  stack_close(p);
}

static int64_t b_asked_at, poll_began;

/* As above, but a-gw may be asked again within the poll. */
static void limits_one_for_a_while(struct stack *p, struct ttn_call *call) {
  if (is_at(call, "a-gw") && p->test.mono > poll_began + 10 * TTN_SECOND) {
    answer_add(p, "{" CONNECTED "}");
    return;
  }
  limits_one(p, call);
  if (is_at(call, "a-gw"))
    call->answer.rate_retry = 10;
  if (is_at(call, EU1) && is_at(call, "b-gw"))
    b_asked_at = p->test.mono;
}

/* Lookups do not wait for a gateway's own limit. */
static void test_limit_delays_no_lookup(void **state) {
  (void)state;
  struct stack *p = stack_open(limits_one_for_a_while, NULL);
  poll_began = p->test.mono + 60 * TTN_SECOND;
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=1");
  assert_reported(p, "ttn/b-gw/bool-connected=1");
  assert_true(b_asked_at < poll_began + 2 * TTN_SECOND);
  stack_close(p);
}

/* b-gw is public, and at another cluster than its own. */
static void public_elsewhere(struct stack *p, struct ttn_call *call) {
  bool other = is_at(call, NAM1);
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_auth(call))
    answer_add(p, "%s", OWNER(""));
  else if (other && call->body != NULL)
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
  else if (other)
    answer_add(p, "{" CONNECTED "}");
  else
    answer_add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
}

/* A refused batch of one does not prove that the gateway is not there. */
static void test_public_gateway_elsewhere(void **state) {
  (void)state;
  const char *const options[] = {"Cluster", NAM1, NULL};
  struct stack *p = stack_open(public_elsewhere, options);
  for (int poll = 0; poll < 3; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/b-gw/bool-connected=1");
    assert_reported(p, "ttn_api/home/bool-up=1");
  }
  stack_close(p);
}

#define SEVEN(host)                                                            \
  "a-gw", host, "b-gw", host, "c-gw", host, "d-gw", host, "e-gw", host,        \
      "f-gw", host, "g-gw", host

static void seven_at_once(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, SEVEN(EU1));
  else if (is_auth(call))
    answer_add(p, "%s", OWNER(""));
  else if (p->poll == 0)
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
  else if (p->poll == 1 && call->body == NULL)
    answer_add(p, "{" CONNECTED "}");
  else if (p->poll < 3 || is_at(call, NAM1))
    answer_batch(p, call, CONNECTED);
  else
    answer_add(p, "{\"entries\":{}}");
  call->answer.from_stack = true;
}

/* What happens to many gateways is one line. */
static void test_seven_at_once(void **state) {
  (void)state;
  const char *const options[] = {"Cluster", NAM1, NULL};
  static const char seven[] = "a-gw, b-gw, c-gw, d-gw, e-gw, f-gw, g-gw";
  static const char moved[] =
      "7 gateways are connected at another host than the registered one, and "
      "read there: a-gw at " NAM1 ", b-gw at " NAM1 ", c-gw at " NAM1
      ", d-gw at " NAM1 ", e-gw at " NAM1 ", f-gw at " NAM1 " …: set their";
  char line[100];
  struct stack *p = stack_open(seven_at_once, options);
  for (int poll = 0; poll < 5; poll++)
    stack_poll(p);
  snprintf(line, sizeof(line), "until that changes: %s: give", seven);
  assert_logged(p, 1, line);
  snprintf(line, sizeof(line), "7 gateways are no longer refused: %s\n", seven);
  assert_logged(p, 1, line);
  assert_logged(p, 1, moved);
  assert_logged(p, 1, "INFO");
  assert_int_equal(p->test.lines, 5); /* and one about the key */
  stack_close(p);
}

/* ---- the key ---- */

static void one_cluster_refuses(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1);
  else if (is_at(call, NAM1))
    answer_error(p, call, 401,
                 ERROR("pkg/identityserver", "api_key_not_found"));
  else
    answer_batch(p, call, CONNECTED);
}

/* It does not affect the others, and is said once. */
static void test_one_cluster_refuses_the_key(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct stack *p = stack_open(one_cluster_refuses, options);
  for (int poll = 0; poll < 4; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_not_reported(p, "ttn/b-gw");
    assert_reported(p, "ttn_api/home/bool-up=0");
  }
  assert_logged(p, 1, "the stack does not know this key");
  assert_logged(p, 0, "works again");
  assert_string_equal(p->notified, "");
  stack_close(p);
}

static void right_comes_back(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    answer_add(p,
               "{\"api_key\":{\"api_key\":{\"id\":\"ID\",\"rights\":["
               "\"RIGHT_USER_GATEWAYS_LIST\"%s]},"
               "\"entity_ids\":{\"user_ids\":{\"user_id\":\"alice\"}}}}",
               p->poll == 0 ? "" : ",\"RIGHT_GATEWAY_STATUS_READ\"");
  else
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
}

/* The key is well again although all of its gateways are refused. */
static void test_key_works_for_no_gateway(void **state) {
  (void)state;
  struct stack *p = stack_open(right_comes_back, NULL);
  stack_poll(p);
  assert_logged(p, 1, "RIGHT_GATEWAY_STATUS_READ");
  stack_poll(p);
  stack_poll(p);
  assert_logged(p, 1, "the key works again");
  assert_logged(p, 1, "refused to this key");
  stack_close(p);
}

static void no_auth_info(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    answer_error(p, call, 500, "{\"code\":13,\"message\":\"x\"}");
  else
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
}

/* Gateways that are unknown for that are unknown for a reason that is said. */
static void test_auth_info_fails(void **state) {
  (void)state;
  struct stack *p = stack_open(no_auth_info, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/bool-up=0");
  assert_logged(p, 1, "auth_info: answered 500");
  stack_poll(p);
  assert_logged(p, 1, "auth_info: answered 500");
  stack_close(p);
}

#define LONG_SECRET "AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD"
static void echoes_key(struct stack *p, struct ttn_call *call) {
  if (p->poll == 0) {
    if (is_list(call))
      LIST(p, call, "a-gw", EU1);
    else
      answer_add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
    return;
  }
  answer_error(p, call, 401, ERROR("pkg/identityserver", "api_key_expired"));
  snprintf(call->answer.warning, sizeof(call->answer.warning),
           "Bearer NNSXS.KEY." LONG_SECRET);
}

/* A hostile answer echoes the key: it is in no line and no notification. */
static void test_echo(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct stack *p = stack_open(echoes_key, options);
  for (int i = 0; i < 3; i++)
    stack_poll(p);
  assert_non_null(strstr(p->notified, "the key has expired"));
  assert_null(strstr(p->notified, LONG_SECRET));
  assert_null(strstr(p->test.log, LONG_SECRET));
  stack_close(p);
}

/* ---- a host that does not exist ---- */

static void typo(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "down-gw", EU1, "typo-gw", NAM1);
  else if (is_at(call, NAM1))
    call->answer.failure = p->poll == 1 ? TTN_FAIL_CONNECT : TTN_FAIL_DNS;
  else
    answer_add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
}

/* A gateway's address with a typo must not hide that another is down; a host
 * that is there, or that the configuration names, may yet have that other. */
static void test_typo_in_an_address(void **state) {
  (void)state;
  struct stack *p = stack_open(typo, NULL);
  p->first = NAM1;
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=1");
  assert_reported(p, "ttn/down-gw/bool-connected=0");
  assert_not_reported(p, "ttn/typo-gw");
  assert_reported(p, "ttn_api/home/bool-up=0");
  stack_poll(p);
  assert_not_reported(p, "ttn/down-gw");
  stack_poll(p);
  assert_reported(p, "ttn/down-gw/bool-connected=0");
  stack_close(p);
  const char *const options[] = {"Cluster", NAM1, NULL};
  p = stack_open(typo, options);
  stack_poll(p);
  assert_not_reported(p, "ttn/down-gw");
  stack_close(p);
}

/* ---- a gateway that is named, and not listed ---- */

static void at_the_other(struct stack *p, struct ttn_call *call) {
  assert_false(is_list(call));
  if (is_at(call, NAM1))
    answer_batch(p, call, CONNECTED);
  else
    answer_add(p, "{}");
}

static void at_none(struct stack *p, struct ttn_call *call) {
  assert_false(is_list(call));
  answer_add(p, "{}");
}

static void at_none_later(struct stack *p, struct ttn_call *call) {
  if (p->poll == 0)
    answer_batch(p, call, CONNECTED);
  else
    at_none(p, call);
}

/* One that was connected there is down. Any other may be connected where nobody
 * asked: said once, with the fix. */
static void test_named_gateway_nowhere(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  struct stack *p = stack_open(at_none, options);
  stack_poll(p);
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=0");
  assert_logged(p, 1, "name it with a Cluster line");
  stack_close(p);
  const char *const one[] = {"Gateway", "a-gw", NULL};
  p = stack_open(at_none_later, one);
  stack_poll(p);
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=0");
  assert_logged(p, 0, "name it with a Cluster line");
  stack_close(p);
}

/* Nobody said where it is registered: there is nothing to fix. */
static void test_named_gateway_elsewhere(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Cluster", NAM1, NULL};
  struct stack *p = stack_open(at_the_other, options);
  stack_poll(p);
  assert_reported(p, "ttn/a-gw/bool-connected=1");
  assert_logged(p, 0, "the registered one");
  stack_close(p);
}

/* ---- memory ---- */

static void connects_elsewhere(struct stack *p, struct ttn_call *call) {
  if (p->poll > 0 || is_at(call, NAM1))
    answer_batch(p, call, CONNECTED);
  else
    answer_add(p, "{\"entries\":{}}");
}

/* A list of exact names that finds no memory takes no gateway away. */
static void test_names_without_memory(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  for (size_t nth = 1; nth < 20; nth++) {
    struct stack *p = stack_open(connects_elsewhere, options);
    stack_poll(p);
    p->test.fail_at = p->test.calls + nth;
    stack_poll(p);
    assert_reported(p, "ttn_api/home/count-gateways=2");
    assert_logged(p, 0, "no longer listed");
    stack_close(p);
  }
}

/* Requests that found no memory are told as that, and not as limited. */
static void test_no_memory_is_no_limit(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  for (size_t nth = 1; nth < 40; nth++) {
    struct stack *p = stack_open(connects_elsewhere, options);
    p->test.fail_at = p->test.calls + nth;
    p->test.for_good = true;
    stack_poll(p);
    assert_logged(p, 0, "rate limit");
    p->test.fail_at = 0;
    stack_poll(p);
    assert_logged(p, 0, "rate limit");
    assert_reported(p, "ttn_api/home/count-connected=2");
    stack_close(p);
  }
}

/* A proxy's maintenance page as JSON, with status 200. */
static void maintenance(struct stack *p, struct ttn_call *call) {
  if (p->poll == 0 && is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (p->poll == 0 && !is_list(call))
    answer_batch(p, call, CONNECTED);
  else
    answer_add(p, "{\"status\":\"maintenance\"}");
}

static void test_maintenance(void **state) {
  (void)state;
  struct stack *p = stack_open(maintenance, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/bool-up=1");
  for (int poll = 0; poll < 3; poll++) {
    stack_poll(p);
    assert_not_reported(p, "ttn/a-gw");
    assert_reported(p, "ttn_api/home/bool-up=0");
    assert_reported(p, "ttn_api/home/count-unknown=2");
    assert_reported(p, "ttn_api/home/count-disconnected=0");
  }
  assert_logged(p, 1, "the answer has nothing that was asked");
  assert_string_equal(p->notified, "");
  stack_close(p);
}

/* Five gateways, and then {}: of a proxy in polls 1 and 2, of the stack in poll
 * 4. */
static void all_gone(struct stack *p, struct ttn_call *call) {
  if (is_list(call)) {
    LIST(p, call, "a-gw", EU1, "b-gw", EU1, "c-gw", EU1, "d-gw", EU1, "e-gw",
         EU1);
  } else if (p->poll == 0 || p->poll == 3) {
    answer_batch(p, call, CONNECTED);
  } else {
    call->answer.from_stack = p->poll == 4;
    answer_add(p, "{}");
  }
}

static void test_all_gone(void **state) {
  (void)state;
  struct stack *p = stack_open(all_gone, NULL);
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-connected=5");
  for (int poll = 1; poll <= 2; poll++) {
    stack_poll(p);
    assert_not_reported(p, "ttn/a-gw");
    assert_reported(p, "ttn_api/home/count-unknown=5");
    assert_reported(p, "ttn_api/home/bool-up=0");
  }
  assert_logged(p, 1, "none of 5 gateways that were connected");
  stack_poll(p);
  assert_reported(p, "ttn_api/home/count-connected=5");
  stack_poll(p);
  assert_int_equal(p->started, 3); /* the list, and two looks */
  assert_reported(p, "ttn_api/home/count-disconnected=5");
  assert_reported(p, "ttn_api/home/bool-up=1");
  assert_reported(p, "ttn/a-gw/bool-connected=0");
  stack_close(p);
}

/* A round trip that is no duration costs the round trips, and one line. */
static void odd(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else
    answer_batch(p, call,
                 p->poll < 3 ? CONNECTED
                     ",\"uplink_count\":\"5\",\"round_trip_times\":{"
                     "\"min\":\"soon\"}"
                             : CONNECTED);
}

static void test_odd_field(void **state) {
  (void)state;
  struct stack *p = stack_open(odd, NULL);
  for (int poll = 0; poll < 3; poll++) {
    stack_poll(p);
    assert_reported(p, "ttn/a-gw/bool-connected=1");
    assert_reported(p, "ttn/a-gw/packets-uplink=5");
    assert_not_reported(p, "ttn/a-gw/duration-rtt_min");
    assert_reported(p, "ttn_api/home/bool-up=1");
  }
  assert_logged(p, 1,
                "the statistics of 2 gateways have a field that makes no "
                "sense; its values are left out; first a-gw: "
                "round_trip_times.min");
  stack_poll(p);
  assert_logged(p, 1, "all fields of the statistics make sense again");
  stack_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_searches),
      cmocka_unit_test(test_does_not_search),
      cmocka_unit_test(test_list_waits_for_auth_info),
      cmocka_unit_test(test_break_after_503),
      cmocka_unit_test(test_break_of_the_list),
      cmocka_unit_test(test_repaired_failure),
      cmocka_unit_test(test_moves_to_untrusted_host),
      cmocka_unit_test(test_at_untrusted_hosts),
      cmocka_unit_test(test_leaves_after_its_answer),
      cmocka_unit_test(test_no_list_yet),
      cmocka_unit_test(test_limited_list),
      cmocka_unit_test(test_limited_auth_info),
      cmocka_unit_test(test_storm_of_limits),
      cmocka_unit_test(test_looks_elsewhere_when_limited),
      cmocka_unit_test(test_one_batch_hangs),
      cmocka_unit_test(test_failure_for_some),
      cmocka_unit_test(test_one_limited_gateway),
      cmocka_unit_test(test_limit_delays_no_lookup),
      cmocka_unit_test(test_public_gateway_elsewhere),
      cmocka_unit_test(test_seven_at_once),
      cmocka_unit_test(test_one_cluster_refuses_the_key),
      cmocka_unit_test(test_key_works_for_no_gateway),
      cmocka_unit_test(test_auth_info_fails),
      cmocka_unit_test(test_echo),
      cmocka_unit_test(test_typo_in_an_address),
      cmocka_unit_test(test_named_gateway_nowhere),
      cmocka_unit_test(test_named_gateway_elsewhere),
      cmocka_unit_test(test_names_without_memory),
      cmocka_unit_test(test_no_memory_is_no_limit),
      cmocka_unit_test(test_maintenance),
      cmocka_unit_test(test_all_gone),
      cmocka_unit_test(test_odd_field),
  };
  return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
