/* SPDX-License-Identifier: MIT */
/* What an answer means: every recorded answer to one of our calls against
 * verdicts.expected, and what no recording has: transfers that break, bodies
 * that are not whole, answers of proxies and of old servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/response.h"
#include "lib/testing.h"

#include <ftw.h>

static const char *const names[] = {
    [VERDICT_OK] = "ok",
    [VERDICT_RETRY] = "retry",
    [VERDICT_DOUBTED] = "doubted",
    [VERDICT_FAILED] = "failed",
    [VERDICT_RATE_LIMITED] = "rate_limited",
    [VERDICT_KEY_REJECTED] = "key_rejected",
    [VERDICT_RIGHTS_UNCLEAR] = "rights_unclear",
    [VERDICT_SINGLE_GATEWAY_KEY] = "single_gateway_key",
    [VERDICT_NO_BATCH_API] = "no_batch_api",
    [VERDICT_UNKNOWN_FIELDS] = "unknown_fields",
    [VERDICT_NOT_CONNECTED] = "not_connected",
    [VERDICT_LIST_DENIED] = "list_denied",
    [VERDICT_LIST_EMPTY] = "list_empty",
    [VERDICT_NO_IDENTITY_SERVER] = "no_identity_server",
};
static const enum ttn_body bodies[] = {
    [API_LIST] = TTN_BODY_LIST,
    [API_BATCH] = TTN_BODY_BATCH,
    [API_SINGLE] = TTN_BODY_SINGLE,
    [API_AUTH_INFO] = TTN_BODY_AUTH_INFO,
};

/* An answer, its verdict, and why. */
struct judged {
  struct test_env test;
  struct ttn_decoder *decoder;
  size_t n_lost;
  enum ttn_failure failure;
  char reason[300];
};

static const char *judge(struct judged *j, enum api_call api,
                         struct ttn_answer answer, const char *body,
                         uint8_t tries) {
  size_t n = 0, skipped = 0;
  ttn_decoder_begin(j->decoder,
                    answer.status == 200 ? bodies[api] : TTN_BODY_ERROR);
  enum ttn_failure decoded = ttn_decoder_feed(j->decoder, body, strlen(body));
  if (answer.failure == TTN_OK && decoded == TTN_OK)
    decoded = ttn_decoder_end(j->decoder);
  if (api == API_LIST)
    ttn_decoder_listed(j->decoder, &n, &skipped);
  struct response response = {.api = api,
                              .answer = &answer,
                              .decoded = decoded,
                              .decoded_why = ttn_decoder_why(j->decoder),
                              .error = ttn_decoder_error(j->decoder),
                              .first_page = true,
                              .n_listed = n + skipped,
                              .n_lost = j->n_lost,
                              .tries = tries};
  return names[response_verdict(&response, &j->failure, j->reason,
                                sizeof(j->reason))];
}

static void init(struct judged *j) {
  j->n_lost = 0;
  j->decoder = ttn_decoder_new(&test_env_init(&j->test)->env);
}

static void end(struct judged *j) {
  ttn_decoder_free(j->decoder);
  assert_int_equal(j->test.blocks, 0);
}

/* ---- recorded answers ---- */

/* Does the path of a URL's path and query end so? */
static bool ends(const char *path, const char *end) {
  size_t n = strcspn(path, "?");
  return n >= strlen(end) &&
         strncmp(path + n - strlen(end), end, strlen(end)) == 0;
}

/* -1: another request than ours. */
static int api_of(const struct test_answer *answer) {
  const bool get = strcmp(answer->method, "GET") == 0;
  if (ends(answer->path, "/connection/stats"))
    return get ? API_SINGLE : API_BATCH;
  if (ends(answer->path, "/auth_info"))
    return API_AUTH_INFO;
  return get && ends(answer->path, "/gateways") ? API_LIST : -1;
}

static size_t directory_size, n_answers, n_wrong;
static struct judged *judged;
static char *expected;

