/* SPDX-License-Identifier: MIT */
#include "floor_events.h"

#include "answers.h"
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a row without a byte: the server is gone. */
#define SECONDS_MAX 60

struct floor_stream {
  struct floor_events *floor;
  CURL *easy;
  yajl_handle parser;
  char *body;
  bool good;
};

struct floor_events {
  CURLM *multi;
  struct curl_slist *headers;
  struct floor_stream *streams;
  size_t n, opened;
  bool open;
  uint64_t bytes; /* of lines after the start */
};

static size_t on_events(char *bytes, size_t size, size_t n, void *user) {
  struct floor_stream *stream = user;
  struct floor_events *floor = stream->floor;
  n *= size;
  if (floor->open)
    floor->bytes += n;
  else if (n > 0 && bytes[n - 1] == '\n')
    floor->opened++;
  stream->good = yajl_parse(stream->parser, (const unsigned char *)bytes, n) ==
                 yajl_status_ok;
  return stream->good ? n : 0;
}

/* Gateways first, first + step … */
static char *ask_for(size_t gateways, size_t first, size_t step) {
  static const char *const names[] = {"gs.gateway.connect",
                                      "gs.gateway.connection.stats",
                                      "gs.gateway.disconnect",
                                      "gs.up.receive",
                                      "gs.up.drop",
                                      "gs.down.send",
                                      "gs.down.tx.success",
                                      "gs.down.tx.fail",
                                      "gs.down.schedule.fail"};
  char *body = NULL;
  size_t size;
  FILE *file = open_memstream(&body, &size);
  if (file == NULL)
    return NULL;
  fprintf(file, "{\"identifiers\":[");
  for (size_t i = first; i < gateways; i += step)
    fprintf(file, "%s{\"gateway_ids\":{\"gateway_id\":\"" BENCH_ID "\"}}",
            i == first ? "" : ",", i);
  fprintf(file, "],\"names\":[");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    fprintf(file, "%s\"%s\"", i == 0 ? "" : ",", names[i]);
  fprintf(file, "]}");
  return fclose(file) == 0 ? body : NULL;
}

static bool begin_stream(struct floor_events *floor, size_t i, const char *url,
                         const char *ca_cert, size_t gateways) {
  struct floor_stream *stream = &floor->streams[i];
  stream->floor = floor;
  stream->good = true;
  stream->body = ask_for(gateways, i, floor->n);
  stream->easy = floor_request(url, "/api/v3/events", ca_cert, floor->headers,
                               on_events, stream);
  stream->parser = yajl_alloc(&floor_callbacks, NULL, NULL);
  return stream->body != NULL && stream->easy != NULL &&
         stream->parser != NULL &&
         yajl_config(stream->parser, yajl_allow_multiple_values, 1) != 0 &&
         curl_easy_setopt(stream->easy, CURLOPT_POSTFIELDS, stream->body) ==
             CURLE_OK &&
         curl_multi_add_handle(floor->multi, stream->easy) == CURLM_OK;
}

struct floor_events *floor_events_new(const char *url, const char *ca_cert,
                                      size_t gateways, size_t streams) {
  struct floor_events *floor = calloc(1, sizeof *floor);
  if (floor == NULL)
    return NULL;
  floor->n = streams;
  floor->multi = curl_multi_init();
  floor->headers = curl_slist_append(NULL, "Content-Type: application/json");
  floor->streams = calloc(streams, sizeof *floor->streams);
  bool good =
      floor->multi != NULL && floor->headers != NULL && floor->streams != NULL;
  if (good)
    curl_multi_setopt(floor->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
  for (size_t i = 0; good && i < streams; i++)
    good = begin_stream(floor, i, url, ca_cert, gateways);
  if (good)
    return floor;
  floor_events_free(floor);
  return NULL;
}

void floor_events_free(struct floor_events *floor) {
  if (floor == NULL)
    return;
  for (size_t i = 0; floor->streams != NULL && i < floor->n; i++) {
    curl_easy_cleanup(floor->streams[i].easy);
    if (floor->streams[i].parser != NULL)
      yajl_free(floor->streams[i].parser);
    free(floor->streams[i].body);
  }
  curl_multi_cleanup(floor->multi);
  curl_slist_free_all(floor->headers);
  free(floor->streams);
  free(floor);
}

/* Until something came. False: a stream ended, or nothing comes. */
static bool wait_for_more(struct floor_events *floor) {
  uint64_t bytes = floor->bytes;
  size_t opened = floor->opened;
  int running = 0;
  for (int seconds = 0; seconds < SECONDS_MAX; seconds++) {
    curl_multi_perform(floor->multi, &running);
    if ((size_t)running < floor->n)
      return false;
    if (floor->bytes != bytes || floor->opened != opened)
      return true;
    curl_multi_poll(floor->multi, NULL, 0, 1000, NULL);
  }
  return false;
}

bool floor_events_open(struct floor_events *floor) {
  while (floor->opened < floor->n)
    if (!wait_for_more(floor))
      return false;
  floor->open = true;
  return true;
}

bool floor_events_take(struct floor_events *floor, uint64_t bytes) {
  while (floor->bytes < bytes)
    if (!wait_for_more(floor))
      return false;
  return true;
}
