/* SPDX-License-Identifier: MIT */
/* The same code polls as in the plugin. This file listens: to the values that
 * would be sent to collectd, by the sink, and to the rest by status.h.
 *
 * Between the account and the real network stands one that forwards everything,
 * shows progress and handles signals: a poll waits nowhere else. */
#include "cli/snapshot.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Between two looks at signals, and two lines of progress. */
#define PATIENCE (100 * TTN_MS)
/* A poll that is over sooner needs no progress. */
#define PROGRESS_AFTER (700 * TTN_MS)
#define VALUES_MAX 1000000

/* ---- the network ---- */

static bool net_start(void *ctx, struct ttn_call *call) {
  struct snapshot *snap = ctx;
  cost_request(&snap->meter, answer_kind_of_url(call->url));
  answer_log_begin(snap->answers, call);
  if (snap->net.start(snap->net.ctx, call))
    return true;
  answer_log_drop(snap->answers, call);
  return false;
}

static void show_progress(struct snapshot *snap, int64_t now) {
  struct ttn_status view;
  char text[80];
  if (now - snap->started < PROGRESS_AFTER)
    return;
  ttn_account_status(snap->account, &view);
  long long seconds = (long long)((now - snap->started) / TTN_SECOND);
  if (view.listed)
    ttn_print(text, sizeof(text), "%zu of %zu gateways, %lld s", snap->n_values,
              view.n_gateways, seconds);
  else
    ttn_print(text, sizeof(text), "listing gateways, %lld s", seconds);
  terminal_progress(snap->term, text);
}

static struct ttn_call *net_wait(void *ctx, int64_t until) {
  struct snapshot *snap = ctx;
  const struct ttn_env *env = &snap->env->env;
  for (;;) {
    int64_t now = env->mono(env->ctx);
    if (terminal_wait(snap->term, 0))
      ttn_account_stop(snap->account);
    if (!snap->following)
      show_progress(snap, now);
    struct ttn_call *call = snap->net.wait(
        snap->net.ctx, until - now < PATIENCE ? until : now + PATIENCE);
    if (call != NULL)
      answer_log_end(snap->answers, call);
    if (call != NULL || snap->term->ended_by != 0 || snap->following ||
        env->mono(env->ctx) >= until)
      return call;
  }
}

static void net_cancel(void *ctx, struct ttn_call *call) {
  struct snapshot *snap = ctx;
  answer_log_drop(snap->answers, call);
  snap->net.cancel(snap->net.ctx, call);
}

static void net_wake(void *ctx) {
  struct snapshot *snap = ctx;
  snap->net.wake(snap->net.ctx);
}

static void net_free(void *ctx) {
  struct snapshot *snap = ctx;
  snap->net.free(snap->net.ctx);
}

/* ---- values ---- */

static void around_values(void *ctx) { (void)ctx; }

/* A gateway's values come one after the other. */
static struct row_values *values_of(struct snapshot *snap, const char *id) {
  void *values = snap->values;
  size_t n = snap->n_values;
  if (n > 0 && strcmp(snap->values[n - 1].id, id) == 0)
    return &snap->values[n - 1];
  if (!ttn_grow(&snap->env->env, &values, &snap->room_values, n + 1,
                sizeof(*snap->values), VALUES_MAX))
    return NULL;
  snap->values = values;
  snap->n_values++;
  snap->values[n] = (struct row_values){.since_uplink = -1};
  ttn_print(snap->values[n].id, sizeof(snap->values[n].id), "%s", id);
  return &snap->values[n];
}

static void on_value_reported(void *ctx, const struct ttn_value *value) {
  struct snapshot *snap = ctx;
  int kind = (int)value->series - TTN_SERIES_UPLINK;
  bool is_count = kind >= 0 && kind < TTN_MESSAGES;
  cost_value(&snap->meter, value);
  if (!is_count && value->series != TTN_SERIES_SINCE_UPLINK &&
      value->series != TTN_SERIES_CONNECTED)
    return;
  struct row_values *values = values_of(snap, value->subject);
  if (values == NULL)
    return;
  if (is_count) {
    values->counts |= (uint8_t)(1u << kind);
    values->count[kind] = value->count;
  } else if (value->series == TTN_SERIES_SINCE_UPLINK) {
    values->since_uplink = value->gauge;
  }
}

static void on_notification(void *ctx, const struct ttn_notification *n) {
  (void)ctx;
  (void)n;
}

static void pass_event(void *ctx, const struct ttn_event *event) {
  const struct snapshot *snap = ctx;
  if (snap->listener != NULL)
    snap->listener(snap->listener_ctx, event);
}

