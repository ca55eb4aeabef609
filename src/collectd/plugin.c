/* SPDX-License-Identifier: MIT */
/* collectd's face: configuration in, values and notifications out. The only
 * file that includes collectd's headers; all else is the library, which a face
 * for another daemon could use as it is. It does not know what the values mean.
 *
 * The order of things in collectd 5.12, and what follows from it:
 * - config: once for each <Plugin ttn> block, before the fork. So it only takes
 *   the options down: no thread, no curl. It returns 0 whatever it finds: a
 *   failure would keep the whole daemon from starting.
 * - init: once, with one thread. Makes the accounts and registers one read for
 *   each. A failure here would only turn collectd's exit status into 1 at its
 *   end; an ERROR says what is wrong, and the daemon goes on with its other
 *   plugins.
 * - read: must not take long, since all plugins share five threads, and must
 * not fail, since collectd then doubles the interval and drops the series. So
 *   each account has a thread of its own, made at its first read; a read only
 *   wakes it. `collectd -T` reads once on the thread that ran init and ends at
 *   once: there the poll is done in place.
 * - free_func of each read's user data: ends the poll that is under way, joins
 *   the thread and frees the account. It runs before shutdown. The last one
 * ends the notifier: in shutdown, other plugins may have ended before, and a
 *   notification must not reach them any more.
 * - shutdown: what is left.
 *
 * Traps: plugin_register_complex_read frees the user data when it fails, too,
 * whatever its header says. collectd's config.h, which comes in with its
 * headers, redefines PACKAGE_VERSION and the like: only TTN_VERSION is ours.
 *
 * `face` is the one global variable of the project: collectd's config, init and
 * shutdown callbacks have no user data. */
#include "plugin.h"

#include "account/account.h"
#include "account/ownership.h"
#include "account/runner.h"
#include "base/text.h"
#include "report/notifier.h"

#include <math.h>
#include <pthread.h>

#define NAME "ttn"

/* One account, for its read callback and its sink. */
struct reader {
  struct ttn_runner *runner;
  struct ttn_account *account; /* the runner's */
  struct ttn_sink sink;
  char name[TTN_NAME_MAX + 1];
  char host[DATA_MAX_NAME_LEN];
  cdtime_t interval;

  /* Of the values that are under way. */
  cdtime_t time;
  meta_data_t *meta; /* built from meta_of, for meta_id */
  const struct ttn_meta *meta_of;
  char meta_id[DATA_MAX_NAME_LEN];
};

/* An account that was configured, until init. */
struct wanted {
  struct ttn_settings *settings; /* NULL: init left it out or took it over */
  struct wanted *next;
};

static struct {
  struct wanted *wanted; /* in the order of the configuration */
  struct ttn_ownership *ownership;
  struct ttn_notifier *notifier;
  int n_readers;
  pthread_t main_thread; /* the one that ran init */
} face;

/* -- struct ttn_env -- */

static void log_line(void *ctx, enum ttn_level level, const char *line) {
  static const int severities[] = {
      [TTN_ERROR] = LOG_ERR,
      [TTN_WARNING] = LOG_WARNING,
      [TTN_NOTICE] = LOG_NOTICE,
      [TTN_INFO] = LOG_INFO,
  };
  (void)ctx;
  plugin_log(severities[level], NAME " plugin: %s", line);
}

static void *resize(void *ctx, void *p, size_t size) {
  (void)ctx;
  return ttn_env_system.resize(ttn_env_system.ctx, p, size);
}

static int64_t wall(void *ctx) {
  (void)ctx;
  return ttn_env_system.wall(ttn_env_system.ctx);
}

static int64_t mono(void *ctx) {
  (void)ctx;
  return ttn_env_system.mono(ttn_env_system.ctx);
}

static const struct ttn_env env = {
    .resize = resize, .wall = wall, .mono = mono, .log = log_line};

/* -- struct ttn_sink -- */

static void forget_meta(struct reader *reader) {
  if (reader->meta != NULL)
    meta_data_destroy(reader->meta);
  reader->meta = NULL;
  reader->meta_of = NULL;
}

static void add_text(meta_data_t *meta, const char *key, const char *text) {
  if (text != NULL)
    meta_data_add_string(meta, key, text);
}

