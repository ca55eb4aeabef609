/* SPDX-License-Identifier: MIT */
/* What may happen amid a poll: answers in an awkward order, a list that
 * changes while statistics are under way, hosts that refuse or limit. Each test
 * plays the stack by a function that answers one request; what went out and
 * what was logged is looked for as text. tests/unit/test_account.c has a whole
 * life and the failures of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/play.h"

/* ---- the list changes amid a poll ---- */

static void moves_to_stranger(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", p->poll == 0 ? EU1 : "gateways.example");
  else
    give_batch(p, call,
               p->poll == 1 ? CONNECTED ",\"uplink_count\":\"7\"" : "");
}

/* Its new host may not have the key: what the old one says is not followed. */
static void test_moves_to_a_stranger(void **state) {
  (void)state;
  struct play *p = open_play(moves_to_stranger, NULL);
  p->first = "/gateways?";
  poll_play(p);
  poll_play(p);
  assert_not_told(p, "ttn/a-gw");
  assert_told(p, "ttn_api/home/count-unknown=1");
  assert_lines(p, 0, "is registered at");
  poll_play(p);
  assert_int_equal(p->started, 1);
  assert_not_told(p, "ttn/a-gw");
  close_play(p);
}

static void leaves(struct play *p, struct ttn_call *call) {
  if (is_list(call) && p->poll == 0)
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    give_batch(p, call, CONNECTED);
}

