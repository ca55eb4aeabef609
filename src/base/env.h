/* SPDX-License-Identifier: MIT */
/* What comes in from outside: memory, time, the log. Everything in this
 * library reaches them through one struct ttn_env, so that a test can
 * simulate a lack of memory and a clock that jumps, and read every line that a
 * user would see. No file of the library keeps global state.
 *
 * Units, all over the library: times are int64_t nanoseconds, wall times
 * since 1970-01-01T00:00:00Z (0 = not known). */
#ifndef TTN_ENV_H
#define TTN_ENV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TTN_SECOND INT64_C(1000000000)
#define TTN_MS INT64_C(1000000)

enum ttn_level { TTN_ERROR, TTN_WARNING, TTN_NOTICE, TTN_INFO };

/* Each function may be called from the thread of any account. */
struct ttn_env {
  void *ctx;
  /* As realloc(3): p NULL allocates, size 0 frees and returns NULL. NULL for
   * a size > 0 means no memory, and p is still good. */
  void *(*resize)(void *ctx, void *p, size_t size);
  int64_t (*wall)(void *ctx); /* ns since 1970 */
  int64_t (*mono)(void *ctx); /* ns since some instant, never goes back */
  /* line: one whole line, without a newline, never with the key in it. */
  void (*log)(void *ctx, enum ttn_level level, const char *line);
};

/* libc's memory, clock_gettime(2), and the log to stderr. */
extern const struct ttn_env ttn_env_system;

void *ttn_alloc(const struct ttn_env *env, size_t size); /* zeroed, or NULL */
void ttn_free(const struct ttn_env *env, void *p);
char *ttn_strdup(const struct ttn_env *env, const char *s);
/* A text that may be secret is wiped first. */
void ttn_free_secret(const struct ttn_env *env, char *text);

/* Makes room for `need` items of `size` bytes in *array, which has room for
 * *room; it at least doubles. False, with all as it was: no memory, or need is
 * more than `most`: every buffer that grows has a cap. */
bool ttn_grow(const struct ttn_env *env, void **array, size_t *room,
              size_t need, size_t size, size_t most);

/* Lines are cut at 1000 bytes, but not within a character of UTF-8: collectd
 * cuts at 1024. */
void ttn_log(const struct ttn_env *env, enum ttn_level level,
             const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
