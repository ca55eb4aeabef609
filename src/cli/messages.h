/* SPDX-License-Identifier: MIT */
/* Standard error, and the library's log. */
#ifndef TTN_CLI_MESSAGES_H
#define TTN_CLI_MESSAGES_H

#include "cli/text.h"

/* "ttn-check: …" to standard error; always false. */
bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and a report has it. env: a struct cli_env's. */
bool complain_kept(const struct ttn_env *env, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A sentence of the library's, with the command's names of options. */
void messages_add(struct text *text, const char *s);

/* The library's env. What it logs goes to standard error, but for what polls
 * log: the user gets that as problems. */
struct cli_env {
  struct ttn_env env; /* env.ctx is this struct */
  const struct ttn_env *under;
  bool polling, verbose;
  bool following;   /* what polls log shows, too, but for information */
  size_t errors;    /* lines of that level */
  bool no_memory;   /* an allocation failed */
  struct text kept; /* errors and warnings outside of polls, a line each */
};
void cli_env_init(struct cli_env *env, const struct ttn_env *under);
void cli_env_free(struct cli_env *env);
void cli_env_set_verbose(struct cli_env *env, bool verbose);
void cli_env_set_following(struct cli_env *env, bool following);
void cli_env_set_polling(struct cli_env *env, bool polling);

#endif
