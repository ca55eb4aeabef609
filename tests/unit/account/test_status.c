/* SPDX-License-Identifier: MIT */
/* What a person is told of an account: its key, its hosts, its gateways, and
 * why one is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/stack.h"
#include "tts/key_errors.h"
#include "account/status.h"

#define AUTH_INFO(entity, id, rights)                                          \
  "{\"api_key\":{\"api_key\":{\"id\":\"KEYID\",\"name\":\"mine\","             \
  "\"rights\":[" rights "]},\"entity_ids\":{\"" entity "_ids\":{\"" entity     \
  "_id\":\"" id "\"}}}}"
#define STATUS "\"RIGHT_GATEWAY_STATUS_READ\""
#define LIST_RIGHT "\"RIGHT_USER_GATEWAYS_LIST\""

static struct ttn_status view_of(const struct stack *p) {
  struct ttn_status view;
  ttn_account_status(p->account, &view);
  return view;
}

static struct ttn_host_status host_of(const struct stack *p, size_t i) {
  struct ttn_host_status view;
  ttn_account_host_status(p->account, i, &view);
  return view;
}

static struct ttn_gateway_status gateway_of(const struct stack *p, size_t i) {
  struct ttn_gateway_status view;
  ttn_account_gateway_status(p->account, i, &view);
  return view;
}

static bool say_auth(struct stack *p, struct ttn_call *call, const char *body) {
  if (!is_auth(call))
    return false;
  answer_add(p, "%s", body);
  return true;
}

/* ---- the key ---- */

static void users_key(struct stack *p, struct ttn_call *call) {
  if (say_auth(p, call, AUTH_INFO("user", "alice", LIST_RIGHT "," STATUS)))
    return;
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    answer_batch(p, call, CONNECTED);
}

static void test_key(void **state) {
  (void)state;
  struct stack *p = stack_open(users_key, NULL);
  p->first = "/auth_info";
  ttn_account_ask_owner(p->account);
  assert_null(view_of(p).key);
  stack_poll(p);
  assert_int_equal(p->started, 3);
  const struct ttn_auth_info *key = view_of(p).key;
  assert_non_null(key);
  assert_int_equal(key->kind, TTN_KEY_USER);
  assert_string_equal(key->entity_id, "alice");
  assert_int_equal(key->n_rights, 2);
  assert_string_equal(key->rights[0], "RIGHT_USER_GATEWAYS_LIST");
  assert_string_equal(key->rights[1], "RIGHT_GATEWAY_STATUS_READ");
  assert_null(view_of(p).key_reason);
  stack_poll(p); /* it is known */
  assert_int_equal(p->started, 2);
  assert_ptr_equal(view_of(p).key, key);
  stack_close(p);
}

static void lacks_status(struct stack *p, struct ttn_call *call) {
  if (p->poll == 2 ||
      !say_auth(p, call, AUTH_INFO("user", "alice", LIST_RIGHT)))
    users_key(p, call);
}

/* No statistics are asked for, and whose key it is is asked again until that
 * is fixed. */
static void test_key_lacks_a_right(void **state) {
  (void)state;
  struct stack *p = stack_open(lacks_status, NULL);
  p->first = "/auth_info";
  ttn_account_ask_owner(p->account);
  for (int i = 0; i < 2; i++) {
    stack_poll(p);
    assert_int_equal(p->started, i == 0 ? 2 : 1);
    assert_string_equal(view_of(p).key_reason,
                        "the key lacks the right \"view gateway status\" "
                        "(RIGHT_GATEWAY_STATUS_READ): add it to the key in "
                        "the Console, or make a new key with it");
    assert_string_equal(ttn_key_error_fix(view_of(p).key_reason),
                        "add it to the key in the Console, or make a new key "
                        "with it");
    assert_false(view_of(p).listed);
    assert_int_equal(view_of(p).n_gateways, 0);
  }
  stack_poll(p);
  assert_null(view_of(p).key_reason);
  assert_int_equal(view_of(p).key->n_rights, 2);
  assert_int_equal(view_of(p).n_gateways, 1);
  stack_close(p);
}

static void gateways_key(struct stack *p, struct ttn_call *call) {
  if (!say_auth(p, call, AUTH_INFO("gateway", "roof-1", STATUS)))
    answer_add(p, "{}");
}

static void test_gateways_key(void **state) {
  (void)state;
  struct stack *p = stack_open(gateways_key, NULL);
  ttn_account_ask_owner(p->account);
  stack_poll(p);
  assert_int_equal(view_of(p).key->kind, TTN_KEY_GATEWAY);
  assert_string_equal(view_of(p).key->entity_id, "roof-1");
  assert_non_null(strstr(view_of(p).key_reason, "gateway roof-1's own"));
  stack_close(p);
}

