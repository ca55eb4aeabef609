/* SPDX-License-Identifier: MIT */
/* What a person wants to know of an account beyond its values: whose key it
 * is, how each host does, and why a gateway is unknown. For ttn-check; a daemon
 * has no use for it. Read it after a poll, or during one on the account's
 * thread. Strings live until the next poll. */
#ifndef TTN_STATUS_H
#define TTN_STATUS_H

#include "account/account.h"
#include "gateway/gateway.h"

struct ttn_status {
  const struct ttn_auth_info *key; /* whose it is; NULL: nobody told */
  /* Why nothing is known in this poll: the key was refused. key_errors.h's
   * sentence, or NULL. */
  const char *key_reason;
  /* Why the list could not be read in this poll, or NULL; `list_denied`: it is
   * key_errors.h's sentence about a right, or all of several Organization lines
   * are denied. */
  const char *list_reason;
  bool list_denied;
  bool listed;            /* gateways are known */
  bool all;               /* all of the stack: Scope "all" */
  size_t n_gateways;      /* in order of their ids */
  size_t n_hosts;         /* the first is URL's */
  size_t n_bad;           /* gateways with implausible statistics */
  const char *bad_reason; /* the first of these, and why */
  bool no_streams;        /* all hosts that were asked for events have none */
};

struct ttn_host_status {
  const struct ttn_endpoint *endpoint;
  bool answered, failed; /* in this poll; both: not at first, or not always */
  bool limited;          /* gateways were left unknown for its rate limit */
  enum ttn_failure failure; /* if it failed: the first failure, */
  const char *why;          /* and a sentence */
  bool dated;               /* it told the time: */
  int64_t ahead; /* how far this machine's clock is ahead of it, ns; the
                  * answer's way and the cut fraction of a second included */
};

struct ttn_gateway_status {
  const char *id;
  /* As listed, with MetaData; NULL where not known. */
  const char *name, *eui, *address;
  const struct ttn_location *location; /* likewise; or with Location */
  enum ttn_state state;                /* in this poll */
  bool refused;                        /* unknown: to this key */
  int registered_host;  /* -1: it may not have the key, or is no host */
  int current_host;     /* where it is asked; -1: no host that was asked has it,
                         * and the registered one may not have the key */
  int64_t connected_at; /* while connected, 0 = not known */
  int64_t disconnected_at; /* while disconnected, 0 = not known */
  bool has_servers;        /* at least two Gateway Servers hold it; one poll
                            * can't tell */
};

void ttn_account_status(const struct ttn_account *account,
                        struct ttn_status *view);
/* The i-th Organization line that the key may not list, as far as is known;
 * NULL past the end. Where there is one only, list_reason says so. */
const char *ttn_account_denied_organization(const struct ttn_account *account,
                                            size_t i);
void ttn_account_host_status(const struct ttn_account *account, size_t i,
                             struct ttn_host_status *view);
void ttn_account_gateway_status(const struct ttn_account *account, size_t i,
                                struct ttn_gateway_status *view);

#endif
