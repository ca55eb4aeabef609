/* SPDX-License-Identifier: MIT */
#include "report/field_mask.h"

#include "report/groups.h"

#include <string.h>

/* Paths of GatewayConnectionStats, and the groups that need each. Counts need
 * the times of the last messages: they tell several servers' counters apart. */
static const struct {
  const char *path;
  uint32_t groups;
  bool always, meta_data;
} path_table[] = {
    {"connected_at", 0, true, false},
    {"disconnected_at", 0, true, false},
    {"uplink_count", TTN_COLLECT_PACKETS, false, false},
    {"downlink_count", TTN_COLLECT_PACKETS, false, false},
    {"tx_acknowledgment_count", TTN_COLLECT_PACKETS, false, false},
    {"last_uplink_received_at", TTN_COLLECT_PACKETS | TTN_COLLECT_AGES, false,
     false},
    {"last_downlink_received_at", TTN_COLLECT_PACKETS | TTN_COLLECT_AGES, false,
     false},
    {"last_tx_acknowledgment_received_at",
     TTN_COLLECT_PACKETS | TTN_COLLECT_AGES, false, false},
    {"last_status_received_at",
     TTN_COLLECT_AGES | TTN_COLLECT_STATUS | TTN_COLLECT_LOCATION, false,
     false},
    {"round_trip_times", TTN_COLLECT_ROUND_TRIPS, false, false},
    {"sub_bands", TTN_COLLECT_DUTY_CYCLE, false, false},
    {"last_status.metrics", TTN_COLLECT_STATUS, false, false},
    {"last_status.antenna_locations", TTN_COLLECT_LOCATION, false, false},
    {"last_status.boot_time", 0, false, true},
    {"last_status.versions", 0, false, true},
    {"protocol", 0, false, true},
    {"gateway_remote_address", 0, false, true},
};
#define N_PATHS (sizeof path_table / sizeof path_table[0])
_Static_assert(N_PATHS <= TTN_PATHS, "callers have room for TTN_PATHS");

size_t ttn_field_mask(uint32_t collect, bool meta_data, uint32_t without,
                      const char *paths[TTN_PATHS]) {
  size_t n = 0;
  for (size_t i = 0; i < N_PATHS; i++) {
    bool wanted = (path_table[i].groups & collect) != 0 ||
                  (path_table[i].meta_data && meta_data);
    if (path_table[i].always || (wanted && (without & 1u << i) == 0))
      paths[n++] = path_table[i].path;
  }
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
