/* SPDX-License-Identifier: MIT */
#include "library.h"

#include "config/settings.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* A key's shape; the server takes any. */
#define KEY                                                                    \
  "NNSXS.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA."                             \
  "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
/* Of a poll, and between two: the clocks may go on fast. */
#define LONG 3600
#define BY_SPREADING_FACTOR "up_sf"

static void *resize(void *ctx, void *p, size_t size) {
  struct library *library = ctx;
  size_t before = p == NULL ? 0 : malloc_usable_size(p);
  void *now = NULL;
  if (size == 0)
    free(p);
  else if ((now = realloc(p, size)) == NULL)
    return NULL;
  library->live += (now == NULL ? 0 : malloc_usable_size(now)) - before;
  if (library->live > library->peak)
    library->peak = library->live;
  return now;
}

static int64_t library_wall(void *ctx) {
  return ttn_env_system.wall(NULL) + ((const struct library *)ctx)->ahead;
}

static int64_t library_mono(void *ctx) {
  return ttn_env_system.mono(NULL) + ((const struct library *)ctx)->ahead;
}

static void around_values(void *ctx) { (void)ctx; }

static void count(void *ctx, const struct ttn_value *value) {
  struct library *library = ctx;
  if (value->series < TTN_SERIES_UP)
    library->values++;
  if (value->series == TTN_SERIES_TRAFFIC &&
      strncmp(value->label, BY_SPREADING_FACTOR, strlen(BY_SPREADING_FACTOR)) ==
          0)
    library->uplinks += (uint64_t)value->count;
}

static void notify(void *ctx, const struct ttn_notification *notification) {
  (void)ctx, (void)notification;
}

static bool set(struct library *library, struct ttn_settings *settings,
                const char *name, struct ttn_option_value value) {
  struct ttn_option option = {.name = name, .n_values = 1, .value = value};
  return ttn_settings_option(&library->env, settings, &option);
}

static struct ttn_option_value text(const char *text) {
  return (struct ttn_option_value){.type = TTN_VALUE_STRING, .string = text};
}

static struct ttn_option_value number(double number) {
  return (struct ttn_option_value){.type = TTN_VALUE_NUMBER, .number = number};
}

static struct ttn_option_value boolean(bool boolean) {
  return (struct ttn_option_value){.type = TTN_VALUE_BOOLEAN,
                                   .boolean = boolean};
}

static struct ttn_settings *make_settings(struct library *library,
                                          const char *url, const char *ca_cert,
                                          bool events) {
  struct ttn_settings *settings = ttn_settings_new(&library->env, "bench");
  bool good = settings != NULL && set(library, settings, "URL", text(url)) &&
              set(library, settings, "CACert", text(ca_cert)) &&
              set(library, settings, "APIKey", text(KEY)) &&
              set(library, settings, "StateFile", text("")) &&
              set(library, settings, "DiscoveryInterval", number(86400)) &&
              set(library, settings, "Spread", number(0)) &&
              set(library, settings, "Timeout", number(1000 * LONG)) &&
              set(library, settings, "Events", boolean(events)) &&
              set(library, settings, "Traffic", boolean(events)) &&
              ttn_settings_finish(&library->env, settings, LONG * TTN_SECOND) &&
              ttn_settings_place(&library->env, settings, "bench", NULL);
  return good ? settings : NULL;
}

bool library_open(struct library *library, const char *url, const char *ca_cert,
                  bool events,
                  const struct ttn_net *(*net_of)(const struct ttn_net *)) {
  struct ttn_http_options options;
  library->env = ttn_env_system;
  library->env.ctx = library;
  if (library->counts)
    library->env.resize = resize;
  library->env.wall = library_wall;
  library->env.mono = library_mono;
  library->sink = (struct ttn_sink){library, around_values, count,
                                    notify,  around_values, NULL};
  struct ttn_settings *settings = make_settings(library, url, ca_cert, events);
  if (settings == NULL)
    return false;
  ttn_settings_http(settings, &options);
  const struct ttn_net *net = ttn_http_new(&library->env, &options);
  if (net != NULL && net_of != NULL)
    net = net_of(net);
  library->account = net == NULL ? NULL
                                 : ttn_account_new(&library->env, settings, net,
                                                   &library->sink, NULL);
  return library->account != NULL;
}

void library_close(struct library *library) {
  ttn_account_free(library->account);
}

int64_t library_microseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
