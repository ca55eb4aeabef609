/* SPDX-License-Identifier: MIT */
/* Steps of a poll that answers of several kinds lead to. */
#ifndef TTN_STEPS_H
#define TTN_STEPS_H

#include "account/discovery.h"
#include "account/request.h"

struct ttn_account;

struct host *steps_host(struct ttn_account *a, const struct request *request);

/* Queues the gateways that are not queued yet, each with its place. */
void steps_plan(struct ttn_account *a);
/* A batch ended; lookups start when it was the last of its host's own. */
void steps_end_batch(struct ttn_account *a, const struct batch *batch);
/* Nothing more can be sent to anyone: looks up what hosts lack whose own
 * batches did not all end. False: there is nothing to look up. */
bool steps_idle(struct ttn_account *a);
/* If all is listed, the table of gateways becomes the list. */
void steps_after_discovery(struct ttn_account *a, enum discovery_step step);

/* The key can't be used; reason: a sentence of tts/key_errors.h. */
void steps_reject_key(struct ttn_account *a, const char *reason);

/* A request failed, which counts in ttn_api. probe, reason: as host_failed. */
void steps_failed(struct ttn_account *a, const struct request *request,
                  bool probe, enum ttn_failure failure, const char *reason);

#endif