static void gateways_key_lacks_status(struct stack *p, struct ttn_call *call) {
  if (!say_auth(p, call, AUTH_INFO("gateway", "roof-1", LIST_RIGHT)))
    answer_add(p, "{}");
}

/* Of two things that are wrong the same is said, whichever answer is first. */
static void test_gateways_key_lacks_a_right(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct stack *p = stack_open(gateways_key_lacks_status, NULL);
    p->first = i == 0 ? "/auth_info" : "/gateways?";
    ttn_account_ask_owner(p->account);
    stack_poll(p);
    assert_non_null(strstr(view_of(p).key_reason, "view gateway status"));
    assert_null(strstr(view_of(p).key_reason, "own"));
    stack_close(p);
  }
}

static void no_list_right(struct stack *p, struct ttn_call *call) {
  if (!say_auth(p, call, AUTH_INFO("user", "alice", STATUS)))
    answer_error(p, call, 403, ERROR("pkg/auth/rights", "no_user_rights"));
}

static void test_list_denied(void **state) {
  (void)state;
  struct stack *p = stack_open(no_list_right, NULL);
  ttn_account_ask_owner(p->account);
  stack_poll(p);
  assert_null(view_of(p).key_reason);
  assert_true(view_of(p).list_denied);
  assert_non_null(strstr(view_of(p).list_reason, "no rights on its user: "));
  p->answer = users_key;
  stack_poll(p);
  assert_false(view_of(p).list_denied);
  assert_null(view_of(p).list_reason);
  stack_close(p);
}

static void second_refused(struct stack *p, struct ttn_call *call) {
  if (is_at(call, "/organizations/") && !is_at(call, "/organizations/one/"))
    answer_error(p, call, 403,
                 ERROR("pkg/auth/rights", "no_organization_rights"));
  else
    users_key(p, call);
}

static void test_organizations_denied(void **state) {
  (void)state;
  const char *const options[] = {"Organization", "one", "Organization", "two",
                                 NULL};
  struct stack *p = stack_open(second_refused, options);
  stack_poll(p);
  assert_int_equal(view_of(p).n_gateways, 1);
  assert_null(view_of(p).list_reason);
  assert_string_equal(ttn_account_denied_organization(p->account, 0), "two");
  assert_null(ttn_account_denied_organization(p->account, 1));
  stack_close(p);
  p = stack_open(second_refused, options + 2);
  stack_poll(p);
  assert_true(view_of(p).list_denied);
  const char *fix = ttn_key_error_fix(view_of(p).list_reason);
  assert_ptr_equal(fix, strstr(view_of(p).list_reason, "see that its id is"));
  stack_close(p);
}

/* ---- hosts and gateways ---- */

static void four_ways(struct stack *p, struct ttn_call *call) {
  call->answer.date = p->test.wall - 90 * TTN_SECOND;
  if (is_list(call)) {
    LIST(p, call, "a-gw", EU1, "b-gw", NAM1, "c-gw", "gateways.example", "d-gw",
         EU1, "e-gw", NAM1);
  } else if (is_at(call, NAM1) && p->poll == 0) {
    answer_add(p, "%s",
               strstr(call->body, "\"e-gw\"") == NULL
                   ? "{}"
                   : "{\"entries\":{\"e-gw\":{" CONNECTED "}}}");
  } else if (is_at(call, NAM1)) {
    call->answer.failure = TTN_FAIL_CONNECT;
    call->answer.status = 0;
    call->answer.date = 0;
    snprintf(call->answer.why, sizeof(call->answer.why), "nobody there");
  } else if (is_at(call, "/d-gw/") ||
             (call->body != NULL && strstr(call->body, "\"d-gw\"") != NULL)) {
    answer_error(p, call, 403,
                 ERROR("pkg/identityserver", "insufficient_rights"));
  } else if (is_at(call, "/a-gw/")) {
    answer_add(p, "{" CONNECTED "}");
  } else if (call->body == NULL) {
    answer_error(p, call, 404, ERROR("pkg/gatewayserver", "not_connected"));
  } else { /* it does not have c-gw either */
    const bool a = strstr(call->body, "\"a-gw\"") != NULL;
    const bool b = strstr(call->body, "\"b-gw\"") != NULL;
    answer_add(p, "{\"entries\":{%s%s%s}}", a ? "\"a-gw\":{" CONNECTED "}" : "",
               a && b ? "," : "", b ? "\"b-gw\":{" CONNECTED "}" : "");
  }
}

static void four_ways_and_key(struct stack *p, struct ttn_call *call) {
  if (is_auth(call))
    answer_add(p, "%s", AUTH_INFO("user", "alice", LIST_RIGHT "," STATUS));
  else
    four_ways(p, call);
}

