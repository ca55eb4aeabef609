/* SPDX-License-Identifier: MIT */
#include "cli/event_words.h"

#include "base/text.h"
#include "gateway/radio.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"

static const struct {
  const char *name, *what, *colour;
} kinds[] = {
    [TTN_EVENT_CONNECT] = {"connected", "connected", GREEN},
    [TTN_EVENT_DISCONNECT] = {"disconnected", "disconnected", RED},
    [TTN_EVENT_UPLINK] = {"uplink", "uplink", ""},
    [TTN_EVENT_UPLINK_DROP] = {"uplink_dropped", "dropped", YELLOW},
    [TTN_EVENT_DOWNLINK] = {"downlink", "downlink sent", ""},
    [TTN_EVENT_TX_SUCCESS] = {"transmitted", "transmitted", GREEN},
    [TTN_EVENT_TX_FAIL] = {"transmit_failed", "tx failed", RED},
    [TTN_EVENT_SCHEDULE_FAIL] = {"not_scheduled", "not scheduled", RED},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void print_data_rate(struct event_words *words,
                            const struct ttn_traffic *up) {
  char *rate = words->data_rate;
  const size_t size = sizeof words->data_rate;
  if (up->modulation == TTN_MODULATION_FSK)
    ttn_print(rate, size, "FSK");
  else if (up->modulation == TTN_MODULATION_LRFHSS)
    ttn_print(rate, size, "LR-FHSS");
  else if (up->spreading_factor != 0 && up->bandwidth != 0)
    ttn_print(rate, size, "SF%uBW%g", up->spreading_factor,
              up->bandwidth / 1000.0);
  else if (up->spreading_factor != 0)
    ttn_print(rate, size, "SF%u", up->spreading_factor);
}

static const char *reason_of(const struct ttn_event *event) {
  switch (event->kind) {
  case TTN_EVENT_DISCONNECT:
    return event->reason;
  case TTN_EVENT_TX_FAIL:
    return ttn_radio_result(event->traffic.result);
  case TTN_EVENT_UPLINK_DROP:
  case TTN_EVENT_SCHEDULE_FAIL:
    return event->traffic.error[0] != '\0' ? event->traffic.error : NULL;
  default:
    return NULL;
  }
}

bool event_words(struct event_words *words, const struct ttn_event *event) {
  size_t kind = (size_t)event->kind;
  if (kind >= KINDS || kinds[kind].name == NULL)
    return false;
  *words = (struct event_words){.name = kinds[kind].name,
                                .what = kinds[kind].what,
                                .colour = kinds[kind].colour,
                                .reason = reason_of(event)};
  if (event->kind == TTN_EVENT_UPLINK)
    print_data_rate(words, &event->traffic);
  return true;
}
