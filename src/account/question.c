/* SPDX-License-Identifier: MIT */
#include "account/question.h"

#include "base/text.h"

void question_free(struct question *q, const struct ttn_env *env) {
  ttn_free(env, q->waiting);
}

void question_begin(struct question *q) { q->poll = (struct question_poll){0}; }

void question_want(struct question *q) {
  if (q->poll.state == QUESTION_NONE)
    q->poll.state = QUESTION_WANTED;
}

void question_enter(struct question *q, enum question_state state) {
  q->poll.state = state;
}

void question_list_empty(struct question *q) {
  q->poll.list_empty = true;
  question_want(q);
}

bool question_hold(struct question *q, struct account_context *c,
                   const struct batch *batch, const char *warning) {
  void *waiting = q->waiting;
  if (!ttn_grow(c->env, &waiting, &q->room_waiting, q->poll.n_waiting + 1,
                sizeof(*q->waiting), 65536)) {
    context_count_failure(c, TTN_FAIL_MEMORY);
    return false;
  }
  q->waiting = waiting;
  q->waiting[q->poll.n_waiting++] = *batch;
  ttn_print(q->poll.warning, sizeof(q->poll.warning), "%s", warning);
  question_want(q);
  return true;
}

void question_settled(struct question *q) {
  q->poll.list_empty = false;
  q->poll.n_waiting = 0;
}
