/* SPDX-License-Identifier: MIT */
/* The key, from a file, standard input or the environment. */
#ifndef TTN_CLI_KEY_INPUT_H
#define TTN_CLI_KEY_INPUT_H

#include "cli/option_list.h"

#define KEY_VARIABLE "TTN_API_KEY"

struct key_source {
  char *file;          /* its whole path; NULL: the key came otherwise */
  const char *open_to; /* who else can read it, or NULL */
};
/* True: one of the words holds a key. It was reported, and they are wiped. */
bool key_input_in_words(int argc, char **argv);
/* Adds the key in `file` to options: "-" is standard input, NULL the
 * environment. False: it was reported, but for a lack of memory. */
bool key_input_take(struct option_list *options, const struct ttn_env *env,
                    const char *file, struct key_source *source);

#endif
