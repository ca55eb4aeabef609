/* SPDX-License-Identifier: MIT */
/* What is asked of the stack: each kind of call, its URL and its body. Pure
 * text. Facts: lorawan-stack api/ttn/lorawan/v3 and the requests in
 * tests/answers. */
#ifndef TTN_REQUEST_H
#define TTN_REQUEST_H

#include "base/env.h"

/* Kinds of call, each of which the stack limits apart. */
enum api_call { API_LIST, API_BATCH, API_SINGLE, API_AUTH_INFO, API_CALLS };

/* All three print into buffer and return it. base: as ttn_endpoint_print
 * prints it. */

/* Whose gateways a list has. The search needs no right to list, but of an
 * admin's key it lists all gateways of the stack (tests/answers/search). */
struct ttn_list_of {
  const char *organization; /* NULL: of the key's owner */
  bool search;
};
/* GET: page `page` of a list, in pages of `limit`. antennas: with their places.
 */
char *ttn_request_list(char *buffer, size_t size, const char *base,
                       struct ttn_list_of of, bool antennas, unsigned limit,
                       unsigned page);
/* API_BATCH: POST, with ttn_request_body. API_SINGLE: GET of the gateway id.
 * API_AUTH_INFO: GET. */
char *ttn_request_url(char *buffer, size_t size, const char *base,
                      enum api_call call, const char *id);

/* A body that is written piece by piece, into memory that is kept. */
struct ttn_request_body {
  char *bytes; /* ended by NUL */
  size_t n, room;
};
/* A batch of n gateways: `id(ctx, i)` is the i-th one's id, a valid one:
 * nothing to escape. paths: the field mask. False: no memory. */
bool ttn_request_batch(struct ttn_request_body *body, const struct ttn_env *env,
                       const char *(*id)(const void *ctx, size_t i),
                       const void *ctx, size_t n, const char *const *paths,
                       size_t n_paths);
/* The events of n gateways that are asked for, later than `after` (ns, 0 = from
 * now on). traffic: also those of traffic. False: no memory. */
bool ttn_request_events(struct ttn_request_body *body,
                        const struct ttn_env *env,
                        const char *(*id)(const void *ctx, size_t i),
                        const void *ctx, size_t n, bool traffic, int64_t after);

#endif
