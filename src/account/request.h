/* SPDX-License-Identifier: MIT */
/* Requests under way: what is sent, and the bytes that come back into a
 * decoder as they arrive. */
#ifndef TTN_ACCOUNT_REQUEST_H
#define TTN_ACCOUNT_REQUEST_H

#include "account/discovery.h"
#include "account/schedule.h"

/* One request. Kept for the next when it ended. */
struct request {
  struct request *next;
  struct ttn_call call;
  enum api_call api;
  int host;
  bool probe;         /* if it fails, the host is suspended for this poll */
  struct batch batch; /* of API_BATCH and API_SINGLE */
  struct page page;   /* of API_LIST */
  struct ttn_decoder *decoder;
  uint8_t gateway_of[TTN_BATCH_MAX]; /* which of the batch's gateways each entry
                                      * of the answer is of */
  size_t n_taken;  /* of the answer's entries; the others wait until more_at */
  int64_t more_at; /* mono */
  enum ttn_failure decoded; /* of the last feed, at the end of the whole body */
  bool begun;
  struct ttn_request_body body;
  char url[TTN_URL_MAX + 256];
};

struct requests {
  struct ttn_net net;
  struct request *idle; /* to be used again */
  struct request *busy;
  size_t n_busy;
  struct request *held; /* answered, but not all entries are taken; the first
                         * one that is due comes first */
};

void requests_init(struct requests *r, const struct ttn_net *net);
void requests_free(struct requests *r, const struct ttn_env *env);
/* From any thread: the wait that is under way, or the next one, returns. */
void requests_wake(const struct requests *r);
/* Frees idle requests but one: up to 32 a host, each with the records of 100
 * gateways, would be most of what an account holds between its polls. */
void requests_trim(struct requests *r, const struct ttn_env *env);

/* A request to host, not sent yet. NULL: no memory (counted). */
struct request *request_new(struct requests *r, struct account_context *c,
                            enum api_call api, int host);
/* How many times it was sent before. */
uint8_t request_tries(const struct request *request);
bool request_is_batch(const struct request *request);
/* What is asked for, for a person: a literal. */
const char *request_name(const struct request *request);

void request_for_batch(struct request *request, struct batch batch);
void request_for_page(struct request *request, struct page page);
/* gateways: the batch's. timeout: ns. False: no memory (counted). */
bool request_send(struct requests *r, struct account_context *c,
                  struct hosts *hosts, const struct ttn_auth *auth,
                  struct request *request, struct gateway *const *gateways,
                  int64_t timeout);

/* Waits until `until` (mono) for a call that ended: a request's, or a stream's.
 * NULL: none did, or the wait was woken. */
struct ttn_call *requests_wait(struct requests *r, int64_t until);
/* The request of a call that ended, with its body decoded. */
struct request *request_ended(struct requests *r, struct account_context *c,
                              struct hosts *hosts, struct ttn_call *call);
/* Cancels one that is under way. NULL: there is none. */
struct request *requests_cancel(struct requests *r, struct hosts *hosts);
/* Finds the gateway of each entry of its answer; a single GET's is of the only
 * one. False: it has an entry for a gateway that was not asked for, so all of
 * it is wrong: it is an answer to something else. */
bool request_match(struct request *request, struct gateway *const *gateways);
/* So many entries of its answer are taken. */
void request_taken(struct request *request, size_t n);
/* The next ones are to be taken at that time (mono). */
void request_hold(struct requests *r, struct request *request, int64_t more_at);
/* When the first of those that are held is due (mono); INT64_MAX: there is
 * none. */
int64_t requests_held_until(const struct requests *r);
/* One that is due at `now`, which is no longer held. NULL: none is. */
struct request *requests_release(struct requests *r, int64_t now);
/* Done with one that ended, was cancelled or was not sent. */
void request_done(struct requests *r, struct request *request);

#endif
