/* SPDX-License-Identifier: MIT */
/* Programs rely on the schema, which ttn-check(1) describes: members are only
 * ever added. What is not known is null, never 0. */
#include "cli/json_output.h"

#include "base/text.h"
#include "base/timestamp.h"
#include "cli/config_block.h"

#include <string.h>
#include <yajl/yajl_gen.h>

static void put_bytes(void *ctx, const char *bytes, size_t n) {
  text_add_bytes(ctx, bytes, n);
}

static void put_string(yajl_gen gen, const char *text) {
  if (text == NULL)
    yajl_gen_null(gen);
  else
    yajl_gen_string(gen, (const unsigned char *)text, strlen(text));
}

static void put_key(yajl_gen gen, const char *name) {
  yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
}

static void put_member(yajl_gen gen, const char *name, const char *text) {
  put_key(gen, name);
  put_string(gen, text);
}

static void put_time(yajl_gen gen, const char *name, int64_t ns) {
  char buffer[40];
  put_member(gen, name,
             ns == 0 ? NULL : ttn_time_print(buffer, sizeof(buffer), ns));
}

static void put_number(yajl_gen gen, const char *name, bool known,
                       long long number) {
  put_key(gen, name);
  if (known)
    yajl_gen_integer(gen, number);
  else
    yajl_gen_null(gen);
}

/* digits: what is written if it is known. */
static void put_digits(yajl_gen gen, const char *name, bool known,
                       const char *digits) {
  put_key(gen, name);
  if (known)
    yajl_gen_number(gen, digits, strlen(digits));
  else
    yajl_gen_null(gen);
}

static void put_fraction(yajl_gen gen, const char *name, bool known,
                         int decimals, double number) {
  char buffer[40];
  put_digits(gen, name, known,
             ttn_print(buffer, sizeof(buffer), "%.*f", decimals, number));
}

static void put_account(yajl_gen gen, const struct snapshot *snap) {
  const struct ttn_auth_info *key = snap->status.key;
  char url[TTN_URL_MAX];
  put_key(gen, "account");
  yajl_gen_map_open(gen);
  put_member(gen, "url", ttn_endpoint_print(url, sizeof(url), &snap->url));
  put_member(gen, "kind", snapshot_key_owner(snap));
  put_member(gen, "id", key == NULL ? NULL : key->entity_id);
  put_key(gen, "rights");
  if (key == NULL || snapshot_key_owner(snap) == NULL) {
    yajl_gen_null(gen);
  } else {
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < key->n_rights; i++)
      put_string(gen, key->rights[i]);
    yajl_gen_array_close(gen);
  }
  yajl_gen_map_close(gen);
}

static void put_cluster(yajl_gen gen, const struct snapshot *snap,
                        const struct ttn_endpoint *endpoint, const char *state,
                        size_t gateways) {
  char url[TTN_URL_MAX];
  yajl_gen_map_open(gen);
  put_member(gen, "host", endpoint->host);
  put_member(gen, "url", ttn_endpoint_print(url, sizeof(url), endpoint));
  put_member(gen, "state", state);
  put_number(gen, "gateways", snap->status.listed, (long long)gateways);
  yajl_gen_map_close(gen);
}

static void put_clusters(yajl_gen gen, const struct snapshot *snap) {
  put_key(gen, "clusters");
  yajl_gen_array_open(gen);
  for (size_t h = 0; h < snap->status.n_hosts; h++) {
    const struct ttn_host_status *seen = &snap->hosts[h];
    size_t n = 0;
    for (size_t i = 0; i < snap->n_rows; i++)
      n += snap->rows[i].seen.current_host == (int)h;
    put_cluster(gen, snap, seen->endpoint,
                seen->failed     ? "failed"
                : seen->limited  ? "limited"
                : seen->answered ? "ok"
                                 : "not_asked",
                n);
  }
  for (size_t h = 0; h < snap->n_untrusted; h++) {
    size_t n = 0;
    for (size_t i = 0; i < snap->n_rows; i++)
      n += snap->rows[i].untrusted == (int)h;
    put_cluster(gen, snap, &snap->untrusted[h], "not_allowed", n);
  }
  yajl_gen_array_close(gen);
}

static void put_gateway(yajl_gen gen, const struct row *row) {
  static const char *const kinds[TTN_MESSAGES] = {"uplink", "downlink",
                                                  "tx_ack"};
  static const struct ttn_location nowhere;
  bool placed = row->seen.location != NULL;
  const struct ttn_location *place = placed ? row->seen.location : &nowhere;
  yajl_gen_map_open(gen);
  put_member(gen, "id", row->seen.id);
  put_member(gen, "name", row->seen.name);
  put_member(gen, "eui", row->seen.eui);
  put_member(gen, "cluster", row->cluster);
  put_member(gen, "registered_cluster", row->registered);
  put_member(gen, "address", row->seen.address);
  put_member(gen, "state", ttn_state_name(row->seen.state));
  put_time(gen, "connected_at", row->seen.connected_at);
  put_time(gen, "disconnected_at", row->disconnected_at);
  put_fraction(gen, "last_uplink_age", row->values.since_uplink >= 0, 3,
               row->values.since_uplink);
  for (int k = 0; k < TTN_MESSAGES; k++)
    put_number(gen, kinds[k], (row->values.counts >> k & 1) != 0,
               row->values.count[k]);
  put_fraction(gen, "latitude", placed, 6, place->latitude);
  put_fraction(gen, "longitude", placed, 6, place->longitude);
  put_fraction(gen, "altitude", placed, 1, place->altitude);
  yajl_gen_map_close(gen);
}

