/* SPDX-License-Identifier: MIT */
/* The answers of a stack with a fleet of gateways, rendered ahead, so that the
 * benchmark's server has only to send them. */
#ifndef TTN_BENCH_ANSWERS_H
#define TTN_BENCH_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_BATCH 100
#define BENCH_SINGLES_MAX 1000
/* Of gateway i. Zero-padded, so that ids sort like their numbers and a client
 * that sorts them asks for whole batches. */
#define BENCH_ID "bench-%06zu"
#define BENCH_EUI "%016zX"
#define BENCH_EUI_OF(i) ((i) + UINT64_C(0x00800000C0000000))

struct answer {
  char *bytes;
  size_t size;
};

struct page {
  struct page *next;
  size_t limit, number;
  struct answer answer;
};

struct answers {
  int64_t now; /* s: times are before it */
  size_t gateways;
  struct answer *batches;  /* gzip; gateways 100·i to 100·i + 99 */
  struct page *pages;      /* gzip; of the list, as they were asked for */
  struct answer *singles;  /* plain; of the first BENCH_SINGLES_MAX gateways */
  struct answer auth_info; /* plain; a user's key with all rights */
};

/* Exits when there is no memory: it is a benchmark. */
void answers_render(struct answers *answers, size_t gateways);
void answers_free(struct answers *answers);

/* What the answers say of gateway i's connection: events go on from there. */
struct answers_start {
  int64_t connected_at; /* ns */
  uint64_t uplinks, downlinks, tx_acks;
};
struct answers_start answers_start(const struct answers *answers, size_t i);

/* The list's page `number` of pages with `limit` gateways. It is rendered when
 * it is asked for at first: in the first poll, which is not measured. */
const struct answer *answers_page(struct answers *answers, size_t limit,
                                  size_t number);

#endif
