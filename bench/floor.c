/* SPDX-License-Identifier: MIT */
/* See floor.h. What a client could leave out is left out: requests are printed
 * ahead, handles are used again, nothing is checked but that all went well. It
 * asks for the same fields as the plugin, so both get the same bytes. */
#include "floor.h"

#include "answers.h"
#include "report/field_mask.h"
#include "report/groups.h"
#include "report/values.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 32

struct transfer {
  CURL *easy;
  yajl_handle parser;
  size_t batch;
  bool good;
};

struct floor {
  CURLM *multi;
  struct curl_slist *headers;
  size_t gateways, n_batches;
  char **bodies;
  struct transfer transfers[STREAMS];
};

const struct floor_value floor_values[FLOOR_VALUES] = {
    {"packets", "uplink", true},
    {"packets", "downlink", true},
    {"packets", "tx_ack", true},
    {"bool", "connected", false},
    {"duration", "since_uplink", false},
    {"duration", "since_downlink", false},
    {"duration", "since_tx_ack", false},
    {"duration", "since_status", false},
    {"uptime", "connection", false},
    {"duration", "rtt_min", false},
    {"duration", "rtt_median", false},
    {"duration", "rtt_max", false},
    {"percent", "duty_cycle_868000_868600", false},
    {"percent", "duty_cycle_869400_869650", false},
    {"gauge", "status_rxok", false},
    {"gauge", "status_ackr", false},
    {"gauge", "status_temp", false},
    {"gauge", "status_rxin", false},
};

static int on_nothing(void *ctx) {
  (void)ctx;
  return 1;
}

static int on_boolean(void *ctx, int boolean) {
  (void)ctx, (void)boolean;
  return 1;
}

static int on_number(void *ctx, const char *text, size_t n) {
  (void)ctx, (void)text, (void)n;
  return 1;
}

static int on_text(void *ctx, const unsigned char *text, size_t n) {
  (void)ctx, (void)text, (void)n;
  return 1;
}

const yajl_callbacks floor_callbacks = {
    .yajl_null = on_nothing,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_nothing,
    .yajl_map_key = on_text,
    .yajl_end_map = on_nothing,
    .yajl_start_array = on_nothing,
    .yajl_end_array = on_nothing,
};

void floor_id(char *buffer, size_t size, size_t i) {
  ttn_print(buffer, size, BENCH_ID, i);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user) {
  struct transfer *transfer = user;
  n *= size;
  return yajl_parse(transfer->parser, (const unsigned char *)bytes, n) ==
                 yajl_status_ok
             ? n
             : 0;
}

static char *print_body(size_t first, size_t gateways) {
  const char *paths[TTN_PATHS];
  size_t n_paths = ttn_field_mask(TTN_COLLECT_DEFAULT, false, 0, paths), size;
  char *body = NULL;
  FILE *file = open_memstream(&body, &size);
  if (file == NULL)
    return NULL;
  fprintf(file, "{\"gateway_ids\":[");
  for (size_t i = first; i < gateways && i < first + BENCH_BATCH; i++)
    fprintf(file, "%s{\"gateway_id\":\"" BENCH_ID "\"}", i == first ? "" : ",",
            i);
  fprintf(file, "],\"field_mask\":{\"paths\":[");
  for (size_t i = 0; i < n_paths; i++)
    fprintf(file, "%s\"%s\"", i == 0 ? "" : ",", paths[i]);
  fprintf(file, "]}}");
  return fclose(file) == 0 ? body : NULL;
}

CURL *floor_request(const char *url, const char *path, const char *ca_cert,
                    struct curl_slist *headers, curl_write_callback on_bytes,
                    void *user) {
  CURL *easy = curl_easy_init();
  char whole[256];
  int n = snprintf(whole, sizeof whole, "%s%s", url, path);
  if (easy != NULL && n > 0 && (size_t)n < sizeof whole &&
      curl_easy_setopt(easy, CURLOPT_URL, whole) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_CAINFO, ca_cert) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                       (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, user) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PRIVATE, user) == CURLE_OK)
    return easy;
  curl_easy_cleanup(easy);
  return NULL;
}

