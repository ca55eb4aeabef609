/* SPDX-License-Identifier: MIT */
/* An account's life. poll.c has the poll itself. */
#include "account/account.h"

#include "account/internal.h"

struct ttn_account *ttn_account_new(const struct ttn_env *env,
                                    struct ttn_settings *settings,
                                    const struct ttn_net *net,
                                    const struct ttn_sink *sink,
                                    struct ttn_ownership *ownership) {
  struct ttn_account *a = ttn_alloc(env, sizeof(*a));
  if (a == NULL) {
    net->free(net->ctx);
    ttn_settings_free(env, settings);
    return NULL;
  }
  a->ownership = ownership;
  atomic_init(&a->stop, false);
  requests_init(&a->requests, net);
  /* What the key lacks is said at once. */
  a->ask_owner = settings->traffic || settings->scope == TTN_SCOPE_ALL;
  streams_init(&a->streams, &a->context, &a->requests.net, &a->hosts,
               &a->gateways);
  if (context_init(&a->context, env, settings, sink) &&
      discovery_init(&a->discovery, &a->context)) {
    hosts_init(&a->hosts, &a->context);
    apply_init(&a->apply, &a->context);
    return a;
  }
  ttn_account_free(a);
  return NULL;
}

void ttn_account_stop(struct ttn_account *a) {
  atomic_store(&a->stop, true);
  requests_wake(&a->requests);
}

void ttn_account_ask_owner(struct ttn_account *a) { a->ask_owner = true; }

void ttn_account_wake(struct ttn_account *a) { requests_wake(&a->requests); }

void ttn_account_free(struct ttn_account *a) {
  if (a == NULL)
    return;
  const struct ttn_env *env = a->context.env;
  gateways_save(&a->gateways, &a->context, &a->offsets, true);
  ttn_ownership_release_all(a->ownership, a);
  streams_free(&a->streams);
  discovery_free(&a->discovery, env);
  gateways_free(&a->gateways, env);
  schedule_free(&a->schedule, env);
  lookups_free(&a->lookups, env);
  offsets_free(&a->offsets, env);
  credentials_free(&a->credentials, env);
  question_free(&a->question, env);
  requests_free(&a->requests, env);
  context_free(&a->context);
  ttn_free(env, a);
}
