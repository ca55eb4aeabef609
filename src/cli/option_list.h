/* SPDX-License-Identifier: MIT */
/* The library's options that the user gave. */
#ifndef TTN_CLI_OPTION_LIST_H
#define TTN_CLI_OPTION_LIST_H

#include "config/settings.h"

struct given_option {
  char *name;
  struct ttn_option_value value;
  bool here; /* it concerns the command alone, not collectd.conf */
};

struct option_list {
  struct given_option *items;
  size_t n, room;
};
/* False: no memory. */
bool option_list_add(struct option_list *list, const struct ttn_env *env,
                     const char *name, const struct ttn_option_value *value,
                     bool here);
bool option_list_add_text(struct option_list *list, const struct ttn_env *env,
                          const char *name, const char *text);
/* Wipes the key, and a proxy's password. */
void option_list_free(struct option_list *list, const struct ttn_env *env);
bool option_list_has(const struct option_list *list, const char *name);
/* The number of an option, 1 or 0 of a switch: as it was given last, or else
 * its default. */
double option_list_number(const struct option_list *list, const char *name);
/* The last text that was given for it, or NULL. */
const char *option_list_text(const struct option_list *list, const char *name);
/* Gateways are named one by one: the library then reads no list, and does not
 * know where they are registered. */
bool option_list_only_named(const struct option_list *list);

/* A path as collectd needs it, which runs in another directory. NULL: no
 * memory. */
char *option_list_whole_path(const struct ttn_env *env, const char *path);

#endif
