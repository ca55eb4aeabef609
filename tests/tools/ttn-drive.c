/* SPDX-License-Identifier: MIT */
/* An account on a string, for tests: polls when told to, so that thousands of
 * polls need no waiting, and prints what collectd would get. The whole library
 * and the real network; only collectd is missing.
 *
 *   ttn-drive ACCOUNT Option=value [Option=value …]
 *
 * Reads commands from standard input, a line each:
 *
 *   poll      one poll; prints its values, then "done"
 *   follow M  waits M milliseconds for events, prints what they tell, then
 *             "done"
 *   clock S   moves the wall clock by S seconds (S may be negative)
 *   later S   both clocks: as if S seconds had passed
 *   memory    "memory BYTES", that malloc has given out and not got back
 *   end       a clean end of the account (writes the state file), then "done"
 *   stop      the same, then exit 0
 *
 * and prints, a line each and each at once, so that what was printed before a
 * kill is what had reached collectd:
 *
 *   value PLUGIN INSTANCE TYPE TYPE_INSTANCE d|g NUMBER
 *   meta INSTANCE KEY TEXT
 *   notify SEVERITY PLUGIN INSTANCE TYPE TYPE_INSTANCE TEXT
 *   log LEVEL TEXT
 *   done MILLISECONDS
 *
 * Option values that are numbers or true/false are passed as such; a value in
 * double quotes is always a string. An option that can't be used: exit 2. End
 * of input is like a crash: exit 3 without a clean end. */
#include "account/account.h"
#include "config/settings.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The clocks' distance from the system's, ns. */
struct shift {
  int64_t wall, mono;
};

static int64_t shifted_wall(void *ctx) {
  return ttn_env_system.wall(NULL) + ((const struct shift *)ctx)->wall;
}

static int64_t shifted_mono(void *ctx) {
  return ttn_env_system.mono(NULL) + ((const struct shift *)ctx)->mono;
}

static void print_log(void *ctx, enum ttn_level level, const char *line) {
  static const char *const names[] = {"error", "warning", "notice", "info"};
  (void)ctx;
  printf("log %s %s\n", names[level], line);
}

static void begin(void *ctx) { (void)ctx; }

static void print_meta(const char *id, const struct ttn_meta *meta) {
  const char *keys[] = {"name", "eui", "protocol", "remote_address",
                        "server_address"};
  const char *texts[] = {meta->name, meta->eui, meta->protocol,
                         meta->remote_address, meta->server_address};
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
    if (texts[i] != NULL)
      printf("meta %s %s %s\n", id, keys[i], texts[i]);
  if (meta->boot_time != NULL)
    printf("meta %s boot_time %s\n", id, meta->boot_time);
  for (size_t i = 0; i < meta->n_versions; i++)
    printf("meta %s version_%s %s\n", id, meta->versions[i].name,
           meta->versions[i].text);
  if (meta->has_location)
    printf("meta %s location %.6f %.6f %.1f\n", id, meta->location.latitude,
           meta->location.longitude, meta->location.altitude);
}

static void print_value(void *ctx, const struct ttn_value *v) {
  const struct ttn_series_name *name = &ttn_series_names[v->series];
  (void)ctx;
  printf("value %s %s %s %s%s ", name->plugin, v->subject, name->type,
         name->type_instance, v->label);
  if (v->derive)
    printf("d %lld\n", (long long)v->count);
  else
    printf("g %.17g\n", v->gauge);
  if (v->meta != NULL)
    print_meta(v->subject, v->meta);
}

static void print_notification(void *ctx, const struct ttn_notification *n) {
  static const char *const names[] = {"okay", "warning", "failure"};
  const struct ttn_series_name *name = &ttn_series_names[n->series];
  (void)ctx;
  printf("notify %s %s %s %s %s %s\n", names[n->severity], name->plugin,
         n->subject, name->type, name->type_instance, n->message);
}

