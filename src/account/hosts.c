/* SPDX-License-Identifier: MIT */
/* The hosts that an account asks: which of them may have the key, how much
 * each of them takes now, and whether it is in trouble.
 *
 * Trouble: after no connection, three failures in a row or a failed probe a
 * host gets one request a poll, the probe; all else goes in the same poll once
 * that succeeds. So a day's outage costs a request an interval and is over
 * within one. A time-out makes the next request take a fresh connection:
 * libcurl goes on using a silent HTTP/2 connection for ever.
 *
 * rate_limit.c knows how much of each kind of call a host accepts. */
#include "account/internal.h"

#include <string.h>

void hosts_init(struct ttn_account *a) {
  const struct ttn_settings *s = a->settings;
  a->hosts[0].endpoint = s->url;
  a->n_hosts = 1;
  for (size_t i = 0; i < s->n_clusters && a->n_hosts < HOSTS_MAX; i++) {
    bool there = false;
    for (size_t h = 0; h < a->n_hosts; h++)
      there = there ||
              strcmp(a->hosts[h].endpoint.host, s->clusters[i].host) == 0;
    if (!there)
      a->hosts[a->n_hosts++].endpoint = s->clusters[i];
  }
  for (size_t h = 0; h < a->n_hosts; h++) {
    a->hosts[h].configured = true;
    a->hosts[h].limits[KIND_SINGLE].per_gateway = true;
    ttn_endpoint_print(a->hosts[h].base, sizeof(a->hosts[h].base),
                       &a->hosts[h].endpoint);
  }
}

uint64_t hosts_all(const struct ttn_account *a) {
  uint64_t all = 0;
  for (size_t h = 0; h < a->n_hosts; h++)
    if (!a->hosts[h].nowhere)
      all |= UINT64_C(1) << h;
  return all;
}

/* A host that may not have the key: said once each, and only so many. */
static void stranger(struct ttn_account *a, const char *name, bool valid) {
  uint64_t h = ttn_hash(TTN_HASH, name, strlen(name));
  for (size_t i = 0; i < a->n_strangers; i++)
    if (a->strangers[i] == h)
      return;
  if (a->n_strangers == STRANGERS_MAX)
    return;
  a->strangers[a->n_strangers++] = h;
  if (a->n_strangers == STRANGERS_MAX) {
    account_log(a, TTN_WARNING,
                "gateways name more than %d further hosts that may not have "
                "the key; no more of them are named here",
                STRANGERS_MAX - 1);
    return;
  }
  if (!valid) {
    char safe[80];
    size_t n = 0;
    for (; n < sizeof(safe) - 1 && name[n] != '\0'; n++)
      safe[n] = name[n] > ' ' && name[n] < 0x7f ? name[n] : '?';
    safe[n] = '\0';
    account_log(a, TTN_WARNING,
                "\"%s\" is no host: gateways with this gateway server address "
                "are unknown; mend it in the Console (General settings)",
                safe);
    return;
  }
  struct ttn_endpoint endpoint = a->settings->url;
  ttn_print(endpoint.host, sizeof(endpoint.host), "%s", name);
  char url[TTN_URL_MAX];
  account_log(a, TTN_WARNING,
              "gateways at %s are unknown: this host may not have the key; if "
              "it is yours, allow it with: Cluster \"%s\"",
              name, ttn_endpoint_print(url, sizeof(url), &endpoint));
}

int hosts_find(struct ttn_account *a, const char *address) {
  char name[TTN_HOST_MAX + 1];
  if (address == NULL || address[0] == '\0')
    return 0;
  if (!ttn_address_host(address, name)) {
    stranger(a, address, false);
    return -1;
  }
  if (name[0] == '\0')
    return 0;
  for (size_t h = 0; h < a->n_hosts; h++)
    if (strcmp(a->hosts[h].endpoint.host, name) == 0)
      return (int)h;
  if (!ttn_host_trusted(&a->settings->url, name) || a->n_hosts == HOSTS_MAX) {
    stranger(a, name, true);
    return -1;
  }
  struct host *host = &a->hosts[a->n_hosts];
  host->endpoint = a->settings->url;
  host->limits[KIND_SINGLE].per_gateway = true;
  ttn_print(host->endpoint.host, sizeof(host->endpoint.host), "%s", name);
  ttn_endpoint_print(host->base, sizeof(host->base), &host->endpoint);
  return (int)a->n_hosts++;
}

