/* SPDX-License-Identifier: MIT */
/* One poll of the library's, and what it showed. */
#ifndef TTN_CLI_SNAPSHOT_H
#define TTN_CLI_SNAPSHOT_H

#include "account/status.h"
#include "cli/answer_log.h"
#include "cli/cost.h"
#include "cli/options.h"
#include "cli/terminal.h"

enum unknown_reason { /* why a gateway is unknown */
                      UNKNOWN_NOT,
                      UNKNOWN_REFUSED,     /* to this key */
                      UNKNOWN_UNTRUSTED,   /* its host may not have the key */
                      UNKNOWN_BAD_ADDRESS, /* that is not a host */
                      UNKNOWN_NO_ANSWER
};

/* What a poll's values say of a gateway. */
struct row_values {
  char id[TTN_ID_MAX + 1];
  uint8_t counts; /* bit k: count[k] is known */
  int64_t count[TTN_MESSAGES];
  double since_uplink; /* s; below 0: not known */
};

/* A gateway; strings are the account's. */
struct row {
  struct ttn_gateway_status seen;
  const char *cluster, *registered; /* hosts; NULL: not one of the account's,
                                     * or not known */
  enum unknown_reason why;
  int untrusted;           /* UNKNOWN_UNTRUSTED: its host's index; or -1 */
  int64_t disconnected_at; /* 0: not known, or connected */
  struct row_values values;
};

/* At most so many hosts that may not have the key are shown. */
#define UNTRUSTED_MAX 16

struct snapshot {
  struct cli_env *env;
  const struct options *options;
  struct terminal *term;
  struct ttn_endpoint url;
  struct ttn_account *account;
  struct ttn_net net;         /* the real one, behind one that shows progress */
  struct answer_log *answers; /* or NULL */
  struct ttn_sink sink;
  int64_t started;  /* mono */
  int64_t interval; /* between two polls */
  void (*listener)(void *ctx, const struct ttn_event *event); /* or NULL */
  void *listener_ctx;
  bool following; /* between two polls */

  /* of the last poll */
  int64_t at;   /* wall: its end */
  int64_t took; /* ns */
  struct ttn_status status;
  struct ttn_host_status *hosts; /* status.n_hosts */
  struct row_values *values;
  size_t n_values, room_values;
  struct cost_meter meter;
  struct row *rows; /* by id */
  size_t n_rows;
  size_t n_state[3]; /* by enum ttn_state */
  /* Hosts that gateways name and that may not have the key, as a Cluster line
   * would have them. */
  struct ttn_endpoint untrusted[UNTRUSTED_MAX];
  size_t n_untrusted;
};

/* answers: keeps what a report needs, or NULL; it outlives snap. False: it was
 * reported, but for a lack of memory. */
bool snapshot_open(struct snapshot *snap, struct cli_env *env,
                   const struct options *options, struct terminal *term,
                   struct answer_log *answers);
/* In the place of snapshot_open, for a report of options that were refused:
 * there is no account, and nothing but report_print may be called. */
void snapshot_open_refused(struct snapshot *snap, struct cli_env *env,
                           const struct options *options);
/* One poll. False: no memory for it. */
bool snapshot_poll(struct snapshot *snap);
/* With --follow: who hears of events from now on, also during a poll. */
void snapshot_listen(struct snapshot *snap,
                     void (*listener)(void *ctx, const struct ttn_event *event),
                     void *ctx);
/* Waits for events between two polls; returns often. */
void snapshot_follow(struct snapshot *snap);
/* Nothing is done to one that is closed, or that could not be opened. */
void snapshot_close(struct snapshot *snap);
/* A gateway's row, or NULL. */
const struct row *snapshot_find_row(const struct snapshot *snap,
                                    const char *id);
/* Can its events be asked for? */
bool snapshot_can_follow(const struct row *row);
/* The gateway whose own key this is, if it has to be named; or NULL. */
const char *snapshot_own_gateway(const struct snapshot *snap);
/* The key is known, and may read gateways but not their traffic. */
bool snapshot_lacks_traffic(const struct snapshot *snap);
/* What this will cost in collectd. */
struct cost snapshot_cost(const struct snapshot *snap);
/* "user", "organization", "gateway", "other"; NULL: not known. */
const char *snapshot_key_owner(const struct snapshot *snap);

#endif
