/* SPDX-License-Identifier: MIT */
#include "cli/option_list.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define GIVEN_MAX 100000

static void free_given(const struct ttn_env *env, struct given_option *given) {
  ttn_free_secret(env, (char *)(uintptr_t)given->value.string);
  ttn_free(env, given->name);
}

void option_list_free(struct option_list *list, const struct ttn_env *env) {
  for (size_t i = 0; i < list->n; i++)
    free_given(env, &list->items[i]);
  ttn_free(env, list->items);
  *list = (struct option_list){0};
}

bool option_list_add(struct option_list *list, const struct ttn_env *env,
                     const char *name, const struct ttn_option_value *value,
                     bool here) {
  struct given_option given = {
      .name = ttn_strdup(env, name), .value = *value, .here = here};
  void *items = list->items;
  if (value->string != NULL)
    given.value.string = ttn_strdup(env, value->string);
  if (given.name == NULL ||
      (value->string != NULL && given.value.string == NULL) ||
      !ttn_grow(env, &items, &list->room, list->n + 1, sizeof(given),
                GIVEN_MAX)) {
    free_given(env, &given);
    return false;
  }
  list->items = items;
  list->items[list->n++] = given;
  return true;
}

bool option_list_add_text(struct option_list *list, const struct ttn_env *env,
                          const char *name, const char *text) {
  const struct ttn_option_value value = {.type = TTN_VALUE_STRING,
                                         .string = text};
  return option_list_add(list, env, name, &value, false);
}

/* The last one, or NULL. */
static const struct ttn_option_value *find_last(const struct option_list *list,
                                                const char *name) {
  for (size_t i = list->n; i-- > 0;)
    if (strcmp(list->items[i].name, name) == 0)
      return &list->items[i].value;
  return NULL;
}

const char *option_list_text(const struct option_list *list, const char *name) {
  const struct ttn_option_value *value = find_last(list, name);
  return value == NULL ? NULL : value->string;
}

bool option_list_has(const struct option_list *list, const char *name) {
  return find_last(list, name) != NULL;
}

double option_list_number(const struct option_list *list, const char *name) {
  const struct ttn_option_value *value = find_last(list, name);
  if (value == NULL)
    return ttn_settings_default(name);
  return value->type == TTN_VALUE_BOOLEAN ? value->boolean : value->number;
}

bool option_list_only_named(const struct option_list *list) {
  bool named = false;
  for (size_t i = 0; i < list->n; i++) {
    const struct given_option *given = &list->items[i];
    if (strcmp(given->name, "IgnoreSelected") == 0 && given->value.boolean)
      return false;
    if (strcmp(given->name, "Gateway") != 0)
      continue;
    if (given->value.string[0] == '/')
      return false;
    named = true;
  }
  return named;
}

char *option_list_whole_path(const struct ttn_env *env, const char *path) {
  char directory[PATH_MAX];
  if (path[0] == '/' || path[0] == '\0' ||
      getcwd(directory, sizeof(directory)) == NULL)
    return ttn_strdup(env, path);
  size_t size = strlen(directory) + 1 + strlen(path) + 1;
  char *whole = ttn_alloc(env, size);
  if (whole != NULL)
    ttn_print(whole, size, "%s/%s", directory, path);
  return whole;
}
