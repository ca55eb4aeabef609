/* SPDX-License-Identifier: MIT */
/* HTTP requests of a test, over struct ttn_net: one after another or many at
 * once. The body is kept. */
#ifndef TTN_FETCH_H
#define TTN_FETCH_H

#include "http/http.h"
#include "lib/testing.h"

#define FETCH_KEY "NNSXS.ID.SECRET"

/* One request. */
struct fetch {
  struct ttn_call call;
  char url[300];
  char body[1 << 12]; /* the first bytes of it */
  size_t n;           /* how many came */
  size_t give_up_at;  /* 0: never */
  int status;         /* the data callback's */
};

/* What requests need. */
struct client {
  struct test_env test;
  struct ttn_auth *auth;
  struct ttn_net *net;
};

/* Removes the environment's settings of proxies. */
void fetch_without_proxy(void);

/* The system's monotonic clock, and the same for struct ttn_env. */
int64_t fetch_now(void);
int64_t fetch_mono(void *ctx);

struct ttn_http_options fetch_options(void);

void client_open_with(struct client *client,
                      const struct ttn_http_options *options);

void client_open(struct client *client);

/* Fails the test if memory is left, or if anything was logged. */
void client_close(struct client *client);

/* Prepares a GET with a time-out of 5 s; returns &fetch->call. */
struct ttn_call *fetch_init(struct fetch *fetch, struct client *client,
                            const char *scheme, int port, const char *path);

void fetch_start(struct client *client, struct fetch *fetch);

/* Returns a call that has ended, or NULL after so many milliseconds. */
struct ttn_call *fetch_wait(struct client *client, int ms);

/* Starts one request and waits for its end. */
const struct ttn_answer *fetch_run(struct client *client, struct fetch *fetch);

const struct ttn_answer *fetch_get(struct client *client, struct fetch *fetch,
                                   const char *scheme, int port,
                                   const char *path);

/* answer is a const struct ttn_answer *. */
#define assert_failure(answer, expected)                                       \
  do {                                                                         \
    const struct ttn_answer *answer_ = (answer);                               \
    if (answer_->failure != (expected))                                        \
      fail_msg("failure %s instead of %s: %s",                                 \
               ttn_failure_name(answer_->failure), ttn_failure_name(expected), \
               answer_->why);                                                  \
  } while (0)

#define assert_why(answer, words)                                              \
  do {                                                                         \
    if (strstr((answer)->why, words) == NULL)                                  \
      fail_msg("\"%s\" lacks \"%s\"", (answer)->why, words);                   \
  } while (0)

#endif
