/* SPDX-License-Identifier: MIT */
/* What goes to standard error: the command's own sentences, and what the
 * library logs while it takes options. What polls say is advice later
 * (check_advice.c) and shows with --verbose only, as the plugin would log it.
 *
 * The library's sentences name options of collectd.conf; here they get the
 * command's names. */
#include "cli/check.h"

#include "tts/api_key.h"
#include "base/secret.h"

#include <string.h>

bool check_complain(const char *format, ...) {
  char text[1100];
  va_list args;
  va_start(args, format);
  if (vsnprintf(text, sizeof(text), format, args) < 0)
    text[0] = '\0';
  va_end(args);
  ttn_secret_mask(text);
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  fprintf(stderr, "ttn-check: %s\n", text);
  return false;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void check_add_ours(struct check_text *text, const char *s) {
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
      check_add(text, "%s", names[i].ours);
      n = length;
    }
    if (n == 0)
      check_add(text, "%c", s[n++]);
    s += n;
    begins = !is_word(s[-1]);
  }
}

static void *env_resize(void *ctx, void *p, size_t size) {
  const struct ttn_env *under = ((struct check_env *)ctx)->under;
  void *out = under->resize(under->ctx, p, size);
  if (out == NULL && size > 0)
    ((struct check_env *)ctx)->no_memory = true;
  return out;
}

static int64_t env_wall(void *ctx) {
  const struct ttn_env *under = ((struct check_env *)ctx)->under;
  return under->wall(under->ctx);
}

static int64_t env_mono(void *ctx) {
  const struct ttn_env *under = ((struct check_env *)ctx)->under;
  return under->mono(under->ctx);
}

static void env_log(void *ctx, enum ttn_level level, const char *line) {
  static const char lead[] = "account \"home\": ";
  static const char *const names[] = {"error: ", "warning: ", "", "", ""};
  struct check_env *env = ctx;
  env->errors += level == TTN_ERROR;
  if (strncmp(line, lead, sizeof(lead) - 1) == 0)
    line += sizeof(lead) - 1;
  if (env->polling && env->verbose)
    check_complain("%s%s", names[level], line);
  if (env->polling)
    return;
  struct check_text text = {.env = &env->env};
  check_add_ours(&text, line);
  check_complain("%s%s", level == TTN_ERROR ? "" : names[level],
                 text.bytes != NULL ? text.bytes : line);
  check_text_free(&text);
}

void check_env_init(struct check_env *env, const struct ttn_env *under) {
  *env = (struct check_env){
      .env = {env, env_resize, env_wall, env_mono, env_log}, .under = under};
}