struct floor *floor_new(const char *url, const char *ca_cert, size_t gateways) {
  struct floor *floor = calloc(1, sizeof *floor);
  if (floor == NULL)
    return NULL;
  floor->gateways = gateways;
  floor->n_batches = (gateways + BENCH_BATCH - 1) / BENCH_BATCH;
  floor->multi = curl_multi_init();
  floor->headers = curl_slist_append(NULL, "Content-Type: application/json");
  floor->bodies = calloc(floor->n_batches + 1, sizeof *floor->bodies);
  bool good =
      floor->multi != NULL && floor->headers != NULL && floor->bodies != NULL;
  if (good)
    curl_multi_setopt(floor->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
  for (size_t i = 0; good && i < floor->n_batches; i++) {
    floor->bodies[i] = print_body(i * BENCH_BATCH, gateways);
    good = floor->bodies[i] != NULL;
  }
  for (size_t i = 0; good && i < STREAMS; i++) {
    struct transfer *transfer = &floor->transfers[i];
    transfer->easy = floor_request(url, "/api/v3/gs/gateways/connection/stats",
                                   ca_cert, floor->headers, on_body, transfer);
    good = transfer->easy != NULL;
  }
  if (good)
    return floor;
  floor_free(floor);
  return NULL;
}

void floor_free(struct floor *floor) {
  if (floor == NULL)
    return;
  for (size_t i = 0; i < STREAMS; i++)
    curl_easy_cleanup(floor->transfers[i].easy);
  curl_multi_cleanup(floor->multi);
  curl_slist_free_all(floor->headers);
  for (size_t i = 0; floor->bodies != NULL && i < floor->n_batches; i++)
    free(floor->bodies[i]);
  free(floor->bodies);
  free(floor);
}

static bool start(struct floor *floor, struct transfer *transfer,
                  size_t batch) {
  char *body = floor->bodies[batch];
  transfer->batch = batch;
  transfer->parser = yajl_alloc(&floor_callbacks, NULL, transfer);
  return transfer->parser != NULL &&
         curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, body) ==
             CURLE_OK &&
         curl_multi_add_handle(floor->multi, transfer->easy) == CURLM_OK;
}

/* The transfer that a message is about, over. */
static struct transfer *finish(struct floor *floor, const CURLMsg *message) {
  struct transfer *transfer = NULL;
  char *private = NULL;
  curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
  transfer = (struct transfer *)(void *)private;
  transfer->good = message->data.result == CURLE_OK &&
                   yajl_complete_parse(transfer->parser) == yajl_status_ok;
  yajl_free(transfer->parser);
  curl_multi_remove_handle(floor->multi, message->easy_handle);
  return transfer;
}

bool floor_poll(struct floor *floor,
                void (*answered)(void *ctx, size_t first, size_t n),
                void *ctx) {
  size_t next = 0, done = 0;
  int running, left;
  bool good = true;
  for (; next < STREAMS && next < floor->n_batches; next++)
    good = start(floor, &floor->transfers[next], next) && good;
  while (good && done < floor->n_batches) {
    CURLMsg *message;
    curl_multi_perform(floor->multi, &running);
    while (good &&
           (message = curl_multi_info_read(floor->multi, &left)) != NULL) {
      struct transfer *transfer = finish(floor, message);
      size_t first = transfer->batch * BENCH_BATCH;
      good = transfer->good;
      done++;
      if (good)
        answered(ctx, first,
                 floor->gateways - first < BENCH_BATCH ? floor->gateways - first
                                                       : BENCH_BATCH);
      if (good && next < floor->n_batches)
        good = start(floor, transfer, next++);
    }
    if (good && done < floor->n_batches)
      curl_multi_poll(floor->multi, NULL, 0, 1000, NULL);
  }
  return good;
}
