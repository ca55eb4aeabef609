/* SPDX-License-Identifier: MIT */
/* A thread that delivers notifications. A daemon delivers them on the thread
 * that sends them, to one plugin after the other: one that writes an e-mail to
 * a slow server would hold up the polls and the daemon's end. So the thread of
 * an account only leaves them here. */
#ifndef TTN_NOTIFIER_H
#define TTN_NOTIFIER_H

#include "base/env.h"
#include "report/sink.h"

#include <pthread.h>

#define NOTIFIER_QUEUE_MAX 256

struct ttn_notifier;

/* Delivers one notification, and may take as long as it likes. host: the
 * account's. */
typedef void ttn_notifier_deliver(const char *host,
                                  const struct ttn_notification *notification);
/* Creates a thread with a name. 0: it runs. */
typedef int ttn_notifier_thread(pthread_t *thread, void *(*run)(void *),
                                void *arg, const char *name);

/* env must outlive the notifier. The thread is created with the first
 * notification. NULL: no memory. */
struct ttn_notifier *ttn_notifier_new(const struct ttn_env *env,
                                      ttn_notifier_deliver *deliver,
                                      ttn_notifier_thread *create);

/* From any thread; never waits for a delivery. Copies all texts. When the queue
 * is full, one notification later says how many are left out, and the first of
 * them. If there is no memory or no thread, delivers in place. */
void ttn_notifier_send(struct ttn_notifier *notifier, const char *host,
                       const struct ttn_notification *notification);

/* Waits for at most the one delivery that is under way. The others are logged
 * as not sent. NULL is fine. */
void ttn_notifier_free(struct ttn_notifier *notifier);

#endif
