/* SPDX-License-Identifier: MIT */
#include "lib/gateways.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct ttn_gateway test_gateway_copy(const struct ttn_gateway *from) {
  struct ttn_gateway copy = *from;
  struct ttn_counter_sets sets;
  copy.counters = NULL;
  copy.live = NULL;
  ttn_counter_store_read(from->counters, &sets);
  assert_true(ttn_counter_store_keep(&ttn_env_system, &copy.counters, &sets));
  return copy;
}

struct ttn_gateway test_gateway_saved(const struct ttn_gateway *from,
                                      bool with_values) {
  struct ttn_gateway row = test_gateway_copy(from);
  if (!with_values && !ttn_gateway_has_servers(&row)) {
    ttn_gateway_free(&row, &ttn_env_system);
    row.reported = 0;
  }
  row.shown = TTN_UNKNOWN;
  row.first_answer = 0;
  if (!with_values)
    memset(row.last, 0, sizeof row.last);
  return row;
}
