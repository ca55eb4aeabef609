/* SPDX-License-Identifier: MIT */
/* Gateway ids, by the stack's own rule. */
#ifndef TTN_IDS_H
#define TTN_IDS_H

#include <stdbool.h>
#include <stddef.h>

#define TTN_ID_MAX 36

/* ^[a-z0-9](?:[-]?[a-z0-9]){2,}$, at most TTN_ID_MAX characters: safe in a
 * URL's path and in a collectd plugin_instance. */
bool ttn_id_valid(const char *id, size_t n);

/* ^[a-z0-9](?:[<joiners>]?[a-z0-9]){2,}$, at most TTN_ID_MAX characters. */
bool ttn_name_valid(const char *name, size_t n, const char *joiners);

#endif
