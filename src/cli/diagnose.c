/* SPDX-License-Identifier: MIT */
/* What is wrong, and the cure, from what a poll left. Each trouble is one
 * sentence of what and one of the cure; those about the key are the library's
 * own. Knows neither tables nor JSON.
 *
 * A trouble that explains another takes its place: what a refused key or a
 * silent host leaves unknown is not told a second time. */
#include "cli/check.h"

#include "tts/key_errors.h"
#include "base/text.h"

#include <string.h>

/* So many names of gateways in a sentence. */
#define NAMES_MAX 8
#define TROUBLES_MAX 100000
/* Ages are measured against the stack's clock, but values get this machine's
 * time. An answer's way and the cut second are less than this. */
#define CLOCK_OFF (30 * TTN_SECOND)

/* A new one, to be filled in; NULL: no memory. */
static struct check_trouble *
add(struct check_look *look, enum check_severity severity, const char *kind) {
  void *troubles = look->troubles;
  if (!ttn_grow(&look->env->env, &troubles, &look->room_troubles,
                look->n_troubles + 1, sizeof(*look->troubles), TROUBLES_MAX)) {
    look->no_memory = true;
    return NULL;
  }
  look->troubles = troubles;
  struct check_trouble *t = &look->troubles[look->n_troubles++];
  *t = (struct check_trouble){.severity = severity,
                              .kind = kind,
                              .what = {.env = &look->env->env},
                              .cure = {.env = &look->env->env}};
  return t;
}

/* Both at once, where neither has a number in it. */
static void say(struct check_look *look, enum check_severity severity,
                const char *kind, const char *what, const char *cure) {
  struct check_trouble *t = add(look, severity, kind);
  if (t == NULL)
    return;
  check_add(&t->what, "%s", what);
  check_add(&t->cure, "%s", cure);
}

/* trouble.h's sentence in its two parts. */
static void say_sentence(struct check_look *look, const char *kind,
                         const char *sentence) {
  struct check_trouble *t = add(look, CHECK_ERROR, kind);
  const char *cure = ttn_trouble_cure(sentence);
  if (t == NULL)
    return;
  int n = cure[0] == '\0' ? (int)strlen(sentence)
                          : (int)(cure - sentence) - 2; /* ": " */
  check_add(&t->what, "%.*s", n, sentence);
  check_add_ours(&t->cure, cure);
}

static void add_count(struct check_text *text, size_t n) {
  check_add(text, "%zu gateway%s", n, n == 1 ? " is" : "s are");
}

typedef bool chosen(const struct check_row *row, const void *arg);

static size_t count(const struct check_look *look, chosen *is,
                    const void *arg) {
  size_t n = 0;
  for (size_t i = 0; i < look->n_rows; i++)
    n += is(&look->rows[i], arg);
  return n;
}

static void add_names(const struct check_look *look, struct check_text *text,
                      chosen *is, const void *arg) {
  size_t n = 0;
  for (size_t i = 0; i < look->n_rows; i++) {
    if (!is(&look->rows[i], arg))
      continue;
    if (n == NAMES_MAX) {
      check_add(text, " and others");
      return;
    }
    check_add(text, "%s%s", n++ == 0 ? "" : ", ", look->rows[i].seen.id);
  }
}

/* ---- the key and the list ---- */

static void say_no_list(struct check_look *look) {
  char url[TTN_URL_MAX];
  struct check_trouble *t = add(look, CHECK_ERROR, "list");
  if (t == NULL)
    return;
  check_add(&t->what, "%s gives no list of gateways: ",
            ttn_endpoint_print(url, sizeof(url), &look->url));
  check_add_ours(&t->what, look->view.list_why);
  check_add(&t->cure,
            "see that --url is the cluster with the Identity Server (for The "
            "Things Network that is eu1, wherever the gateways are); if it is, "
            "run this again");
}

