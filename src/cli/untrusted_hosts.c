/* SPDX-License-Identifier: MIT */
#include "cli/untrusted_hosts.h"

#include "base/text.h"

#include <string.h>

bool untrusted_is_at(const struct row *row, const char *host) {
  char name[TTN_HOST_MAX + 1] = "";
  return row->why == UNKNOWN_UNTRUSTED &&
         (row->seen.address == NULL ||
          ttn_address_host(row->seen.address, name)) &&
         strcmp(name, host) == 0;
}

void untrusted_url(const struct snapshot *snap, const char *host, char *url,
                   size_t size) {
  struct ttn_endpoint endpoint = snap->url;
  ttn_print(endpoint.host, sizeof(endpoint.host), "%s", host);
  ttn_endpoint_print(url, size, &endpoint);
}

size_t untrusted_next(const struct snapshot *snap, size_t i, char *host) {
  for (; i < snap->n_rows; i++) {
    const struct row *row = &snap->rows[i];
    host[0] = '\0';
    if (row->why != UNKNOWN_UNTRUSTED || row->seen.address == NULL ||
        !ttn_address_host(row->seen.address, host))
      continue;
    size_t first = 0;
    while (first < i && !untrusted_is_at(&snap->rows[first], host))
      first++;
    if (first == i)
      return i;
  }
  return i;
}