/* ---- rows ---- */

static int compare_row_id(const void *id, const void *row) {
  return strcmp(id, ((const struct row *)row)->seen.id);
}

const struct row *snapshot_find_row(const struct snapshot *snap,
                                    const char *id) {
  return snap->n_rows == 0 ? NULL
                           : bsearch(id, snap->rows, snap->n_rows,
                                     sizeof(*snap->rows), compare_row_id);
}

static int by_id(const void *a, const void *b) {
  return strcmp(((const struct row_values *)a)->id,
                ((const struct row_values *)b)->id);
}

static const char *host_name(const struct snapshot *snap, int host) {
  return host < 0 ? NULL : snap->hosts[host].endpoint->host;
}

static enum unknown_reason why_unknown(const struct ttn_gateway_status *seen) {
  char host[TTN_HOST_MAX + 1];
  if (seen->state != TTN_UNKNOWN)
    return UNKNOWN_NOT;
  if (seen->refused)
    return UNKNOWN_REFUSED;
  if (seen->current_host >= 0)
    return UNKNOWN_NO_ANSWER;
  return seen->address != NULL && !ttn_address_host(seen->address, host)
             ? UNKNOWN_BAD_ADDRESS
             : UNKNOWN_UNTRUSTED;
}

/* Both are in order of ids; *at moves on. */
static void take_values(const struct snapshot *snap, struct row *row,
                        size_t *at) {
  int order = -1;
  while (*at < snap->n_values &&
         (order = strcmp(snap->values[*at].id, row->seen.id)) < 0)
    ++*at;
  if (*at == snap->n_values || order != 0)
    return;
  row->values = snap->values[*at];
}

static int find_untrusted(struct snapshot *snap, const struct row *row) {
  char host[TTN_HOST_MAX + 1];
  size_t i = 0;
  if (row->why != UNKNOWN_UNTRUSTED || row->seen.address == NULL ||
      !ttn_address_host(row->seen.address, host))
    return -1;
  while (i < snap->n_untrusted && strcmp(snap->untrusted[i].host, host) != 0)
    i++;
  if (i == UNTRUSTED_MAX)
    return -1;
  if (i == snap->n_untrusted) {
    struct ttn_endpoint *added = &snap->untrusted[snap->n_untrusted++];
    *added = snap->url;
    ttn_print(added->host, sizeof(added->host), "%s", host);
  }
  return (int)i;
}

static void fill_rows(struct snapshot *snap) {
  size_t at = 0;
  snap->n_untrusted = 0;
  memset(snap->n_state, 0, sizeof(snap->n_state));
  for (size_t i = 0; i < snap->n_rows; i++) {
    struct row *row = &snap->rows[i];
    *row = (struct row){.values = {.since_uplink = -1}};
    ttn_account_gateway_status(snap->account, i, &row->seen);
    row->why = why_unknown(&row->seen);
    row->untrusted = find_untrusted(snap, row);
    row->cluster = host_name(snap, row->seen.current_host);
    if (!option_list_only_named(&snap->options->list))
      row->registered = host_name(snap, row->seen.registered_host);
    snap->n_state[row->seen.state]++;
    take_values(snap, row, &at);
    /* Without an entry it is the Date of the first answer that lacks the
     * gateway. */
    if (row->values.counts != 0 || row->values.since_uplink >= 0)
      row->disconnected_at = row->seen.disconnected_at;
  }
}

static bool read_status(struct snapshot *snap) {
  const struct ttn_env *env = &snap->env->env;
  ttn_free(env, snap->hosts);
  ttn_free(env, snap->rows);
  ttn_account_status(snap->account, &snap->status);
  snap->hosts = ttn_alloc(env, snap->status.n_hosts * sizeof(*snap->hosts));
  snap->rows =
      ttn_alloc(env, (snap->status.n_gateways + 1) * sizeof(*snap->rows));
  snap->n_rows = snap->rows == NULL ? 0 : snap->status.n_gateways;
  if (snap->hosts == NULL || snap->rows == NULL)
    return false;
  for (size_t i = 0; i < snap->status.n_hosts; i++)
    ttn_account_host_status(snap->account, i, &snap->hosts[i]);
  if (snap->n_values > 0)
    qsort(snap->values, snap->n_values, sizeof(*snap->values), by_id);
  fill_rows(snap);
  return true;
}

/* ---- a look ---- */