static void advise_key(struct check_look *look) {
  const struct ttn_view *view = &look->view;
  if (view->key_why != NULL)
    say_sentence(look, "key", view->key_why);
  else if (view->list_why != NULL && view->list_denied)
    say_sentence(look, "key", view->list_why);
  else if (view->list_why != NULL && !look->hosts[0].failed)
    say_no_list(look);
  const char *organization;
  for (size_t i = 0;
       view->list_why == NULL &&
       (organization = ttn_account_view_refused(look->account, i)) != NULL;
       i++) {
    struct check_trouble *t = add(look, CHECK_ERROR, "key");
    if (t == NULL)
      return;
    check_add(&t->what, "the key may not list gateways of organization %s",
              organization);
    check_add(&t->cure,
              "see that the id is right, and that the key is its own or a "
              "member's, with the right to list its gateways");
  }
}

static bool needed(const char *right) {
  static const char *const rights[] = {"RIGHT_USER_GATEWAYS_LIST",
                                       "RIGHT_ORGANIZATION_GATEWAYS_LIST",
                                       "RIGHT_GATEWAY_STATUS_READ"};
  for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
    if (strcmp(right, rights[i]) == 0)
      return true;
  return false;
}

static void note_rights(struct check_look *look) {
  const struct ttn_auth_info *key = look->view.key;
  size_t n = 0;
  for (size_t i = 0; key != NULL && i < key->n_rights; i++)
    n += !needed(key->rights[i]);
  struct check_trouble *t = n > 0 ? add(look, CHECK_NOTE, "rights") : NULL;
  if (t == NULL)
    return;
  check_add(&t->what,
            "the key may do more than is needed here: it has %zu "
            "right%s besides",
            n, n == 1 ? "" : "s");
  check_add(&t->cure,
            "make one with just the rights that README names, so that "
            "it is of no use to a thief");
}

static void note_own_gateway(struct check_look *look) {
  const struct ttn_auth_info *key = look->view.key;
  if (key != NULL && key->kind == TTN_KEY_GATEWAY && key->entity_id != NULL)
    say(look, CHECK_NOTE, "own_key",
        "the key is one gateway's own, so it can report that gateway alone",
        "keep the Gateway line below; for all your gateways make a personal "
        "key");
}

/* ---- hosts ---- */

static const char *host_cure(const struct check_look *look,
                             enum ttn_failure failure) {
  if (failure == TTN_FAIL_CONNECT && check_proxy_variable(look) != NULL)
    failure = TTN_FAIL_PROXY; /* libcurl doesn't tell whom it called */
  switch (failure) {
  case TTN_FAIL_DNS:
    return "see that the name is right, and that this machine finds others by "
           "name";
  case TTN_FAIL_CONNECT:
    return "see that host and port are right, that the stack runs there, and "
           "that no firewall is in the way";
  case TTN_FAIL_PROXY:
    return "name the right proxy with --proxy, or none with --proxy \"\"; "
           "without that option the environment's is taken (https_proxy, "
           "all_proxy)";
  case TTN_FAIL_TIMEOUT:
  case TTN_FAIL_TRANSFER:
    return "run this again; if it stays, see the network in between, or give "
           "it more time with --timeout";
  case TTN_FAIL_TLS:
    return "see that the port speaks https, and which certificate it has";
  case TTN_FAIL_KEY:
    return "see that this cluster belongs to the stack that made the key";
  default:
    return "see what answers there: it may be a proxy or a load balancer";
  }
}

/* The library's sentence ends with the cure where there is a special one. */
static void add_cure(const struct check_look *look, struct check_trouble *t,
                     const char *why, enum ttn_failure failure) {
  const char *cure = failure == TTN_FAIL_TLS ? strstr(why, "; ") : NULL;
  int n = cure != NULL ? (int)(cure - why) : (int)strlen(why);
  check_add(&t->what, "%.*s", n, why);
  check_add_ours(&t->cure, cure != NULL ? cure + 2 : host_cure(look, failure));
}

static void advise_hosts(struct check_look *look) {
  char url[TTN_URL_MAX];
  for (size_t h = 0; h < look->view.n_hosts; h++) {
    const struct ttn_host_view *host = &look->hosts[h];
    if (!host->failed || (host->answered && look->n_state[TTN_UNKNOWN] == 0 &&
                          look->view.listed))
      continue;
    struct check_trouble *t =
        add(look, CHECK_ERROR, ttn_failure_name(host->failure));
    if (t == NULL)
      return;
    ttn_endpoint_print(url, sizeof(url), host->endpoint);
    check_add(&t->what, "%s: ", url);
    add_cure(look, t, host->why, host->failure);
  }
}

