/* SPDX-License-Identifier: MIT */
/* A collectd for tests of the module: it exports the functions that ttn.so
 * takes from the daemon, and keeps what the module gives them. */
#ifndef TTN_COLLECTD_H
#define TTN_COLLECTD_H

#include "lib/testing.h"

#include <plugin.h>
#include <pthread.h>
#include <stdatomic.h>

#define COLLECTD_READS 8
#define COLLECTD_VALUES 200 /* later ones are only counted */

/* A read callback that the module registered. */
struct collectd_read {
  char name[160];
  plugin_read_cb callback;
  cdtime_t interval;
  user_data_t data;
};

/* Each of the module's threads may write what is below lock. */
extern struct collectd {
  int (*config)(oconfig_item_t *);
  plugin_init_cb init;
  plugin_shutdown_cb shutdown;
  struct collectd_read reads[COLLECTD_READS];
  int n_reads;
  int refuse;   /* plugin_register_complex_read returns this */
  bool no_meta; /* there is no memory for meta data */
  cdtime_t now;

  pthread_mutex_t lock;
  char log[1 << 14];
  value_list_t values[COLLECTD_VALUES];
  double gauges[COLLECTD_VALUES];
  derive_t counts[COLLECTD_VALUES];
  char gateway_names[COLLECTD_VALUES][64]; /* of the meta data */
  int n_values;
  atomic_int dispatched, notified;
} collectd;

/* A line of the configuration, as collectd's parser gives it. value may be NULL
 * and, like key, must stay valid. */
oconfig_item_t collectd_item(const char *key, oconfig_value_t *value);

/* Gives the module <Plugin ttn> with one account at a stack on this port. */
void collectd_configure(const char *account, int port, const char *state_file);

/* Loads the module, as collectd does, and lets it register its callbacks. */
void collectd_load(void);

#endif
