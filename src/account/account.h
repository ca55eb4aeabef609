/* SPDX-License-Identifier: MIT */
/* One account: its gateways, its hosts, what is known of them, and the poll
 * that brings it up to date. The top of the library: plugin.c and ttn-check
 * call it and give it a sink and a network. account.c owns, poll.c runs a poll,
 * dispatch.c decides what follows from answers. */
#ifndef TTN_ACCOUNT_H
#define TTN_ACCOUNT_H

#include "base/env.h"
#include "http/http.h"
#include "report/sink.h"
#include "config/settings.h"

struct ttn_account;
struct ttn_ownership;

/* Takes over settings and net (also on failure). env and sink must outlive the
 * account. ownership: shared by all accounts of the daemon, or NULL. NULL: no
 * memory, or a Gateway expression that can't be compiled (logged). */
struct ttn_account *ttn_account_new(const struct ttn_env *env,
                                    struct ttn_settings *settings,
                                    const struct ttn_net *net,
                                    const struct ttn_sink *sink,
                                    struct ttn_ownership *ownership);

/* From now on the account asks whose key it has, first of all and once for each
 * key. Else it asks only when in doubt. */
void ttn_account_ask_owner(struct ttn_account *account);

/* One poll, on one thread at a time. Returns by its deadline (the Timeout
 * option), or within milliseconds of ttn_account_stop. */
void ttn_account_poll(struct ttn_account *account);
/* One that is not spread (the Spread option): somebody waits for its end. */
void ttn_account_poll_at_once(struct ttn_account *account);

/* The account has event streams, and somebody has to wait for them. */
bool ttn_account_follows(const struct ttn_account *account);
/* Waits for events, between polls and on their thread. Returns often, and soon
 * after ttn_account_wake or ttn_account_stop. */
void ttn_account_follow(struct ttn_account *account);
/* From any thread. */
void ttn_account_wake(struct ttn_account *account);

/* From any thread: ends the poll that is under way, and every later one at
 * once. */
void ttn_account_stop(struct ttn_account *account);

/* A clean end: writes the values reported last to the state file. */
void ttn_account_free(struct ttn_account *account);

#endif
