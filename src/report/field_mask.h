/* SPDX-License-Identifier: MIT */
/* Which fields of GatewayConnectionStats a batch asks for. */
#ifndef TTN_FIELD_MASK_H
#define TTN_FIELD_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The mask for the groups in `collect` (groups.h) and meta data, as paths;
 * always connected_at and disconnected_at. Bits of `without` are left out:
 * paths that a server does not know. Returns how many were put into paths. */
#define TTN_PATHS 17
size_t ttn_field_mask(uint32_t collect, bool meta_data, uint32_t without,
                      const char *paths[TTN_PATHS]);
/* The bits of the paths named in a comma-separated list (an error's
 * forbidden_paths); 0 if none is in the mask. */
uint32_t ttn_field_mask_bits(const char *list);

#endif