/* Answered first, gone from the list then: it isn't counted any more. */
static void test_leaves_after_its_answer(void **state) {
  (void)state;
  struct play *p = open_play(leaves, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/count-connected=2");
  p->last = "/gateways?";
  poll_play(p);
  assert_told(p, "ttn_api/home/count-gateways=1");
  assert_told(p, "ttn_api/home/count-connected=1");
  assert_told(p, "ttn_api/home/count-unknown=0");
  close_play(p);
}

static void no_list(struct play *p, struct ttn_call *call) {
  refuse(p, call, 500, "{}");
}

/* How many gateways there are is not known, and not 0. */
static void test_no_list_yet(void **state) {
  (void)state;
  struct play *p = open_play(no_list, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=0");
  assert_not_told(p, "/count-");
  close_play(p);
}

/* ---- limits ---- */

static inline void limit(struct play *p, struct ttn_call *call, int64_t retry) {
  refuse(p, call, 429, ERROR("pkg/ratelimit", "rate_limit_exceeded"));
  call->answer.rate_retry = retry;
}

static void limits_list(struct play *p, struct ttn_call *call) {
  if (is_list(call) && p->poll > 0)
    limit(p, call, 3600);
  else if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    give_batch(p, call, CONNECTED);
}

/* Kinds of call are limited apart: a list that has to wait holds up nothing. */
static void test_limited_list(void **state) {
  (void)state;
  struct play *p = open_play(limits_list, NULL);
  for (int poll = 0; poll < 4; poll++) {
    poll_play(p);
    assert_told(p, "ttn/a-gw/bool-connected=1");
    assert_told(p, "ttn_api/home/bool-up=1");
  }
  assert_lines(p, 1, "the list of gateways can't be read");
  assert_lines(p, 0, "raise Timeout");
  close_play(p);
}

static void limits_auth_info(struct play *p, struct ttn_call *call) {
  call->answer.http2 = false; /* four calls at a time */
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", EU1);
  else if (is_auth(call))
    limit(p, call, 3600);
  else if (strstr(call->body, "b-gw") != NULL)
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
  else
    give_batch(p, call, CONNECTED);
}

/* More than one batch's worth, of which the first is refused. */
static void limits_auth_amid_many(struct play *p, struct ttn_call *call) {
  if (!is_list(call)) {
    limits_auth_info(p, call);
    return;
  }
  add(p, "{\"gateways\":[");
  for (int i = 0; i < 1000; i++)
    add(p, "%s{\"ids\":{\"gateway_id\":\"%c-%04d%s\"}}", i == 0 ? "" : ",",
        i < 100 ? 'a' : 'c', i, i == 50 ? "b-gw" : "");
  add(p, "]}");
  call->answer.total_count = 1000;
}

static void test_limited_auth_info(void **state) {
  (void)state;
  struct play *p = open_play(limits_auth_amid_many, NULL);
  for (int poll = 0; poll < 2; poll++) {
    poll_play(p);
    assert_told(p, "ttn_api/home/count-connected=900");
    assert_told(p, "ttn_api/home/count-unknown=100");
  }
  close_play(p);
}

static void storm(struct play *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_amid_many(p, call);
  } else if (p->poll == 0) {
    give_batch(p, call, CONNECTED);
  } else {
    limit(p, call, 0);
  }
}

/* After a refusal the next call of its kind goes alone. */
static void test_storm_of_limits(void **state) {
  (void)state;
  struct play *p = open_play(storm, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=1");
  for (int poll = 0; poll < 2; poll++) {
    poll_play(p);
    /* a list, the batches side by side, and then one a second for 45 s */
    assert_in_range(p->started, 2, 1 + 10 + 45);
    assert_told(p, "ttn_api/home/count-unknown=1000");
  }
  assert_lines(p, 1, "the rate limit leaves gateways unknown");
  close_play(p);
}

static void limited_home(struct play *p, struct ttn_call *call) {
  if (is_list(call)) {
    limits_auth_amid_many(p, call);
  } else if (is_at(call, EU1) && strstr(call->body, "c-0500") != NULL) {
    limit(p, call, 3600);
  } else {
    add(p, "{\"entries\":{}}");
  }
}

/* What a limited host did say, that it lacks a gateway, is followed up though
 * it never gets through all of its own. */
static void test_looks_elsewhere_when_limited(void **state) {
  (void)state;
  const char *const options[] = {"Cluster", NAM1, NULL};
  struct play *p = open_play(limited_home, options);
  poll_play(p);
  assert_told(p, "ttn/a-0000/bool-connected=0");
  assert_not_told(p, "ttn/c-0500/");
  close_play(p);
}

/* A server without the batch; one gateway's own limit is far off. */
static void limits_one(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1, "c-gw", EU1);
  else if (call->body != NULL)
    refuse(p, call, 404, "{\"code\":5,\"message\":\"Not Found\"}");
  else if (is_at(call, "a-gw"))
    limit(p, call, 3600);
  else if (is_at(call, EU1) || is_at(call, "c-gw"))
    add(p, "{" CONNECTED "}");
  else
    refuse(p, call, 404, ERROR("pkg/gatewayserver", "not_connected"));
}

static void test_one_limited_gateway(void **state) {
  (void)state;
  struct play *p = open_play(limits_one, NULL);
  poll_play(p);
  assert_told(p, "ttn/c-gw/bool-connected=1");
  assert_told(p, "ttn/b-gw/bool-connected=1"); /* found at eu1, behind a-gw */
  assert_not_told(p, "ttn/a-gw/");
  close_play(p);
}

/* ---- the key ---- */

static void one_cluster_refuses(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1);
  else if (is_at(call, NAM1))
    refuse(p, call, 401, ERROR("pkg/identityserver", "api_key_not_found"));
  else
    give_batch(p, call, CONNECTED);
}

/* It takes nothing from the others, and is said once. */
static void test_one_cluster_refuses_the_key(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct play *p = open_play(one_cluster_refuses, options);
  for (int poll = 0; poll < 4; poll++) {
    poll_play(p);
    assert_told(p, "ttn/a-gw/bool-connected=1");
    assert_not_told(p, "ttn/b-gw");
    assert_told(p, "ttn_api/home/bool-up=0");
  }
  assert_lines(p, 1, "the stack does not know this key");
  assert_lines(p, 0, "works again");
  assert_string_equal(p->notified, "");
  close_play(p);
}

