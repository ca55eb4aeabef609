/* SPDX-License-Identifier: MIT */
#include "cli/cost.h"

/* As measured with collectd 5.12 and the plugin network, without Traffic:
 * test_check_cost.py measures again. Most of it is collectd's cache, which
 * keeps a name of 768 bytes for each series. */
#define BYTES_A_SERIES 1400
/* In a packet of 1452 bytes, network's default. */
#define VALUES_A_PACKET 34

void cost_poll_begins(struct cost_meter *meter) {
  *meter = (struct cost_meter){.listed = meter->listed};
}

void cost_value(struct cost_meter *meter, const struct ttn_value *value) {
  meter->values++;
  meter->connects += value->series == TTN_SERIES_CONNECTS;
  meter->gateways += value->series == TTN_SERIES_CONNECTED;
}

/* auth_info is not counted: the plugin asks for it once at most, or, with Scope
 * "all", with each list. */
void cost_request(struct cost_meter *meter, enum answer_kind kind) {
  if (kind == ANSWER_BATCH || kind == ANSWER_SINGLE)
    meter->asked++;
  else if (kind == ANSWER_LIST)
    meter->listed = ++meter->listing;
}

/* The list is read by the first poll that begins when it is due. */
static double between_lists(const struct cost_settings *settings) {
  double polls = settings->discovery / settings->interval;
  double whole = (double)(uint64_t)polls;
  whole += whole < polls;
  return (whole < 1 ? 1 : whole) * settings->interval;
}

struct cost cost_of(const struct cost_meter *meter,
                    const struct cost_settings *settings) {
  struct cost cost = {.series = meter->values};
  size_t lists = meter->listed;
  if (settings->events)
    cost.series += meter->gateways - meter->connects;
  else
    cost.series -= meter->connects;
  if (settings->all && lists > 0)
    lists++;
  cost.memory = (double)cost.series * BYTES_A_SERIES;
  cost.packets =
      60 / settings->interval * (double)cost.series / VALUES_A_PACKET;
  cost.requests = 60 / settings->interval * (double)meter->asked +
                  60 / between_lists(settings) * (double)lists;
  return cost;
}
