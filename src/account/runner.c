/* SPDX-License-Identifier: MIT */
#include "account/runner.h"

#include "base/episode.h"
#include "base/text.h"

#define THREAD_NAME_SIZE 16 /* pthread_setname_np(3) */

struct ttn_runner {
  const struct ttn_env *env;
  struct ttn_account *account;
  ttn_thread_create *create;
  char name[TTN_NAME_MAX + 1];
  pthread_t thread;
  bool has_thread;               /* wake and free only, never at once */
  struct ttn_episode threadless; /* likewise */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool due, polling, stop; /* under lock */
  uint64_t skipped;
};

struct ttn_runner *ttn_runner_new(const struct ttn_env *env,
                                  struct ttn_account *account, const char *name,
                                  ttn_thread_create *create) {
  struct ttn_runner *runner = ttn_alloc(env, sizeof(*runner));
  if (runner == NULL) {
    ttn_account_free(account);
    return NULL;
  }
  runner->env = env;
  runner->account = account;
  runner->create = create;
  ttn_print(runner->name, sizeof(runner->name), "%s", name);
  pthread_mutex_init(&runner->lock, NULL);
  pthread_cond_init(&runner->wake, NULL);
  return runner;
}

/* With the lock held. */
static void wait_for_read(struct ttn_runner *runner) {
  if (!ttn_account_follows(runner->account)) {
    pthread_cond_wait(&runner->wake, &runner->lock);
    return;
  }
  pthread_mutex_unlock(&runner->lock);
  ttn_account_follow(runner->account);
  pthread_mutex_lock(&runner->lock);
}

static void *run(void *data) {
  struct ttn_runner *runner = data;
  pthread_mutex_lock(&runner->lock);
  for (;;) {
    while (!runner->due && !runner->stop)
      wait_for_read(runner);
    if (runner->stop)
      break;
    runner->due = false;
    runner->polling = true;
    pthread_mutex_unlock(&runner->lock);
    ttn_account_poll(runner->account);
    pthread_mutex_lock(&runner->lock);
    runner->polling = false;
  }
  pthread_mutex_unlock(&runner->lock);
  return NULL;
}

static bool have_thread(struct ttn_runner *runner) {
  char name[THREAD_NAME_SIZE];
  if (runner->has_thread)
    return true;
  ttn_print(name, sizeof(name), "ttn-%s", runner->name);
  runner->has_thread = runner->create(&runner->thread, run, runner, name) == 0;
  if (!runner->has_thread && ttn_episode_begin(&runner->threadless))
    ttn_log(runner->env, TTN_ERROR,
            "account \"%s\": no thread for it; tried again at each read",
            runner->name);
  else if (runner->has_thread && ttn_episode_end(&runner->threadless))
    ttn_log(runner->env, TTN_NOTICE, "account \"%s\": it has its thread now",
            runner->name);
  return runner->has_thread;
}

/* Logged at the 1st, 2nd, 4th, 8th … time, else a stack that is always slow
 * would fill the log. */
static void skip_poll(struct ttn_runner *runner) {
  uint64_t n = ++runner->skipped;
  if ((n & (n - 1)) == 0)
    ttn_log(runner->env, TTN_NOTICE,
            "account \"%s\": a poll takes longer than the interval; polls "
            "skipped so far: %llu",
            runner->name, (unsigned long long)n);
}

void ttn_runner_wake(struct ttn_runner *runner) {
  if (!have_thread(runner))
    return;
  pthread_mutex_lock(&runner->lock);
  bool busy = runner->polling || runner->due;
  if (!busy) {
    runner->due = true;
    pthread_cond_signal(&runner->wake);
    if (ttn_account_follows(runner->account))
      ttn_account_wake(runner->account);
  }
  pthread_mutex_unlock(&runner->lock);
  if (busy)
    skip_poll(runner);
}

void ttn_runner_free(struct ttn_runner *runner) {
  if (runner == NULL)
    return;
  pthread_mutex_lock(&runner->lock);
  runner->stop = true;
  pthread_cond_signal(&runner->wake);
  pthread_mutex_unlock(&runner->lock);
  ttn_account_stop(runner->account);
  if (runner->has_thread)
    pthread_join(runner->thread, NULL);
  ttn_account_free(runner->account);
  pthread_cond_destroy(&runner->wake);
  pthread_mutex_destroy(&runner->lock);
  ttn_free(runner->env, runner);
}
