/* SPDX-License-Identifier: MIT */
/* Names and time as a test stages them: linked into ttn-drive-faked, so that
 * the calls of libcurl come here. Without that, a name that moves to another
 * address would take a name server, and the minutes that libcurl keeps an
 * address and a connection would have to be waited for.
 *
 * The file that the environment names in TTN_FAKE_CLOCK_DNS is read at each
 * call: host NAME ADDRESS   one line an address; other names are asked for as
 * usual later SECONDS       all clocks are so much ahead wall SECONDS the wall
 * clock is so much more ahead, or behind */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int resolve_fn(const char *, const char *, const struct addrinfo *,
                       struct addrinfo **);
typedef int clock_fn(clockid_t, struct timespec *);

/* The next definition of a function: the C library's. */
static void real(const char *name, void *function) {
  *(void **)function = dlsym(RTLD_NEXT, name);
}

static FILE *fake(void) {
  const char *path = getenv("TTN_FAKE_CLOCK_DNS");
  return path == NULL ? NULL : fopen(path, "re");
}

static long ahead(bool wall) {
  long later = 0, more = 0;
  char line[512];
  FILE *file = fake();
  if (file == NULL)
    return 0;
  while (fgets(line, sizeof(line), file) != NULL)
    if (sscanf(line, "later %ld", &later) != 1 &&
        sscanf(line, "wall %ld", &more) != 1)
      break;
  fclose(file);
  return wall ? later + more : later;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  clock_fn *next;
  real("clock_gettime", &next);
  int result = next(clock, now);
  if (clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
    now->tv_sec +=
        ahead(clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE);
  return result;
}

time_t time(time_t *now) {
  struct timespec read;
  clock_gettime(CLOCK_REALTIME, &read);
  if (now != NULL)
    *now = read.tv_sec;
  return read.tv_sec;
}

/* An address that is not of the wanted family adds nothing. */
static void add(resolve_fn *next, const char *address, const char *service,
                const struct addrinfo *hints, struct addrinfo **list) {
  struct addrinfo numeric = {0}, *found = NULL;
  if (hints != NULL)
    numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  if (next(address, service, &numeric, &found) != 0)
    return;
  while (*list != NULL)
    list = &(*list)->ai_next;
  *list = found;
}

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **result) {
  char line[512], name[256], address[64];
  bool staged = false;
  resolve_fn *next;
  FILE *file = fake();

  real("getaddrinfo", &next);
  *result = NULL;
  while (file != NULL && node != NULL &&
         fgets(line, sizeof(line), file) != NULL) {
    if (sscanf(line, "host %255s %63s", name, address) != 2 ||
        strcmp(name, node) != 0)
      continue;
    staged = true;
    add(next, address, service, hints, result);
  }
  if (file != NULL)
    fclose(file);
  if (!staged)
    return next(node, service, hints, result);
  return *result == NULL ? EAI_NONAME : 0;
}
