/* SPDX-License-Identifier: MIT */
/* When the gateways of a poll are asked, if not all at once: doc/design.md.
 * Pure: no clock, no memory, no network. */
#ifndef TTN_SPREAD_H
#define TTN_SPREAD_H

#include <stddef.h>
#include <stdint.h>

/* How long after the poll's start a batch is sent, ns. spread: over how long
 * the poll's batches are spread. before: how many of all `n` gateways come
 * before the batch's. What fits into one batch is sent at once. */
int64_t spread_place(int64_t spread, size_t before, size_t n);
/* The same for gateways that are known only `late` ns after the poll's start:
 * those whose place is over by then are asked at twice the pace, until that has
 * reached the place of the next one. The last is at most late + spread / 2 or
 * spread. */
int64_t spread_late(int64_t place, int64_t late);

/* The values of a batch are reported in portions of so many gateways: some 25
 * datagrams of collectd's network plugin, of which a listener's default buffer
 * holds 92 (Linux), even if nobody reads meanwhile. */
#define SPREAD_PORTION 25
/* The pause between two portions, ns; 0: there are no portions, the poll is not
 * spread. */
int64_t spread_pause(int64_t spread, size_t n);

#endif
