/* SPDX-License-Identifier: MIT */
/* One poll of the library's account, and what it showed. The same code polls as
 * in the plugin; this one listens: to the values that would go to collectd,
 * by the sink, and to the rest by view.h. It decides nothing.
 *
 * Between the account and the real network stands one that hands everything
 * through, and meanwhile shows progress and sees to signals: a poll waits
 * nowhere else. */
#include "cli/check.h"
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
  struct check_look *look = ctx;
  return look->net.start(look->net.ctx, call);
}

static void show_progress(struct check_look *look, int64_t now) {
  struct ttn_view view;
  char text[80];
  if (now - look->started < PROGRESS_AFTER)
    return;
  ttn_account_view(look->account, &view);
  long long seconds = (long long)((now - look->started) / TTN_SECOND);
  if (view.listed)
    ttn_print(text, sizeof(text), "%zu of %zu gateways, %lld s", look->n_values,
              view.n_gateways, seconds);
  else
    ttn_print(text, sizeof(text), "listing gateways, %lld s", seconds);
  check_term_progress(look->term, text);
}

static struct ttn_call *net_wait(void *ctx, int64_t until) {
  struct check_look *look = ctx;
  const struct ttn_env *env = &look->env->env;
  for (;;) {
    int64_t now = env->mono(env->ctx);
    if (check_term_wait(look->term, 0, false))
      ttn_account_stop(look->account);
    show_progress(look, now);
    struct ttn_call *call = look->net.wait(
        look->net.ctx, until - now < PATIENCE ? until : now + PATIENCE);
    if (call != NULL || look->term->ended_by != 0 ||
        env->mono(env->ctx) >= until)
      return call;
  }
}

static void net_cancel(void *ctx, struct ttn_call *call) {
  struct check_look *look = ctx;
  look->net.cancel(look->net.ctx, call);
}

static void net_wake(void *ctx) {
  struct check_look *look = ctx;
  look->net.wake(look->net.ctx);
}

static void net_free(void *ctx) {
  struct check_look *look = ctx;
  look->net.free(look->net.ctx);
}

/* ---- values ---- */

static void sink_begin(void *ctx) { ((struct check_look *)ctx)->n_values = 0; }

/* A gateway's values come one after the other. */
static struct check_values *values_of(struct check_look *look, const char *id) {
  void *values = look->values;
  size_t n = look->n_values;
  if (n > 0 && strcmp(look->values[n - 1].id, id) == 0)
    return &look->values[n - 1];
  if (!ttn_grow(&look->env->env, &values, &look->room_values, n + 1,
                sizeof(*look->values), VALUES_MAX))
    return NULL;
  look->values = values;
  look->n_values++;
  look->values[n] = (struct check_values){.since_uplink = -1};
  ttn_print(look->values[n].id, sizeof(look->values[n].id), "%s", id);
  return &look->values[n];
}

static void sink_value(void *ctx, const struct ttn_value *value) {
  struct check_look *look = ctx;
  struct check_values *values;
  switch (value->series) {
  case TTN_SERIES_UPLINK:
  case TTN_SERIES_DOWNLINK:
  case TTN_SERIES_TX_ACK:
    values = values_of(look, value->subject);
    if (values == NULL)
      return;
    values->counts |= (uint8_t)(1u << (value->series - TTN_SERIES_UPLINK));
    values->count[value->series - TTN_SERIES_UPLINK] = value->count;
    return;
  case TTN_SERIES_SINCE_UPLINK:
    values = values_of(look, value->subject);
    if (values != NULL)
      values->since_uplink = value->gauge;
    return;
  case TTN_SERIES_CONNECTED:
    values_of(look, value->subject);
    return;
  default:
    return;
  }
}

static void sink_notify(void *ctx, const struct ttn_notification *n) {
  (void)ctx;
  (void)n;
}

static void sink_end(void *ctx) { (void)ctx; }

/* ---- rows ---- */

static int by_id(const void *a, const void *b) {
  return strcmp(((const struct check_values *)a)->id,
                ((const struct check_values *)b)->id);
}

static const char *host_name(const struct check_look *look, int host) {
  return host < 0 ? NULL : look->hosts[host].endpoint->host;
}

static enum check_why why_unknown(const struct ttn_gateway_view *seen) {
  char host[TTN_HOST_MAX + 1];
  if (seen->state != TTN_UNKNOWN)
    return CHECK_KNOWN;
  if (seen->refused)
    return CHECK_REFUSED;
  if (seen->home >= 0)
    return CHECK_SILENT;
  return seen->address != NULL && !ttn_address_host(seen->address, host)
             ? CHECK_BAD_ADDRESS
             : CHECK_STRANGER;
}

/* Both are in order of ids; *at moves on. */
static void take_values(const struct check_look *look, struct check_row *row,
                        size_t *at) {
  int order = -1;
  while (*at < look->n_values &&
         (order = strcmp(look->values[*at].id, row->seen.id)) < 0)
    ++*at;
  if (*at == look->n_values || order != 0)
    return;
  row->counts = look->values[*at].counts;
  memcpy(row->count, look->values[*at].count, sizeof(row->count));
  row->since_uplink = look->values[*at].since_uplink;
}

