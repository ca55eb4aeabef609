/* SPDX-License-Identifier: MIT */
#include "account/offsets.h"

#include "gateway/state_shards.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a row outlives its gateway's absence from the list. */
#define GONE_KEPT (INT64_C(86400) * TTN_SECOND)
#define ROWS_MAX 1000000
/* gone_at of a row whose gateway is listed again. */
#define TAKEN (-1)

void offsets_free(struct offsets *o, const struct ttn_env *env) {
  ttn_state_rows_free(env, o->rows, o->n_rows);
}

bool offsets_kept(const struct account_context *c) {
  return c->settings->state_file != NULL && c->settings->state_file[0] != '\0';
}

void offsets_changed(struct offsets *o) { o->dirty = true; }

void offsets_saw_time(struct offsets *o, int64_t server_time) {
  o->server_time = server_time;
}

static void sort_rows(struct offsets *o) {
  o->n_sorted = o->n_rows;
  if (o->n_rows > 1)
    qsort(o->rows, o->n_rows, sizeof(*o->rows), ttn_state_row_order);
}

static int id_order(const void *id, const void *row) {
  return strcmp(id, ((const struct ttn_state_row *)row)->id);
}

static struct ttn_state_row *find_row(const struct offsets *o, const char *id) {
  return o->n_sorted == 0
             ? NULL
             : bsearch(id, o->rows, o->n_sorted, sizeof(*o->rows), id_order);
}

static struct ttn_state_row *new_row(struct offsets *o,
                                     const struct account_context *c) {
  void *rows = o->rows;
  if (!ttn_grow(c->env, &rows, &o->room_rows, o->n_rows + 1, sizeof(*o->rows),
                ROWS_MAX))
    return NULL;
  o->rows = rows;
  return &o->rows[o->n_rows++];
}

static void load_file(const char *path, struct account_context *c,
                      struct ttn_state_row **rows, size_t *n,
                      bool *with_values) {
  char why[256], url[TTN_URL_MAX];
  if (ttn_state_file_read(
          c->env, path, c->settings->account,
          ttn_endpoint_print(url, sizeof(url), &c->settings->url), rows, n,
          with_values, why, sizeof(why)) != TTN_OK)
    context_log(c, TTN_WARNING,
                "StateFile \"%s\": %s; it is ignored: counts of gateways that "
                "reconnected before may show one reset",
                path, why);
}

/* Values reported last, of shards: after them another shard may have counted
 * on. So a start goes on from offsets alone, as after a kill. */
static void forget_values(struct ttn_gateway *gateway) {
  if (!ttn_gateway_has_servers(gateway))
    ttn_gateway_forget_values(gateway);
}

/* What another shard knew of a gateway that is this one's now. */
static void take_over(struct offsets *o, const struct account_context *c,
                      struct ttn_state_row *row) {
  if (!ttn_filter_wanted(c->filter, row->id) ||
      !ttn_gateway_has_offset(&row->gateway))
    return;
  struct ttn_state_row *own = find_row(o, row->id);
  if (own != NULL && !ttn_state_row_later(row, own))
    return;
  if (own != NULL)
    ttn_gateway_free(&own->gateway, c->env);
  else
    own = new_row(o, c);
  if (own == NULL)
    return; /* at worst one reset is seen */
  *own = ttn_state_row_of(row->id, 0, &row->gateway);
  o->dirty = true;
}

struct taking {
  struct offsets *offsets;
  struct account_context *context;
  bool any;
};

static void take_file(void *ctx, const char *path) {
  struct taking *taking = ctx;
  struct ttn_state_row *rows;
  size_t n;
  bool with_values;
  load_file(path, taking->context, &rows, &n, &with_values);
  for (size_t i = 0; i < n; i++)
    take_over(taking->offsets, taking->context, &rows[i]);
  ttn_state_rows_free(taking->context->env, rows, n);
  sort_rows(taking->offsets);
  taking->any = true;
}

static void take_files(struct offsets *o, struct account_context *c) {
  struct taking taking = {o, c, c->settings->shard_count > 1};
  ttn_state_others(c->settings->state_file, c->settings->shard_index, take_file,
                   &taking);
  for (size_t i = 0; i < o->n_rows && taking.any; i++)
    forget_values(&o->rows[i].gateway);
}

