/* SPDX-License-Identifier: MIT */
/* Where values and notifications go: the interface between the library and its
 * faces (collectd, the command, tests). */
#ifndef TTN_SINK_H
#define TTN_SINK_H

#include "report/series.h"
#include "tts/records.h"

/* What a gateway's values carry when MetaData is on; NULL or false where not
 * known. The caller fills it. */
struct ttn_meta {
  const char *name, *eui, *protocol, *remote_address, *server_address;
  const char *boot_time; /* of the gateway, as sent */
  const struct ttn_version *versions;
  size_t n_versions;
  bool has_location;
  struct ttn_location location;
};

/* One value. Strings live until the call returns. The caller fills it;
 * ttn_put_gauge and ttn_put_count add series and number. */
struct ttn_value {
  enum ttn_series series;
  const char *subject; /* gateway id, or account */
  const char *label;   /* "" where the series has none */
  bool derive;         /* count is set, else gauge */
  int64_t count;
  double gauge;
  const struct ttn_meta *meta; /* or NULL */
};

enum ttn_severity { TTN_OKAY, TTN_NOTIFY_WARNING, TTN_NOTIFY_FAILURE };

struct ttn_notification {
  enum ttn_severity severity;
  enum ttn_series series;
  const char *subject; /* gateway id, or account */
  const char *message; /* at most 255 bytes */
};

/* Called on the account's thread. begin and end enclose values of one time:
 * those of an answer, of what events told, or of a poll's end. The caller fills
 * it. */
struct ttn_sink {
  void *ctx;
  void (*begin)(void *ctx);
  void (*value)(void *ctx, const struct ttn_value *value);
  void (*notify)(void *ctx, const struct ttn_notification *notification);
  void (*end)(void *ctx);
  /* NULL: nobody listens. Each event of a gateway as it comes, also during a
   * poll; one that the stack sends twice is told once. */
  void (*event)(void *ctx, const struct ttn_event *event);
};

/* Sends a value of this series. */
void ttn_put_gauge(const struct ttn_sink *sink, struct ttn_value *value,
                   enum ttn_series series, double gauge);
void ttn_put_count(const struct ttn_sink *sink, struct ttn_value *value,
                   enum ttn_series series, uint64_t count);

#endif
