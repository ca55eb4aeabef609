/* SPDX-License-Identifier: MIT */
/* The answers of a stack with a fleet of gateways, rendered ahead, so that the
 * benchmark's server has only to send them. */
#ifndef TTN_BENCH_ANSWERS_H
#define TTN_BENCH_ANSWERS_H

#include <stdbool.h>
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

/* A gateway whose counts go on: one message of each kind for each answer. */
struct moving {
  uint32_t before; /* messages of earlier connections */
  uint32_t count;  /* of this one */
  uint32_t answers;
  int64_t connected_at; /* s */
};

struct answers {
  int64_t now;           /* s: times are before it */
  struct moving *moving; /* NULL: counts stand still */
  unsigned reconnects; /* of the moving: a new connection after so many answers,
                        * not with the first; 0: never */
  size_t gateways;
  struct answer *batches;  /* gzip; gateways 100·i to 100·i + 99 */
  struct page *pages;      /* gzip; of the list, as they were asked for */
  struct answer *singles;  /* plain; of the first BENCH_SINGLES_MAX gateways */
  struct answer auth_info; /* plain; an admin's key with all rights */
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

/* From now on counts go on from where they are. */
void answers_move(struct answers *answers, unsigned reconnects);
/* A batch of these gateways, gzip; the caller frees its bytes. */
struct answer answers_batch(struct answers *answers, const size_t *gateways,
                            size_t n);
/* Writes a line for each gateway: the messages before answers_move and in all,
 * and how many answers it was in. False: errno says why not. */
bool answers_write_counts(const struct answers *answers, const char *path);

/* The list's page `number` of pages with `limit` gateways. It is rendered when
 * it is asked for at first: in the first poll, which is not measured. */
const struct answer *answers_page(struct answers *answers, size_t limit,
                                  size_t number);

#endif