static void right_comes_back(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    add(p,
        "{\"api_key\":{\"api_key\":{\"id\":\"ID\",\"rights\":["
        "\"RIGHT_USER_GATEWAYS_LIST\"%s]},"
        "\"entity_ids\":{\"user_ids\":{\"user_id\":\"alice\"}}}}",
        p->poll == 0 ? "" : ",\"RIGHT_GATEWAY_STATUS_READ\"");
  else
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
}

/* The key is well again although all of its gateways are refused. */
static void test_key_works_for_no_gateway(void **state) {
  (void)state;
  struct play *p = open_play(right_comes_back, NULL);
  poll_play(p);
  assert_lines(p, 1, "RIGHT_GATEWAY_STATUS_READ");
  poll_play(p);
  poll_play(p);
  assert_lines(p, 1, "the key works again");
  assert_lines(p, 1, "refused to this key");
  close_play(p);
}

static void no_auth_info(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else if (is_auth(call))
    refuse(p, call, 500, "{\"code\":13,\"message\":\"x\"}");
  else
    refuse(p, call, 403, ERROR("pkg/identityserver", "insufficient_rights"));
}

/* Gateways that are unknown for that are unknown for a reason that is said. */
static void test_auth_info_fails(void **state) {
  (void)state;
  struct play *p = open_play(no_auth_info, NULL);
  poll_play(p);
  assert_told(p, "ttn_api/home/bool-up=0");
  assert_lines(p, 1, "auth_info: answered 500");
  poll_play(p);
  assert_lines(p, 1, "auth_info: answered 500");
  close_play(p);
}

#define LONG_SECRET "AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD"
static void echoes_key(struct play *p, struct ttn_call *call) {
  if (p->poll == 0) {
    if (is_list(call))
      LIST(p, call, "a-gw", EU1);
    else
      add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
    return;
  }
  refuse(p, call, 401, ERROR("pkg/identityserver", "api_key_expired"));
  snprintf(call->answer.warning, sizeof(call->answer.warning),
           "Bearer NNSXS.KEY." LONG_SECRET);
}

/* A hostile answer echoes the key: it is in no line and no notification. */
static void test_echo(void **state) {
  (void)state;
  const char *const options[] = {"Notifications", "true", NULL};
  struct play *p = open_play(echoes_key, options);
  for (int i = 0; i < 3; i++)
    poll_play(p);
  assert_non_null(strstr(p->notified, "the key has expired"));
  assert_null(strstr(p->notified, LONG_SECRET));
  assert_null(strstr(p->test.log, LONG_SECRET));
  close_play(p);
}

/* ---- a host that does not exist ---- */

static void typo(struct play *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1, "down-gw", EU1, "typo-gw", NAM1);
  else if (is_at(call, NAM1))
    call->answer.failure = p->poll == 1 ? TTN_FAIL_CONNECT : TTN_FAIL_DNS;
  else
    add(p, "{\"entries\":{\"a-gw\":{" CONNECTED "}}}");
}

/* A gateway's address with a typo must not hide that another is down; a host
 * that is there, or that the configuration names, may yet have that other. */
static void test_typo_in_an_address(void **state) {
  (void)state;
  struct play *p = open_play(typo, NULL);
  p->first = NAM1;
  poll_play(p);
  assert_told(p, "ttn/a-gw/bool-connected=1");
  assert_told(p, "ttn/down-gw/bool-connected=0");
  assert_not_told(p, "ttn/typo-gw");
  assert_told(p, "ttn_api/home/bool-up=0");
  poll_play(p);
  assert_not_told(p, "ttn/down-gw");
  poll_play(p);
  assert_told(p, "ttn/down-gw/bool-connected=0");
  close_play(p);
  const char *const options[] = {"Cluster", NAM1, NULL};
  p = open_play(typo, options);
  poll_play(p);
  assert_not_told(p, "ttn/down-gw");
  close_play(p);
}

/* ---- a gateway that is named, and not listed ---- */

