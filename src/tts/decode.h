/* SPDX-License-Identifier: MIT */
/* The bodies of The Things Stack's answers, as bytes arrive, into typed
 * records; never a tree. This knows the stack's JSON, and nothing of yajl, of
 * HTTP, of polls, or of what is known about a gateway.
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
#include "base/failure.h"
#include "tts/records.h"

#define TTN_DECODE_MEMORY (8u << 20)

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
/* What outlives the decoder: all but lists and strings. */
struct ttn_stats ttn_stats_without_lists(const struct ttn_stats *stats);
/* TTN_BODY_LIST. *skipped: gateways left out for an id that breaks the
 * stack's own rule, or for ids or an address of a wrong type, too long or
 * given twice. A page may hold an id twice: the caller has to check it.
 * Gateways beyond TTN_LIST_MAX: TTN_FAIL_TOO_LARGE. */
const struct ttn_listed *ttn_decoder_listed(const struct ttn_decoder *decoder,
                                            size_t *n, size_t *skipped);
const struct ttn_api_error *
ttn_decoder_error(const struct ttn_decoder *decoder);
const struct ttn_auth_info *
ttn_decoder_auth_info(const struct ttn_decoder *decoder);
/* One that outlives the decoder, in one block, for ttn_free. NULL: no memory.
 */
struct ttn_auth_info *ttn_auth_info_copy(const struct ttn_env *env,
                                         const struct ttn_auth_info *info);
/* TTN_BODY_EVENT; ttn_decoder_entries has its statistics, ttn_decoder_error
 * what a TTN_EVENT_ERROR says. */
const struct ttn_event *ttn_decoder_event(const struct ttn_decoder *decoder);
/* UPLINK to SCHEDULE_FAIL. */
bool ttn_event_is_traffic(const struct ttn_event *event);

#endif
