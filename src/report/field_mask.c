/* SPDX-License-Identifier: MIT */
#include "report/field_mask.h"

#include "report/groups.h"

#include <string.h>

/* Besides the groups of report/groups.h: MetaData, and what is always asked. */
#define META (1u << 30)
#define ALWAYS (1u << 31)
#define LAST (TTN_COLLECT_PACKETS | TTN_COLLECT_AGES)

/* Paths of GatewayConnectionStats, and the groups that need each. Counts need
 * the times of the last messages: they tell several servers' counters apart. */
static const struct {
  const char *path;
  uint32_t groups;
} path_table[] = {
    {"connected_at", ALWAYS},
    {"disconnected_at", ALWAYS},
    {"uplink_count", TTN_COLLECT_PACKETS},
    {"downlink_count", TTN_COLLECT_PACKETS},
    {"tx_acknowledgment_count", TTN_COLLECT_PACKETS},
    {"last_uplink_received_at", LAST},
    {"last_downlink_received_at", LAST},
    {"last_tx_acknowledgment_received_at", LAST},
    {"last_status_received_at",
     TTN_COLLECT_AGES | TTN_COLLECT_STATUS | TTN_COLLECT_LOCATION},
    {"round_trip_times", TTN_COLLECT_ROUND_TRIPS},
    {"sub_bands", TTN_COLLECT_DUTY_CYCLE},
    {"last_status.metrics", TTN_COLLECT_STATUS},
    {"last_status.antenna_locations", TTN_COLLECT_LOCATION},
    {"last_status.boot_time", META},
    {"last_status.versions", META},
    {"protocol", META},
    {"gateway_remote_address", META},
};
#define N_PATHS (sizeof path_table / sizeof path_table[0])
_Static_assert(N_PATHS <= TTN_PATHS, "callers have room for TTN_PATHS");

size_t ttn_field_mask(uint32_t collect, bool meta_data, uint32_t without,
                      const char *paths[TTN_PATHS]) {
  size_t n = 0;
  uint32_t wanted = collect | (meta_data ? META : 0);
  for (size_t i = 0; i < N_PATHS; i++)
    if ((path_table[i].groups & ALWAYS) != 0 ||
        ((path_table[i].groups & wanted) != 0 && (without & 1u << i) == 0))
      paths[n++] = path_table[i].path;
  return n;
}

/* A server that doesn't know last_status names that, not what was asked. */
static bool same_or_parent(const char *path, const char *name, size_t n) {
  return n > 0 && strncmp(path, name, n) == 0 &&
         (path[n] == '\0' || path[n] == '.');
}

uint32_t ttn_field_mask_bits(const char *list) {
  uint32_t bits = 0;
  while (*list != '\0') {
    list += strspn(list, ", ");
    size_t n = strcspn(list, ", ");
    for (size_t i = 0; i < N_PATHS; i++)
      if (same_or_parent(path_table[i].path, list, n))
        bits |= 1u << i;
    list += n;
  }
  return bits;
}
