/* SPDX-License-Identifier: MIT */
/* The bodies of The Things Stack's answers, as bytes arrive, into typed
 * records; never a tree. This file knows yajl and the stack's JSON, and
 * nothing of HTTP, of polls, or of what is known about a gateway.
 *
 * A decoder is used for one body after another: begin, feed as often as bytes
 * come, end. Only after end returned TTN_OK may its records be used; they and
 * all their strings belong to the decoder and live until its next begin.
 * Whatever is in a body: no crash, and memory within TTN_DECODE_MEMORY.
 *
 * One thread at a time. Facts: lorawan-stack api/ttn/lorawan/v3/gateway.proto
 * and the recorded answers in tests/answers. */
#ifndef TTN_DECODE_H
#define TTN_DECODE_H

#include "base/env.h"

/* Bounds. The stack's own: an id has at most 36 characters, a list page 1000
 * gateways, a batch 100, a status 32 metrics; an answer 16 MiB. */
#define TTN_ID_MAX 36
#define TTN_LIST_MAX 1000
#define TTN_BATCH_MAX 100
#define TTN_METRICS_MAX 32
#define TTN_BANDS_MAX 32
#define TTN_BODY_MAX (16u << 20)
#define TTN_DECODE_MEMORY (8u << 20)

/* Which of a ttn_stats's members are known. */
enum {
  TTN_HAS_CONNECTED_AT = 1 << 0,
  TTN_HAS_DISCONNECTED_AT = 1 << 1,
  TTN_HAS_COUNT = 1 << 2, /* << enum ttn_kind: 3 bits */
  TTN_HAS_LAST = 1 << 5,  /* << enum ttn_kind: 3 bits */
  TTN_HAS_LAST_STATUS = 1 << 8,
  TTN_HAS_ROUND_TRIPS = 1 << 9
};

struct ttn_location {
  double latitude, longitude, altitude; /* degrees, degrees, metres */
};

struct ttn_band {            /* GatewayConnectionStats.SubBand */
  uint64_t min_hz, max_hz;   /* UINT64_MAX: a gateway without duty cycle */
  double limit, utilization; /* shares of time, 0 to 1; absent = 0 */
};

struct ttn_metric { /* one of last_status.metrics; name as sent, 1..36 bytes
                     * of the stack's own rule, others are left out */
  const char *name;
  double value; /* finite */
};

/* GatewayConnectionStats, as one answer proves it. */
struct ttn_stats {
  uint32_t has;
  int64_t connected_at, disconnected_at;
  uint64_t count[TTN_KINDS]; /* at most INT64_MAX: a DERIVE's largest */
  int64_t last[TTN_KINDS];   /* last_…_received_at */
  int64_t last_status;       /* last_status_received_at */
  double rtt_min, rtt_median, rtt_max; /* seconds, >= 0 */
  uint32_t rtt_count;
  const struct ttn_band *bands;
  size_t n_bands;
  const struct ttn_metric *metrics;
  size_t n_metrics;
  const char *protocol;       /* or NULL */
  const char *remote_address; /* gateway_remote_address.ip, or NULL */
};

/* One gateway's statistics in an answer. When a field that we know has a
 * wrong type or an impossible value, or comes twice, the entry is bad: `bad`
 * names the field (its path) and stats must not be used; the other entries
 * stand. Fields that we don't know are skipped, whatever they hold. */
struct ttn_entry {
  const char *id; /* of a batch; NULL of a single GET */
  const char *bad;
  struct ttn_stats stats;
};

/* A gateway of GET /gateways. Strings are NULL where absent. */
struct ttn_listed {
  const char *id;      /* valid: ttn_id_valid; others are counted, see below */
  const char *eui;     /* 16 hex digits as sent */
  const char *name;    /* at most 256 bytes; '?' for control characters */
  const char *address; /* gateway_server_address, as sent, at most 256 bytes */
  struct ttn_location location; /* of the first antenna that has one */
  bool has_location;
};

/* An error answer: google.rpc.Status with ErrorDetails, as far as it helps a
 * person. Strings are cut to fit and never NULL; control characters are
 * replaced by '?'. `json` is false when the body was no such JSON (HTML from
 * a load balancer): then the rest is empty. */
struct ttn_api_error {
  bool json;
  bool details; /* there was at least one: else a routing error */
  int code;     /* gRPC code */
  char message[256];
  char space[64];            /* namespace, e.g. "pkg/auth/rights" */
  char name[64];             /* e.g. "insufficient_user_rights" */
  char missing[160];         /* attributes.missing, comma-separated */
  char forbidden_paths[256]; /* attributes.forbidden_paths, comma-separated */
};