static void put_cost(yajl_gen gen, const struct snapshot *snap) {
  struct cost cost = snapshot_cost(snap);
  bool known = snap->status.listed;
  put_key(gen, "cost");
  yajl_gen_map_open(gen);
  put_number(gen, "series", known, (long long)cost.series);
  put_number(gen, "memory", known, (long long)cost.memory);
  put_fraction(gen, "packets_per_minute", known, 3, cost.packets);
  put_fraction(gen, "requests_per_minute", known, 3, cost.requests);
  yajl_gen_map_close(gen);
}

static void put_problems(yajl_gen gen, const struct problems *problems) {
  put_key(gen, "problems");
  yajl_gen_array_open(gen);
  for (size_t i = 0; i < problems->n; i++) {
    const struct problem *p = &problems->list[i];
    yajl_gen_map_open(gen);
    put_member(gen, "severity", severity_name(p->severity));
    put_member(gen, "kind", p->kind);
    put_member(gen, "message", p->message.bytes);
    put_member(gen, "fix", p->fix.bytes);
    yajl_gen_map_close(gen);
  }
  yajl_gen_array_close(gen);
}

static void put_snapshot(yajl_gen gen, const struct snapshot *snap,
                         const struct problems *problems, const char *block,
                         int exit_status) {
  yajl_gen_map_open(gen);
  put_number(gen, "schema", true, 1);
  put_member(gen, "version", TTN_VERSION);
  put_time(gen, "at", snap->at);
  put_number(gen, "status", true, exit_status);
  put_account(gen, snap);
  put_clusters(gen, snap);
  put_key(gen, "gateways");
  if (snap->status.listed) {
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < snap->n_rows; i++)
      put_gateway(gen, &snap->rows[i]);
    yajl_gen_array_close(gen);
  } else {
    yajl_gen_null(gen);
  }
  put_cost(gen, snap);
  put_problems(gen, problems);
  put_member(gen, "collectd_conf", block);
  yajl_gen_map_close(gen);
}

/* NULL: no memory. yajl's own, some 700 bytes whatever is written, is malloc's:
 * the text is ours. */
static yajl_gen open_json(struct text *text, bool on_one_line) {
  yajl_gen gen = yajl_gen_alloc(NULL);
  if (gen == NULL) {
    text_fail(text);
    return NULL;
  }
  yajl_gen_config(gen, yajl_gen_print_callback, put_bytes, text);
  yajl_gen_config(gen, yajl_gen_beautify, on_one_line ? 0 : 1);
  yajl_gen_config(gen, yajl_gen_indent_string, "  ");
  return gen;
}

static void close_json(yajl_gen gen, struct text *text, bool on_one_line) {
  yajl_gen_free(gen);
  if (on_one_line)
    text_add(text, "\n");
}

void json_print(struct text *text, const struct snapshot *snap,
                const struct problems *problems, int exit_status) {
  bool on_one_line = snap->options->watch || snap->options->follow;
  struct text block = {.env = text->env};
  yajl_gen gen = open_json(text, on_one_line);
  if (gen == NULL)
    return;
  config_block(snap, &block);
  put_snapshot(gen, snap, problems, text_string(&block), exit_status);
  text_free_part(&block, text);
  close_json(gen, text, on_one_line);
}

/* ---- --follow ---- */

void json_print_followed(struct text *text, const struct snapshot *snap) {
  yajl_gen gen = open_json(text, true);
  if (gen == NULL)
    return;
  yajl_gen_map_open(gen);
  put_time(gen, "time", snap->at);
  put_member(gen, "event", "follow");
  put_number(gen, "schema", true, 1);
  put_member(gen, "version", TTN_VERSION);
  put_key(gen, "traffic");
  yajl_gen_bool(gen, !snapshot_lacks_traffic(snap));
  put_key(gen, "gateways");
  yajl_gen_array_open(gen);
  for (size_t i = 0; i < snap->n_rows; i++) {
    const struct row *row = &snap->rows[i];
    if (!snapshot_can_follow(row))
      continue;
    yajl_gen_map_open(gen);
    put_member(gen, "id", row->seen.id);
    put_member(gen, "cluster", row->cluster);
    put_member(gen, "state", ttn_state_name(row->seen.state));
    yajl_gen_map_close(gen);
  }
  yajl_gen_array_close(gen);
  yajl_gen_map_close(gen);
  close_json(gen, text, true);
}

static void put_number_of_radio(yajl_gen gen, const char *name, bool known,
                                double number) {
  char buffer[40];
  put_digits(gen, name, known,
             ttn_print(buffer, sizeof(buffer), "%.6g", number));
}

void json_print_event(struct text *text, const struct ttn_event *event,
                      const struct event_words *words, int64_t time) {
  const struct ttn_traffic *traffic = &event->traffic;
  yajl_gen gen = open_json(text, true);
  if (gen == NULL)
    return;
  yajl_gen_map_open(gen);
  put_time(gen, "time", time);
  put_member(gen, "event", words->name);
  put_member(gen, "gateway", event->gateway);
  put_member(gen, "data_rate",
             words->data_rate[0] == '\0' ? NULL : words->data_rate);
  put_number(gen, "frequency",
             traffic->frequency > 0 && traffic->frequency <= INT64_MAX,
             (long long)traffic->frequency);
  put_number_of_radio(gen, "rssi", traffic->has_rssi, traffic->rssi);
  put_number_of_radio(gen, "snr",
                      traffic->has_rssi &&
                          traffic->modulation == TTN_MODULATION_LORA,
                      traffic->snr);
  put_member(gen, "reason", words->reason);
  yajl_gen_map_close(gen);
  close_json(gen, text, true);
}