/* A gateway's values come one after the other with the same meta data, and
 * making it costs more than all else of a value, so the last one is kept. */
static meta_data_t *meta_for(struct reader *reader,
                             const struct ttn_value *value) {
  const struct ttn_meta *of = value->meta;
  if (of == NULL)
    return NULL;
  if (of == reader->meta_of && strcmp(value->subject, reader->meta_id) == 0)
    return reader->meta;
  forget_meta(reader);
  meta_data_t *meta = meta_data_create();
  if (meta == NULL)
    return NULL;
  add_text(meta, "gateway_name", of->name);
  add_text(meta, "gateway_eui", of->eui);
  add_text(meta, "gateway_protocol", of->protocol);
  add_text(meta, "gateway_remote_address", of->remote_address);
  add_text(meta, "gateway_server_address", of->server_address);
  add_text(meta, "gateway_boot_time", of->boot_time);
  for (size_t i = 0; i < of->n_versions; i++) {
    char key[sizeof("gateway_version_") + TTN_ID_MAX];
    add_text(
        meta,
        ttn_print(key, sizeof(key), "gateway_version_%s", of->versions[i].name),
        of->versions[i].text);
  }
  if (of->has_location) {
    meta_data_add_double(meta, "gateway_latitude", of->location.latitude);
    meta_data_add_double(meta, "gateway_longitude", of->location.longitude);
    meta_data_add_double(meta, "gateway_altitude", of->location.altitude);
  }
  reader->meta = meta;
  reader->meta_of = of;
  ttn_print(reader->meta_id, sizeof(reader->meta_id), "%s", value->subject);
  return meta;
}

static void sink_begin(void *ctx) {
  struct reader *reader = ctx;
  reader->time = cdtime();
}

/* The meta data's strings live no longer than the answer. */
static void sink_end(void *ctx) { forget_meta(ctx); }

/* Five names a value: with printf they took a tenth of all of a poll. What does
 * not fit is cut. */
static size_t put_name(char name[DATA_MAX_NAME_LEN], const char *text) {
  size_t n = strnlen(text, DATA_MAX_NAME_LEN - 1);
  memcpy(name, text, n);
  name[n] = '\0';
  return n;
}

static void sink_value(void *ctx, const struct ttn_value *value) {
  struct reader *reader = ctx;
  if (!value->derive && !isfinite(value->gauge))
    return;
  const struct ttn_series_name *name = &ttn_series_names[value->series];
  value_t number = {.gauge = value->gauge};
  if (value->derive)
    number.derive = value->count;
  value_list_t list = VALUE_LIST_INIT;
  list.values = &number;
  list.values_len = 1;
  list.time = reader->time;
  list.interval = reader->interval;
  list.meta = meta_for(reader, value);
  put_name(list.host, reader->host);
  put_name(list.plugin, name->plugin);
  put_name(list.plugin_instance, value->subject);
  put_name(list.type, name->type);
  size_t n = put_name(list.type_instance, name->type_instance);
  size_t rest = strnlen(value->label, DATA_MAX_NAME_LEN - 1 - n);
  memcpy(list.type_instance + n, value->label, rest);
  list.type_instance[n + rest] = '\0';
  plugin_dispatch_values(&list);
}

/* On the notifier's thread. */
static void deliver(const char *host, const struct ttn_notification *what) {
  static const int severities[] = {
      [TTN_OKAY] = NOTIF_OKAY,
      [TTN_NOTIFY_WARNING] = NOTIF_WARNING,
      [TTN_NOTIFY_FAILURE] = NOTIF_FAILURE,
  };
  const struct ttn_series_name *name = &ttn_series_names[what->series];
  notification_t note = {.severity = severities[what->severity],
                         .time = cdtime()};
  ttn_print(note.message, sizeof(note.message), "%s", what->message);
  put_name(note.host, host);
  put_name(note.plugin, name->plugin);
  put_name(note.plugin_instance, what->subject);
  put_name(note.type, name->type);
  put_name(note.type_instance, name->type_instance);
  /* -1: nobody listens. Not an error. */
  (void)plugin_dispatch_notification(&note);
}

