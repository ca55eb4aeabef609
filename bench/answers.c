/* SPDX-License-Identifier: MIT */
/* What the benchmark's server sends: entries as a running stack sends them for
 * a gateway with traffic and a fresh status (tests/answers/registry/gone-2s and
 * traffic), in a batch with the fields that the plugin asks for, in a single
 * GET with all of them, since that has no field mask.
 *
 * Numbers differ from gateway to gateway, so that gzip and yajl have what they
 * have in life. Counts stay the same in all polls: neither a decoder nor
 * collectd takes less time for a count that it saw before, and a gzip body
 * can't be patched. For shards they go on, and batches are rendered when they
 * are asked for, which takes the server about as long as a stack. */
#include "answers.h"

#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

/* How long ago a gateway connected, at most, in seconds. */
#define CONNECTED_MOST 1000000

static void print_time(struct text *text, const char *name, time_t now,
                       size_t i, unsigned n, unsigned oldest) {
  char when[32];
  struct tm tm;
  time_t then = now - 1 - (time_t)text_number(i, n, oldest);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&then, &tm));
  text_print(text, "\"%s\":\"%s.%09uZ\"", name, when,
             text_number(i, n + 100, 1000000000));
}

static void print_status(struct text *text, size_t i, bool whole) {
  text_print(text, ",\"last_status\":{");
  if (whole)
    text_print(
        text,
        "\"time\":\"2026-11-22T15:41:57Z\",\"boot_time\":"
        "\"2026-11-22T15:41:27Z\",\"versions\":{\"hal\":\"5.0.1\","
        "\"ttn-lw-gateway-server\":\"3.32.1-dev\",\"fpga\":\"48\",\"dsp\":"
        "\"27\"},\"antenna_locations\":[{\"latitude\":52.5162,"
        "\"longitude\":13.3907,\"altitude\":40,\"source\":\"SOURCE_GPS\"}],"
        "\"ip\":[\"127.0.0.1\"],");
  text_print(text,
             "\"metrics\":{\"rxok\":%u,\"rxfw\":%u,\"ackr\":%u,\"txin\":%u,"
             "\"txok\":%u,\"temp\":%u.%05u,\"rxin\":%u}}",
             text_number(i, 1, 90), text_number(i, 2, 90),
             text_number(i, 3, 100), text_number(i, 4, 20),
             text_number(i, 5, 20), 20 + text_number(i, 6, 40),
             text_number(i, 7, 100000), text_number(i, 8, 90));
}

static void print_moving(struct text *text, time_t now, unsigned count) {
  static const char *const kinds[] = {"uplink", "downlink",
                                      "tx_acknowledgment"};
  char when[32];
  struct tm tm;
  now--;
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &tm));
  for (int k = 0; k < 3; k++)
    text_print(text, "\"last_%s_received_at\":\"%sZ\",\"%s_count\":\"%u\",",
               kinds[k], when, kinds[k], count);
}

static void print_still(struct text *text, time_t now, size_t i) {
  print_time(text, "last_uplink_received_at", now, i, 21, 60);
  text_print(text, ",\"uplink_count\":\"%u\",", text_number(i, 22, 1000000));
  print_time(text, "last_downlink_received_at", now, i, 23, 600);
  text_print(text, ",\"downlink_count\":\"%u\",", text_number(i, 24, 100000));
  print_time(text, "last_tx_acknowledgment_received_at", now, i, 25, 600);
  text_print(text, ",\"tx_acknowledgment_count\":\"%u\",",
             text_number(i, 26, 100000));
}

static void print_traffic(struct text *text, time_t now, size_t i,
                          const struct moving *moving) {
  unsigned lowest = 30000000 + text_number(i, 20, 10000000);
  text_print(text, ",");
  if (moving == NULL)
    print_still(text, now, i);
  else
    print_moving(text, now, moving->count);
  text_print(text,
             "\"round_trip_times\":{\"min\":\"0.0%us\",\"max\":\"0.0%us\","
             "\"median\":\"0.0%us\",\"count\":%u}",
             lowest, lowest + 40000000, lowest + 20000000,
             1 + text_number(i, 27, 20));
}

