/* SPDX-License-Identifier: MIT */
/* An account together with a stack for it: a function of the test answers each
 * request. What the account reports and logs is kept as text. */
#ifndef TTN_STACK_H
#define TTN_STACK_H

#include "account/account.h"
#include "lib/testing.h"

#define EU1 "eu1.cloud.thethings.network"
#define NAM1 "nam1.cloud.thethings.network"
#define CONNECTED "\"connected_at\":\"2026-11-22T15:00:00Z\""
#define DISCONNECTED "\"disconnected_at\":\"2026-11-22T15:30:00Z\""
#define ERROR(space, name)                                                     \
  "{\"code\":7,\"message\":\"x\",\"details\":[{\"namespace\":\"" space         \
  "\",\"name\":\"" name "\"}]}"

struct stack {
  struct test_env test;
  struct ttn_account *account;
  struct ttn_sink sink;
  struct ttn_call *calls[4096]; /* under way, oldest first */
  size_t n_calls, started;
  int poll;          /* 0 is the first */
  bool ends_streams; /* those of events are answered, too: else they stay */
  /* Fills in call->answer, and the body by the functions below. */
  void (*answer)(struct stack *stack, struct ttn_call *call);
  const char *first; /* a call with this in its URL is answered first */
  const char *last;  /* and one with this after all others */
  char body[1 << 16];
  char reported[1 << 16]; /* "plugin/instance/type-type_instance=number\n" */
  char notified[4096];
};

/* How often is `what` in the text? */
size_t count(const char *text, const char *what);

#define assert_reported(p, line)                                               \
  do {                                                                         \
    if (count((p)->reported, line "\n") != 1)                                  \
      fail_msg("%s is not among\n%s%s", line, (p)->reported, (p)->test.log);   \
  } while (0)
#define assert_not_reported(p, start)                                          \
  do {                                                                         \
    if (strstr((p)->reported, start) != NULL)                                  \
      fail_msg("%s is among\n%s%s", start, (p)->reported, (p)->test.log);      \
  } while (0)
#define assert_logged(p, n, what)                                              \
  do {                                                                         \
    if (count((p)->test.log, what) != (n))                                     \
      fail_msg("not %d times \"%s\" in\n%s", n, what, (p)->test.log);          \
  } while (0)

/* -- the account -- */

/* options: name, value, …, NULL. The account has a key, APIKeyFile's or its
 * own, no state file, and reads the list of gateways at each poll. Ends the
 * test if that fails. */
struct stack *stack_open(void (*answer)(struct stack *, struct ttn_call *),
                         const char *const *options);

/* How many calls are under way: streams, or all others. */
size_t count_calls(const struct stack *p, bool endless);

/* Polls a minute after the poll before. */
void stack_poll(struct stack *p);

/* Fails the test if memory is left, or if the key was logged. */
void stack_close(struct stack *p);

/* -- answers -- */

bool is_list(const struct ttn_call *call);
bool is_auth(const struct ttn_call *call);
bool is_stream(const struct ttn_call *call);
bool is_at(const struct ttn_call *call, const char *host);

/* Adds to the body. */
void answer_add(struct stack *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The list of gateways. gateways: ids and addresses, "a-gw", EU1, "b-gw", NAM1,
 * …, NULL */
void answer_list(struct stack *p, struct ttn_call *call,
                 const char *const *gateways);
#define LIST(p, call, ...)                                                     \
  answer_list(p, call, (const char *const[]){__VA_ARGS__, NULL})

/* An entry, as `fields`, for each gateway of the batch. */
void answer_batch(struct stack *p, const struct ttn_call *call,
                  const char *fields);

void answer_error(struct stack *p, struct ttn_call *call, int status,
                  const char *body);

#endif