static void advise_limits(struct check_look *look) {
  for (size_t h = 0; h < look->view.n_hosts; h++) {
    if (!look->hosts[h].limited)
      continue;
    struct check_trouble *t = add(look, CHECK_ERROR, "rate_limit");
    if (t == NULL)
      return;
    check_add(&t->what, "the rate limit of %s leaves gateways unknown",
              look->hosts[h].endpoint->host);
    check_add(&t->cure, "run this again in a minute; for the plugin, raise "
                        "Interval, or ask the stack's operator for a higher "
                        "limit");
  }
}

static void advise_clock(struct check_look *look) {
  for (size_t h = 0; h < look->view.n_hosts; h++) {
    int64_t ahead = look->hosts[h].dated ? look->hosts[h].ahead : 0;
    if (ahead < CLOCK_OFF && ahead > -CLOCK_OFF)
      continue;
    char age[CHECK_AGE];
    struct check_trouble *t = add(look, CHECK_ERROR, "clock");
    if (t == NULL)
      return;
    check_age(age, ahead < 0 ? -ahead : ahead);
    check_add(&t->what, "this machine's clock is %s %s the stack's", age,
              ahead < 0 ? "behind" : "ahead of");
    check_add(&t->cure, "let it be set by the network (timedatectl set-ntp "
                        "true): collectd's values carry its time");
    return; /* it is the same clock for all of them */
  }
}

/* ---- gateways ---- */

static bool is_at_stranger(const struct check_row *row, const void *host) {
  char name[TTN_HOST_MAX + 1] = "";
  return row->why == CHECK_STRANGER &&
         (row->seen.address == NULL ||
          ttn_address_host(row->seen.address, name)) &&
         strcmp(name, host) == 0;
}

static bool has_why(const struct check_row *row, const void *why) {
  return row->why == *(const enum check_why *)why;
}

void check_stranger_url(const struct check_look *look, const char *host,
                        char *url, size_t size) {
  struct ttn_endpoint endpoint = look->url;
  ttn_print(endpoint.host, sizeof(endpoint.host), "%s", host);
  ttn_endpoint_print(url, size, &endpoint);
}

size_t check_next_stranger(const struct check_look *look, size_t i,
                           char *host) {
  for (; i < look->n_rows; i++) {
    const struct check_row *row = &look->rows[i];
    host[0] = '\0';
    if (row->why != CHECK_STRANGER || row->seen.address == NULL ||
        !ttn_address_host(row->seen.address, host))
      continue;
    size_t first = 0;
    while (first < i && !is_at_stranger(&look->rows[first], host))
      first++;
    if (first == i)
      return i;
  }
  return i;
}

static void advise_strangers(struct check_look *look) {
  char host[TTN_HOST_MAX + 1], url[TTN_URL_MAX];
  size_t shown = 0;
  for (size_t i = 0; shown < CHECK_STRANGERS &&
                     (i = check_next_stranger(look, i, host)) < look->n_rows;
       i++, shown++) {
    struct check_trouble *t = add(look, CHECK_ERROR, "cluster");
    if (t == NULL)
      return;
    check_stranger_url(look, host, url, sizeof(url));
    add_count(&t->what, count(look, is_at_stranger, host));
    check_add(&t->what, " unknown, because %s may not have the key: ", host);
    add_names(look, &t->what, is_at_stranger, host);
    check_add(&t->cure,
              "if that host is yours, allow it with --cluster %s, and "
              "with the Cluster line below",
              url);
  }
}

static void advise_why(struct check_look *look, enum check_why why,
                       const char *kind, const char *what, const char *cure) {
  size_t n = count(look, has_why, &why);
  struct check_trouble *t = n > 0 ? add(look, CHECK_ERROR, kind) : NULL;
  if (t == NULL)
    return;
  add_count(&t->what, n);
  check_add(&t->what, " unknown, %s: ", what);
  add_names(look, &t->what, has_why, &why);
  check_add(&t->cure, "%s", cure);
}