static void print_bands(struct text *text, size_t i) {
  static const struct {
    unsigned min, max;
    const char *limit;
  } bands[] = {{863000, 865000, "0.001"}, {865000, 868000, "0.01"},
               {868000, 868600, "0.01"},  {868700, 869200, "0.001"},
               {869400, 869650, "0.1"},   {869700, 870000, "0.01"}};
  text_print(text, ",\"sub_bands\":[");
  for (unsigned b = 0; b < sizeof bands / sizeof bands[0]; b++) {
    text_print(text,
               "%s{\"min_frequency\":\"%u000\",\"max_frequency\":\"%u000\","
               "\"downlink_utilization_limit\":%s",
               b == 0 ? "" : ",", bands[b].min, bands[b].max, bands[b].limit);
    if (b == 2 || b == 4)
      text_print(text, ",\"downlink_utilization\":0.0000%08u",
                 1 + text_number(i, 30 + b, 90000000));
    text_print(text, "}");
  }
  text_print(text, "]");
}

/* moving: or NULL. */
static void print_entry(struct text *text, time_t now, size_t i, bool whole,
                        const struct moving *moving) {
  text_print(text, "{");
  print_time(text, "connected_at", moving == NULL ? now : moving->connected_at,
             i, 9, moving == NULL ? CONNECTED_MOST : 1);
  if (whole)
    text_print(text, ",\"protocol\":\"udp\"");
  text_print(text, ",");
  print_time(text, "last_status_received_at", now, i, 10, 30);
  print_status(text, i, whole);
  print_traffic(text, now, i, moving);
  print_bands(text, i);
  if (whole)
    text_print(text, ",\"gateway_remote_address\":{\"ip\":\"127.0.0.1\"}");
  text_print(text, "}");
}

static void print_listed(struct text *text, size_t i) {
  text_print(text,
             "{\"ids\":{\"gateway_id\":\"" BENCH_ID "\",\"eui\":\"" BENCH_EUI
             "\"},"
             "\"created_at\":\"2026-11-22T15:39:31.%06uZ\",\"updated_at\":"
             "\"2026-11-22T15:39:31.%06uZ\",\"gateway_server_address\":"
             "\"127.0.0.1\"}",
             i, BENCH_EUI_OF(i), text_number(i, 40, 1000000),
             text_number(i, 41, 1000000));
}

static struct answer plain(const struct text *text) {
  struct answer answer = {text_must(malloc(text->size)), text->size};
  memcpy(answer.bytes, text->bytes, text->size);
  return answer;
}

