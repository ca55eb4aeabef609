/* SPDX-License-Identifier: MIT */
/* The floor under events: the least that any client of the same libraries does
 * for the same bytes. Streams over one connection, unpacked by libcurl, and all
 * lines of each through one yajl parser with empty callbacks. */
#ifndef TTN_BENCH_FLOOR_EVENTS_H
#define TTN_BENCH_FLOOR_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct floor_events;

/* NULL: no memory. */
struct floor_events *floor_events_new(const char *url, const char *ca_cert,
                                      size_t gateways, size_t streams);
void floor_events_free(struct floor_events *floor);
/* Waits for the start of all streams. False: something failed. */
bool floor_events_open(struct floor_events *floor);
/* Waits until `bytes` of lines have come since then, in all. */
bool floor_events_take(struct floor_events *floor, uint64_t bytes);

#endif
