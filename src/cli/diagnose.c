/* SPDX-License-Identifier: MIT */
/* Each problem is one sentence about what is wrong and one about the fix; those
 * about the key are the library's own.
 *
 * If one problem explains another, only the first is shown: what a rejected key
 * or a silent host leaves unknown is not reported a second time. */
#include "cli/diagnose.h"

#include "base/text.h"
#include "cli/config_block.h"
#include "tts/key_errors.h"

#include <string.h>

/* So many names of gateways in a sentence. */
#define NAMES_MAX 8
#define PROBLEMS_MAX 100000
/* Ages are measured against the stack's clock, but values get this machine's
 * time. An answer's way and the cut second are less than this. */
#define CLOCK_OFF (30 * TTN_SECOND)

static void forget_problems(struct problems *problems) {
  for (size_t i = 0; i < problems->n; i++) {
    text_free(&problems->list[i].message);
    text_free(&problems->list[i].fix);
  }
  problems->n = 0;
}

/* What problems are found in, and where they go. */
struct findings {
  const struct snapshot *snap;
  struct problems *problems;
  struct problem spare; /* whose texts take nothing */
  bool no_memory;
};

/* A new one, to be filled in. */
static struct problem *add(struct findings *f, enum severity severity,
                           const char *kind) {
  struct problems *problems = f->problems;
  void *list = problems->list;
  const struct ttn_env *env = &f->snap->env->env;
  if (!ttn_grow(env, &list, &problems->room, problems->n + 1,
                sizeof(*problems->list), PROBLEMS_MAX)) {
    f->no_memory = true;
    return &f->spare;
  }
  problems->list = list;
  struct problem *p = &problems->list[problems->n++];
  *p = (struct problem){.severity = severity,
                        .kind = kind,
                        .message = {.env = env},
                        .fix = {.env = env}};
  return p;
}

/* Both at once, where neither has a number in it. */
static void add_sentences(struct findings *f, enum severity severity,
                          const char *kind, const char *message,
                          const char *fix) {
  struct problem *p = add(f, severity, kind);
  text_add(&p->message, "%s", message);
  text_add(&p->fix, "%s", fix);
}

typedef bool chosen(const struct row *row, const void *arg);

/* The gateways that are chosen: "2 gateways are <what>: a, b". The fix is to be
 * filled in; it goes nowhere if there is no such gateway. */
static struct problem *add_gateways(struct findings *f, enum severity severity,
                                    const char *kind, chosen *is,
                                    const void *arg, const char *what) {
  const struct snapshot *snap = f->snap;
  size_t n = 0, named = 0;
  for (size_t i = 0; i < snap->n_rows; i++)
    n += is(&snap->rows[i], arg);
  if (n == 0)
    return &f->spare;
  struct problem *p = add(f, severity, kind);
  text_add(&p->message, "%zu gateway%s %s: ", n, n == 1 ? " is" : "s are",
           what);
  for (size_t i = 0; i < snap->n_rows && named < NAMES_MAX; i++)
    if (is(&snap->rows[i], arg))
      text_add(&p->message, "%s%s", named++ == 0 ? "" : ", ",
               snap->rows[i].seen.id);
  text_add(&p->message, "%s", n > named ? " and others" : "");
  return p;
}

/* ---- the key and the list ---- */

/* Where a reason of the library's names the fix itself. NULL: it does not. */
static const char *own_fix(const char *why) {
  static const char *const leads[] = {"; ", ": raise ", ": URL must "};
  const char *found = NULL;
  for (size_t i = 0; found == NULL && i < sizeof(leads) / sizeof(leads[0]); i++)
    found = strstr(why, leads[i]);
  return found == NULL ? NULL : found + 2;
}

/* A reason without its fix, and that or another one. */
static void add_reason_and_fix(struct problem *p, const char *why,
                               const char *fix, const char *other) {
  int n = fix != NULL ? (int)(fix - why) - 2 : (int)strlen(why);
  text_add(&p->message, "%.*s", n, why);
  messages_add(&p->fix, fix != NULL ? fix : other);
}

/* A sentence of key_errors.h in its two parts. */
static void add_key_sentence(struct findings *f, const char *kind,
                             const char *sentence) {
  const char *fix = ttn_key_error_fix(sentence);
  add_reason_and_fix(add(f, SEVERITY_PROBLEM, kind), sentence,
                     fix[0] == '\0' ? NULL : fix, "");
}

