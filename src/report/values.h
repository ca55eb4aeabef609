/* SPDX-License-Identifier: MIT */
/* Which values follow from what is known of a gateway, and when there are none.
 */
#ifndef TTN_VALUES_H
#define TTN_VALUES_H

#include "gateway/gateway.h"
#include "gateway/radio.h"
#include "report/sink.h"

/* A gateway's values. collect: enum ttn_group bits. stats: NULL unless the
 * proof was an entry. server_time: the answer's Date (0: no ages, no uptime).
 * Counts are reported apart when their offset moved: after the state file is on
 * disk. An unknown gateway has no values. */
enum ttn_part { TTN_PART_ALL, TTN_PART_COUNTS, TTN_PART_BUT_COUNTS };
void ttn_report_gateway(const struct ttn_sink *sink, uint32_t collect,
                        const char *id, const struct ttn_outcome *outcome,
                        const struct ttn_stats *stats, int64_t server_time,
                        const struct ttn_meta *meta, enum ttn_part part);

/* Where a gateway is. */
void ttn_report_place(const struct ttn_sink *sink, const char *id,
                      const struct ttn_location *place,
                      const struct ttn_meta *meta);

/* What events told of its radio (Traffic). Ends the interval: RSSI and SNR are
 * those of uplinks since the last call, and there are none if there was no
 * uplink. meta: or NULL. */
void ttn_report_radio(const struct ttn_sink *sink, const char *id,
                      struct ttn_radio *radio, const struct ttn_meta *meta);

#endif
