/* SPDX-License-Identifier: MIT */
/* Polls without collectd: the whole library over the real network, with a sink
 * that only counts, or the floor under it. Here our memory can be counted, and
 * a poll is seen apart from what collectd does with the values.
 *
 *   bench-poll ttn|floor URL CACERT GATEWAYS
 *
 * polls at each line of standard input and prints "wall US cpu US values N
 * live BYTES peak BYTES": of the poll, and what the library holds now and held
 * at most. The first poll of ttn is the one that lists the gateways.
 *
 *   bench-poll versions
 *
 * says which libraries these are. */
#include "account/account.h"
#include "answers.h"
#include "floor.h"
#include "config/settings.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_version.h>

/* A key's shape; the server takes any. */
#define KEY                                                                    \
  "NNSXS.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA."                             \
  "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

struct bench {
  struct ttn_env env;
  struct ttn_sink sink;
  struct ttn_account *account; /* or */
  struct floor *floor;
  uint64_t values;
  size_t live, peak; /* as malloc counts it, its own overhead but for headers
                      * included */
};

static void *resize(void *ctx, void *p, size_t size) {
  struct bench *bench = ctx;
  size_t before = p == NULL ? 0 : malloc_usable_size(p);
  void *now = NULL;
  if (size == 0)
    free(p);
  else if ((now = realloc(p, size)) == NULL)
    return NULL;
  bench->live += (now == NULL ? 0 : malloc_usable_size(now)) - before;
  if (bench->live > bench->peak)
    bench->peak = bench->live;
  return now;
}

static void begin(void *ctx) { (void)ctx; }

static void count(void *ctx, const struct ttn_value *value) {
  struct bench *bench = ctx;
  if (value->series < TTN_SERIES_UP)
    bench->values++;
}

static void notify(void *ctx, const struct ttn_notification *notification) {
  (void)ctx, (void)notification;
}

static void answered(void *ctx, size_t first, size_t n) {
  struct bench *bench = ctx;
  (void)first;
  bench->values += n * FLOOR_VALUES;
}

static bool set(struct bench *bench, struct ttn_settings *settings,
                const char *name, const char *value) {
  struct ttn_option option = {
      .name = name,
      .n_values = 1,
      .value = {.type = TTN_VALUE_STRING, .string = value}};
  return ttn_settings_option(&bench->env, settings, &option);
}

static bool open_account(struct bench *bench, const char *url,
                         const char *ca_cert) {
  struct ttn_http_options options;
  struct ttn_option once = {
      .name = "DiscoveryInterval",
      .n_values = 1,
      .value = {.type = TTN_VALUE_NUMBER, .number = 86400}};
  bench->env = ttn_env_system;
  bench->env.ctx = bench;
  bench->env.resize = resize;
  bench->sink = (struct ttn_sink){bench, begin, count, notify, begin};
  struct ttn_settings *settings = ttn_settings_new(&bench->env, "bench");
  if (settings == NULL || !set(bench, settings, "URL", url) ||
      !set(bench, settings, "CACert", ca_cert) ||
      !set(bench, settings, "APIKey", KEY) ||
      !set(bench, settings, "StateFile", "") ||
      !ttn_settings_option(&bench->env, settings, &once) ||
      !ttn_settings_finish(&bench->env, settings, 60 * TTN_SECOND) ||
      !ttn_settings_place(&bench->env, settings, "bench", NULL))
    return false;
  ttn_settings_http(settings, &options);
  struct ttn_net *net = ttn_http_new(&bench->env, &options);
  bench->account = net == NULL ? NULL
                               : ttn_account_new(&bench->env, settings, net,
                                                 &bench->sink, NULL);
  return bench->account != NULL;
}

static int64_t microseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool poll_once(struct bench *bench) {
  int64_t wall = microseconds(CLOCK_MONOTONIC);
  int64_t cpu = microseconds(CLOCK_PROCESS_CPUTIME_ID);
  bool good = true;
  bench->values = 0;
  if (bench->floor != NULL)
    good = floor_poll(bench->floor, answered, bench);
  else
    ttn_account_poll(bench->account);
  printf("wall %lld cpu %lld values %llu live %zu peak %zu\n",
         (long long)(microseconds(CLOCK_MONOTONIC) - wall),
         (long long)(microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu),
         (unsigned long long)bench->values, bench->live, bench->peak);
  return good;
}

static void print_versions(void) {
  int yajl = yajl_version();
  printf("%s yajl/%d.%d.%d\n", curl_version(), yajl / 10000, yajl / 100 % 100,
         yajl % 100);
}

int main(int argc, char **argv) {
  struct bench bench = {0};
  char line[16];
  bool good = argc == 5 && ttn_http_global_init();
  if (argc == 2 && strcmp(argv[1], "versions") == 0) {
    print_versions();
    return 0;
  }
  if (good && strcmp(argv[1], "floor") == 0) {
    bench.floor = floor_new(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    good = bench.floor != NULL;
  } else if (good) {
    good = open_account(&bench, argv[2], argv[3]);
  }
  if (!good) {
    fprintf(stderr, "usage: bench-poll ttn|floor URL CACERT GATEWAYS\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (good && fgets(line, sizeof line, stdin) != NULL)
    good = poll_once(&bench);
  ttn_account_free(bench.account);
  floor_free(bench.floor);
  return good ? 0 : 1;
}