/* nftw(3) knows no argument of the caller's. */
static int check_recording(const char *path, const struct stat *status,
                           int type, struct FTW *at) {
  struct test_answer recorded;
  char line[4096];
  const char *name = path + directory_size;
  (void)status;
  (void)at;
  while (*name == '/')
    name++;
  /* two-servers/ holds a row of answers: tests/ledger replays it. */
  if (type != FTW_F || strstr(name, ".json") == NULL ||
      strstr(path, "/two-servers/") != NULL)
    return 0;
  test_answer_open(&recorded, name);
  int api = api_of(&recorded);
  if (api >= 0) {
    const char *total = test_answer_header(&recorded, "X-Total-Count");
    struct ttn_answer answer = {.status = recorded.status,
                                .total_count =
                                    total != NULL ? atoi(total) : -1};
    snprintf(line, sizeof(line), "\n%s %s\n", name,
             judge(judged, (enum api_call)api, answer, recorded.body, 0));
    n_answers++;
    if (strstr(expected, line) == NULL) {
      print_message("not expected: %s", line + 1);
      n_wrong++;
    }
  }
  test_answer_close(&recorded);
  return 0;
}

static void test_recorded(void **state) {
  struct judged j;
  char directory[4096], file[4096];
  size_t n_lines = 0;
  (void)state;
  init(&j);
  judged = &j;
  test_answer_path(directory, sizeof(directory), "");
  directory_size = strlen(directory);
  expected = test_read_file(
      test_path(file, sizeof(file), "tests/unit/account/verdicts.expected"),
      NULL);
  assert_int_equal(nftw(directory, check_recording, 8, FTW_PHYS), 0);
  for (const char *c = expected; *c != '\0'; c = strchr(c, '\n') + 1)
    n_lines += *c != '#';
  assert_int_equal(n_wrong, 0);
  assert_int_equal(n_answers, n_lines);
  assert_true(n_answers > 300);
  free(expected);
  end(&j);
}

/* ---- what no recording has ---- */

#define assert_verdict(api, answer, body, tries, verdict, why)                 \
  do {                                                                         \
    assert_string_equal(judge(&j, api, answer, body, tries), verdict);         \
    assert_non_null(strstr(j.reason, why));                                    \
  } while (0)

static struct ttn_answer broken(enum ttn_failure failure, int status) {
  struct ttn_answer answer = {
      .failure = failure, .status = status, .total_count = -1};
  snprintf(answer.why, sizeof(answer.why), "the connection broke");
  return answer;
}

/* Worth a second attempt, and no third; auth_info none. */
static void test_broken(void **state) {
  struct judged j;
  (void)state;
  init(&j);
  for (enum api_call api = API_LIST; api <= API_SINGLE; api++) {
    assert_verdict(api, broken(TTN_FAIL_TRANSFER, 200), "", 0, "retry",
                   "the connection broke");
    assert_int_equal(j.failure, TTN_FAIL_TRANSFER);
    assert_verdict(api, broken(TTN_FAIL_TIMEOUT, 0), "", 1, "failed",
                   "the connection broke");
    assert_int_equal(j.failure, TTN_FAIL_TIMEOUT);
    assert_verdict(api, broken(TTN_FAIL_TOO_LARGE, 200), "", 0, "failed",
                   "the connection broke");
    /* What a broken transfer brought is not looked at. */
    assert_verdict(api, broken(TTN_FAIL_TRANSFER, 401), "", 0, "retry", "");
  }
  assert_verdict(API_AUTH_INFO, broken(TTN_FAIL_TRANSFER, 200), "", 0, "failed",
                 "the connection broke");
  end(&j);
}

/* A 200 whose body is no JSON, cut short, or of another shape. */
static void test_bodies(void **state) {
  struct judged j;
  struct ttn_answer good = {.status = 200, .total_count = -1};
  (void)state;
  init(&j);
  assert_verdict(API_BATCH, good, "<html>", 0, "failed", "");
  assert_int_equal(j.failure, TTN_FAIL_JSON);
  assert_verdict(API_BATCH, good, "{\"entries\":{", 0, "failed", "");
  assert_int_equal(j.failure, TTN_FAIL_JSON);
  assert_verdict(API_BATCH, good, "", 0, "failed", "");
  assert_verdict(API_BATCH, good, "{}", 0, "ok", "");
  end(&j);
}

/* Only an object in which the expected member has the expected type, or the
 * empty one that the stack sends, is an answer. All of these once turned a
 * whole fleet to "disconnected". */
