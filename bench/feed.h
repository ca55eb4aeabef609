/* SPDX-License-Identifier: MIT */
/* Streams of events as a stack sends them to an account, rendered and
 * compressed ahead. Lines are recorded ones (traffic.py makes templates of
 * them), written again for many gateways. As the stack does, gzip is flushed
 * after each event, so that each can go out at once.
 *
 * The file of templates: a line each, the start of a stream first, then those
 * that each gateway repeats in turn. A line begins with a letter:
 *   s  the start      u  an uplink      d  a downlink that was sent
 *   a  an acknowledgement               -  anything else
 * and has, in place of what differs from event to event:
 *   $i; $e;          the gateway's id and EUI
 *   $t; $r; $o;      time, a moment before it, connected_at
 *   $u; $d; $a;      counts of uplinks, downlinks and acknowledgements
 *   $U; $D; $A;      when the last one was
 *   $q;              a ULID, which no other event has
 *   $f; $s; $y;      Hz, spreading factor, SNR
 *   $n<from>:<to>;   a number
 *   $k<n>; $h<n>;    n letters of base64, n hexadecimal digits */
#ifndef TTN_BENCH_FEED_H
#define TTN_BENCH_FEED_H

#include "answers.h"

#include <stdbool.h>

#define FEEDS_MAX 16

/* The first event is the start. */
struct feed {
  char *bytes; /* gzip */
  size_t *ends;
  size_t n;
};

struct feeds {
  struct feed list[FEEDS_MAX];
  size_t n;
  /* Of all, but for the starts. */
  uint64_t events, uplinks, plain, packed;
};

/* Events of `seconds`, `rate` a second of each gateway. Gateway i is in feed
 * i % n; the time of the first event is beyond that of any answer's. False:
 * there are no such templates. */
bool feeds_render(struct feeds *feeds, const struct answers *answers, size_t n,
                  unsigned seconds, unsigned rate, const char *templates);
void feeds_free(struct feeds *feeds);

#endif
