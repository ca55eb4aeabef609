/* SPDX-License-Identifier: MIT */
#include "account/hosts.h"

#include "base/hash.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

/* Failures in a row after which a host is only probed. */
#define FAILURES_MAX 3

static struct host *add_host(struct hosts *hosts,
                             const struct ttn_endpoint *endpoint) {
  struct host *host = &hosts->list[hosts->n++];
  host->endpoint = *endpoint;
  ttn_endpoint_print(host->base, sizeof(host->base), &host->endpoint);
  host->limits[API_SINGLE] = (struct rate_limit){.per_gateway = true};
  return host;
}

static int host_index(const struct hosts *hosts, const char *name) {
  for (size_t h = 0; h < hosts->n; h++)
    if (strcmp(hosts->list[h].endpoint.host, name) == 0)
      return (int)h;
  return -1;
}

void hosts_init(struct hosts *hosts, const struct account_context *c) {
  const struct ttn_settings *s = c->settings;
  add_host(hosts, &s->url)->configured = true;
  for (size_t i = 0; i < s->n_clusters && hosts->n < HOSTS_MAX; i++)
    if (host_index(hosts, s->clusters[i].host) < 0)
      add_host(hosts, &s->clusters[i])->configured = true;
}

uint64_t hosts_to_ask(const struct hosts *hosts) {
  uint64_t all = 0;
  for (size_t h = 0; h < hosts->n; h++)
    if (!hosts->list[h].unresolvable)
      all |= UINT64_C(1) << h;
  return all;
}

void hosts_log_untrusted(struct hosts *hosts, const struct account_context *c,
                         const char *id, const char *address) {
  char host[TTN_HOST_MAX + 1];
  bool valid = address != NULL && ttn_address_host(address, host);
  const char *name = valid ? host : address != NULL ? address : "";
  uint64_t h = ttn_hash(TTN_HASH, name, strlen(name));
  for (size_t i = 0; i < hosts->n_untrusted; i++)
    if (hosts->untrusted[i] == h)
      return;
  if (hosts->n_untrusted == UNTRUSTED_MAX)
    return;
  hosts->untrusted[hosts->n_untrusted++] = h;
  if (hosts->n_untrusted == UNTRUSTED_MAX) {
    context_log(c, TTN_WARNING,
                "gateways name more than %d further hosts that may not have "
                "the key; no more of them are logged",
                UNTRUSTED_MAX - 1);
    return;
  }
  if (!valid) {
    char safe[80];
    size_t n = 0;
    for (; n < sizeof(safe) - 1 && name[n] != '\0'; n++)
      safe[n] = name[n] > ' ' && name[n] < 0x7f ? name[n] : '?';
    safe[n] = '\0';
    context_log(c, TTN_WARNING,
                "gateway %s is unknown: no cluster that was asked has it, and "
                "its gateway server address \"%s\" is not a host; correct it "
                "in the Console (General settings)",
                id, safe);
    return;
  }
  struct ttn_endpoint endpoint = c->settings->url;
  ttn_print(endpoint.host, sizeof(endpoint.host), "%s", name);
  char url[TTN_URL_MAX];
  context_log(
      c, TTN_WARNING,
      "gateway %s is unknown: no cluster that was asked has it, and %s, "
      "where it is registered, may not have the key; if that host is "
      "yours, allow it with: Cluster \"%s\"",
      id, name, ttn_endpoint_print(url, sizeof(url), &endpoint));
}

int hosts_find(struct hosts *hosts, const struct account_context *c,
               const char *address) {
  char name[TTN_HOST_MAX + 1];
  if (address == NULL || address[0] == '\0')
    return 0;
  if (!ttn_address_host(address, name))
    return -1;
  if (name[0] == '\0')
    return 0;
  int h = host_index(hosts, name);
  if (h >= 0)
    return h;
  if (!ttn_host_trusted(&c->settings->url, name) || hosts->n == HOSTS_MAX)
    return -1;
  struct ttn_endpoint endpoint = c->settings->url;
  ttn_print(endpoint.host, sizeof(endpoint.host), "%s", name);
  add_host(hosts, &endpoint);
  return (int)hosts->n - 1;
}

void hosts_begin(struct hosts *hosts) {
  for (size_t h = 0; h < hosts->n; h++) {
    struct host *host = &hosts->list[h];
    host->poll = (struct host_poll){0};
    if (host->health == HOST_SUSPENDED)
      host->health = HOST_PROBING;
  }
}

void hosts_retry_batch_api(struct hosts *hosts) {
  for (size_t h = 0; h < hosts->n; h++)
    hosts->list[h].no_batch_api = false;
}

bool host_may_start(const struct host *host, const struct account_context *c,
                    enum api_call call, int64_t now, int64_t *until) {
  unsigned width =
      host->http2 ? TTN_STREAMS_MAX : (unsigned)c->settings->max_connections;
  if (host->health == HOST_SUSPENDED || host->in_flight >= width ||
      (host->health == HOST_PROBING && host->in_flight > 0))
    return false;
  if (now < host->not_before) {
    if (host->not_before < *until)
      *until = host->not_before;
    return false;
  }
  return rate_limit_allows(&host->limits[call], now, until);
}

