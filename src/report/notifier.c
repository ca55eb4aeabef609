/* SPDX-License-Identifier: MIT */
#include "report/notifier.h"

#include "base/text.h"

#define TEXT_SIZE 128 /* an account's name or host, with its end */
#define MESSAGE_SIZE 256

struct queued {
  char host[TEXT_SIZE], subject[TEXT_SIZE], message[MESSAGE_SIZE];
  enum ttn_severity severity;
  enum ttn_series series;
};

struct ttn_notifier {
  const struct ttn_env *env;
  ttn_notifier_deliver *deliver;
  ttn_notifier_thread *create;
  pthread_mutex_t lock; /* of all below */
  pthread_cond_t wake;
  pthread_t thread;
  bool has_thread, no_thread_logged, stop;
  struct queued *queue; /* a ring, allocated with the thread */
  size_t first, n;
  size_t left_out; /* since the queue was full */
  struct queued first_left_out;
};

struct ttn_notifier *ttn_notifier_new(const struct ttn_env *env,
                                      ttn_notifier_deliver *deliver,
                                      ttn_notifier_thread *create) {
  struct ttn_notifier *notifier = ttn_alloc(env, sizeof(*notifier));
  if (notifier == NULL)
    return NULL;
  notifier->env = env;
  notifier->deliver = deliver;
  notifier->create = create;
  pthread_mutex_init(&notifier->lock, NULL);
  pthread_cond_init(&notifier->wake, NULL);
  return notifier;
}

static void deliver_queued(const struct ttn_notifier *notifier,
                           const struct queued *one) {
  notifier->deliver(one->host,
                    &(struct ttn_notification){.severity = one->severity,
                                               .series = one->series,
                                               .subject = one->subject,
                                               .message = one->message});
}

/* The oldest one, or, once the queue is empty, what was left out. */
static struct queued take(struct ttn_notifier *notifier) {
  if (notifier->n > 0) {
    struct queued one = notifier->queue[notifier->first];
    notifier->first = (notifier->first + 1) % NOTIFIER_QUEUE_MAX;
    notifier->n--;
    return one;
  }
  struct queued summary = notifier->first_left_out;
  if (notifier->left_out > 1)
    ttn_print(summary.message, sizeof(summary.message),
              "%zu more notifications are left out, because a plugin that gets "
              "them is too slow. The first: %s",
              notifier->left_out, notifier->first_left_out.message);
  notifier->left_out = 0;
  return summary;
}

static void *deliver_all(void *data) {
  struct ttn_notifier *notifier = data;
  pthread_mutex_lock(&notifier->lock);
  for (;;) {
    while (notifier->n == 0 && notifier->left_out == 0 && !notifier->stop)
      pthread_cond_wait(&notifier->wake, &notifier->lock);
    if (notifier->stop)
      break;
    struct queued one = take(notifier);
    pthread_mutex_unlock(&notifier->lock);
    deliver_queued(notifier, &one);
    pthread_mutex_lock(&notifier->lock);
  }
  pthread_mutex_unlock(&notifier->lock);
  return NULL;
}

static bool can_queue(struct ttn_notifier *notifier) {
  if (notifier->queue == NULL)
    notifier->queue =
        ttn_alloc(notifier->env, NOTIFIER_QUEUE_MAX * sizeof(*notifier->queue));
  if (notifier->queue != NULL && !notifier->has_thread)
    notifier->has_thread = notifier->create(&notifier->thread, deliver_all,
                                            notifier, "ttn-notify") == 0;
  if (!notifier->has_thread && !notifier->no_thread_logged)
    ttn_log(notifier->env, TTN_WARNING,
            "no thread for notifications: a slow notification plugin delays "
            "the polls; tried again with the next notification");
  notifier->no_thread_logged = !notifier->has_thread;
  return notifier->has_thread;
}

static void enqueue(struct ttn_notifier *notifier, const struct queued *one) {
  if (notifier->n < NOTIFIER_QUEUE_MAX && notifier->left_out == 0) {
    notifier->queue[(notifier->first + notifier->n) % NOTIFIER_QUEUE_MAX] =
        *one;
    notifier->n++;
  } else if (notifier->left_out++ == 0) {
    notifier->first_left_out = *one;
  } else if (one->severity > notifier->first_left_out.severity) {
    notifier->first_left_out.severity = one->severity;
  }
}

void ttn_notifier_send(struct ttn_notifier *notifier, const char *host,
                       const struct ttn_notification *notification) {
  struct queued one = {.severity = notification->severity,
                       .series = notification->series};
  ttn_print(one.host, sizeof(one.host), "%s", host);
  ttn_print(one.subject, sizeof(one.subject), "%s", notification->subject);
  ttn_print(one.message, sizeof(one.message), "%s", notification->message);
  pthread_mutex_lock(&notifier->lock);
  bool queued = can_queue(notifier);
  if (queued) {
    enqueue(notifier, &one);
    pthread_cond_signal(&notifier->wake);
  }
  pthread_mutex_unlock(&notifier->lock);
  if (!queued)
    deliver_queued(notifier, &one);
}

void ttn_notifier_free(struct ttn_notifier *notifier) {
  if (notifier == NULL)
    return;
  pthread_mutex_lock(&notifier->lock);
  notifier->stop = true;
  pthread_cond_signal(&notifier->wake);
  bool join = notifier->has_thread;
  pthread_mutex_unlock(&notifier->lock);
  if (join)
    pthread_join(notifier->thread, NULL);
  size_t left = notifier->n + notifier->left_out;
  if (left > 0)
    ttn_log(notifier->env, TTN_NOTICE,
            "%zu notification%s not sent: the daemon ends", left,
            left == 1 ? " is" : "s are");
  pthread_cond_destroy(&notifier->wake);
  pthread_mutex_destroy(&notifier->lock);
  ttn_free(notifier->env, notifier->queue);
  ttn_free(notifier->env, notifier);
}