void hosts_begin(struct ttn_account *a) {
  for (size_t h = 0; h < a->n_hosts; h++) {
    struct host *host = &a->hosts[h];
    host->given_up = false;
    host->failed = false;
    host->answered = false;
    host->limited = false;
    host->why[0] = '\0';
  }
}

bool hosts_may_start(const struct ttn_account *a, int h, enum kind kind,
                     int64_t now, int64_t *until) {
  const struct host *host = &a->hosts[h];
  unsigned width = host->http2 ? 32 : (unsigned)a->settings->max_connections;
  if (host->given_up || host->in_flight >= width)
    return false;
  if (host->trouble && host->in_flight > 0)
    return false;
  return rate_limit_allows(&host->limits[kind], now, until);
}

void hosts_answered(struct ttn_account *a, int h, enum kind kind,
                    const struct ttn_answer *answer, int64_t now) {
  struct host *host = &a->hosts[h];
  host->http2 = answer->http2;
  if (answer->date != 0) {
    host->dated = true;
    host->ahead = a->env->wall(a->env->ctx) - answer->date;
  }
  rate_limit_learn(&host->limits[kind], answer, now);
  if (answer->rate_available >= 0 &&
      (a->report.rate_available < 0 ||
       answer->rate_available < a->report.rate_available))
    a->report.rate_available = answer->rate_available;
}

void hosts_well(struct ttn_account *a, int h) {
  struct host *host = &a->hosts[h];
  host->answered = host->heard = true;
  host->nowhere = false;
  host->failures = 0;
  host->trouble = false;
  host->given_up = false;
}

static bool no_connection(enum ttn_failure failure) {
  return failure == TTN_FAIL_DNS || failure == TTN_FAIL_CONNECT ||
         failure == TTN_FAIL_PROXY || failure == TTN_FAIL_TLS;
}

void hosts_failed(struct ttn_account *a, int h, bool probe,
                  enum ttn_failure failure, const char *asked,
                  const char *why) {
  struct host *host = &a->hosts[h];
  if (!host->failed) {
    host->asked_for = asked;
    host->failure = failure;
    ttn_print(host->why, sizeof(host->why), "%s", why);
  }
  host->failed = true;
  host->failures++;
  host->nowhere =
      failure == TTN_FAIL_DNS && !host->configured && !host->heard;
  if (failure == TTN_FAIL_TIMEOUT || failure == TTN_FAIL_TRANSFER)
    host->fresh = true;
  if (probe)
    host->given_up = true;
  if (probe || no_connection(failure) || host->failures >= FAILURES_MAX)
    host->trouble = true;
}

/* One line when trouble begins, one when it ends, none in between. A failure
 * that a second try made good, a connection that went silent most of all, is
 * counted and takes nothing from anyone: no line. */
void hosts_end(struct ttn_account *a, bool whole) {
  int64_t now = a->env->mono(a->env->ctx);
  char words[64];
  for (size_t h = 0; h < a->n_hosts; h++) {
    struct host *host = &a->hosts[h];
    bool failed = host->failed && !(whole && host->answered && !host->trouble);
    if (failed && !host->said) {
      account_log(a, TTN_ERROR,
                  "%s: %s: %s; what it would have told is unknown until it "
                  "answers, which is tried at each poll",
                  host->base, host->asked_for, host->why);
      host->said = true;
      host->since = now;
    } else if (!failed && host->answered && host->said) {
      account_log(a, TTN_NOTICE, "%s: answers again, after %s", host->base,
                  ttn_words(words, sizeof(words), now - host->since));
      host->said = false;
    }
    if (host->limited && !host->said_limited) {
      account_log(a, TTN_WARNING,
                  "%s: the rate limit leaves gateways unknown in this poll; "
                  "they come first in the next: raise Interval, or ask the "
                  "operator for a higher limit",
                  host->base);
      host->said_limited = true;
    } else if (!host->limited && host->answered && host->said_limited) {
      account_log(a, TTN_NOTICE, "%s: the rate limit is kept again",
                  host->base);
      host->said_limited = false;
    }
  }
}
