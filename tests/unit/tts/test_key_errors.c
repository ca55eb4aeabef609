/* SPDX-License-Identifier: MIT */
/* Sentences about keys: what is wrong stands before the colon, the fix behind
 * it. tests/e2e/test_keys.py has which answer leads to which sentence. */
#include "lib/testing.h"

#include "tts/key_errors.h"

/* Checks that `sentence` is "message: fix", and that nothing else is told
 * apart. fix: how it begins. */
static void assert_parts(const char *sentence, const char *message,
                         const char *fix) {
  const char *found = ttn_key_error_fix(sentence);
  char text[512];
  assert_true(found - sentence >= 2);
  snprintf(text, sizeof text, "%.*s", (int)(found - sentence) - 2, sentence);
  assert_string_equal(text, message);
  snprintf(text, sizeof text, "%.*s", (int)strlen(fix), found);
  assert_string_equal(text, fix);
}

static void test_unknown_key(void **state) {
  const struct ttn_api_error error = {
      .json = true, .details = true, .name = "api_key_not_found"};
  char text[512];
  (void)state;
  assert_parts(ttn_key_error_print(text, sizeof text, 401, &error, ""),
               "the stack does not know this key (it was deleted, or belongs "
               "to another stack or tenant)",
               "make a new one, or set URL to the stack that made it");
}

static void test_no_rights(void **state) {
  const struct ttn_auth_info info = {.kind = TTN_KEY_USER};
  char text[512];
  (void)state;
  assert_parts(
      ttn_key_error_no_status(text, sizeof text, &info, ""),
      "the key has no rights at all (its account is suspended, pending "
      "or rejected, or the key was made without any)",
      "ask the operator about the account, or make a key with \"list "
      "gateways");
}

static void test_missing(void **state) {
  char text[512];
  (void)state;
  assert_parts(ttn_key_error_missing(text, sizeof text, NULL),
               "the key did not reach the stack, or is a gateway's own (the "
               "list is empty, without X-Total-Count)",
               "make a personal or organization key with the rights \"list "
               "gateways");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unknown_key),
      cmocka_unit_test(test_no_rights),
      cmocka_unit_test(test_missing),
  };
  return cmocka_run_group_tests_name("key_errors", tests, NULL, NULL);
}