static void sink_notify(void *ctx, const struct ttn_notification *what) {
  const struct reader *reader = ctx;
  if (pthread_equal(pthread_self(), face.main_thread))
    deliver(reader->host, what);
  else
    ttn_notifier_send(face.notifier, reader->host, what);
}

/* -- read -- */

static int read_account(user_data_t *data) {
  struct reader *reader = data->data;
  if (pthread_equal(pthread_self(), face.main_thread))
    ttn_account_poll_at_once(reader->account);
  else
    ttn_runner_wake(reader->runner);
  return 0;
}

static void free_reader(void *data) {
  struct reader *reader = data;
  ttn_runner_free(reader->runner);
  ttn_free(&env, reader);
  if (--face.n_readers > 0)
    return;
  ttn_notifier_free(face.notifier);
  face.notifier = NULL;
}

/* -- config -- */

static struct ttn_option to_option(const oconfig_item_t *item) {
  struct ttn_option option = {
      .name = item->key,
      .n_values = (size_t)item->values_num,
      .n_children = (size_t)item->children_num,
  };
  if (item->values_num == 0)
    return option;
  const oconfig_value_t *value = &item->values[0];
  switch (value->type) {
  case OCONFIG_TYPE_STRING:
    option.value.type = TTN_VALUE_STRING;
    option.value.string = value->value.string;
    break;
  case OCONFIG_TYPE_NUMBER:
    option.value.type = TTN_VALUE_NUMBER;
    option.value.number = value->value.number;
    break;
  default:
    option.value.type = TTN_VALUE_BOOLEAN;
    option.value.boolean = value->value.boolean != 0;
  }
  return option;
}

/* Reads a whole block, so that all its errors are seen at once. */
static bool read_options(struct ttn_settings *settings,
                         const oconfig_item_t *block) {
  bool good = true;
  for (int i = 0; i < block->children_num; i++) {
    struct ttn_option option = to_option(&block->children[i]);
    good = ttn_settings_option(&env, settings, &option) && good;
  }
  return good &&
         ttn_settings_finish(&env, settings,
                             (int64_t)CDTIME_T_TO_NS(plugin_get_interval()));
}

static void configure_account(const oconfig_item_t *block) {
  struct ttn_option option = to_option(block);
  if (option.n_values != 1 || option.value.type != TTN_VALUE_STRING) {
    ttn_log(&env, TTN_ERROR,
            "an <Account> block is left out: it needs one name, in quotes, as "
            "in <Account \"home\">");
    return;
  }
  struct wanted **end = &face.wanted;
  for (; *end != NULL; end = &(*end)->next)
    if (strcmp((*end)->settings->account, option.value.string) == 0) {
      ttn_log(&env, TTN_ERROR,
              "account \"%s\" is there twice, the second is left out: give it "
              "a name of its own",
              option.value.string);
      return;
    }
  struct ttn_settings *settings = ttn_settings_new(&env, option.value.string);
  if (settings == NULL)
    return;
  struct wanted *wanted = NULL;
  if (read_options(settings, block))
    wanted = ttn_alloc(&env, sizeof(*wanted));
  if (wanted != NULL) {
    wanted->settings = settings;
    *end = wanted;
    return;
  }
  ttn_log(&env, TTN_ERROR,
          "account \"%s\" is left out: nothing of it will be polled",
          settings->account);
  ttn_settings_free(&env, settings);
}

static int configure(oconfig_item_t *plugin) {
  for (int i = 0; i < plugin->children_num; i++) {
    const oconfig_item_t *item = &plugin->children[i];
    if (strcasecmp(item->key, "Account") == 0)
      configure_account(item);
    else
      ttn_log(&env, TTN_WARNING,
              "option %.60s is ignored: options belong into an <Account "
              "\"name\"> block",
              item->key);
  }
  return 0;
}

/* -- init -- */

/* Two accounts that write the same state file would undo each other's. */
static void place_accounts(void) {
  const char *base_dir = global_option_get("BaseDir");
  for (struct wanted *w = face.wanted; w != NULL; w = w->next) {
    bool good = ttn_settings_place(&env, w->settings, hostname_g, base_dir);
    const char *path = w->settings->state_file;
    for (struct wanted *v = face.wanted; good && v != w; v = v->next) {
      if (v->settings == NULL || path[0] == '\0' ||
          strcmp(v->settings->state_file, path) != 0)
        continue;
      ttn_log(&env, TTN_ERROR,
              "account \"%s\" is left out: its StateFile %s is account "
              "\"%s\"'s; give it one of its own",
              w->settings->account, path, v->settings->account);
      good = false;
    }
    if (!good) {
      ttn_settings_free(&env, w->settings);
      w->settings = NULL;
    }
  }
}