bool snapshot_open(struct snapshot *snap, struct cli_env *env,
                   const struct options *options, struct terminal *term,
                   struct answer_log *answers) {
  struct ttn_http_options http;
  *snap = (struct snapshot){
      .env = env, .options = options, .term = term, .answers = answers};
  snap->sink = (struct ttn_sink){snap,
                                 around_values,
                                 on_value_reported,
                                 on_notification,
                                 around_values,
                                 options->follow ? pass_event : NULL};
  struct ttn_settings *settings = options_settings(options, env);
  if (settings == NULL)
    return false;
  snap->url = settings->url;
  snap->interval = settings->interval;
  ttn_settings_http(settings, &http);
  http.user_agent = "ttn-check/" TTN_VERSION;
  struct ttn_net *net = ttn_http_new(&env->env, &http);
  if (net == NULL) {
    ttn_settings_free(&env->env, settings);
    return false;
  }
  snap->net = *net;
  const struct ttn_net between = {snap,       net_start, net_wait,
                                  net_cancel, net_wake,  net_free};
  snap->account =
      ttn_account_new(&env->env, settings, &between, &snap->sink, NULL);
  if (snap->account == NULL)
    return false;
  ttn_account_ask_owner(snap->account);
  return true;
}

void snapshot_open_refused(struct snapshot *snap, struct cli_env *env,
                           const struct options *options) {
  char why[200];
  *snap = (struct snapshot){.env = env, .options = options};
  snap->at = env->env.wall(env->env.ctx);
  const char *given = option_list_text(&options->list, "URL");
  if (given == NULL || !ttn_endpoint_parse(given, &snap->url, why, sizeof(why)))
    ttn_endpoint_parse(TTN_DEFAULT_URL, &snap->url, why, sizeof(why));
}

bool snapshot_poll(struct snapshot *snap) {
  const struct ttn_env *env = &snap->env->env;
  snap->started = env->mono(env->ctx);
  snap->n_values = 0;
  cost_poll_begins(&snap->meter);
  cli_env_set_polling(snap->env, true);
  ttn_account_poll_at_once(snap->account);
  cli_env_set_polling(snap->env, false);
  terminal_progress(snap->term, NULL);
  snap->at = env->wall(env->ctx);
  snap->took = env->mono(env->ctx) - snap->started;
  return read_status(snap) && !snap->env->no_memory;
}

void snapshot_listen(struct snapshot *snap,
                     void (*listener)(void *ctx, const struct ttn_event *event),
                     void *ctx) {
  snap->listener = listener;
  snap->listener_ctx = ctx;
}

void snapshot_follow(struct snapshot *snap) {
  snap->following = true;
  ttn_account_follow(snap->account);
  snap->following = false;
}

void snapshot_close(struct snapshot *snap) {
  if (snap->account == NULL)
    return;
  const struct ttn_env *env = &snap->env->env;
  ttn_free(env, snap->hosts);
  ttn_free(env, snap->rows);
  ttn_free(env, snap->values);
  cli_env_set_polling(snap->env, true);
  ttn_account_free(snap->account);
  cli_env_set_polling(snap->env, false);
  *snap = (struct snapshot){0};
}

bool snapshot_can_follow(const struct row *row) {
  return row->cluster != NULL && !row->seen.refused;
}

const char *snapshot_own_gateway(const struct snapshot *snap) {
  const struct ttn_auth_info *key = snap->status.key;
  bool own = key != NULL && key->kind == TTN_KEY_GATEWAY &&
             key->entity_id != NULL && key->can_read_status &&
             ttn_id_valid(key->entity_id, strlen(key->entity_id)) &&
             !option_list_has(&snap->options->list, "Gateway");
  return own ? key->entity_id : NULL;
}

const char *snapshot_key_owner(const struct snapshot *snap) {
  static const char *const kinds[] = {[TTN_KEY_USER] = "user",
                                      [TTN_KEY_ORGANIZATION] = "organization",
                                      [TTN_KEY_GATEWAY] = "gateway",
                                      [TTN_KEY_OTHER] = "other"};
  const struct ttn_auth_info *key = snap->status.key;
  return key == NULL ? NULL : kinds[key->kind];
}

struct cost snapshot_cost(const struct snapshot *snap) {
  const struct option_list *list = &snap->options->list;
  const struct cost_settings settings = {
      .interval = option_list_number(list, "Interval"),
      .discovery = option_list_number(list, "DiscoveryInterval"),
      .events = option_list_number(list, "Events") != 0 ||
                option_list_number(list, "Traffic") != 0,
      .all = snap->status.all,
  };
  return cost_of(&snap->meter, &settings);
}

bool snapshot_lacks_traffic(const struct snapshot *snap) {
  const struct ttn_auth_info *key = snap->status.key;
  return key != NULL && key->can_read_status && !key->can_read_traffic;
}
