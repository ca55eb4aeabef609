/* SPDX-License-Identifier: MIT */
/* What the stack's answers say, as records. The decoders fill them; strings
 * belong to the decoder. Facts: lorawan-stack api/ttn/lorawan/v3/gateway.proto
 * and the recorded answers in tests/answers. */
#ifndef TTN_RECORDS_H
#define TTN_RECORDS_H

#include "tts/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of messages that the stack counts. */
enum ttn_message { TTN_UPLINK, TTN_DOWNLINK, TTN_TX_ACK, TTN_MESSAGES };

/* Bounds of the stack: a page of a list has at most 1000 gateways, a batch 100,
 * a status 32 metrics. */
#define TTN_LIST_MAX 1000
#define TTN_BATCH_MAX 100
#define TTN_METRICS_MAX 32
#define TTN_BANDS_MAX 32
#define TTN_VERSIONS_MAX 16

/* Kinds of bodies: each has its decoder. */
enum ttn_body {
  TTN_BODY_LIST,
  TTN_BODY_BATCH,
  TTN_BODY_SINGLE,
  TTN_BODY_ERROR,
  TTN_BODY_AUTH_INFO,
  TTN_BODY_EVENT /* one line of the event stream */
};

/* Which of a ttn_stats's members are known. */
enum {
  TTN_HAS_CONNECTED_AT = 1 << 0,
  TTN_HAS_DISCONNECTED_AT = 1 << 1,
  TTN_HAS_COUNT = 1 << 2, /* << enum ttn_message: 3 bits */
  TTN_HAS_LAST = 1 << 5,  /* << enum ttn_message: 3 bits */
  TTN_HAS_LAST_STATUS = 1 << 8,
  TTN_HAS_ROUND_TRIPS = 1 << 9,
  TTN_HAS_PLACE = 1 << 10
};

/* decode.c writes it. */
struct ttn_location {
  double latitude, longitude, altitude; /* degrees, degrees, metres */
};

/* decode_stats.c writes it. */
struct ttn_band {            /* GatewayConnectionStats.SubBand */
  uint64_t min_hz, max_hz;   /* UINT64_MAX: a gateway without duty cycle */
  double limit, utilization; /* shares of time, 0 to 1; absent = 0 */
};

/* decode_stats.c writes it. */
struct ttn_metric { /* one of last_status.metrics; name as sent, 1..36 bytes
                     * of the stack's own rule, others are left out */
  const char *name;
  double value; /* finite */
};

struct ttn_version { /* one of last_status.versions, of the gateway itself */
  const char *name, *text;
};

/* GatewayConnectionStats, as one answer proves it. decode_stats.c writes it. */
struct ttn_stats {
  uint32_t has;
  int64_t connected_at, disconnected_at;
  uint64_t count[TTN_MESSAGES]; /* at most INT64_MAX: a DERIVE's largest */
  int64_t last[TTN_MESSAGES];   /* last_…_received_at */
  int64_t last_status;          /* last_status_received_at */
  double rtt_min, rtt_median, rtt_max; /* seconds, >= 0 */
  uint32_t rtt_count;
  const struct ttn_band *bands;
  size_t n_bands;
  const struct ttn_metric *metrics;
  size_t n_metrics;
  const struct ttn_version *versions;
  size_t n_versions;
  struct ttn_location place;  /* the first of last_status.antenna_locations that
                               * is one: by the gateway's own GPS */
  const char *boot_time;      /* last_status.boot_time, as sent, or NULL */
  const char *protocol;       /* or NULL */
  const char *remote_address; /* gateway_remote_address.ip, or NULL */
};

/* One gateway's statistics in an answer. A field has no meaning when it has a
 * wrong type or an impossible value, or comes twice. If it proves a state or a
 * count, the entry is bad: `bad` names the field (its path) and stats must not
 * be used; the other entries stand. Any other such field is left out with its
 * group (all round trips, all sub-bands, all metrics): `odd` names the first
 * one. Fields that we don't know are skipped, whatever they hold.
 * decode_stats.c writes it. */
struct ttn_entry {
  const char *id;        /* of a batch; NULL of a single GET */
  const char *bad, *odd; /* or NULL */
  struct ttn_stats stats;
};

/* A gateway of GET /gateways. Strings are NULL where absent. decode_gateways.c
 * writes it. */
struct ttn_listed {
  const char *id;      /* valid: ttn_id_valid; others are counted, see below */
  const char *eui;     /* 16 hex digits as sent */
  const char *name;    /* at most 256 bytes; '?' for control characters */
  const char *address; /* gateway_server_address, as sent, at most 256 bytes */
  struct ttn_location location; /* of the first antenna that has one */
  bool has_location;
  int64_t updated_at; /* when its entry was edited last, ns; 0: not known */
};