enum ttn_key_kind {
  TTN_KEY_NOT_HEARD, /* auth_info answered {}: no key arrived */
  TTN_KEY_USER,
  TTN_KEY_ORGANIZATION,
  TTN_KEY_GATEWAY,
  TTN_KEY_OTHER /* of an application, a session, … */
};

/* GET /auth_info. */
struct ttn_auth_info {
  enum ttn_key_kind kind;
  const char *entity_id; /* user, organization or gateway id, or NULL */
  const char *key_id;    /* not secret; or NULL */
  const char *key_name;  /* or NULL */
  bool can_list_user; /* RIGHT_USER_GATEWAYS_LIST, …_USER_ALL or RIGHT_ALL */
  bool can_list_organization; /* RIGHT_ORGANIZATION_GATEWAYS_LIST or …_ALL */
  bool can_read_status;       /* RIGHT_GATEWAY_STATUS_READ or …_ALL */
  bool is_admin;
  const char *const *rights; /* n_rights names, as sent */
  size_t n_rights;
};

enum ttn_body {
  TTN_BODY_LIST,
  TTN_BODY_BATCH,
  TTN_BODY_SINGLE,
  TTN_BODY_ERROR,
  TTN_BODY_AUTH_INFO
};

struct ttn_decoder;

/* NULL: no memory. Memory that a body needs is taken as it comes and kept for
 * the next. */
struct ttn_decoder *ttn_decoder_new(const struct ttn_env *env);
void ttn_decoder_free(struct ttn_decoder *decoder);

void ttn_decoder_begin(struct ttn_decoder *decoder, enum ttn_body body);
/* TTN_OK, TTN_FAIL_JSON, TTN_FAIL_TOO_LARGE or TTN_FAIL_MEMORY; after a
 * failure, further feeds and end return it again. */
enum ttn_failure ttn_decoder_feed(struct ttn_decoder *decoder,
                                  const char *bytes, size_t n);
/* Was it whole? For TTN_BODY_ERROR always TTN_OK but for memory: what is no
 * JSON has json = false. */
enum ttn_failure ttn_decoder_end(struct ttn_decoder *decoder);
/* After a failure: what was wrong and where, for a log line, at most 200
 * bytes, without anything that could hold a key; "" else. */
const char *ttn_decoder_why(const struct ttn_decoder *decoder);

/* TTN_BODY_BATCH (any order; the same id twice, or one that no gateway can
 * have, fails with TTN_FAIL_JSON) and TTN_BODY_SINGLE (one). Entries beyond
 * TTN_BATCH_MAX: TTN_FAIL_TOO_LARGE. */
const struct ttn_entry *ttn_decoder_entries(const struct ttn_decoder *decoder,
                                            size_t *n);
/* TTN_BODY_LIST. *skipped: gateways left out for an id that breaks the
 * stack's own rule, or for ids or an address of a wrong type, too long or
 * given twice. A page may hold an id twice: the caller sees to it. Gateways
 * beyond TTN_LIST_MAX: TTN_FAIL_TOO_LARGE. */
const struct ttn_listed *ttn_decoder_listed(const struct ttn_decoder *decoder,
                                            size_t *n, size_t *skipped);
const struct ttn_api_error *
ttn_decoder_error(const struct ttn_decoder *decoder);
const struct ttn_auth_info *
ttn_decoder_auth_info(const struct ttn_decoder *decoder);

/* ^[a-z0-9](?:[-]?[a-z0-9]){2,}$, at most TTN_ID_MAX characters: safe in a
 * URL's path and in a collectd plugin_instance. */
bool ttn_id_valid(const char *id, size_t n);

/* RFC 3339 as the stack writes it: "2024-05-01T10:00:00.123456789Z", 0 to 9
 * fraction digits, Z or an offset; a leap second counts as the next second.
 * False: malformed, or outside 1970 to 2262. Go's zero time
 * (0001-01-01T00:00:00Z) is true with *ns = 0. */
bool ttn_time_parse(const char *text, size_t n, int64_t *ns);
/* HTTP's Date: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110's preferred form
 * only). */
bool ttn_http_date_parse(const char *text, size_t n, int64_t *ns);
/* "2024-05-01T10:00:00Z" into buffer (at least 32 bytes); returns it. */
char *ttn_time_print(char *buffer, size_t size, int64_t ns);
/* protojson's Duration, "0.050912894s" or "1s", into seconds. "-0.5s" and
 * "1.5e-3s" are none here. */
bool ttn_duration_parse(const char *text, size_t n, double *seconds);

#endif