void host_call_sent(struct host *host, enum api_call call) {
  host->in_flight++;
  rate_limit_call_sent(&host->limits[call]);
  host->fresh_connection = false;
}

void host_call_ended(struct host *host, enum api_call call) {
  assert(host->in_flight > 0);
  host->in_flight--;
  rate_limit_call_ended(&host->limits[call]);
}

void host_answered(struct host *host, struct account_context *c,
                   enum api_call call, const struct ttn_answer *answer,
                   int64_t now) {
  host->http2 = answer->http2;
  if (answer->date != 0) {
    host->dated = true;
    host->clock_ahead = c->env->wall(c->env->ctx) - answer->date;
  }
  rate_limit_learn(&host->limits[call], answer, now);
  int64_t pause = rate_limit_break(answer);
  host->not_before = pause > 0 ? now + pause : 0;
}

void host_succeeded(struct host *host) {
  host->poll.answered = host->answered_once = true;
  host->unresolvable = false;
  host->failures = 0;
  host->health = HOST_HEALTHY;
}

static bool no_connection(enum ttn_failure failure) {
  return failure == TTN_FAIL_DNS || failure == TTN_FAIL_CONNECT ||
         failure == TTN_FAIL_PROXY || failure == TTN_FAIL_TLS;
}

void host_failed(struct host *host, bool probe, enum ttn_failure failure,
                 const char *asked_for, const char *reason) {
  struct host_poll *poll = &host->poll;
  if (!poll->failed) {
    poll->asked_for = asked_for;
    poll->failure = failure;
    ttn_print(poll->reason, sizeof(poll->reason), "%s", reason);
  }
  poll->failed = true;
  host->failures++;
  host->unresolvable =
      failure == TTN_FAIL_DNS && !host->configured && !host->answered_once;
  if (failure == TTN_FAIL_TIMEOUT || failure == TTN_FAIL_TRANSFER)
    host->fresh_connection = true;
  if (probe)
    host->health = HOST_SUSPENDED;
  else if (host->health == HOST_HEALTHY &&
           (no_connection(failure) || host->failures >= FAILURES_MAX))
    host->health = HOST_PROBING;
}

void host_probe_again(struct host *host, int64_t at) {
  if (host->health != HOST_SUSPENDED || !host->poll.answered)
    return;
  host->health = HOST_PROBING;
  if (host->not_before < at)
    host->not_before = at;
}

void host_limited(struct host *host, bool limited) {
  host->poll.limited = limited;
}

void host_lacks_batch_api(struct host *host, const struct account_context *c) {
  if (!host->no_batch_logged)
    context_log(c, TTN_INFO,
                "%s has no batch of statistics (The Things Stack before "
                "3.21): gateways are requested one at a time, in parallel",
                host->base);
  host->no_batch_api = host->no_batch_logged = true;
}

bool host_lacks_paths(struct host *host, const struct account_context *c,
                      uint32_t paths, const char *names) {
  if ((paths & ~host->unknown_paths) == 0)
    return false;
  context_log(c, TTN_INFO, "%s is too old to know %s: left out from now on",
              host->base, names);
  host->unknown_paths |= paths;
  return true;
}

/* One line when failures begin, one when they end, none between. A failure
 * that a second attempt repaired, most often a connection that went silent, is
 * counted and costs nobody a value: no line. */
static void log_failing(struct host *host, const struct account_context *c,
                        bool whole) {
  const struct host_poll *poll = &host->poll;
  char words[64];
  if (poll->failed &&
      !(whole && poll->answered && host->health == HOST_HEALTHY)) {
    if (!ttn_episode_begin(&host->failing))
      return;
    host->failing_since = context_mono(c);
    context_log(c, TTN_ERROR,
                "%s: %s: %s; gateways there are reported as unknown until it "
                "responds; it is tried again",
                host->base, poll->asked_for, poll->reason);
  } else if (poll->answered && ttn_episode_end(&host->failing)) {
    context_log(c, TTN_NOTICE, "%s: responds again, after %s", host->base,
                ttn_print_duration(words, sizeof(words),
                                   context_mono(c) - host->failing_since));
  }
}

static void log_limited(struct host *host, const struct account_context *c) {
  if (host->poll.limited) {
    if (ttn_episode_begin(&host->limited))
      context_log(c, TTN_WARNING,
                  "%s: because of the rate limit some gateways are unknown in "
                  "this poll; the next poll starts with them: raise Interval, "
                  "or ask the operator for a higher limit",
                  host->base);
  } else if (host->poll.answered && ttn_episode_end(&host->limited)) {
    context_log(c, TTN_NOTICE, "%s: the rate limit is sufficient again",
                host->base);
  }
}

void hosts_end(struct hosts *hosts, const struct account_context *c,
               uint64_t to_hear) {
  for (size_t h = 0; h < hosts->n; h++) {
    log_failing(&hosts->list[h], c, (to_hear >> h & 1) == 0);
    log_limited(&hosts->list[h], c);
  }
}
