/* SPDX-License-Identifier: MIT */
#include "account/offsets.h"

#include "base/text.h"

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

void offsets_load(struct offsets *o, struct account_context *c) {
  char why[256], url[TTN_URL_MAX];
  bool with_values = false;
  if (o->loaded)
    return;
  o->loaded = true;
  if (!offsets_kept(c))
    return;
  if (ttn_state_file_read(
          c->env, c->settings->state_file, c->settings->account,
          ttn_endpoint_print(url, sizeof(url), &c->settings->url), &o->rows,
          &o->n_rows, &with_values, why, sizeof(why)) != TTN_OK)
    context_log(c, TTN_WARNING,
                "StateFile \"%s\": %s; it is ignored: counts of gateways that "
                "reconnected before may show one reset",
                c->settings->state_file, why);
  o->room_rows = o->n_sorted = o->n_rows;
  if (!with_values)
    return;
  struct ttn_state_writer *writer =
      offsets_write_begin(o, c, false, why, sizeof(why));
  offsets_write_end(o, c, writer, why, sizeof(why));
  /* Values that a later start would find again must not be used now; without
   * the file there is nothing to find, and each poll tries it again. */
  if (o->dirty && unlink(c->settings->state_file) != 0)
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

static int row_order(const void *a, const void *b) {
  return strcmp(((const struct ttn_state_row *)a)->id,
                ((const struct ttn_state_row *)b)->id);
}

bool offsets_restore(struct offsets *o, const char *id,
                     struct ttn_gateway *known) {
  struct ttn_state_row wanted = {0};
  if (o->n_sorted == 0)
    return false;
  ttn_print(wanted.id, sizeof(wanted.id), "%s", id);
  struct ttn_state_row *row =
      bsearch(&wanted, o->rows, o->n_sorted, sizeof(*o->rows), row_order);
  if (row == NULL || row->gone_at == TAKEN)
    return false;
  *known = ttn_gateway_take(&row->gateway);
  row->gone_at = TAKEN; /* closing the gap each time would take n * n */
  return true;
}

void offsets_keep(struct offsets *o, const struct account_context *c,
                  const char *id, struct ttn_gateway *known) {
  if (known->reported == 0 && !ttn_gateway_has_offset(known))
    return;
  void *rows = o->rows;
  if (!ttn_grow(c->env, &rows, &o->room_rows, o->n_rows + 1, sizeof(*o->rows),
                ROWS_MAX))
    return; /* the offset is lost: at worst one reset is seen */
  o->rows = rows;
  struct ttn_state_row *row = &o->rows[o->n_rows++];
  o->dirty = o->dirty || ttn_gateway_has_offset(known);
  *row = (struct ttn_state_row){.gone_at = o->server_time,
                                .gateway = ttn_gateway_take(known)};
  ttn_print(row->id, sizeof(row->id), "%s", id);
}

static bool is_kept(struct offsets *o, const struct ttn_env *env,
                    struct ttn_state_row *row, bool complete) {
  if (row->gone_at == TAKEN)
    return false;
  if (!complete)
    return true;
  if (row->gone_at == 0)
    row->gone_at = o->server_time;
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
  o->n_rows = o->n_sorted = kept;
  if (kept > 1)
    qsort(o->rows, kept, sizeof(*o->rows), row_order);
}