static struct answer gzip(const struct text *text) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (deflateInit2(&stream, TEXT_GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    text_must(NULL);
  uLong most = deflateBound(&stream, (uLong)text->size);
  struct answer answer = {text_must(malloc(most)), 0};
  stream.next_in = (Bytef *)text->bytes;
  stream.avail_in = (uInt)text->size;
  stream.next_out = (Bytef *)answer.bytes;
  stream.avail_out = (uInt)most;
  deflate(&stream, Z_FINISH);
  answer.size = stream.total_out;
  deflateEnd(&stream);
  answer.bytes = text_must(realloc(answer.bytes, answer.size));
  return answer;
}

static struct answer *room_for(size_t gateways, size_t each, size_t *n) {
  *n = (gateways + each - 1) / each;
  return text_must(calloc(*n + 1, sizeof(struct answer)));
}

void answers_render(struct answers *answers, size_t gateways) {
  struct text text = {NULL, 0, 0};
  time_t now = time(NULL);
  size_t n;
  answers->now = now;
  answers->gateways = gateways;
  answers->batches = room_for(gateways, BENCH_BATCH, &n);
  for (size_t b = 0; b < n; b++) {
    text.size = 0;
    text_print(&text, "{\"entries\":{");
    for (size_t i = b * BENCH_BATCH; i < gateways && i < (b + 1) * BENCH_BATCH;
         i++) {
      text_print(&text, "%s\"" BENCH_ID "\":", i % BENCH_BATCH == 0 ? "" : ",",
                 i);
      print_entry(&text, now, i, false, NULL);
    }
    text_print(&text, "}}");
    answers->batches[b] = gzip(&text);
  }
  answers->singles = room_for(BENCH_SINGLES_MAX, 1, &n);
  for (size_t i = 0; i < n && i < gateways; i++) {
    text.size = 0;
    print_entry(&text, now, i, true, NULL);
    answers->singles[i] = plain(&text);
  }
  text.size = 0;
  text_print(&text, "{\"api_key\":{\"api_key\":{\"id\":\"BENCH\",\"rights\":["
                    "\"RIGHT_ALL\"]},\"entity_ids\":{\"user_ids\":{\"user_id\":"
                    "\"bench\"}}},\"is_admin\":true}");
  answers->auth_info = plain(&text);
  free(text.bytes);
}

struct answers_start answers_start(const struct answers *answers, size_t i) {
  return (struct answers_start){
      .connected_at =
          (answers->now - 1 - (int64_t)text_number(i, 9, CONNECTED_MOST)) *
              1000000000 +
          text_number(i, 109, 1000000000),
      .uplinks = text_number(i, 22, 1000000),
      .downlinks = text_number(i, 24, 100000),
      .tx_acks = text_number(i, 26, 100000)};
}

void answers_move(struct answers *answers, unsigned reconnects) {
  free(answers->moving);
  answers->moving =
      text_must(calloc(answers->gateways, sizeof *answers->moving));
  answers->reconnects = reconnects;
  for (size_t i = 0; i < answers->gateways; i++)
    answers->moving[i] = (struct moving){
        .count = text_number(i, 22, 1000000),
        .connected_at =
            answers->now - (int64_t)text_number(i, 9, CONNECTED_MOST)};
}

static void move(struct moving *moving, size_t i, unsigned reconnects,
                 time_t now) {
  moving->answers++;
  if (reconnects > 0 && moving->answers > 1 &&
      (i + moving->answers) % reconnects == 0) {
    moving->before += moving->count;
    moving->count = 0;
    moving->connected_at = now - 1;
  }
  moving->count++;
}

struct answer answers_batch(struct answers *answers, const size_t *gateways,
                            size_t n) {
  struct text text = {NULL, 0, 0};
  time_t now = time(NULL);
  text_print(&text, "{\"entries\":{");
  for (size_t g = 0; g < n; g++) {
    struct moving *moving = &answers->moving[gateways[g]];
    move(moving, gateways[g], answers->reconnects, now);
    text_print(&text, "%s\"" BENCH_ID "\":", g == 0 ? "" : ",", gateways[g]);
    print_entry(&text, now, gateways[g], false, moving);
  }
  text_print(&text, "}}");
  struct answer answer = gzip(&text);
  free(text.bytes);
  return answer;
}

bool answers_write_counts(const struct answers *answers, const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL)
    return false;
  for (size_t i = 0; i < answers->gateways; i++) {
    const struct moving *moving = &answers->moving[i];
    fprintf(file, "%u %u %u\n", text_number(i, 22, 1000000),
            moving->before + moving->count, moving->answers);
  }
  return fclose(file) == 0;
}

static struct answer render_page(size_t gateways, size_t first, size_t limit) {
  struct text text = {NULL, 0, 0};
  text_print(&text, "{\"gateways\":[");
  for (size_t i = first; i < gateways && i < first + limit; i++) {
    text_print(&text, "%s", i == first ? "" : ",");
    print_listed(&text, i);
  }
  text_print(&text, "]}");
  struct answer answer = gzip(&text);
  free(text.bytes);
  return answer;
}

const struct answer *answers_page(struct answers *answers, size_t limit,
                                  size_t number) {
  for (struct page *page = answers->pages; page != NULL; page = page->next)
    if (page->limit == limit && page->number == number)
      return &page->answer;
  struct page *page = text_must(malloc(sizeof *page));
  *page = (struct page){
      answers->pages, limit, number,
      render_page(answers->gateways, (number - 1) * limit, limit)};
  answers->pages = page;
  return &page->answer;
}

/* The arrays end with an answer without bytes, or at their known size. */
static void drop(struct answer *list) {
  for (struct answer *a = list; a->bytes != NULL; a++)
    free(a->bytes);
  free(list);
}

void answers_free(struct answers *answers) {
  drop(answers->batches);
  for (struct page *page = answers->pages, *next; page != NULL; page = next) {
    next = page->next;
    free(page->answer.bytes);
    free(page);
  }
  drop(answers->singles);
  free(answers->moving);
  free(answers->auth_info.bytes);
}
