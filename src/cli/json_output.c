/* SPDX-License-Identifier: MIT */
/* A look for programs. The schema is a promise: ttn-check(1) describes it, and
 * members are only ever added. What is not known is null, never 0. */
#include "cli/check.h"
#include "base/text.h"
#include "base/timestamp.h"

#include <string.h>
#include <yajl/yajl_gen.h>

/* Trap: yajl_gen_alloc uses its second block without a look whether there is
 * one. What it needs, some 700 bytes whatever is written, comes from here. */
struct pool {
  _Alignas(max_align_t) char bytes[4096];
  size_t used;
};

static void *pool_take(void *ctx, size_t size) {
  struct pool *pool = ctx;
  size_t unit = _Alignof(max_align_t), whole = (size + unit - 1) / unit * unit;
  if (whole > sizeof(pool->bytes) - pool->used)
    return NULL;
  void *p = pool->bytes + pool->used;
  pool->used += whole;
  return p;
}

static void *pool_resize(void *ctx, void *p, size_t size) {
  (void)ctx;
  (void)p;
  (void)size;
  return NULL; /* nothing grows: the text goes elsewhere */
}

static void pool_drop(void *ctx, void *p) {
  (void)ctx;
  (void)p;
}

static void put_bytes(void *ctx, const char *bytes, size_t n) {
  check_add_bytes(ctx, bytes, n);
}

static void put_text(yajl_gen gen, const char *text) {
  if (text == NULL)
    yajl_gen_null(gen);
  else
    yajl_gen_string(gen, (const unsigned char *)text, strlen(text));
}

static void put_name(yajl_gen gen, const char *name) {
  yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
}

static void put_member(yajl_gen gen, const char *name, const char *text) {
  put_name(gen, name);
  put_text(gen, text);
}

static void put_time(yajl_gen gen, const char *name, int64_t ns) {
  char buffer[40];
  put_member(gen, name,
             ns == 0 ? NULL : ttn_time_print(buffer, sizeof(buffer), ns));
}

static void put_number(yajl_gen gen, const char *name, bool known,
                       long long number) {
  put_name(gen, name);
  if (known)
    yajl_gen_integer(gen, number);
  else
    yajl_gen_null(gen);
}

static void put_account(yajl_gen gen, const struct check_look *look) {
  const struct ttn_auth_info *key = look->view.key;
  char url[TTN_URL_MAX];
  put_name(gen, "account");
  yajl_gen_map_open(gen);
  put_member(gen, "url", ttn_endpoint_print(url, sizeof(url), &look->url));
  put_member(gen, "kind", check_look_kind(look));
  put_member(gen, "id", key == NULL ? NULL : key->entity_id);
  put_name(gen, "rights");
  if (key == NULL || check_look_kind(look) == NULL) {
    yajl_gen_null(gen);
  } else {
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < key->n_rights; i++)
      put_text(gen, key->rights[i]);
    yajl_gen_array_close(gen);
  }
  yajl_gen_map_close(gen);
}

static void put_cluster(yajl_gen gen, const struct check_look *look,
                        const char *name, const char *url, const char *state,
                        int host) {
  long long n = 0;
  for (size_t i = 0; i < look->n_rows; i++) {
    const struct check_row *row = &look->rows[i];
    char named[TTN_HOST_MAX + 1];
    n += host >= 0 ? row->seen.at == host
                   : row->why == CHECK_STRANGER && row->seen.address != NULL &&
                         ttn_address_host(row->seen.address, named) &&
                         strcmp(named, name) == 0;
  }
  yajl_gen_map_open(gen);
  put_member(gen, "host", name);
  put_member(gen, "url", url);
  put_member(gen, "state", state);
  put_number(gen, "gateways", look->view.listed, n);
  yajl_gen_map_close(gen);
}

