/* SPDX-License-Identifier: MIT */
/* Trap: collectd writes a log line as it comes, so a newline in a server's
 * error text would start a line of the server's choosing. ttn_log replaces
 * every control character, and masks what looks like a key: a server may have
 * echoed one, or a user have written it where it does not belong. */
#include "base/env.h"

#include "base/secret.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 1000

static void *system_resize(void *ctx, void *p, size_t size) {
  (void)ctx;
  if (size == 0) {
    free(p);
    return NULL;
  }
  return realloc(p, size);
}

static int64_t read_clock(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0)
    return 0;
  return (int64_t)now.tv_sec * TTN_SECOND + now.tv_nsec;
}

static int64_t system_wall(void *ctx) {
  (void)ctx;
  return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(void *ctx) {
  (void)ctx;
  return read_clock(CLOCK_MONOTONIC);
}

static void system_log(void *ctx, enum ttn_level level, const char *line) {
  static const char *const names[] = {"error", "warning", "notice", "info"};
  (void)ctx;
  fprintf(stderr, "%s: %s\n", names[level], line);
}

const struct ttn_env ttn_env_system = {
    .resize = system_resize,
    .wall = system_wall,
    .mono = system_mono,
    .log = system_log,
};

void *ttn_alloc(const struct ttn_env *env, size_t size) {
  void *p = env->resize(env->ctx, NULL, size);
  if (p != NULL)
    memset(p, 0, size);
  return p;
}

void ttn_free(const struct ttn_env *env, void *p) {
  if (p != NULL)
    env->resize(env->ctx, p, 0);
}

void ttn_free_secret(const struct ttn_env *env, char *text) {
  if (text != NULL)
    ttn_secret_wipe(text, strlen(text));
  ttn_free(env, text);
}

char *ttn_strdup(const struct ttn_env *env, const char *s) {
  size_t size = strlen(s) + 1;
  char *copy = env->resize(env->ctx, NULL, size);
  if (copy != NULL)
    memcpy(copy, s, size);
  return copy;
}

bool ttn_grow(const struct ttn_env *env, void **array, size_t *room,
              size_t need, size_t size, size_t most) {
  if (need <= *room)
    return true;
  if (need > most || most > SIZE_MAX / size)
    return false;
  size_t wanted = *room > most / 2 ? most : *room * 2;
  if (wanted < need)
    wanted = need;
  void *grown = env->resize(env->ctx, *array, wanted * size);
  if (grown == NULL)
    return false;
  *array = grown;
  *room = wanted;
  return true;
}

void ttn_log(const struct ttn_env *env, enum ttn_level level,
             const char *format, ...) {
  char line[LINE_MAX_BYTES + 1];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  if (n < 0)
    return;
  ttn_utf8_trim(line); /* cut here, or by the caller */
  for (char *c = line; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  ttn_secret_mask(line);
  env->log(env->ctx, level, line);
}