static void add_no_list(struct findings *f) {
  const char *why = f->snap->status.list_reason;
  char url[TTN_URL_MAX];
  struct problem *p = add(f, SEVERITY_PROBLEM, "list");
  text_add(&p->message, "%s has no list of gateways: ",
           ttn_endpoint_print(url, sizeof(url), &f->snap->url));
  add_reason_and_fix(
      p, why, own_fix(why),
      strcmp(why, "no memory") == 0
          ? "see that more memory is free, and run this again"
          : "check that URL is the cluster with the Identity Server "
            "(for The Things Network that is eu1, wherever the gateways "
            "are); if it is, run this again");
}

/* Those that the key may not list, of several. True: there is one. */
static bool advise_organizations(struct findings *f) {
  const char *id;
  size_t n = 0;
  for (; (id = ttn_account_denied_organization(f->snap->account, n)) != NULL;
       n++) {
    struct problem *p = add(f, SEVERITY_PROBLEM, "key");
    text_add(&p->message, "the key may not list gateways of organization %s",
             id);
    text_add(&p->fix,
             "check that the id is right, and that the key is its own or a "
             "member's, with the right to list its gateways");
  }
  return n > 0;
}

static void advise_key(struct findings *f) {
  const struct ttn_status *status = &f->snap->status;
  if (status->key_reason != NULL) {
    add_key_sentence(f, "key", status->key_reason);
    return;
  }
  bool organizations = advise_organizations(f);
  if (status->list_reason == NULL)
    return;
  if (!status->list_denied && !f->snap->hosts[0].failed)
    add_no_list(f);
  else if (status->list_denied && !organizations)
    add_key_sentence(f, "key", status->list_reason);
}

static bool has_traffic(const struct snapshot *snap) {
  return snap->options->follow ||
         option_list_number(&snap->options->list, "Traffic") != 0;
}

static bool is_needed(const struct snapshot *snap, const char *right) {
  if (strcmp(right, "RIGHT_GATEWAY_TRAFFIC_READ") == 0)
    return !snap->status.all || has_traffic(snap);
  return strcmp(right, "RIGHT_GATEWAY_STATUS_READ") == 0 ||
         (!snap->status.all &&
          (strcmp(right, "RIGHT_USER_GATEWAYS_LIST") == 0 ||
           strcmp(right, "RIGHT_ORGANIZATION_GATEWAYS_LIST") == 0));
}

static void note_rights(struct findings *f) {
  const struct snapshot *snap = f->snap;
  const struct ttn_auth_info *key = snap->status.key;
  size_t n = 0;
  for (size_t i = 0; key != NULL && i < key->n_rights; i++)
    n += !is_needed(snap, key->rights[i]);
  struct problem *p = n > 0 ? add(f, SEVERITY_NOTE, "rights") : &f->spare;
  text_add(&p->message, "the key has %zu right%s more than needed", n,
           n == 1 ? "" : "s");
  text_add(&p->fix,
           "make one with only the %s: if it is stolen, it can do no harm",
           !snap->status.all ? "rights that README names"
           : has_traffic(snap)
               ? "rights \"view gateway status\" and \"read gateway traffic\""
               : "right \"view gateway status\"");
}

static void note_own_gateway(struct findings *f) {
  const struct snapshot *snap = f->snap;
  const struct ttn_auth_info *key = snap->status.key;
  if (key != NULL && key->kind == TTN_KEY_GATEWAY && key->entity_id != NULL)
    add_sentences(
        f, SEVERITY_NOTE, "own_key",
        "the key belongs to one gateway, so it can report only that gateway",
        "keep the Gateway line below; for all your gateways make a personal "
        "key");
}

/* ---- hosts ---- */

static const char *host_fix(const struct snapshot *snap,
                            enum ttn_failure failure) {
  if (failure == TTN_FAIL_CONNECT && config_proxy_variable(snap) != NULL)
    failure = TTN_FAIL_PROXY; /* libcurl does not say which host it called */
  switch (failure) {
  case TTN_FAIL_DNS:
    return "check that the name is right, and that this machine can resolve "
           "other names";
  case TTN_FAIL_CONNECT:
    return "check that host and port are right, that the stack runs there, and "
           "that no firewall blocks the connection";
  case TTN_FAIL_PROXY:
    return "give the right proxy with --proxy, or none with --proxy \"\"; "
           "without that option the environment's is used (https_proxy, "
           "all_proxy)";
  case TTN_FAIL_TIMEOUT:
  case TTN_FAIL_TRANSFER:
    return "run this again; if it stays, check the network, or allow more time "
           "with --timeout";
  case TTN_FAIL_TLS:
    return "check that the port speaks https, and which certificate it has";
  case TTN_FAIL_KEY:
    return "check that this cluster belongs to the stack that made the key";
  default:
    return "check what answers there: it may be a proxy or a load balancer";
  }
}

