/* SPDX-License-Identifier: MIT */
#include "lib/testing.h"

void test_fail_each(struct test_env *test,
                    void (*once)(struct test_env *test, void *arg), void *arg) {
  for (int for_good = 0; for_good < 2; for_good++)
    for (size_t nth = 1;; nth++) {
      test_env_init(test);
      test->fail_at = nth;
      test->for_good = for_good != 0;
      once(test, arg);
      assert_int_equal(test->blocks, 0);
      assert_int_equal(test->bytes, 0);
      if (test->calls < nth)
        break;
    }
}

char *test_path(char *buffer, size_t size, const char *path) {
  const char *root = getenv("TTN_SRCDIR");
  snprintf(buffer, size, "%s/%s", root != NULL ? root : ".", path);
  return buffer;
}

char *test_answer_path(char *buffer, size_t size, const char *path) {
  const char *answers = getenv("TTN_ANSWERS");
  snprintf(buffer, size, "%s/%s", answers != NULL ? answers : "tests/answers",
           path);
  return buffer;
}

char *test_read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail_msg("%s can't be opened", path);
  size_t room = 1 << 16, n = 0;
  char *text = malloc(room + 1);
  for (size_t got; (got = fread(text + n, 1, room - n, file)) > 0;) {
    n += got;
    if (n == room)
      text = realloc(text, (room *= 2) + 1);
  }
  fclose(file);
  text[n] = '\0';
  if (size != NULL)
    *size = n;
  return text;
}

const char *test_string(yajl_val tree, const char *a, const char *b) {
  const char *path[] = {a, b, NULL};
  return YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
}

void test_answer_open(struct test_answer *answer, const char *path) {
  char full[4096], error[256];
  char *text = test_read_file(test_answer_path(full, sizeof(full), path), NULL);
  *answer = (struct test_answer){.tree = yajl_tree_parse(text, error, 256)};
  free(text);
  if (answer->tree == NULL)
    fail_msg("%s: %s", full, error);
  answer->method = test_string(answer->tree, "request", "method");
  answer->path = test_string(answer->tree, "request", "path");
  answer->key = test_string(answer->tree, "request", "key");
  answer->request_body = yajl_tree_get(
      answer->tree, (const char *[]){"request", "body", NULL}, yajl_t_any);
  yajl_val status = yajl_tree_get(
      answer->tree, (const char *[]){"status", NULL}, yajl_t_number);
  answer->status = status == NULL ? 0 : (int)YAJL_GET_INTEGER(status);
  answer->body = test_string(answer->tree, "body", NULL);
  answer->body_size = answer->body == NULL ? 0 : strlen(answer->body);
}

const char *test_answer_header(const struct test_answer *answer,
                               const char *name) {
  return test_string(answer->tree, "headers", name);
}

void test_answer_close(struct test_answer *answer) {
  yajl_tree_free(answer->tree);
}

size_t test_stream(const char *path, char *text, size_t size) {
  char name[512];
  size_t n = 0;
  char *file = test_read_file(test_answer_path(name, sizeof name, path), NULL);
  yajl_val tree = yajl_tree_parse(file, NULL, 0);
  yajl_val stream =
      yajl_tree_get(tree, (const char *[]){"stream", NULL}, yajl_t_array);
  assert_non_null(stream);
  for (size_t i = 0; i < YAJL_GET_ARRAY(stream)->len; i++) {
    const char *piece =
        test_string(YAJL_GET_ARRAY(stream)->values[i], "text", NULL);
    assert_true(n + strlen(piece) < size);
    memcpy(text + n, piece, strlen(piece));
    n += strlen(piece);
  }
  text[n] = '\0';
  yajl_tree_free(tree);
  free(file);
  return n;
}
