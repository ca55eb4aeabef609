/* SPDX-License-Identifier: MIT */
/* The thread of an account. A daemon's read callback must not take long, so it
 * only wakes this thread, which then polls. */
#ifndef TTN_RUNNER_H
#define TTN_RUNNER_H

#include "account/account.h"

#include <pthread.h>

struct ttn_runner;

/* Creates a thread with a name, as collectd's plugin_thread_create does. 0: it
 * runs. */
typedef int ttn_thread_create(pthread_t *thread, void *(*run)(void *),
                              void *arg, const char *name);

/* Takes over account (also on failure). env must outlive the runner. The thread
 * is created at the first wake. NULL: no memory. */
struct ttn_runner *ttn_runner_new(const struct ttn_env *env,
                                  struct ttn_account *account, const char *name,
                                  ttn_thread_create *create);

/* One poll, on the runner's thread. If the last one still runs, none is added,
 * and this is logged. Wake and free: not at the same time. */
void ttn_runner_wake(struct ttn_runner *runner);

/* Ends the poll that is under way, joins the thread and frees the account. */
void ttn_runner_free(struct ttn_runner *runner);

#endif