/* Those that no trouble so far explains. */
static void advise_silent(struct check_look *look) {
  if (look->view.n_bad > 0) {
    struct check_trouble *t = add(look, CHECK_ERROR, "answer");
    if (t == NULL)
      return;
    check_add(&t->what,
              "the stack says what can't be believed of %zu gateway%s, "
              "first %s",
              look->view.n_bad, look->view.n_bad == 1 ? "" : "s",
              look->view.bad_why);
    check_add(&t->cure, "run this again; if it stays, please report it");
  }
  for (size_t i = 0; i < look->n_troubles; i++)
    if (look->troubles[i].severity == CHECK_ERROR &&
        strcmp(look->troubles[i].kind, "cluster") != 0)
      return;
  advise_why(look, CHECK_SILENT, "unknown", "for no answer told",
             "run this again, with --verbose if it stays");
}

static bool is_elsewhere(const struct check_row *row, const void *arg) {
  (void)arg;
  return row->seen.state == TTN_CONNECTED && row->home != NULL &&
         row->seen.home != row->seen.at;
}

static void note_elsewhere(struct check_look *look) {
  size_t n = 0;
  for (size_t i = 0; i < look->n_rows; i++) {
    const struct check_row *row = &look->rows[i];
    if (!is_elsewhere(row, NULL) || ++n > NAMES_MAX)
      continue;
    struct check_trouble *t = add(look, CHECK_NOTE, "elsewhere");
    if (t == NULL)
      return;
    check_add(&t->what, "gateway %s is registered at %s but connected at %s",
              row->seen.id, row->home, row->cluster);
    check_add(&t->cure, "its values are right; better set its gateway server "
                        "address in the Console (General settings)");
  }
}

static bool is_down(const struct check_row *row, const void *arg) {
  (void)arg;
  return row->seen.state == TTN_DISCONNECTED;
}

static void advise_down(struct check_look *look) {
  size_t n = look->n_state[TTN_DISCONNECTED];
  struct check_trouble *t =
      n > 0 ? add(look, CHECK_IS_DOWN, "disconnected") : NULL;
  if (t == NULL)
    return;
  add_count(&t->what, n);
  check_add(&t->what, " not connected: ");
  add_names(look, &t->what, is_down, NULL);
  const char *whose = n == 1 ? "its" : "their";
  check_add(&t->cure,
            "check %s power, %s network, and the server address in "
            "%s packet forwarder",
            whose, whose, whose);
  if (check_options_only_named(look->options))
    check_add(&t->cure, "; if it is connected to another cluster, name that "
                        "with --cluster: gateways that are named one by one "
                        "are not looked up in the list");
}

static void advise_none(struct check_look *look) {
  if (!look->view.listed || look->n_rows > 0 || look->view.key_why != NULL)
    return;
  if (check_options_have(look->options, "Gateway") ||
      check_options_have(look->options, "Organization") ||
      check_options_have(look->options, "Shard"))
    say(look, CHECK_ERROR, "none",
        "no gateway of this key is among those "
        "chosen",
        "see which there are without --gateway and --organization");
  else
    say(look, CHECK_ERROR, "none", "this key's owner has no gateways",
        "register one in the Console, or become a collaborator of one; "
        "gateways of an organization need a member's key or its own");
}

void check_advise(struct check_look *look) {
  advise_key(look);
  if (look->view.key_why == NULL)
    advise_hosts(look);
  advise_limits(look);
  advise_clock(look);
  advise_strangers(look);
  advise_why(look, CHECK_BAD_ADDRESS, "address",
             "with a gateway server address that is no host",
             "mend it in the Console (General settings)");
  advise_why(look, CHECK_REFUSED, "refused", "refused to this key",
             "let the key's owner have the right \"view gateway status\" there "
             "(Console: gateway, Collaborators)");
  if (look->view.key_why == NULL)
    advise_silent(look);
  advise_none(look);
  advise_down(look);
  note_elsewhere(look);
  if (look->view.key_why == NULL) {
    note_own_gateway(look);
    note_rights(look);
  }
  if (look->options->open_to != NULL)
    say(look, CHECK_NOTE, "key_file",
        "the key's file can be read by other users of this machine",
        "chmod 600 it");
  for (size_t i = 0; i < look->n_troubles; i++)
    if (look->troubles[i].what.failed || look->troubles[i].cure.failed)
      look->no_memory = true;
}
