/* SPDX-License-Identifier: MIT */
/* Polls without collectd: the library (library.h), or the floor under it.
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
#include "floor.h"
#include "library.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_version.h>

struct bench {
  struct library library; /* or */
  struct floor *floor;
  uint64_t values; /* of the floor */
};

static void answered(void *ctx, size_t first, size_t n) {
  struct bench *bench = ctx;
  (void)first;
  bench->values += n * FLOOR_VALUES;
}

static bool poll_once(struct bench *bench) {
  struct library *library = &bench->library;
  int64_t wall = library_microseconds(CLOCK_MONOTONIC);
  int64_t cpu = library_microseconds(CLOCK_PROCESS_CPUTIME_ID);
  bool good = true;
  bench->values = library->values = 0;
  if (bench->floor != NULL)
    good = floor_poll(bench->floor, answered, bench);
  else
    ttn_account_poll(library->account);
  printf("wall %lld cpu %lld values %llu live %zu peak %zu\n",
         (long long)(library_microseconds(CLOCK_MONOTONIC) - wall),
         (long long)(library_microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu),
         (unsigned long long)(bench->values + library->values), library->live,
         library->peak);
  return good;
}

static void print_versions(void) {
  int yajl = yajl_version();
  printf("%s yajl/%d.%d.%d\n", curl_version(), yajl / 10000, yajl / 100 % 100,
         yajl % 100);
}

int main(int argc, char **argv) {
  struct bench bench = {.library = {.counts = true}};
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
    good = library_open(&bench.library, argv[2], argv[3], false, NULL);
  }
  if (!good) {
    fprintf(stderr, "usage: bench-poll ttn|floor URL CACERT GATEWAYS\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (good && fgets(line, sizeof line, stdin) != NULL)
    good = poll_once(&bench);
  library_close(&bench.library);
  floor_free(bench.floor);
  return good ? 0 : 1;
}