static void at_the_other(struct play *p, struct ttn_call *call) {
  assert_false(is_list(call));
  if (is_at(call, NAM1))
    give_batch(p, call, CONNECTED);
  else
    add(p, "{}");
}

static void at_none(struct play *p, struct ttn_call *call) {
  assert_false(is_list(call));
  add(p, "{}");
}

static void at_none_later(struct play *p, struct ttn_call *call) {
  if (p->poll == 0)
    give_batch(p, call, CONNECTED);
  else
    at_none(p, call);
}

/* One that was connected there is down. Any other may be connected where nobody
 * asked: said once, with the cure. */
static void test_named_gateway_nowhere(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  struct play *p = open_play(at_none, options);
  poll_play(p);
  poll_play(p);
  assert_told(p, "ttn/a-gw/bool-connected=0");
  assert_lines(p, 1, "name it with a Cluster line");
  close_play(p);
  const char *const one[] = {"Gateway", "a-gw", NULL};
  p = open_play(at_none_later, one);
  poll_play(p);
  poll_play(p);
  assert_told(p, "ttn/a-gw/bool-connected=0");
  assert_lines(p, 0, "name it with a Cluster line");
  close_play(p);
}

/* Nobody said where it is registered: nothing is to be mended. */
static void test_named_gateway_elsewhere(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Cluster", NAM1, NULL};
  struct play *p = open_play(at_the_other, options);
  poll_play(p);
  assert_told(p, "ttn/a-gw/bool-connected=1");
  assert_lines(p, 0, "is registered at");
  close_play(p);
}

/* ---- memory ---- */

static void connects_elsewhere(struct play *p, struct ttn_call *call) {
  if (p->poll > 0 || is_at(call, NAM1))
    give_batch(p, call, CONNECTED);
  else
    add(p, "{\"entries\":{}}");
}

/* A list of exact names that finds no memory takes no gateway away. */
static void test_names_without_memory(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  for (size_t nth = 1; nth < 20; nth++) {
    struct play *p = open_play(connects_elsewhere, options);
    poll_play(p);
    p->test.fail_at = p->test.calls + nth;
    poll_play(p);
    assert_told(p, "ttn_api/home/count-gateways=2");
    assert_lines(p, 0, "no longer listed");
    close_play(p);
  }
}

/* Requests that found no memory are told as that, and not as limited. */
static void test_no_memory_is_no_limit(void **state) {
  (void)state;
  const char *const options[] = {"Gateway", "a-gw", "Gateway", "b-gw", NULL};
  for (size_t nth = 1; nth < 40; nth++) {
    struct play *p = open_play(connects_elsewhere, options);
    p->test.fail_at = p->test.calls + nth;
    p->test.for_good = true;
    poll_play(p);
    assert_lines(p, 0, "rate limit");
    p->test.fail_at = 0;
    poll_play(p);
    assert_lines(p, 0, "rate limit");
    assert_told(p, "ttn_api/home/count-connected=2");
    close_play(p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moves_to_a_stranger),
      cmocka_unit_test(test_leaves_after_its_answer),
      cmocka_unit_test(test_no_list_yet),
      cmocka_unit_test(test_limited_list),
      cmocka_unit_test(test_limited_auth_info),
      cmocka_unit_test(test_storm_of_limits),
      cmocka_unit_test(test_looks_elsewhere_when_limited),
      cmocka_unit_test(test_one_limited_gateway),
      cmocka_unit_test(test_one_cluster_refuses_the_key),
      cmocka_unit_test(test_key_works_for_no_gateway),
      cmocka_unit_test(test_auth_info_fails),
      cmocka_unit_test(test_echo),
      cmocka_unit_test(test_typo_in_an_address),
      cmocka_unit_test(test_named_gateway_nowhere),
      cmocka_unit_test(test_named_gateway_elsewhere),
      cmocka_unit_test(test_names_without_memory),
      cmocka_unit_test(test_no_memory_is_no_limit),
  };
  return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
