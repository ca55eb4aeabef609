/* SPDX-License-Identifier: MIT */
#include "lib/collectd.h"

#include <dlfcn.h>
#include <signal.h>

#define API_KEY                                                                \
  "NNSXS.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG."                             \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST"

char *hostname_g;
struct collectd collectd = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* -- what the module calls -- */

int plugin_register_complex_config(const char *type,
                                   int (*callback)(oconfig_item_t *)) {
  assert_string_equal(type, "ttn");
  collectd.config = callback;
  return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback) {
  assert_string_equal(name, "ttn");
  collectd.init = callback;
  return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  assert_string_equal(name, "ttn");
  collectd.shutdown = callback;
  return 0;
}

/* Frees the user data when it refuses, as collectd does. */
int plugin_register_complex_read(const char *group, const char *name,
                                 plugin_read_cb callback, cdtime_t interval,
                                 user_data_t const *data) {
  assert_string_equal(group, "ttn");
  assert_true(collectd.n_reads < COLLECTD_READS);
  if (collectd.refuse != 0) {
    data->free_func(data->data);
    return collectd.refuse;
  }
  struct collectd_read *read = &collectd.reads[collectd.n_reads++];
  snprintf(read->name, sizeof(read->name), "%s", name);
  read->callback = callback;
  read->interval = interval;
  read->data = *data;
  return 0;
}

/* The meta data is a string here: the gateway's name. */
meta_data_t *meta_data_create(void) {
  return collectd.no_meta ? NULL : calloc(1, 64);
}

void meta_data_destroy(meta_data_t *meta) { free(meta); }

int meta_data_add_string(meta_data_t *meta, const char *key,
                         const char *value) {
  if (strcmp(key, "gateway_name") == 0)
    snprintf((char *)meta, 64, "%s", value);
  return 0;
}

int meta_data_add_double(meta_data_t *meta, const char *key, double value) {
  (void)meta;
  (void)key;
  (void)value;
  return 0;
}

int plugin_dispatch_values(value_list_t const *list) {
  collectd.dispatched++;
  pthread_mutex_lock(&collectd.lock);
  if (collectd.n_values < COLLECTD_VALUES) {
    int i = collectd.n_values++;
    collectd.values[i] = *list;
    collectd.gauges[i] = list->values[0].gauge;
    collectd.counts[i] = list->values[0].derive;
    if (list->meta != NULL)
      snprintf(collectd.gateway_names[i], 64, "%s", (const char *)list->meta);
  }
  pthread_mutex_unlock(&collectd.lock);
  return 0;
}

int plugin_dispatch_notification(const notification_t *note) {
  (void)note;
  collectd.notified++;
  return -1;
}

void plugin_log(int level, const char *format, ...) {
  static const char *const names[] = {
      [LOG_ERR] = "ERROR", [LOG_WARNING] = "WARNING", [LOG_NOTICE] = "NOTICE",
      [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG",
  };
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  pthread_mutex_lock(&collectd.lock);
  size_t used = strlen(collectd.log);
  snprintf(collectd.log + used, sizeof(collectd.log) - used, "%s %s\n",
           names[level], line);
  pthread_mutex_unlock(&collectd.lock);
}

int plugin_thread_create(pthread_t *thread, void *(*run)(void *), void *arg,
                         char const *name) {
  assert_true(strlen(name) <= 15);
  return pthread_create(thread, NULL, run, arg);
}

cdtime_t plugin_get_interval(void) { return TIME_T_TO_CDTIME_T(10); }

cdtime_t cdtime(void) { return collectd.now; }

const char *global_option_get(const char *option) {
  assert_string_equal(option, "BaseDir");
  return "/nonexistent";
}

/* -- the configuration -- */

static oconfig_value_t collectd_string(const char *text) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_STRING};
  value.value.string = (char *)(uintptr_t)text;
  return value;
}

static oconfig_value_t collectd_number(double n) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_NUMBER};
  value.value.number = n;
  return value;
}

static oconfig_value_t collectd_boolean(bool yes) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_BOOLEAN};
  value.value.boolean = yes ? 1 : 0;
  return value;
}

oconfig_item_t collectd_item(const char *key, oconfig_value_t *value) {
  return (oconfig_item_t){.key = (char *)(uintptr_t)key,
                          .values = value,
                          .values_num = value != NULL ? 1 : 0};
}

void collectd_configure(const char *account, int port, const char *state_file) {
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
  oconfig_value_t values[] = {
      collectd_string(url),    collectd_string(API_KEY),
      collectd_number(0.5),    collectd_boolean(true),
      collectd_number(60000),  collectd_string(state_file),
      collectd_string(account)};
  oconfig_item_t lines[] = {
      collectd_item("URL", &values[0]),
      collectd_item("APIKey", &values[1]),
      collectd_item("Interval", &values[2]),
      collectd_item("MetaData", &values[3]),
      collectd_item("Timeout", &values[4]),
      collectd_item("StateFile", &values[5]),
  };
  oconfig_item_t block = collectd_item("Account", &values[6]);
  block.children = lines;
  block.children_num = 6;
  oconfig_item_t plugin = collectd_item("Plugin", NULL);
  plugin.children = &block;
  plugin.children_num = 1;
  assert_int_equal(collectd.config(&plugin), 0);
}

void collectd_load(void) {
  const char *path = getenv("TTN_PLUGIN");
  static char name[] = "box";
  void (*module_register)(void);
  hostname_g = name;
  signal(SIGPIPE, SIG_IGN);
  void *module =
      dlopen(path != NULL ? path : "src/.libs/ttn.so", RTLD_NOW | RTLD_LOCAL);
  if (module == NULL)
    fail_msg("%s", dlerror());
  *(void **)&module_register = dlsym(module, "module_register");
  assert_non_null(module_register);
  module_register();
}
