/* SPDX-License-Identifier: MIT */
/* Events without collectd: the library (library.h) with Events and Traffic, or
 * the floor under it (floor_events.h). Or the library with its memory counted,
 * and the same without events, to compare with.
 *
 *   bench-events ttn|floor|counted|polls URL CACERT GATEWAYS STREAMS
 *
 * takes commands from standard input and answers each by a line:
 *   open     polls, and waits until all streams are open; prints "streams N"
 *   take BYTES SECONDS POLLS
 *            takes so many bytes of lines, in which simulated SECONDS pass, and
 *            polls so often meanwhile, the last time at the end; prints "wall
 *            US cpu US values N uplinks N live BYTES peak BYTES"
 *
 * Of the network only the bytes are counted, and as they come the library's
 * clocks go on. */
#include "floor_events.h"
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* us for one piece; the server is gone, or the machine much too slow. */
#define PATIENCE 600000000

/* The library's network, with the calls of streams passed through. */
struct tap {
  const struct ttn_net *inner;
  struct ttn_net net;
  bool (*data)(struct ttn_call *call, int status, const char *bytes, size_t n);
  uint64_t started, opened; /* streams */
  bool open;
  uint64_t bytes; /* of lines after the start */
  uint64_t wanted;
  double ns; /* simulated, for a byte */
};

/* The library's callbacks do not get it. */
static struct bench {
  struct library library; /* or */
  struct floor_events *floor;
  struct tap tap;
} bench;

/* ---- the network ---- */

static bool tap_data(struct ttn_call *call, int status, const char *bytes,
                     size_t n) {
  struct tap *tap = &bench.tap;
  if (tap->open) {
    tap->bytes += n;
    bench.library.ahead = (int64_t)((double)tap->bytes * tap->ns);
  } else if (n > 0 && bytes[n - 1] == '\n') {
    tap->opened++;
  }
  if (tap->bytes >= tap->wanted) {
    tap->wanted = UINT64_MAX;
    tap->inner->wake(tap->inner->ctx);
  }
  return tap->data(call, status, bytes, n);
}

static bool tap_start(void *ctx, struct ttn_call *call) {
  struct tap *tap = &bench.tap;
  if (call->endless) {
    tap->started++;
    tap->data = call->data;
    call->data = tap_data;
  }
  return tap->inner->start(ctx, call);
}

static const struct ttn_net *tap_of(const struct ttn_net *net) {
  struct tap *tap = &bench.tap;
  tap->inner = net;
  tap->net = *net;
  tap->net.start = tap_start;
  return &tap->net;
}

/* ---- commands ---- */

/* Until *n is at least `least`. */
static bool follow(const uint64_t *n, const uint64_t *least) {
  int64_t until = library_microseconds(CLOCK_MONOTONIC) + PATIENCE;
  while (*n < *least && library_microseconds(CLOCK_MONOTONIC) < until)
    ttn_account_follow(bench.library.account);
  return *n >= *least;
}

/* The first wait begins the streams. */
static bool open_streams(void) {
  struct tap *tap = &bench.tap;
  struct ttn_account *account = bench.library.account;
  if (bench.floor != NULL)
    return floor_events_open(bench.floor);
  ttn_account_poll(account);
  if (!ttn_account_follows(account))
    return true;
  ttn_account_wake(account);
  ttn_account_follow(account);
  tap->open = follow(&tap->opened, &tap->started);
  return tap->open;
}

static bool take(uint64_t bytes) {
  struct ttn_account *account = bench.library.account;
  if (bench.floor != NULL)
    return floor_events_take(bench.floor, bytes);
  bench.tap.wanted = bytes;
  if (ttn_account_follows(account) && !follow(&bench.tap.bytes, &bytes))
    return false;
  bench.library.uplinks = 0;
  ttn_account_poll(account);
  return true;
}

static bool take_all(unsigned long long bytes, unsigned seconds,
                     unsigned polls) {
  const struct library *library = &bench.library;
  int64_t wall = library_microseconds(CLOCK_MONOTONIC);
  int64_t cpu = library_microseconds(CLOCK_PROCESS_CPUTIME_ID);
  bool good = true;
  bench.tap.ns = (double)seconds * 1e9 / (double)bytes;
  bench.library.values = 0;
  for (unsigned poll = 1; good && poll <= polls; poll++)
    good = take(bytes * poll / polls);
  printf("wall %lld cpu %lld values %llu uplinks %llu live %zu peak %zu\n",
         (long long)(library_microseconds(CLOCK_MONOTONIC) - wall),
         (long long)(library_microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu),
         (unsigned long long)library->values,
         (unsigned long long)library->uplinks, library->live, library->peak);
  return good;
}

static bool obey(const char *line, size_t streams) {
  unsigned long long bytes;
  unsigned seconds, polls;
  if (strcmp(line, "open\n") == 0) {
    bool good = open_streams();
    printf("streams %llu\n", bench.floor != NULL
                                 ? (unsigned long long)streams
                                 : (unsigned long long)bench.tap.opened);
    return good;
  }
  return sscanf(line, "take %llu %u %u", &bytes, &seconds, &polls) == 3 &&
         bytes > 0 && take_all(bytes, seconds, polls);
}

int main(int argc, char **argv) {
  char line[80];
  bool good = argc == 6 && ttn_http_global_init();
  size_t streams = good ? strtoul(argv[5], NULL, 10) : 0;
  if (good && strcmp(argv[1], "floor") == 0) {
    bench.floor =
        floor_events_new(argv[2], argv[3], strtoul(argv[4], NULL, 10), streams);
    good = bench.floor != NULL;
  } else if (good) {
    bench.library.counts = strcmp(argv[1], "ttn") != 0;
    good = library_open(&bench.library, argv[2], argv[3],
                        strcmp(argv[1], "polls") != 0, tap_of);
  }
  if (!good) {
    fprintf(stderr, "usage: bench-events ttn|floor|counted|polls URL CACERT "
                    "GATEWAYS STREAMS\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (good && fgets(line, sizeof line, stdin) != NULL)
    good = obey(line, streams);
  library_close(&bench.library);
  floor_events_free(bench.floor);
  return good ? 0 : 1;
}
