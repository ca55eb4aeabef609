/* SPDX-License-Identifier: MIT */
/* The block of collectd.conf that fits a snapshot. */
#ifndef TTN_CLI_CONFIG_BLOCK_H
#define TTN_CLI_CONFIG_BLOCK_H

#include "cli/snapshot.h"

void config_block(const struct snapshot *snap, struct text *text);
/* The variable of the environment that names the proxy in use, or NULL. */
const char *config_proxy_variable(const struct snapshot *snap);

#endif
