/* SPDX-License-Identifier: MIT */
/* The hosts that an account asks: which of them may have the key, how much each
 * of them accepts now, and how healthy it is. doc/design.md has the states, and
 * why. */
#ifndef TTN_HOSTS_H
#define TTN_HOSTS_H

#include "account/context.h"
#include "account/rate_limit.h"
#include "base/episode.h"
#include "tts/endpoint.h"
#include "tts/request.h"

/* A bit of a word a host, see gateway.absent_at. */
#define HOSTS_MAX 64
#define UNTRUSTED_MAX 16

enum host_health {
  HOST_HEALTHY,
  HOST_PROBING,  /* one request a poll, until one succeeds */
  HOST_SUSPENDED /* this poll's failed: nothing more in this poll */
};

/* What happened at a host in this poll; of the first failure also what was
 * asked for, and why it failed. */
struct host_poll {
  bool answered, failed; /* both: not at first, or not always */
  bool limited;          /* gateways stay unknown because of its rate limit */
  const char *asked_for; /* a literal */
  enum ttn_failure failure;
  char reason[300]; /* for a person */
};

struct host {
  struct ttn_endpoint endpoint;
  char base[TTN_URL_MAX]; /* of its URLs */
  bool configured;        /* URL or a Cluster line names it */
  bool http2;
  bool no_batch_api; /* tried again at each discovery */
  bool no_batch_logged;
  bool answered_once;     /* since the start */
  bool unresolvable;      /* a typo in a gateway's address, as it seems */
  uint32_t unknown_paths; /* mask paths that the server does not know */
  unsigned in_flight;
  struct rate_limit limits[API_CALLS];
  enum host_health health;
  bool fresh_connection; /* the next request takes a new connection */
  unsigned failures;     /* in a row */
  int64_t not_before;    /* mono: a 503 asked for so long a break */
  struct ttn_episode failing, limited;
  int64_t failing_since; /* mono */
  bool dated;            /* it sent a Date: */
  int64_t clock_ahead;   /* how far this machine's clock is ahead of it, ns */
  struct host_poll poll;
};

/* All zero at first. hosts[0] is the account's own, URL. */
struct hosts {
  struct host list[HOSTS_MAX];
  size_t n;
  uint64_t untrusted[UNTRUSTED_MAX]; /* hashes of addresses that were logged */
  size_t n_untrusted;
};

void hosts_init(struct hosts *hosts, const struct account_context *c);
/* The host of a gateway_server_address, which is added if it is new; -1: it may
 * not have the key, or is no host. */
int hosts_find(struct hosts *hosts, const struct account_context *c,
               const char *address);
/* Such an address, of a gateway that no host which was asked has: logged once
 * for each host, and only for so many. address: as the list has it, or NULL. */
void hosts_log_untrusted(struct hosts *hosts, const struct account_context *c,
                         const char *id, const char *address);
/* Bit h: hosts that must lack a gateway before it counts as disconnected: all
 * but those that are unresolvable. */
uint64_t hosts_to_ask(const struct hosts *hosts);

void hosts_begin(struct hosts *hosts);
/* A poll ends. to_hear: bit h: something that host h was to tell is unknown. */
void hosts_end(struct hosts *hosts, const struct account_context *c,
               uint64_t to_hear);
/* Batches are tried again everywhere: servers may have been updated. */
void hosts_retry_batch_api(struct hosts *hosts);

/* May this call be sent to host now? If not, *until becomes the time to look
 * again (mono), unless *until is earlier or it is not a matter of time. */
bool host_may_start(const struct host *host, const struct account_context *c,
                    enum api_call call, int64_t now, int64_t *until);
/* The call is under way; it takes a new connection if fresh_connection. */
void host_call_sent(struct host *host, enum api_call call);
void host_call_ended(struct host *host, enum api_call call);
/* An answer came, whatever it says. */
void host_answered(struct host *host, struct account_context *c,
                   enum api_call call, const struct ttn_answer *answer,
                   int64_t now);
void host_succeeded(struct host *host);
/* probe: the call was a probe or a second attempt. asked_for: a literal. Counts
 * nothing in ttn_api. */
void host_failed(struct host *host, bool probe, enum ttn_failure failure,
                 const char *asked_for, const char *reason);
/* If a probe failed although the host answered before in this poll, it is
 * probed again at that time (mono), in the same poll: one that is spread meets
 * far more outages of a second than one that is over at once. */
void host_probe_again(struct host *host, int64_t at);
/* Gateways of it stay unknown in this poll because of its rate limit. limited
 * false: this is withdrawn, because something worse is known. */
void host_limited(struct host *host, bool limited);
void host_lacks_batch_api(struct host *host, const struct account_context *c);
/* paths: bits of field_mask.h; names: the same for a person. False: all of them
 * are known to be lacking. */
bool host_lacks_paths(struct host *host, const struct account_context *c,
                      uint32_t paths, const char *names);

#endif