static void fill_rows(struct check_look *look) {
  size_t at = 0;
  memset(look->n_state, 0, sizeof(look->n_state));
  for (size_t i = 0; i < look->n_rows; i++) {
    struct check_row *row = &look->rows[i];
    *row = (struct check_row){.since_uplink = -1};
    ttn_account_view_gateway(look->account, i, &row->seen);
    row->why = why_unknown(&row->seen);
    row->cluster = host_name(look, row->seen.at);
    if (!check_options_only_named(look->options))
      row->home = host_name(look, row->seen.home);
    look->n_state[row->seen.state]++;
    take_values(look, row, &at);
    /* Then it is the Date of the first answer that lacks the gateway. */
    if (row->counts == 0 && row->since_uplink < 0)
      row->seen.disconnected_at = 0;
  }
}
static bool read_account(struct check_look *look) {
  const struct ttn_env *env = &look->env->env;
  ttn_free(env, look->hosts);
  ttn_free(env, look->rows);
  ttn_account_view(look->account, &look->view);
  look->hosts = ttn_alloc(env, look->view.n_hosts * sizeof(*look->hosts));
  look->rows =
      ttn_alloc(env, (look->view.n_gateways + 1) * sizeof(*look->rows));
  look->n_rows = look->rows == NULL ? 0 : look->view.n_gateways;
  if (look->hosts == NULL || look->rows == NULL)
    return false;
  for (size_t i = 0; i < look->view.n_hosts; i++)
    ttn_account_view_host(look->account, i, &look->hosts[i]);
  if (look->n_values > 0)
    qsort(look->values, look->n_values, sizeof(*look->values), by_id);
  fill_rows(look);
  return true;
}

/* ---- a look ---- */

bool check_look_open(struct check_look *look, struct check_env *env,
                     const struct check_options *options,
                     struct check_term *term) {
  struct ttn_http_options http;
  *look = (struct check_look){.env = env, .options = options, .term = term};
  look->conf.env = &env->env;
  look->sink =
      (struct ttn_sink){look, sink_begin, sink_value, sink_notify, sink_end};
  struct ttn_settings *settings = check_options_settings(env, options);
  if (settings == NULL)
    return false;
  look->url = settings->url;
  ttn_settings_http(settings, &http);
  http.user_agent = "ttn-check/" TTN_VERSION;
  struct ttn_net *net = ttn_http_new(&env->env, &http);
  if (net == NULL) {
    ttn_settings_free(&env->env, settings);
    return false;
  }
  look->net = *net;
  const struct ttn_net between = {look,       net_start, net_wait,
                                  net_cancel, net_wake,  net_free};
  look->account =
      ttn_account_new(&env->env, settings, &between, &look->sink, NULL);
  if (look->account == NULL)
    return false;
  ttn_account_ask_key(look->account);
  return true;
}

static void free_troubles(struct check_look *look) {
  for (size_t i = 0; i < look->n_troubles; i++) {
    check_text_free(&look->troubles[i].what);
    check_text_free(&look->troubles[i].cure);
  }
  look->n_troubles = 0;
}

bool check_look_poll(struct check_look *look) {
  const struct ttn_env *env = &look->env->env;
  look->started = env->mono(env->ctx);
  look->env->polling = true;
  ttn_account_poll(look->account);
  look->env->polling = false;
  check_term_progress(look->term, NULL);
  look->at = env->wall(env->ctx);
  free_troubles(look);
  check_text_free(&look->conf);
  if (!read_account(look))
    return false;
  check_advise(look);
  check_configure(look);
  return !look->no_memory && !look->conf.failed && !look->env->no_memory;
}

void check_look_close(struct check_look *look) {
  const struct ttn_env *env = &look->env->env;
  free_troubles(look);
  check_text_free(&look->conf);
  ttn_free(env, look->troubles);
  ttn_free(env, look->hosts);
  ttn_free(env, look->rows);
  ttn_free(env, look->values);
  look->env->polling = true;
  ttn_account_free(look->account);
  look->env->polling = false;
}

const char *check_look_own_gateway(const struct check_look *look) {
  const struct ttn_auth_info *key = look->view.key;
  bool own = key != NULL && key->kind == TTN_KEY_GATEWAY &&
             key->entity_id != NULL && key->can_read_status &&
             ttn_id_valid(key->entity_id, strlen(key->entity_id)) &&
             !check_options_have(look->options, "Gateway");
  return own ? key->entity_id : NULL;
}

const char *check_look_kind(const struct check_look *look) {
  static const char *const kinds[] = {[TTN_KEY_USER] = "user",
                                      [TTN_KEY_ORGANIZATION] = "organization",
                                      [TTN_KEY_GATEWAY] = "gateway",
                                      [TTN_KEY_OTHER] = "other"};
  const struct ttn_auth_info *key = look->view.key;
  return key == NULL ? NULL : kinds[key->kind];
}

enum check_exit check_look_exit(const struct check_look *look) {
  enum check_severity worst = CHECK_NOTE;
  for (size_t i = 0; i < look->n_troubles; i++)
    if (look->troubles[i].severity > worst)
      worst = look->troubles[i].severity;
  return worst == CHECK_ERROR     ? CHECK_TROUBLE
         : worst == CHECK_IS_DOWN ? CHECK_DOWN
                                  : CHECK_WELL;
}
