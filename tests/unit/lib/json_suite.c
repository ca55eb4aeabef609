/* SPDX-License-Identifier: MIT */
#include "lib/json_suite.h"

#include <dirent.h>

static enum suite_kind suite_kind_of(const char *name) {
  /* yajl takes a form feed for a blank, which does no harm. */
  if (strcmp(name, "n_structure_whitespace_formfeed.json") == 0)
    return SUITE_JSON;
  return name[0] == 'y'   ? SUITE_JSON
         : name[0] == 'n' ? SUITE_NONE
                          : SUITE_EITHER;
}

static void suite_read(struct suite *suite, const char *directory,
                       const char *name) {
  char path[8192];
  assert_true(suite->n < SUITE_FILES);
  struct suite_file *file = &suite->files[suite->n++];
  snprintf(file->name, sizeof(file->name), "%s", name);
  snprintf(path, sizeof(path), "%s/%s", directory, name);
  file->text = test_read_file(path, &file->n);
  file->kind = suite_kind_of(name);
  if (file->kind != SUITE_NONE)
    file->tree = yajl_tree_parse(file->text, NULL, 0);
}

int suite_open(void **state) {
  const char *path = getenv("TTN_JSON_SUITE"), *ci = getenv("CI");
  struct suite *suite = *state = calloc(1, sizeof(*suite));
  DIR *directory = path == NULL ? NULL : opendir(path);
  if (directory == NULL) {
    fprintf(stderr, "JSONTestSuite is not tested: it is not in %s\n",
            path != NULL ? path : "TTN_JSON_SUITE, which is not set");
    return ci != NULL && strcmp(ci, "true") == 0 ? -1 : 0;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (strchr("yni", entry->d_name[0]) != NULL && entry->d_name[1] == '_')
      suite_read(suite, path, entry->d_name);
  closedir(directory);
  assert_int_equal(suite->n, SUITE_FILES);
  return 0;
}

int suite_close(void **state) {
  struct suite *suite = *state;
  for (int i = 0; i < suite->n; i++) {
    free(suite->files[i].text);
    yajl_tree_free(suite->files[i].tree);
  }
  free(suite);
  return 0;
}
