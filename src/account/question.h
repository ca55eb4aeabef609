/* SPDX-License-Identifier: MIT */
/* What auth_info is asked for in a poll: whose the key is, and which rights it
 * has. Batches that the stack refuses may wait for it. */
#ifndef TTN_QUESTION_H
#define TTN_QUESTION_H

#include "account/schedule.h"

enum question_state {
  QUESTION_NONE,
  QUESTION_WANTED,
  QUESTION_ASKED,
  QUESTION_ANSWERED, /* also by a host without Identity Server */
  QUESTION_FAILED
};

struct question_poll {
  enum question_state state;
  bool list_empty;   /* the list came as for a key that did not arrive */
  char warning[128]; /* X-Warning of the refusal that led to it */
  size_t n_waiting;
};

/* All zero at first. */
struct question {
  struct question_poll poll;
  struct batch *waiting; /* for what auth_info says */
  size_t room_waiting;
};

void question_free(struct question *q, const struct ttn_env *env);

void question_begin(struct question *q);
/* It is to be asked, if it was not in this poll. */
void question_want(struct question *q);
void question_enter(struct question *q, enum question_state state);
/* The list came as for a key that did not arrive: auth_info tells. */
void question_list_empty(struct question *q);
/* A batch waits for the answer. warning: X-Warning of its refusal. False: no
 * memory (counted). */
bool question_hold(struct question *q, struct account_context *c,
                   const struct batch *batch, const char *warning);
/* Neither the list nor a batch waits for it any more. */
void question_settled(struct question *q);

#endif
