/* SPDX-License-Identifier: MIT */
/* From what is known to collectd's values and notifications: which series
 * there are, what they are called, and when they are silent. The names are a
 * promise (README's table of values). Knows nothing of collectd itself: values
 * go out through struct ttn_sink. */
#ifndef TTN_REPORT_H
#define TTN_REPORT_H

#include "tts/decode.h"
#include "gateway/gateway.h"
#include "config/settings.h"

/* What rides along with a gateway's values when MetaData is on; NULL or false
 * where not known. */
struct ttn_meta {
  const char *name, *eui, *protocol, *remote_address, *server_address;
  bool has_location;
  struct ttn_location location;
};

/* One value. Strings live until the call returns. */
struct ttn_value {
  const char *plugin;   /* "ttn" or "ttn_api" */
  const char *instance; /* gateway id, or account */
  const char *type;     /* of collectd's own types.db */
  const char *type_instance;
  bool derive; /* count is set, else gauge */
  int64_t count;
  double gauge;
  const struct ttn_meta *meta; /* or NULL */
};

enum ttn_severity { TTN_OKAY, TTN_NOTIFY_WARNING, TTN_NOTIFY_FAILURE };

struct ttn_notification {
  enum ttn_severity severity;
  const char *plugin, *instance, *type, *type_instance; /* of the series */
  const char *message;                                  /* at most 255 bytes */
};

/* Where values go. Called on the account's thread, amid a poll. begin and end
 * bracket one poll: all values between them carry one time. */
struct ttn_sink {
  void *ctx;
  void (*begin)(void *ctx);
  void (*value)(void *ctx, const struct ttn_value *value);
  void (*notify)(void *ctx, const struct ttn_notification *notification);
};

/* The mask of the batch for the groups in `collect` (and meta data), as paths
 * of GatewayConnectionStats; always connected_at and disconnected_at. Bits of
 * `without` are left out: mask paths that a server doesn't know. Returns how
 * many were put into paths (room for TTN_PATHS). */
#define TTN_PATHS 16
size_t ttn_report_paths(uint32_t collect, bool meta_data, uint32_t without,
                        const char *paths[TTN_PATHS]);
/* The bits of the paths named in a comma-separated list (attributes'
 * forbidden_paths); 0 if none is ours. */
uint32_t ttn_report_path_bits(const char *list);

/* A gateway's values. stats: NULL unless the proof was an entry. date: the
 * answer's Date (0: no ages, no uptime). counts_only / but_counts: the counts
 * go out apart when their offset moved (design: after the state file). An
 * unknown gateway has no values. */
enum ttn_part { TTN_PART_ALL, TTN_PART_COUNTS, TTN_PART_BUT_COUNTS };
void ttn_report_gateway(const struct ttn_sink *sink, uint32_t collect,
                        const char *id, const struct ttn_outcome *outcome,
                        const struct ttn_stats *stats, int64_t date,
                        const struct ttn_meta *meta, enum ttn_part part);

/* The account's last poll. Counters (statuses, failures) run since start. */
#define TTN_STATUSES 64
struct ttn_api_report {
  bool up;
  bool listed; /* else it isn't known how many gateways there are */
  uint64_t gateways, connected, disconnected, unknown;
  int64_t poll;           /* how long it took, ns */
  int64_t rate_available; /* least seen in the poll, -1 = no such header */
  struct {
    int status;
    uint64_t n;
  } statuses[TTN_STATUSES];        /* n 0: unused */
  uint64_t failures[TTN_FAILURES]; /* by enum ttn_failure; only those > 0 go
                                    * out, and `timeout`, `http`, `json`,
                                    * `connect` always */
};
void ttn_report_api(const struct ttn_sink *sink, uint32_t collect,
                    const char *account, const struct ttn_api_report *report);

/* Notifications about one gateway: on a change of state seen in two answers,
 * never at start-up, never for unknown, never twice. Kept per gateway, all
 * zero at first. */
struct ttn_notice {
  uint8_t settled;   /* enum ttn_state that was last settled (or told) */
  uint8_t candidate; /* what the last proof showed, when it differs */
  uint8_t told;      /* a WARNING went out and no OKAY yet */
  int64_t since;     /* mono: when the gateway was first seen disconnected */
};
/* Call after each ttn_gateway_learn whose state isn't unknown. wall_since: when
 * that state began: the gateway's disconnected_at or connected_at (ns, 0 = not
 * known). name: or NULL. mono: now. */
void ttn_notice_gateway(const struct ttn_sink *sink, struct ttn_notice *notice,
                        const char *id, const char *name, enum ttn_state state,
                        int64_t mono, int64_t wall_since,
                        int64_t offline_after);
/* The key was refused (why: one sentence with the cure) or works again. */
void ttn_notice_key(const struct ttn_sink *sink, const char *account,
                    bool refused, const char *why);

#endif
