/* SPDX-License-Identifier: MIT */
/* What comes in from outside: memory, time, the log. Everything in this
 * library reaches them through one struct ttn_env, so that a test can stage
 * the lack of memory, a clock that jumps, and read every line that a user
 * would see. No file of the library keeps global state.
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

enum ttn_level { TTN_ERROR, TTN_WARNING, TTN_NOTICE, TTN_INFO, TTN_DEBUG };

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

/* Makes room for `need` items of `size` bytes in *array, which has room for
 * *room; it at least doubles. False, with all as it was: no memory, or need is
 * more than `most`: every buffer that grows has a cap. */
bool ttn_grow(const struct ttn_env *env, void **array, size_t *room,
              size_t need, size_t size, size_t most);

/* Lines are cut at 1000 bytes: collectd cuts at 1024. */
void ttn_log(const struct ttn_env *env, enum ttn_level level,
             const char *format, ...) __attribute__((format(printf, 3, 4)));

/* FNV-1a of 64 bits: h goes on with n bytes more, and begins as TTN_HASH. What
 * stands in state files and tells shards apart: never to be changed. */
#define TTN_HASH UINT64_C(0xcbf29ce484222325)
uint64_t ttn_hash(uint64_t h, const char *bytes, size_t n);

/* Overwrites memory so that no compiler leaves it out. */
void ttn_wipe(void *p, size_t size);

/* snprintf into a buffer of `size` bytes; a text that doesn't fit is cut and
 * always ended. Returns buffer. */
char *ttn_print(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Why something failed. The names (ttn_failure_name) are the type instances
 * of ttn_api's `errors` and so a promise. */
enum ttn_failure {
  TTN_OK,
  TTN_FAIL_DNS,        /* "dns": the host name was not resolved */
  TTN_FAIL_CONNECT,    /* "connect": nobody accepts connections there */
  TTN_FAIL_PROXY,      /* "proxy": the proxy refused or is not there */
  TTN_FAIL_TLS,        /* "tls": handshake or certificate */
  TTN_FAIL_TIMEOUT,    /* "timeout": no whole answer in time */
  TTN_FAIL_TRANSFER,   /* "transfer": the connection broke amid an answer */
  TTN_FAIL_HTTP,       /* "http": a status that is no answer (5xx, 404 …) */
  TTN_FAIL_RATE_LIMIT, /* "rate_limit": 429 */
  TTN_FAIL_KEY,        /* "key": the key was refused, or lacks a right */
  TTN_FAIL_JSON,       /* "json": not JSON, cut short, or of a wrong shape */
  TTN_FAIL_ANSWER,     /* "answer": well-formed, but not to what was asked */
  TTN_FAIL_TOO_LARGE,  /* "too_large": beyond what a sane answer has */
  TTN_FAIL_MEMORY,     /* "memory" */
  TTN_FAIL_STATE_FILE, /* "state_file" */
  TTN_FAILURES         /* how many there are */
};
const char *ttn_failure_name(enum ttn_failure failure);

/* The three kinds of messages that the stack counts. */
enum ttn_kind { TTN_UPLINK, TTN_DOWNLINK, TTN_TX_ACK, TTN_KINDS };

#endif
