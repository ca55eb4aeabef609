/* SPDX-License-Identifier: MIT */
/* The floor under a poll: the least that any client of the same libraries does
 * for the same bytes. The batches' answers through curl multi, 32 at a time
 * over one kept connection, and through yajl with empty callbacks. It knows
 * nothing of what it read. */
#ifndef TTN_BENCH_FLOOR_H
#define TTN_BENCH_FLOOR_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_parse.h>

struct floor;

/* NULL: no memory. */
struct floor *floor_new(const char *url, const char *ca_cert, size_t gateways);
void floor_free(struct floor *floor);

/* One poll. `answered` is called for each batch, when its answer has come:
 * gateways `first` to `first + n`. False: something failed. */
bool floor_poll(struct floor *floor,
                void (*answered)(void *ctx, size_t first, size_t n), void *ctx);

/* A POST as the plugin's, without a body yet. NULL: no memory. */
CURL *floor_request(const char *url, const char *path, const char *ca_cert,
                    struct curl_slist *headers, curl_write_callback on_bytes,
                    void *user);
extern const yajl_callbacks floor_callbacks; /* empty */

/* The id of gateway i. */
void floor_id(char *buffer, size_t size, size_t i);

/* What a gateway of the benchmark's server has, as the plugin names it, and
 * how much the plugin has to say of a poll. */
#define FLOOR_VALUES 18
#define FLOOR_API_VALUES 11
struct floor_value {
  const char *type, *type_instance;
  bool derive;
};
extern const struct floor_value floor_values[FLOOR_VALUES];

#endif
