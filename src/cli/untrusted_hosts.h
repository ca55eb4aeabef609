/* SPDX-License-Identifier: MIT */
/* Hosts that gateways name and that may not have the key. */
#ifndef TTN_CLI_UNTRUSTED_HOSTS_H
#define TTN_CLI_UNTRUSTED_HOSTS_H

#include "cli/snapshot.h"

/* At most so many are shown. */
#define UNTRUSTED_SHOWN 16

/* Row i or a later one is the first to name one, which goes to host
 * (TTN_HOST_MAX + 1 bytes); its index, n_rows if there is none. */
size_t untrusted_next(const struct snapshot *snap, size_t i, char *host);
/* Is the row's gateway at that host? */
bool untrusted_is_at(const struct row *row, const char *host);
/* That host with the account's scheme and port, as a Cluster line has it. */
void untrusted_url(const struct snapshot *snap, const char *host, char *url,
                   size_t size);

#endif
