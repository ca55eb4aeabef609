/* SPDX-License-Identifier: MIT */
/* What a configuration costs where it runs, by what a poll showed: about, since
 * a gateway that is connected has more values than one that is not. */
#ifndef TTN_CLI_COST_H
#define TTN_CLI_COST_H

#include "cli/answer_log.h"
#include "report/sink.h"

#include <stddef.h>
#include <stdint.h>

/* What is counted of a poll. All zero at first. */
struct cost_meter {
  size_t values;   /* that went out */
  size_t connects; /* of these, those that only Events adds */
  size_t gateways; /* that are connected or disconnected */
  size_t asked;    /* requests for gateways' statistics */
  size_t listed;   /* requests of the last reading of the list */
  size_t listing;  /* of this poll */
};
void cost_poll_begins(struct cost_meter *meter);
void cost_value(struct cost_meter *meter, const struct ttn_value *value);
void cost_request(struct cost_meter *meter, enum answer_kind kind);

/* What collectd will be configured with. */
struct cost_settings {
  double interval;  /* s, above 0 */
  double discovery; /* s; 0: at each poll */
  bool events;
  bool all; /* Scope "all" */
};

struct cost {
  size_t series;
  double memory;   /* of collectd, for these series; bytes */
  double packets;  /* that the plugin network sends, a minute */
  double requests; /* to the stack, a minute */
};
struct cost cost_of(const struct cost_meter *meter,
                    const struct cost_settings *settings);

#endif
