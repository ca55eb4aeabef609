/* SPDX-License-Identifier: MIT */
/* An account's life: what it owns, its key, and what it remembers over a
 * restart. The poll itself is in poll.c.
 *
 * The state file is read at the first poll, not at start: collectd has then
 * changed to its BaseDir and dropped to its user. Values reported last are good
 * for one start only, so a file that holds them is written again without them
 * before the first value goes out. */
#include "account/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void account_log(const struct ttn_account *a, enum ttn_level level,
                 const char *format, ...) {
  char text[900];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  ttn_log(a->env, level, "account \"%s\": %s", a->settings->account, text);
}

char *ttn_words(char *buffer, size_t size, int64_t ns) {
  static const struct {
    int64_t seconds;
    const char *unit;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  int64_t seconds = ns / TTN_SECOND;
  size_t u = 0;
  while (u < 3 && seconds < 2 * units[u].seconds)
    u++;
  int64_t n = seconds / units[u].seconds;
  return ttn_print(buffer, size, "%lld %s%s", (long long)n, units[u].unit,
                   n == 1 ? "" : "s");
}

struct ttn_account *ttn_account_new(const struct ttn_env *env,
                                    struct ttn_settings *settings,
                                    const struct ttn_net *net,
                                    const struct ttn_sink *sink,
                                    struct ttn_ownership *ownership) {
  char why[256];
  struct ttn_account *a = ttn_alloc(env, sizeof(*a));
  if (a == NULL) {
    ttn_settings_free(env, settings);
    net->free(net->ctx);
    return NULL;
  }
  a->env = env;
  a->settings = settings;
  a->net = *net;
  a->sink = sink;
  a->ownership = ownership;
  atomic_init(&a->stop, false);
  a->select = ttn_select_new(env, settings, why, sizeof(why));
  if (a->select == NULL) {
    account_log(a, TTN_ERROR, "%s", why);
    goto fail;
  }
  hosts_init(a);
  a->n_sources =
      settings->n_organizations > 0 ? settings->n_organizations : 1;
  a->sources = ttn_alloc(env, a->n_sources * sizeof(*a->sources));
  if (a->sources == NULL) {
    account_log(a, TTN_ERROR, "no memory");
    goto fail;
  }
  for (size_t i = 0; i < settings->n_organizations; i++)
    a->sources[i].organization = settings->organizations[i];
  return a;
fail:
  ttn_account_free(a);
  return NULL;
}

void ttn_account_stop(struct ttn_account *a) {
  atomic_store(&a->stop, true);
  a->net.wake(a->net.ctx);
}

void account_free_gw(const struct ttn_env *env, struct gw *gw) {
  if (gw == NULL)
    return;
  ttn_free(env, gw->name);
  ttn_free(env, gw->eui);
  ttn_free(env, gw->address);
  ttn_free(env, gw);
}

static void free_host(struct ttn_account *a, struct host *host) {
  ttn_free(a->env, host->turns);
  ttn_free(a->env, host->ranges);
  ttn_free(a->env, host->absent);
}

static void free_jobs(const struct ttn_env *env, struct job *jobs) {
  for (struct job *job = jobs, *next; job != NULL; job = next) {
    next = job->next;
    ttn_decoder_free(job->decoder);
    ttn_free(env, job->body);
    ttn_free(env, job);
  }
}

/* Up to 32 jobs a host, each with the records of 100 gateways, would be most
 * of what an account holds between its polls. One is enough for a small one. */
void account_trim(struct ttn_account *a) {
  if (a->idle == NULL)
    return;
  free_jobs(a->env, a->idle->next);
  a->idle->next = NULL;
}

void ttn_account_free(struct ttn_account *a) {
  if (a == NULL)
    return;
  const struct ttn_env *env = a->env;
  account_save_state(a, true);
  ttn_ownership_release_all(a->ownership, a);
  discover_drop(a);
  for (size_t i = 0; i < a->n_gateways; i++)
    account_free_gw(env, a->gateways[i]);
  ttn_free(env, a->gateways);
  for (size_t h = 0; h < a->n_hosts; h++)
    free_host(a, &a->hosts[h]);
  free_jobs(env, a->idle);
  ttn_free(env, a->waiting);
  ttn_free(env, a->graves);
  ttn_free(env, a->sources);
  ttn_free(env, a->rows);
  ttn_select_free(env, a->select);
  ttn_auth_free(env, a->old_auth);
  ttn_auth_free(env, a->auth);
  ttn_free(env, a->key);
  a->net.free(a->net.ctx);
  ttn_settings_free(env, a->settings);
  ttn_free(env, a);
}

static bool set_key(struct ttn_account *a, const char *key, char *why,
                    size_t why_size) {
  const char *odd = NULL;
  if (!ttn_key_check(key, &odd, why, why_size))
    return false;
  struct ttn_auth *auth = ttn_auth_new(a->env, key);
  if (auth == NULL) {
    ttn_print(why, why_size, "no memory for the key");
    return false;
  }
  if (odd != NULL)
    account_log(a, TTN_WARNING, "the key %s", odd);
  ttn_auth_free(a->env, a->old_auth);
  a->old_auth = a->auth;
  a->auth = auth;
  ttn_free(a->env, a->key);
  a->key = NULL;
  a->singles = false;
  return true;
}

static bool key_from_file(struct ttn_account *a) {
  const char *path = a->settings->api_key_file;
  char key[TTN_KEY_MAX + 1], why[256];
  const char *open_to = NULL;
  bool good = ttn_key_read(path, key, &a->stamp, &open_to, why, sizeof(why)) &&
              set_key(a, key, why, sizeof(why));
  ttn_wipe(key, sizeof(key));
  a->stamped = good;
  if (!good) {
    if (!a->said_key_file)
      account_log(a, TTN_ERROR, "APIKeyFile \"%s\": %s", path, why);
    a->said_key_file = true;
    return false;
  }
  if (open_to != NULL)
    account_log(a, TTN_WARNING,
                "APIKeyFile \"%s\" can be read by %s: chmod 600 it", path,
                open_to);
  if (a->said_key_file)
    account_log(a, TTN_NOTICE, "APIKeyFile \"%s\" can be read now", path);
  a->said_key_file = false;
  return true;
}

bool account_key(struct ttn_account *a, bool again) {
  char why[256];
  if (a->settings->api_key_file != NULL) {
    if (a->stamped && !ttn_key_changed(a->settings->api_key_file, &a->stamp))
      return !again;
    /* A file that is away or half-written amid a rotation: the key that is
     * known goes on until it is refused. */
    return key_from_file(a) || (a->auth != NULL && !again);
  }
  if (a->auth != NULL)
    return !again;
  if (set_key(a, a->settings->api_key, why, sizeof(why)))
    return true;
  if (!a->said_key_file)
    account_log(a, TTN_ERROR, "APIKey: %s", why);
  a->said_key_file = true;
  return false;
}

size_t account_find(const struct ttn_account *a, const char *id, bool *there) {
  size_t low = 0, high = a->n_gateways;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(a->gateways[middle]->id, id);
    if (order == 0) {
      *there = true;
      return middle;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *there = false;
  return low;
}

static bool has_state_file(const struct ttn_account *a) {
  return a->settings->state_file != NULL && a->settings->state_file[0] != '\0';
}

void account_load_state(struct ttn_account *a) {
  char why[256], url[TTN_URL_MAX];
  bool with_values = false;
  if (a->loaded)
    return;
  a->loaded = true;
  if (!has_state_file(a))
    return;
  if (ttn_state_file_read(a->env, a->settings->state_file,
                          a->settings->account,
                          ttn_endpoint_print(url, sizeof(url),
                                             &a->settings->url),
                          &a->rows, &a->n_rows, &with_values, why,
                          sizeof(why)) != TTN_OK)
    account_log(a, TTN_WARNING,
                "StateFile \"%s\": %s; counts go on without it: those of "
                "gateways that reconnected before may show one reset",
                a->settings->state_file, why);
  a->room_rows = a->n_sorted = a->n_rows;
  if (!with_values)
    return;
  account_save_state(a, false);
  /* Values that a later start would find again must not be used now; without
   * the file there is nothing to find, and it is tried again at each poll. */
  if (a->dirty && unlink(a->settings->state_file) != 0)
    for (size_t i = 0; i < a->n_rows; i++)
      a->rows[i].gateway.reported = 0;
}

static void say_state_file(struct ttn_account *a, bool failed,
                           const char *why) {
  if (failed) {
    a->report.failures[TTN_FAIL_STATE_FILE]++;
    if (!a->said_state_file)
      account_log(a, TTN_WARNING,
                  "StateFile \"%s\": %s; until it can be written, a restart "
                  "of collectd may show as a reset of counts",
                  a->settings->state_file, why);
  } else if (a->said_state_file) {
    account_log(a, TTN_NOTICE, "StateFile \"%s\" can be written again",
                a->settings->state_file);
  }
  a->said_state_file = failed;
}

void account_save_state(struct ttn_account *a, bool with_values) {
  char why[256], url[TTN_URL_MAX];
  if (!a->loaded || !has_state_file(a))
    return;
  struct ttn_state_writer *writer = ttn_state_writer_open(
      a->env, a->settings->state_file, a->settings->account,
      ttn_endpoint_print(url, sizeof(url), &a->settings->url), with_values,
      why, sizeof(why));
  if (writer != NULL) {
    for (size_t i = 0; i < a->n_gateways; i++)
      if (with_values || ttn_gateway_has_offset(&a->gateways[i]->known))
        ttn_state_writer_add(writer, a->gateways[i]->id, 0,
                             &a->gateways[i]->known);
    for (size_t i = 0; i < a->n_rows; i++)
      if (with_values || ttn_gateway_has_offset(&a->rows[i].gateway))
        ttn_state_writer_add(writer, a->rows[i].id, a->rows[i].gone_at,
                             &a->rows[i].gateway);
  }
  bool failed =
      writer == NULL ||
      ttn_state_writer_close(writer, true, why, sizeof(why)) != TTN_OK;
  a->dirty = failed;
  say_state_file(a, failed, why);
}

/* gone_at of a row whose gateway is back. */
#define TAKEN (-1)

static int row_order(const void *a, const void *b) {
  return strcmp(((const struct ttn_state_row *)a)->id,
                ((const struct ttn_state_row *)b)->id);
}

bool account_restore(struct ttn_account *a, const char *id,
                     struct ttn_gateway *known) {
  struct ttn_state_row wanted = {0};
  if (a->n_sorted == 0)
    return false;
  ttn_print(wanted.id, sizeof(wanted.id), "%s", id);
  struct ttn_state_row *row =
      bsearch(&wanted, a->rows, a->n_sorted, sizeof(*a->rows), row_order);
  if (row == NULL || row->gone_at == TAKEN)
    return false;
  *known = row->gateway;
  row->gone_at = TAKEN; /* closing the gap each time would take n * n */
  return true;
}

void account_rows_gone(struct ttn_account *a) {
  size_t kept = 0;
  for (size_t i = 0; i < a->n_rows; i++) {
    struct ttn_state_row *row = &a->rows[i];
    if (row->gone_at == 0)
      row->gone_at = a->date;
    if (a->date - row->gone_at <= GONE_KEPT)
      a->rows[kept++] = *row;
    else
      a->dirty = a->dirty || ttn_gateway_has_offset(&row->gateway);
  }
  a->n_rows = a->n_sorted = kept;
}

void account_keep_row(struct ttn_account *a, const struct gw *gw) {
  if (gw->known.reported == 0 && !ttn_gateway_has_offset(&gw->known))
    return;
  void *rows = a->rows;
  if (!ttn_grow(a->env, &rows, &a->room_rows, a->n_rows + 1, sizeof(*a->rows),
                GATEWAYS_MAX))
    return; /* its offset is lost: at worst one reset is seen */
  a->rows = rows;
  struct ttn_state_row *row = &a->rows[a->n_rows++];
  memset(row, 0, sizeof(*row));
  ttn_print(row->id, sizeof(row->id), "%s", gw->id);
  row->gone_at = a->date;
  row->gateway = gw->known;
  a->dirty = a->dirty || ttn_gateway_has_offset(&gw->known);
}

void account_sort_rows(struct ttn_account *a) {
  size_t kept = 0;
  for (size_t i = 0; i < a->n_rows; i++)
    if (a->rows[i].gone_at != TAKEN)
      a->rows[kept++] = a->rows[i];
  a->n_rows = a->n_sorted = kept;
  if (kept > 1)
    qsort(a->rows, kept, sizeof(*a->rows), row_order);
}
