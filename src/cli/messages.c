/* SPDX-License-Identifier: MIT */
/* The library's sentences name options of collectd.conf; here they get the
 * command's names. What polls log shows with --verbose only, as the plugin
 * would log it. */
#include "cli/messages.h"

#include "base/secret.h"

#include <stdio.h>
#include <string.h>

#define SENTENCE_MAX 1100

__attribute__((format(printf, 2, 0))) static void
print_clean(char text[SENTENCE_MAX], const char *format, va_list args) {
  if (vsnprintf(text, SENTENCE_MAX, format, args) < 0)
    text[0] = '\0';
  ttn_secret_mask(text);
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
}

bool complain(const char *format, ...) {
  char text[SENTENCE_MAX];
  va_list args;
  va_start(args, format);
  print_clean(text, format, args);
  va_end(args);
  fprintf(stderr, "ttn-check: %s\n", text);
  return false;
}

bool complain_kept(const struct ttn_env *env, const char *format, ...) {
  char text[SENTENCE_MAX];
  va_list args;
  va_start(args, format);
  print_clean(text, format, args);
  va_end(args);
  text_add(&((struct cli_env *)env->ctx)->kept, "%s\n", text);
  return complain("%s", text);
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

void messages_add(struct text *text, const char *s) {
  static const struct {
    const char *theirs, *ours;
  } names[] = {
      {"AllowPlainHTTP true", "--allow-plain-http"},
      {"CACert", "--cacert"},
      {"Cluster", "--cluster"},
      {"Gateway lines", "--gateway"},
      {"a Gateway line", "--gateway"},
      {"Gateway", "--gateway"},
      {"Organization", "--organization"},
      {"Proxy", "--proxy"},
      {"URL", "--url"},
      {"raise Timeout", "raise --timeout"},
  };
  bool begins = true; /* a word */
  while (*s != '\0') {
    size_t n = 0;
    for (size_t i = 0; begins && n == 0 && i < sizeof(names) / sizeof(names[0]);
         i++) {
      size_t length = strlen(names[i].theirs);
      if (strncmp(s, names[i].theirs, length) != 0 || is_word(s[length]))
        continue;
      text_add(text, "%s", names[i].ours);
      n = length;
    }
    if (n == 0)
      text_add(text, "%c", s[n++]);
    s += n;
    begins = !is_word(s[-1]);
  }
}

static void *env_resize(void *ctx, void *p, size_t size) {
  const struct ttn_env *under = ((struct cli_env *)ctx)->under;
  void *out = under->resize(under->ctx, p, size);
  if (out == NULL && size > 0)
    ((struct cli_env *)ctx)->no_memory = true;
  return out;
}

static int64_t env_wall(void *ctx) {
  const struct ttn_env *under = ((struct cli_env *)ctx)->under;
  return under->wall(under->ctx);
}

static int64_t env_mono(void *ctx) {
  const struct ttn_env *under = ((struct cli_env *)ctx)->under;
  return under->mono(under->ctx);
}

static void env_log(void *ctx, enum ttn_level level, const char *line) {
  static const char lead[] = "account \"home\": ";
  static const char *const names[] = {"error: ", "warning: ", "", ""};
  struct cli_env *env = ctx;
  env->errors += level == TTN_ERROR;
  if (strncmp(line, lead, sizeof(lead) - 1) == 0)
    line += sizeof(lead) - 1;
  bool quiet = env->polling && !(env->following && level < TTN_INFO);
  if (quiet && env->verbose)
    complain("%s%s", names[level], line);
  if (quiet)
    return;
  struct text text = {.env = &env->env};
  messages_add(&text, line);
  if (text.bytes != NULL)
    line = text.bytes;
  if (level <= TTN_WARNING)
    complain_kept(&env->env, "%s%s",
                  level == TTN_ERROR ? "" : "warning: ", line);
  else
    complain("%s", line);
  text_free(&text);
}

void cli_env_init(struct cli_env *env, const struct ttn_env *under) {
  *env = (struct cli_env){.env = {env, env_resize, env_wall, env_mono, env_log},
                          .under = under};
  env->kept.env = &env->env;
}

void cli_env_free(struct cli_env *env) { text_free(&env->kept); }

void cli_env_set_verbose(struct cli_env *env, bool verbose) {
  env->verbose = verbose;
}

void cli_env_set_following(struct cli_env *env, bool following) {
  env->following = following;
}

void cli_env_set_polling(struct cli_env *env, bool polling) {
  env->polling = polling;
}