/* Takes over settings. */
static struct reader *new_reader(struct ttn_settings *settings) {
  struct ttn_http_options options;
  ttn_settings_http(settings, &options);
  struct reader *reader = ttn_alloc(&env, sizeof(*reader));
  struct ttn_net *net = reader != NULL ? ttn_http_new(&env, &options) : NULL;
  if (net != NULL && face.notifier == NULL)
    face.notifier = ttn_notifier_new(&env, deliver, plugin_thread_create);
  if (net == NULL || face.notifier == NULL) {
    if (net != NULL)
      net->free(net->ctx);
    ttn_log(&env, TTN_ERROR, "account \"%s\" is left out: no memory",
            settings->account);
    ttn_settings_free(&env, settings);
    ttn_free(&env, reader);
    return NULL;
  }
  face.n_readers++;
  reader->sink = (struct ttn_sink){reader,      sink_begin, sink_value,
                                   sink_notify, sink_end,   NULL};
  reader->interval = NS_TO_CDTIME_T((cdtime_t)settings->interval);
  ttn_print(reader->name, sizeof(reader->name), "%s", settings->account);
  ttn_print(reader->host, sizeof(reader->host), "%s", settings->host);
  reader->account =
      ttn_account_new(&env, settings, net, &reader->sink, face.ownership);
  if (reader->account != NULL)
    reader->runner = ttn_runner_new(&env, reader->account, reader->name,
                                    plugin_thread_create);
  if (reader->runner == NULL) {
    ttn_log(&env, TTN_ERROR, "account \"%s\" is left out", reader->name);
    free_reader(reader);
    return NULL;
  }
  return reader;
}

/* How many accounts are polled from now on: 1 or 0. Takes over settings. */
static int start_account(struct ttn_settings *settings) {
  char name[sizeof(NAME "/") + TTN_NAME_MAX];
  struct reader *reader = new_reader(settings);
  if (reader == NULL)
    return 0;
  ttn_print(name, sizeof(name), NAME "/%s", reader->name);
  /* cppcheck-suppress legacyUninitvar ; it does not see this type */
  user_data_t data = {.data = reader, .free_func = free_reader};
  int status = plugin_register_complex_read(NAME, name, read_account,
                                            reader->interval, &data);
  if (status == 0)
    return 1;
  /* The reader is gone by now: see above. */
  ttn_log(&env, TTN_ERROR, "collectd refuses to read %s: error %d", name,
          status);
  return 0;
}

static int init(void) {
  int started = 0;
  face.main_thread = pthread_self();
  if (!ttn_http_global_init()) {
    ttn_log(&env, TTN_ERROR, "libcurl can't be used: nothing will be polled");
    return 0;
  }
  face.ownership = ttn_ownership_new(&env);
  if (face.ownership == NULL) {
    ttn_log(&env, TTN_ERROR, "no memory: nothing will be polled");
    return 0;
  }
  place_accounts();
  for (struct wanted *w = face.wanted; w != NULL; w = w->next) {
    if (w->settings != NULL)
      started += start_account(w->settings);
    w->settings = NULL;
  }
  if (started == 0)
    ttn_log(&env, TTN_ERROR,
            "no account is left, nothing will be polled: a <Plugin " NAME
            "> block needs an <Account \"name\"> with an APIKeyFile");
  return 0;
}

static int shutdown_plugin(void) {
  while (face.wanted != NULL) {
    struct wanted *next = face.wanted->next;
    ttn_settings_free(&env, face.wanted->settings);
    ttn_free(&env, face.wanted);
    face.wanted = next;
  }
  ttn_ownership_free(face.ownership);
  face.ownership = NULL;
  return 0;
}

void module_register(void) {
  plugin_register_complex_config(NAME, configure);
  plugin_register_init(NAME, init);
  plugin_register_shutdown(NAME, shutdown_plugin);
}