#define assert_gateway(p, i, id_, state_, refused_, home_, at_)                \
  do {                                                                         \
    struct ttn_gateway_status g_ = gateway_of(p, i);                           \
    assert_string_equal(g_.id, id_);                                           \
    assert_int_equal(g_.state, state_);                                        \
    assert_int_equal(g_.refused, refused_);                                    \
    assert_int_equal(g_.registered_host, home_);                               \
    assert_int_equal(g_.current_host, at_);                                    \
  } while (0)

static void test_gateways(void **state) {
  (void)state;
  const char *options[] = {"MetaData", "true", NULL};
  struct stack *p = stack_open(four_ways_and_key, options);
  stack_poll(p);
  assert_int_equal(view_of(p).n_gateways, 5);
  assert_int_equal(view_of(p).n_hosts, 2);
  assert_gateway(p, 0, "a-gw", TTN_CONNECTED, false, 0, 0);
  /* Registered at one, connected at the other. */
  assert_gateway(p, 1, "b-gw", TTN_CONNECTED, false, 1, 0);
  assert_gateway(p, 2, "c-gw", TTN_UNKNOWN, false, -1, -1);
  assert_string_equal(gateway_of(p, 2).address, "gateways.example");
  assert_gateway(p, 3, "d-gw", TTN_UNKNOWN, true, 0, 0);
  assert_int_equal(gateway_of(p, 0).connected_at,
                   INT64_C(1795359600) * TTN_SECOND);
  assert_int_equal(gateway_of(p, 0).disconnected_at, 0);
  assert_int_equal(gateway_of(p, 2).connected_at, 0);
  stack_close(p);
}

static void test_hosts(void **state) {
  (void)state;
  struct stack *p = stack_open(four_ways_and_key, NULL);
  stack_poll(p);
  assert_string_equal(host_of(p, 0).endpoint->host, EU1);
  assert_string_equal(host_of(p, 1).endpoint->host, NAM1);
  for (size_t i = 0; i < 2; i++) {
    assert_true(host_of(p, i).answered);
    assert_false(host_of(p, i).failed);
    assert_true(host_of(p, i).dated);
    assert_int_equal(host_of(p, i).ahead, 90 * TTN_SECOND);
  }
  stack_poll(p);
  assert_false(host_of(p, 0).failed);
  assert_false(host_of(p, 1).answered);
  assert_true(host_of(p, 1).failed);
  assert_int_equal(host_of(p, 1).failure, TTN_FAIL_CONNECT);
  assert_string_equal(host_of(p, 1).why, "nobody there");
  assert_logged(p, 1,
                NAM1 ": statistics: nobody there; gateways there are reported");
  assert_gateway(p, 4, "e-gw", TTN_UNKNOWN, false, 1, 1);
  stack_close(p);
}

static void unbelievable(struct stack *p, struct ttn_call *call) {
  if (is_list(call))
    LIST(p, call, "a-gw", EU1);
  else
    answer_batch(p, call, p->poll == 0 ? "\"uplink_count\":\"-1\"" : CONNECTED);
}

static void test_bad_entries(void **state) {
  (void)state;
  struct stack *p = stack_open(unbelievable, NULL);
  stack_poll(p);
  assert_int_equal(view_of(p).n_bad, 1);
  assert_string_equal(view_of(p).bad_reason, "a-gw: uplink_count");
  stack_poll(p);
  assert_int_equal(view_of(p).n_bad, 0);
  stack_close(p);
}

/* ---- memory ---- */

/* Whatever finds no memory, nobody is told a half of it. */
static void test_memory(void **state) {
  (void)state;
  for (size_t nth = 1, calls = nth; nth <= calls; nth++) {
    struct stack *p = stack_open(users_key, NULL);
    p->first = "/auth_info";
    ttn_account_ask_owner(p->account);
    size_t before = p->test.calls;
    p->test.fail_at = before + nth;
    stack_poll(p);
    calls = p->test.calls - before;
    const struct ttn_auth_info *key = view_of(p).key;
    if (key != NULL)
      assert_string_equal(key->rights[1], "RIGHT_GATEWAY_STATUS_READ");
    for (size_t i = 0; i < view_of(p).n_gateways; i++)
      assert_string_equal(gateway_of(p, i).id, "a-gw");
    stack_close(p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_key),
      cmocka_unit_test(test_key_lacks_a_right),
      cmocka_unit_test(test_gateways_key),
      cmocka_unit_test(test_gateways_key_lacks_a_right),
      cmocka_unit_test(test_list_denied),
      cmocka_unit_test(test_organizations_denied),
      cmocka_unit_test(test_gateways),
      cmocka_unit_test(test_hosts),
      cmocka_unit_test(test_bad_entries),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
