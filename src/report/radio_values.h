/* SPDX-License-Identifier: MIT */
/* The values of what events told of a gateway's radio (Traffic). */
#ifndef TTN_RADIO_VALUES_H
#define TTN_RADIO_VALUES_H

#include "gateway/radio.h"
#include "report/sink.h"

/* Ends the interval: RSSI and SNR are those of uplinks since the last call, and
 * there are none if there was no uplink. meta: or NULL. */
void ttn_report_radio(const struct ttn_sink *sink, const char *id,
                      struct ttn_radio *radio, const struct ttn_meta *meta);

#endif