static bool take_option(const struct ttn_env *env, struct ttn_settings *s,
                        char *word) {
  char *value = strchr(word, '='), *end;
  if (value == NULL) {
    fprintf(stderr, "ttn-drive: no '=' in %s\n", word);
    return false;
  }
  *value++ = '\0';
  struct ttn_option_value v = {.type = TTN_VALUE_STRING, .string = value};
  size_t n = strlen(value);
  double number = strtod(value, &end);
  if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
    value[n - 1] = '\0';
    v.string = value + 1;
  } else if (n > 0 && *end == '\0') {
    v.type = TTN_VALUE_NUMBER;
    v.number = number;
  } else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
    v.type = TTN_VALUE_BOOLEAN;
    v.boolean = value[0] == 't';
  }
  struct ttn_option option = {.name = word, .value = v, .n_values = 1};
  return ttn_settings_option(env, s, &option);
}

/* A thread that ends the wait for events. */
struct alarm {
  struct ttn_account *account;
  long long ms;
  atomic_bool over;
};

static void *ring(void *data) {
  struct alarm *alarm = data;
  struct timespec pause = {.tv_sec = alarm->ms / 1000,
                           .tv_nsec = (long)(alarm->ms % 1000 * TTN_MS)};
  nanosleep(&pause, NULL);
  atomic_store(&alarm->over, true);
  ttn_account_wake(alarm->account);
  return NULL;
}

static void follow(struct ttn_account *account, long long ms) {
  struct alarm alarm = {.account = account, .ms = ms};
  pthread_t thread;
  if (pthread_create(&thread, NULL, ring, &alarm) != 0)
    abort();
  while (!atomic_load(&alarm.over))
    ttn_account_follow(account);
  pthread_join(thread, NULL);
  printf("done %lld\n", ms);
}

static int run(const struct ttn_env *env, struct ttn_account *account) {
  struct shift *shift = env->ctx;
  long long seconds;
  char line[64];
  while (fgets(line, sizeof(line), stdin) != NULL) {
    bool stop = strcmp(line, "stop\n") == 0;
    if (stop || strcmp(line, "end\n") == 0) {
      ttn_account_free(account);
      account = NULL;
      printf("done 0\n");
    }
    if (stop)
      return 0;
    if (strcmp(line, "poll\n") == 0) {
      int64_t start = env->mono(env->ctx);
      ttn_account_poll(account);
      printf("done %.3f\n",
             (double)(env->mono(env->ctx) - start) / (double)TTN_MS);
    }
    if (strcmp(line, "memory\n") == 0)
      printf("memory %zu\n", mallinfo2().uordblks + mallinfo2().hblkhd);
    if (sscanf(line, "follow %lld", &seconds) == 1)
      follow(account, seconds);
    if (sscanf(line, "clock %lld", &seconds) == 1)
      shift->wall += seconds * TTN_SECOND;
    if (sscanf(line, "later %lld", &seconds) == 1) {
      shift->wall += seconds * TTN_SECOND;
      shift->mono += seconds * TTN_SECOND;
    }
  }
  _Exit(3);
}

int main(int argc, char **argv) {
  struct shift shift = {0, 0};
  struct ttn_env env = ttn_env_system;
  const struct ttn_sink sink = {.begin = begin,
                                .value = print_value,
                                .notify = print_notification,
                                .end = begin};
  if (argc < 2) {
    fprintf(stderr, "usage: ttn-drive ACCOUNT Option=value …\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  env.ctx = &shift;
  env.wall = shifted_wall;
  env.mono = shifted_mono;
  env.log = print_log;
  if (!ttn_http_global_init())
    return 2;
  struct ttn_settings *settings = ttn_settings_new(&env, argv[1]);
  bool good = settings != NULL;
  for (int i = 2; i < argc && good; i++)
    good = take_option(&env, settings, argv[i]);
  if (!good || !ttn_settings_finish(&env, settings, 10 * TTN_SECOND) ||
      !ttn_settings_place(&env, settings, "test", NULL)) {
    ttn_settings_free(&env, settings);
    return 2;
  }
  struct ttn_http_options options;
  ttn_settings_http(settings, &options);
  struct ttn_net *net = ttn_http_new(&env, &options);
  if (net == NULL)
    return 2;
  struct ttn_account *account =
      ttn_account_new(&env, settings, net, &sink, NULL);
  return account == NULL ? 2 : run(&env, account);
}
