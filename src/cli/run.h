/* SPDX-License-Identifier: MIT */
/* The command. */
#ifndef TTN_CLI_RUN_H
#define TTN_CLI_RUN_H

#include "base/env.h"

enum exit_status {
  STATUS_OK = 0,
  STATUS_PROBLEM = 1, /* with the account, the network or this machine */
  STATUS_USAGE = 2,
  STATUS_DISCONNECTED = 3 /* gateways, and nothing else */
};

/* The command makes no request and decides nothing about gateways by itself:
 * what it shows is what the plugin would see. Its own memory is under's.
 * Returns the exit status. */
int ttn_check(const struct ttn_env *under, int argc, char **argv);

#endif