void offsets_load(struct offsets *o, struct account_context *c) {
  char why[256];
  const char *path = c->settings->state_file;
  bool with_values = false;
  if (o->loaded)
    return;
  o->loaded = true;
  if (!offsets_kept(c))
    return;
  load_file(path, c, &o->rows, &o->n_rows, &with_values);
  o->room_rows = o->n_sorted = o->n_rows;
  take_files(o, c);
  if (!with_values)
    return;
  struct ttn_state_writer *writer =
      offsets_write_begin(o, c, false, why, sizeof(why));
  offsets_write_end(o, c, writer, why, sizeof(why));
  /* Values that a later start would find again must not be used now; without
   * the file there is nothing to find, and each poll tries it again. */
  if (o->dirty && unlink(path) != 0)
    for (size_t i = 0; i < o->n_rows; i++)
      ttn_gateway_forget_values(&o->rows[i].gateway);
}

struct ttn_state_writer *offsets_write_begin(struct offsets *o,
                                             const struct account_context *c,
                                             bool with_values, char *why,
                                             size_t why_size) {
  char url[TTN_URL_MAX];
  if (!o->loaded || !offsets_kept(c))
    return NULL;
  struct ttn_state_writer *writer = ttn_state_writer_open(
      c->env, c->settings->state_file, c->settings->account,
      ttn_endpoint_print(url, sizeof(url), &c->settings->url), with_values, why,
      why_size);
  for (size_t i = 0; writer != NULL && i < o->n_rows; i++)
    if (with_values || ttn_gateway_has_offset(&o->rows[i].gateway))
      ttn_state_writer_add(writer, o->rows[i].id, o->rows[i].gone_at,
                           &o->rows[i].gateway);
  return writer;
}

void offsets_write_end(struct offsets *o, struct account_context *c,
                       struct ttn_state_writer *writer, char *why,
                       size_t why_size) {
  if (!o->loaded || !offsets_kept(c))
    return;
  o->dirty = writer == NULL ||
             ttn_state_writer_close(writer, true, why, why_size) != TTN_OK;
  if (o->dirty) {
    context_count_failure(c, TTN_FAIL_STATE_FILE);
    if (ttn_episode_begin(&o->unwritable))
      context_log(c, TTN_WARNING,
                  "StateFile \"%s\": %s; until it can be written, a restart "
                  "of collectd may show as a reset of counts",
                  c->settings->state_file, why);
  } else if (ttn_episode_end(&o->unwritable)) {
    context_log(c, TTN_NOTICE, "StateFile \"%s\" can be written again",
                c->settings->state_file);
  }
}

void offsets_restore(struct offsets *o, const char *id,
                     struct ttn_gateway *known) {
  struct ttn_state_row *row = find_row(o, id);
  if (row == NULL || row->gone_at == TAKEN)
    return;
  *known = ttn_gateway_take(&row->gateway);
  ttn_state_row_gone(row, TAKEN); /* closing each gap would take n * n */
}

void offsets_keep(struct offsets *o, const struct account_context *c,
                  const char *id, struct ttn_gateway *known) {
  if (known->reported == 0 && !ttn_gateway_has_offset(known))
    return;
  struct ttn_state_row *row = new_row(o, c);
  if (row == NULL)
    return; /* the offset is lost: at worst one reset is seen */
  o->dirty = o->dirty || ttn_gateway_has_offset(known);
  *row = ttn_state_row_of(id, o->server_time, known);
}

static bool is_kept(struct offsets *o, const struct ttn_env *env,
                    struct ttn_state_row *row, bool complete) {
  if (row->gone_at == TAKEN)
    return false;
  if (!complete)
    return true;
  if (row->gone_at == 0)
    ttn_state_row_gone(row, o->server_time);
  if (o->server_time - row->gone_at <= GONE_KEPT)
    return true;
  o->dirty = o->dirty || ttn_gateway_has_offset(&row->gateway);
  ttn_gateway_free(&row->gateway, env);
  return false;
}

void offsets_list_merged(struct offsets *o, const struct ttn_env *env,
                         bool complete) {
  size_t kept = 0;
  for (size_t i = 0; i < o->n_rows; i++)
    if (is_kept(o, env, &o->rows[i], complete))
      o->rows[kept++] = o->rows[i];
  o->n_rows = kept;
  sort_rows(o);
}
