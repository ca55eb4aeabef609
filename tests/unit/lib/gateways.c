/* SPDX-License-Identifier: MIT */
#include "lib/gateways.h"

#include <setjmp.h>
#include <stdarg.h>

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