static void test_no_answers(void **state) {
  static const char *const bodies_of_others[] = {
      "{\"status\":\"maintenance\"}",
      "{\"error\":{\"code\":503}}",
      "{\"entries\":null}",
      "{\"entries\":[]}",
      "{\"entries\":\"\"}",
      "{\"gateways\":null}",
      "{\"gateways\":{}}",
      "{\"api_key\":null}",
      "{\"data\":{\"entries\":{}}}",
      "[]",
      "null",
  };
  struct judged j;
  struct ttn_answer good = {.status = 200, .total_count = -1};
  (void)state;
  init(&j);
  for (size_t i = 0; i < sizeof(bodies_of_others) / sizeof(char *); i++)
    for (enum api_call api = API_LIST; api < API_CALLS; api++) {
      assert_verdict(api, good, bodies_of_others[i], 0, "failed", "");
      assert_int_equal(j.failure, TTN_FAIL_JSON);
    }
  /* A member that is not known does no harm beside one that is. */
  assert_verdict(API_BATCH, good, "{\"new\":1,\"entries\":{}}", 0, "ok", "");
  assert_verdict(API_LIST, good, "{\"gateways\":[],\"new\":1}", 0, "list_empty",
                 "");
  end(&j);
}

/* An answer that knows none of many gateways is looked at twice. */
static void test_nothing_there(void **state) {
  struct judged j;
  struct ttn_answer foreign = {.status = 200, .total_count = -1};
  struct ttn_answer own = {
      .status = 200, .total_count = -1, .from_stack = true};
  (void)state;
  init(&j);
  j.n_lost = 3;
  assert_verdict(API_BATCH, foreign, "{}", 0, "ok", "");
  j.n_lost = 4;
  assert_verdict(API_BATCH, own, "{}", 0, "doubted", "");
  assert_verdict(API_BATCH, own, "{}", 1, "ok", "");
  assert_verdict(API_BATCH, foreign, "{}", 0, "doubted", "");
  assert_verdict(API_BATCH, foreign, "{}", 1, "failed",
                 "none of 4 gateways that were connected");
  assert_int_equal(j.failure, TTN_FAIL_ANSWER);
  end(&j);
}

/* Only the first page of a list that has no X-Total-Count is that of a key that
 * did not arrive. */
static void test_empty_list(void **state) {
  struct judged j;
  struct ttn_answer none = {.status = 200, .total_count = -1};
  struct ttn_answer zero = {.status = 200, .total_count = 0};
  (void)state;
  init(&j);
  assert_verdict(API_LIST, none, "{}", 0, "list_empty", "");
  assert_verdict(API_LIST, zero, "{}", 0, "ok", "");
  assert_verdict(API_LIST, none,
                 "{\"gateways\":[{\"ids\":{\"gateway_id\":\"a-gw\"}}]}", 0,
                 "ok", "");
  end(&j);
}

/* Proxies, load balancers and old servers. */
static void test_others(void **state) {
  static const char route[] = "{\"code\":5,\"message\":\"Not Found\"}";
  struct judged j;
  struct ttn_answer a = {.total_count = -1};
  (void)state;
  init(&j);
  for (enum api_call api = API_LIST; api < API_CALLS; api++) {
    a.status = 429;
    assert_verdict(api, a, "slow down", 0, "rate_limited", "");
    a.status = 502;
    assert_verdict(api, a, "<html>", 0, "failed",
                   "answered 502 without JSON (a proxy or load balancer?)");
    assert_int_equal(j.failure, TTN_FAIL_HTTP);
    a.status = 403; /* a firewall's */
    assert_verdict(api, a, "<html>", 0, "failed", "answered 403 without JSON");
    a.status = 401;
    assert_verdict(api, a, "<html>", 0, "key_rejected", "");
  }
  a.status = 404;
  assert_verdict(API_BATCH, a, route, 0, "no_batch_api", "");
  assert_verdict(API_SINGLE, a, route, 0, "failed", "answered 404, code 5");
  assert_verdict(API_LIST, a, route, 0, "failed", "answered 404, code 5");
  assert_verdict(API_AUTH_INFO, a, route, 0, "no_identity_server", "");
  /* Nothing but names is repeated. */
  a.status = 500;
  assert_verdict(API_BATCH, a,
                 "{\"code\":13,\"message\":\"x\",\"details\":[{\"namespace\":"
                 "\"pkg/x\",\"name\":\"Call me\"}]}",
                 0, "failed", "answered 500, code 13");
  end(&j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_recorded),      cmocka_unit_test(test_broken),
      cmocka_unit_test(test_bodies),        cmocka_unit_test(test_empty_list),
      cmocka_unit_test(test_others),        cmocka_unit_test(test_no_answers),
      cmocka_unit_test(test_nothing_there),
  };
  return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
