/* SPDX-License-Identifier: MIT */
/* The inside of an account: its modules, by value. Only account.c, dispatch.c,
 * follow.c, poll.c, statistics.c, status.c and steps.c see it; each module sees
 * those that it is given. All of it belongs to the account's thread, but for
 * `stop`. */
#ifndef TTN_ACCOUNT_INTERNAL_H
#define TTN_ACCOUNT_INTERNAL_H

#include "account/apply.h"
#include "account/credentials.h"
#include "account/question.h"
#include "account/request.h"
#include "account/streams.h"

#include <stdatomic.h>

/* One poll. poll.c writes it. */
struct poll {
  int64_t started, deadline; /* mono */
  int64_t spread;            /* ns: over how long its batches are spread */
  bool no_memory;            /* for a request: what it was for stays unknown */
  int64_t waited;            /* ns: only for places of batches */
  int64_t save_at;           /* mono: counts wait no longer for the file */
};

/* Do events of traffic come, where Traffic is on? follow.c writes it. */
struct traffic {
  struct ttn_episode silent; /* none comes, and it was logged */
  uint64_t seen;             /* events of all gateways, at the last check */
};

/* account.c writes it. */
struct ttn_account {
  struct account_context context;
  struct ttn_ownership *ownership;
  atomic_bool stop;
  bool ask_owner; /* auth_info is asked for with each new key */

  struct credentials credentials;
  struct hosts hosts;
  struct offsets offsets;
  struct gateways gateways;
  struct discovery discovery;
  struct schedule schedule;
  struct lookups lookups;
  struct apply apply;
  struct requests requests;
  struct streams streams;
  struct traffic traffic;
  struct question question;
  struct poll poll;
};

/* A poll begins: who is asked where, and the list if a discovery is due. */
void dispatch_begin(struct ttn_account *a, bool has_key);
/* A request ended: does what its answer makes necessary. False: entries are
 * left for statistics_more, because the poll is spread. */
bool dispatch_answer(struct ttn_account *a, struct request *request);
/* The deadline came first. */
void dispatch_unanswered(struct ttn_account *a, struct request *request);
/* It was not sent for lack of memory. */
void dispatch_not_sent(struct ttn_account *a, const struct request *request);
/* No answer will come any more. stopped: nothing more is reported. */
void dispatch_end(struct ttn_account *a, bool stopped);

/* A poll begins: which gateways events tell of, and whether traffic comes. */
void follow_begin(struct ttn_account *a, bool has_key);
/* Tells changes of state that events told of, and opens and closes streams, if
 * that is due. Returns when to call it again (mono). */
int64_t follow_streams(struct ttn_account *a, int64_t now);

#endif