static void advise_hosts(struct findings *f) {
  const struct snapshot *snap = f->snap;
  char url[TTN_URL_MAX];
  for (size_t h = 0; h < snap->status.n_hosts; h++) {
    const struct ttn_host_status *host = &snap->hosts[h];
    if (!host->failed || (host->answered && snap->n_state[TTN_UNKNOWN] == 0 &&
                          snap->status.listed))
      continue;
    struct problem *p =
        add(f, SEVERITY_PROBLEM, ttn_failure_name(host->failure));
    ttn_endpoint_print(url, sizeof(url), host->endpoint);
    text_add(&p->message, "%s: ", url);
    bool special =
        host->failure == TTN_FAIL_TLS || host->failure == TTN_FAIL_PROXY;
    add_reason_and_fix(p, host->why, special ? own_fix(host->why) : NULL,
                       host_fix(snap, host->failure));
  }
}

static void advise_limits(struct findings *f) {
  const struct snapshot *snap = f->snap;
  for (size_t h = 0; h < snap->status.n_hosts; h++) {
    if (!snap->hosts[h].limited)
      continue;
    struct problem *p = add(f, SEVERITY_PROBLEM, "rate_limit");
    text_add(&p->message,
             "because of the rate limit of %s some gateways are unknown",
             snap->hosts[h].endpoint->host);
    text_add(&p->fix, "run this again in a minute; for the plugin, raise "
                      "Interval, or ask the stack's operator for a higher "
                      "limit");
  }
}

static void advise_clock(struct findings *f) {
  const struct snapshot *snap = f->snap;
  for (size_t h = 0; h < snap->status.n_hosts; h++) {
    int64_t ahead = snap->hosts[h].dated ? snap->hosts[h].ahead : 0;
    if (ahead < CLOCK_OFF && ahead > -CLOCK_OFF)
      continue;
    char age[TEXT_AGE];
    struct problem *p = add(f, SEVERITY_PROBLEM, "clock");
    text_age(age, ahead < 0 ? -ahead : ahead);
    text_add(&p->message, "this machine's clock is %s %s the stack's", age,
             ahead < 0 ? "behind" : "ahead of");
    text_add(&p->fix,
             "let the network set it (timedatectl set-ntp true): collectd's "
             "values carry its time");
    return; /* it is the same clock for all of them */
  }
}

/* ---- gateways ---- */

static bool is_at_untrusted(const struct row *row, const void *host) {
  return row->untrusted == *(const int *)host;
}

static bool has_why(const struct row *row, const void *why) {
  return row->why == *(const enum unknown_reason *)why;
}

static void advise_untrusted(struct findings *f) {
  const struct snapshot *snap = f->snap;
  char url[TTN_URL_MAX], what[TTN_HOST_MAX + 60];
  for (int i = 0; i < (int)snap->n_untrusted; i++) {
    ttn_print(what, sizeof(what), "unknown, because %s may not have the key",
              snap->untrusted[i].host);
    struct problem *p =
        add_gateways(f, SEVERITY_PROBLEM, "cluster", is_at_untrusted, &i, what);
    text_add(&p->fix,
             "if that host is yours, allow it with --cluster %s, and "
             "with the Cluster line below",
             ttn_endpoint_print(url, sizeof(url), &snap->untrusted[i]));
  }
}

static void advise_why(struct findings *f, enum unknown_reason why,
                       const char *kind, const char *what, const char *fix) {
  struct problem *p =
      add_gateways(f, SEVERITY_PROBLEM, kind, has_why, &why, what);
  text_add(&p->fix, "%s", fix);
}

static void advise_bad(struct findings *f) {
  const struct ttn_status *status = &f->snap->status;
  if (status->n_bad == 0)
    return;
  struct problem *p = add(f, SEVERITY_PROBLEM, "answer");
  text_add(&p->message,
           "the stack has implausible statistics of %zu gateway%s, first %s",
           status->n_bad, status->n_bad == 1 ? "" : "s", status->bad_reason);
  text_add(&p->fix, "run this again; if it stays, please report it");
}

static bool is_elsewhere(const struct row *row) {
  return row->seen.state == TTN_CONNECTED && row->registered != NULL &&
         row->seen.registered_host != row->seen.current_host;
}

static void note_elsewhere(struct findings *f) {
  const struct snapshot *snap = f->snap;
  size_t n = 0;
  for (size_t i = 0; i < snap->n_rows; i++) {
    const struct row *row = &snap->rows[i];
    if (!is_elsewhere(row) || ++n > NAMES_MAX)
      continue;
    struct problem *p = add(f, SEVERITY_NOTE, "elsewhere");
    text_add(&p->message, "gateway %s is registered at %s but connected at %s",
             row->seen.id, row->registered, row->cluster);
    text_add(&p->fix,
             "its values are right; it is better to set its gateway server "
             "address in the Console (General settings)");
  }
}