static void put_clusters(yajl_gen gen, const struct check_look *look) {
  char host[TTN_HOST_MAX + 1], url[TTN_URL_MAX];
  put_name(gen, "clusters");
  yajl_gen_array_open(gen);
  for (size_t h = 0; h < look->view.n_hosts; h++) {
    const struct ttn_host_view *view = &look->hosts[h];
    put_cluster(gen, look, view->endpoint->host,
                ttn_endpoint_print(url, sizeof(url), view->endpoint),
                view->failed     ? "failed"
                : view->limited  ? "limited"
                : view->answered ? "ok"
                                 : "not_asked",
                (int)h);
  }
  for (size_t i = 0, n = 0;
       n < CHECK_STRANGERS &&
       (i = check_next_stranger(look, i, host)) < look->n_rows;
       i++, n++) {
    check_stranger_url(look, host, url, sizeof(url));
    put_cluster(gen, look, host, url, "not_allowed", -1);
  }
  yajl_gen_array_close(gen);
}

static void put_gateway(yajl_gen gen, const struct check_row *row) {
  static const char *const kinds[TTN_MESSAGES] = {"uplink", "downlink",
                                                  "tx_ack"};
  yajl_gen_map_open(gen);
  put_member(gen, "id", row->seen.id);
  put_member(gen, "name", row->seen.name);
  put_member(gen, "eui", row->seen.eui);
  put_member(gen, "cluster", row->cluster);
  put_member(gen, "home", row->home);
  put_member(gen, "address", row->seen.address);
  put_member(gen, "state", ttn_state_name(row->seen.state));
  put_time(gen, "connected_at", row->seen.connected_at);
  put_time(gen, "disconnected_at", row->seen.disconnected_at);
  put_name(gen, "last_uplink_age");
  if (row->since_uplink < 0) {
    yajl_gen_null(gen);
  } else {
    char buffer[40];
    ttn_print(buffer, sizeof(buffer), "%.3f", row->since_uplink);
    yajl_gen_number(gen, buffer, strlen(buffer));
  }
  for (int k = 0; k < TTN_MESSAGES; k++)
    put_number(gen, kinds[k], (row->counts >> k & 1) != 0, row->count[k]);
  yajl_gen_map_close(gen);
}

static void put_troubles(yajl_gen gen, const struct check_look *look) {
  static const char *const severities[] = {
      [CHECK_NOTE] = "note", [CHECK_IS_DOWN] = "down", [CHECK_ERROR] = "error"};
  put_name(gen, "trouble");
  yajl_gen_array_open(gen);
  for (size_t i = 0; i < look->n_troubles; i++) {
    const struct check_trouble *t = &look->troubles[i];
    yajl_gen_map_open(gen);
    put_member(gen, "severity", severities[t->severity]);
    put_member(gen, "kind", t->kind);
    put_member(gen, "what", t->what.bytes);
    put_member(gen, "cure", t->cure.bytes);
    yajl_gen_map_close(gen);
  }
  yajl_gen_array_close(gen);
}

static void put_look(yajl_gen gen, const struct check_look *look) {
  yajl_gen_map_open(gen);
  put_number(gen, "schema", true, 1);
  put_member(gen, "version", TTN_VERSION);
  put_time(gen, "at", look->at);
  put_number(gen, "status", true, check_look_exit(look));
  put_account(gen, look);
  put_clusters(gen, look);
  put_name(gen, "gateways");
  if (look->view.listed) {
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < look->n_rows; i++)
      put_gateway(gen, &look->rows[i]);
    yajl_gen_array_close(gen);
  } else {
    yajl_gen_null(gen);
  }
  put_troubles(gen, look);
  put_member(gen, "collectd_conf", look->conf.bytes);
  yajl_gen_map_close(gen);
}

void check_json(const struct check_look *look, struct check_text *text) {
  struct pool pool = {.used = 0};
  yajl_alloc_funcs memory = {pool_take, pool_resize, pool_drop, &pool};
  yajl_gen gen = yajl_gen_alloc(&memory);
  if (gen == NULL) {
    text->failed = true;
    return;
  }
  yajl_gen_config(gen, yajl_gen_print_callback, put_bytes, text);
  yajl_gen_config(gen, yajl_gen_beautify, look->options->watch ? 0 : 1);
  yajl_gen_config(gen, yajl_gen_indent_string, "  ");
  put_look(gen, look);
  yajl_gen_free(gen);
  if (look->options->watch)
    check_add(text, "\n");
}