/* An error answer: google.rpc.Status with ErrorDetails, as far as it helps a
 * person. Strings are cut to fit and never NULL; control characters are
 * replaced by '?'. `json` is false when the body was no such JSON (HTML from
 * a load balancer): then the rest is empty. decode_error.c writes it. */
struct ttn_api_error {
  bool json;
  bool details; /* there was at least one: else a routing error */
  int code;     /* gRPC code */
  char message[256];
  char space[64];            /* namespace, e.g. "pkg/auth/rights" */
  char name[64];             /* e.g. "insufficient_user_rights" */
  char missing[160];         /* attributes.missing, comma-separated */
  char forbidden_paths[256]; /* attributes.forbidden_paths, comma-separated */
  char gateway[TTN_ID_MAX + 1]; /* attributes.uid or .gateway_id: which one was
                                 * refused */
};

enum ttn_key_owner {
  TTN_KEY_MISSING, /* auth_info answered {}: no key arrived */
  TTN_KEY_USER,
  TTN_KEY_ORGANIZATION,
  TTN_KEY_GATEWAY,
  TTN_KEY_OTHER /* of an application, a session, … */
};

/* GET /auth_info. decode_auth_info.c writes it. */
struct ttn_auth_info {
  enum ttn_key_owner kind;
  const char *entity_id; /* user, organization or gateway id, or NULL */
  bool can_read_status;  /* RIGHT_GATEWAY_STATUS_READ, …_ALL or RIGHT_ALL */
  bool can_read_traffic; /* RIGHT_GATEWAY_TRAFFIC_READ or as above */
  bool is_admin;
  const char *const *rights; /* n_rights names, as sent */
  size_t n_rights;
};

enum ttn_event_kind {
  TTN_EVENT_OTHER, /* one that was not asked for */
  TTN_EVENT_START, /* the stream is open */
  TTN_EVENT_CONNECT,
  TTN_EVENT_STATS, /* of one Gateway Server's own connection */
  TTN_EVENT_DISCONNECT,
  TTN_EVENT_ERROR, /* the stack ends the stream */
  /* Of traffic. */
  TTN_EVENT_UPLINK,        /* gs.up.receive */
  TTN_EVENT_UPLINK_DROP,   /* gs.up.drop */
  TTN_EVENT_DOWNLINK,      /* gs.down.send */
  TTN_EVENT_TX_SUCCESS,    /* gs.down.tx.success */
  TTN_EVENT_TX_FAIL,       /* gs.down.tx.fail */
  TTN_EVENT_SCHEDULE_FAIL, /* gs.down.schedule.fail */
};

enum ttn_modulation {
  TTN_MODULATION_UNKNOWN,
  TTN_MODULATION_LORA,
  TTN_MODULATION_FSK,
  TTN_MODULATION_LRFHSS
};

/* LoRa's spreading factors. */
#define TTN_SF_MIN 5
#define TTN_SF_MAX 12

#define TTN_ERROR_NAME_MAX 47

/* What an event of traffic says of the radio. Payloads, and which device it
 * was, are not read. decode_traffic.c writes it. */
struct ttn_traffic {
  enum ttn_modulation modulation; /* of UPLINK, as all that follows */
  uint32_t spreading_factor;      /* TTN_SF_MIN to TTN_SF_MAX, of LORA */
  uint32_t bandwidth;             /* Hz, of LORA; 0 = not known */
  uint64_t frequency;             /* Hz; 0 = not known */
  bool has_rssi;
  double rssi;         /* dBm, of the antenna that heard it best */
  double snr;          /* dB, of the same; of LORA */
  int64_t received_at; /* ns; 0 = not known */
  uint64_t result;     /* of TX_FAIL: TxAcknowledgment.Result */
  /* Of UPLINK_DROP: the error's name. Of SCHEDULE_FAIL: that of the cause in
   * the receive window that was tried last. "" = not known. */
  char error[TTN_ERROR_NAME_MAX + 1];
};

/* One event of a gateway. Of CONNECT and STATS the statistics are the decoder's
 * one entry. decode_event.c writes it. */
struct ttn_event {
  enum ttn_event_kind kind;
  const char *bad;              /* a field without meaning, else NULL */
  int64_t time;                 /* ns */
  uint64_t unique;              /* hash of unique_id, 0 = none */
  char gateway[TTN_ID_MAX + 1]; /* "" = none */
  const char *reason; /* of DISCONNECT, in the stack's words, or NULL */
  struct ttn_traffic traffic;
};

#endif