static bool is_at_servers(const struct row *row, const void *arg) {
  (void)arg;
  return row->seen.has_servers;
}

static void note_servers(struct findings *f) {
  struct problem *p = add_gateways(f, SEVERITY_NOTE, "servers", is_at_servers,
                                   NULL, "held by at least 2 Gateway Servers");
  text_add(&p->fix, "counts may lack messages, as COUNTS in collectd-ttn(5) "
                    "says; see that only one packet forwarder uses the "
                    "gateway's EUI");
}

static bool is_down(const struct row *row, const void *arg) {
  (void)arg;
  return row->seen.state == TTN_DISCONNECTED;
}

static void advise_down(struct findings *f) {
  const struct snapshot *snap = f->snap;
  const char *whose = snap->n_state[TTN_DISCONNECTED] == 1 ? "its" : "their";
  struct problem *p = add_gateways(f, SEVERITY_DISCONNECTED, "disconnected",
                                   is_down, NULL, "not connected");
  text_add(&p->fix,
           "check %s power, %s network, and the server address in "
           "%s packet forwarder",
           whose, whose, whose);
  if (option_list_only_named(&snap->options->list))
    text_add(&p->fix, "; if it is connected to another cluster, name that "
                      "with --cluster: gateways that are named one by one "
                      "are not looked up in the list");
}

static void advise_none(struct findings *f) {
  const struct snapshot *snap = f->snap;
  if (!snap->status.listed || snap->n_rows > 0 ||
      snap->status.key_reason != NULL)
    return;
  if (option_list_has(&snap->options->list, "Gateway") ||
      option_list_has(&snap->options->list, "Organization") ||
      option_list_has(&snap->options->list, "Shard"))
    add_sentences(
        f, SEVERITY_PROBLEM, "none",
        "none of the selected gateways belongs to this key",
        "run this without --gateway and --organization to see all of them");
  else
    add_sentences(
        f, SEVERITY_PROBLEM, "none", "this key's owner has no gateways",
        "register one in the Console, or become a collaborator of one; "
        "gateways of an organization need a member's key or its own");
}

bool diagnose(struct problems *problems, const struct snapshot *snap) {
  struct findings findings = {
      .snap = snap,
      .problems = problems,
      .spare = {.message = {.failed = true}, .fix = {.failed = true}}};
  struct findings *f = &findings;
  bool has_key = snap->status.key_reason == NULL;
  forget_problems(problems);
  advise_key(f);
  if (has_key)
    advise_hosts(f);
  advise_limits(f);
  if (has_key)
    advise_bad(f);
  bool explained = problems->n > 0; /* why no answer mentions a gateway */
  advise_clock(f);
  advise_untrusted(f);
  advise_why(f, UNKNOWN_BAD_ADDRESS, "address",
             "unknown, because their gateway server address is not a host",
             "correct it in the Console (General settings)");
  advise_why(f, UNKNOWN_REFUSED, "refused",
             "unknown, because this key may not read them",
             "give the key's owner the right \"view gateway status\" there "
             "(Console: gateway, Collaborators)");
  if (has_key && !explained)
    advise_why(f, UNKNOWN_NO_ANSWER, "unknown",
               "unknown, because no answer mentions them",
               "run this again, with --verbose if it stays");
  advise_none(f);
  advise_down(f);
  note_elsewhere(f);
  note_servers(f);
  if (has_key) {
    note_own_gateway(f);
    note_rights(f);
  }
  if (snap->options->key.open_to != NULL)
    add_sentences(f, SEVERITY_NOTE, "key_file",
                  "the key's file can be read by other users of this machine",
                  "chmod 600 it");
  for (size_t i = 0; i < problems->n; i++)
    if (problems->list[i].message.failed || problems->list[i].fix.failed)
      findings.no_memory = true;
  return !findings.no_memory;
}

void problems_free(struct problems *problems, const struct ttn_env *env) {
  forget_problems(problems);
  ttn_free(env, problems->list);
}

const char *severity_name(enum severity severity) {
  static const char *const names[] = {[SEVERITY_NOTE] = "note",
                                      [SEVERITY_DISCONNECTED] = "down",
                                      [SEVERITY_PROBLEM] = "error"};
  return names[severity];
}

enum severity problems_worst(const struct problems *problems) {
  enum severity worst = SEVERITY_NOTE;
  for (size_t i = 0; i < problems->n; i++)
    if (problems->list[i].severity > worst)
      worst = problems->list[i].severity;
  return worst;
}
