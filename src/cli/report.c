/* SPDX-License-Identifier: MIT */
/* A text in sections that a person can read before he sends it. All that comes
 * from the stack or from the user goes through disguise.h, or is a number or a
 * word of our own; at the end everything is masked that looks like a key. */
#include "cli/report.h"

#include "base/secret.h"
#include "base/timestamp.h"
#include "cli/answer_shape.h"
#include "cli/config_block.h"
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOCALE_BYTES                                                           \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-"
/* A key has some 10 rights. */
#define RIGHTS_SHOWN 200
#define NOT_SHOWN "(set, not shown)"

struct report {
  struct text *text;
  const struct snapshot *snap;
  struct disguise disguise;
};

static void begin_section(const struct report *r, const char *title) {
  text_add(r->text, "\n%s\n", title);
  for (size_t i = 0; title[i] != '\0'; i++)
    text_add(r->text, "-");
  text_add(r->text, "\n");
}

static void add_head_lines(const struct report *r) {
  text_add(r->text,
           "Report of ttn-check " TTN_VERSION "\n\n"
           "Please read it before you send it. It has no API key, no password "
           "and no value of\na Header.%s\n",
           r->disguise.keep
               ? " Ids and hosts are as they are, because of --report-ids."
               : " Ids, hosts and addresses are replaced: gw-1 is a gateway, "
                 "org-1\nan organization. --report-ids keeps them.");
}

/* ---- the machine ---- */

static const char *locale_name(void) {
  static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
    const char *value = getenv(variables[i]);
    if (value != NULL && value[0] != '\0')
      return strlen(value) < 40 && strspn(value, LOCALE_BYTES) == strlen(value)
                 ? value
                 : "odd";
  }
  return "none";
}

static void add_machine(const struct report *r) {
  char zone[60] = "", at[40];
  time_t now = (time_t)(r->snap->at / TTN_SECOND);
  struct tm local;
  if (localtime_r(&now, &local) == NULL ||
      strftime(zone, sizeof(zone), "%Z (%z)", &local) == 0)
    zone[0] = '\0';
  begin_section(r, "Versions");
  versions_print(r->text);
  text_add(r->text, "  locale        %s\n", locale_name());
  text_add(r->text, "  user          %s\n",
           geteuid() == 0 ? "root" : "not root");
  text_add(r->text, "  time          %s, time zone %s\n",
           ttn_time_print(at, sizeof(at), r->snap->at), zone);
}

/* ---- settings ---- */

static bool is_default(const struct ttn_option_info *info,
                       const struct ttn_option_value *value) {
  if (info->fallback == NULL)
    return false;
  switch (value->type) {
  case TTN_VALUE_STRING:
    return strcasecmp(info->fallback, value->string) == 0;
  case TTN_VALUE_NUMBER:
    return strtod(info->fallback, NULL) == value->number;
  case TTN_VALUE_BOOLEAN:
    return value->boolean == (strcmp(info->fallback, "true") == 0);
  }
  return false;
}

static void add_file_setting(struct text *text, const struct disguise *d,
                             const char *path) {
  text_add(text, "\"");
  disguise_add_file(d, text, path);
  text_add(text, "\"%s",
           strchr(path, '/') == NULL ? "" : " (its directory is not shown)");
}

/* Scheme and whether there is a login: the rest tells where somebody is. */
static void add_proxy_setting(struct text *text, const char *url) {
  const char *end = strstr(url, "://");
  int n = end == NULL ? 0 : (int)(end - url);
  if (url[0] == '\0') {
    text_add(text, "\"\" (none)");
    return;
  }
  text_add(text, "\"%.*s…\"%s", n, url,
           strchr(url, '@') == NULL ? "" : " with a login, not shown");
}

static void add_host_setting(struct text *text, const struct disguise *d,
                             const struct ttn_endpoint *base,
                             const char *written) {
  struct ttn_endpoint endpoint;
  char why[160], shown[DISGUISE_SHOWN], url[TTN_URL_MAX];
  if (!ttn_endpoint_parse_cluster(written, base, &endpoint, why, sizeof(why))) {
    text_add(text, NOT_SHOWN);
    return;
  }
  if (d->keep) {
    text_add(text, "\"%s\"", ttn_endpoint_print(url, sizeof(url), &endpoint));
    return;
  }
  text_add(text, "%s (%s, port %u%s)", disguise_host(d, endpoint.host, shown),
           endpoint.https ? "https" : "http", endpoint.port,
           endpoint.path[0] == '\0' ? "" : ", with a path");
}

static void add_gateway_setting(struct text *text, const struct disguise *d,
                                const char *value) {
  if (d->keep || value[0] != '/')
    disguise_add(d, text, value);
  else
    text_add(text, "(a regular expression, not shown)");
}

static void add_text_setting(struct text *text, const struct disguise *d,
                             const struct ttn_option_info *info,
                             const char *value) {
  switch (info->type) {
  case TTN_OPTION_PROXY:
    add_proxy_setting(text, value);
    return;
  case TTN_OPTION_PATH:
  case TTN_OPTION_STATE_FILE:
    add_file_setting(text, d, value);
    return;
  case TTN_OPTION_URL:
  case TTN_OPTION_CLUSTERS:
    add_host_setting(text, d, &d->snap->url, value);
    return;
  case TTN_OPTION_IDS:
  case TTN_OPTION_GATEWAYS:
    add_gateway_setting(text, d, value);
    return;
  case TTN_OPTION_HEADERS:
    if (strchr(value, ':') != NULL)
      text_add(text, "\"%.*s: …\"", (int)strcspn(value, ":"), value);
    else
      text_add(text, NOT_SHOWN);
    return;
  default:
    if (disguise_is_plain(info, value) ||
        (d->keep && info->type == TTN_OPTION_TEXT))
      text_add(text, "\"%s\"", value);
    else
      text_add(text, NOT_SHOWN);
  }
}

static void add_setting(struct text *text, const struct disguise *d,
                        const struct given_option *given) {
  const struct ttn_option_info *info = ttn_settings_find(given->name);
  if (info == NULL || strcmp(info->name, "URL") == 0 ||
      is_default(info, &given->value))
    return;
  text_add(text, "  %-22s ", info->name);
  if (given->value.type == TTN_VALUE_STRING)
    add_text_setting(text, d, info, given->value.string);
  else if (given->value.type == TTN_VALUE_NUMBER)
    text_add(text, "%.15g", given->value.number);
  else
    text_add(text, "%s", given->value.boolean ? "true" : "false");
  text_add(text, "\n");
}

static void add_url_setting(struct text *text, const struct disguise *d,
                            const struct option_list *list) {
  struct ttn_endpoint endpoint;
  char why[200], url[TTN_URL_MAX];
  const char *given = option_list_text(list, "URL");
  text_add(text, "  %-22s ", "URL");
  if (given != NULL && !ttn_endpoint_parse(given, &endpoint, why, sizeof(why)))
    text_add(text, NOT_SHOWN); /* it was refused */
  else
    add_host_setting(text, d, &d->snap->url,
                     ttn_endpoint_print(url, sizeof(url), &d->snap->url));
  text_add(text, "\n");
}

static void add_settings_section(const struct report *r) {
  const struct snapshot *snap = r->snap;
  const char *variable = config_proxy_variable(snap);
  begin_section(r, "Settings that differ from the defaults");
  add_url_setting(r->text, &r->disguise, &snap->options->list);
  for (size_t i = 0; i < snap->options->list.n; i++)
    add_setting(r->text, &r->disguise, &snap->options->list.items[i]);
  if (variable != NULL)
    text_add(r->text, "  The variable %s is set: its proxy is used.\n",
             variable);
}

/* ---- the key ---- */

static bool is_right(const char *right) {
  return strncmp(right, "RIGHT_", 6) == 0 && strlen(right) < 80 &&
         right[strspn(right, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == '\0';
}

static void add_key_section(const struct report *r) {
  const struct snapshot *snap = r->snap;
  const struct ttn_auth_info *key = snap->status.key;
  const char *owner = snapshot_key_owner(snap);
  begin_section(r, "The key");
  text_add(r->text, "  from          %s\n",
           snap->options->key.file != NULL ? "a file" : "elsewhere");
  text_add(r->text, "  whose         %s\n",
           owner == NULL ? "not known" : owner);
  for (size_t i = 0; key != NULL && owner != NULL && i < key->n_rights; i++)
    if (i < RIGHTS_SHOWN)
      text_add(r->text, "  right         %s\n",
               is_right(key->rights[i]) ? key->rights[i] : "(an odd name)");
}

/* ---- the poll ---- */

static void add_reasons(const struct report *r) {
  static const char *const reasons[] = {
      [UNKNOWN_REFUSED] = "refused to this key",
      [UNKNOWN_UNTRUSTED] = "at a host that may not have the key",
      [UNKNOWN_BAD_ADDRESS] = "with an address that is not a host",
      [UNKNOWN_NO_ANSWER] = "without an answer"};
  size_t n[UNKNOWN_NO_ANSWER + 1] = {0};
  for (size_t i = 0; i < r->snap->n_rows; i++)
    n[r->snap->rows[i].why]++;
  for (int why = UNKNOWN_REFUSED; why <= UNKNOWN_NO_ANSWER; why++)
    if (n[why] > 0)
      text_add(r->text, "  unknown       %zu %s\n", n[why], reasons[why]);
}

static void add_host_line(const struct report *r, size_t h) {
  const struct snapshot *snap = r->snap;
  const struct ttn_host_status *host = &snap->hosts[h];
  char shown[DISGUISE_SHOWN];
  size_t n[3] = {0};
  for (size_t i = 0; i < snap->n_rows; i++)
    if (snap->rows[i].seen.current_host == (int)h)
      n[snap->rows[i].seen.state]++;
  text_add(r->text, "  %s: %s; %zu connected, %zu disconnected, %zu unknown",
           disguise_host(&r->disguise, host->endpoint->host, shown),
           host->failed     ? ttn_failure_name(host->failure)
           : host->limited  ? "rate limit"
           : host->answered ? "answered"
                            : "not asked",
           n[TTN_CONNECTED], n[TTN_DISCONNECTED], n[TTN_UNKNOWN]);
  if (host->dated)
    text_add(r->text, "; this clock is %.1f s %s",
             (double)(host->ahead < 0 ? -host->ahead : host->ahead) /
                 (double)TTN_SECOND,
             host->ahead < 0 ? "behind" : "ahead");
  text_add(r->text, "\n");
}

static void add_poll_section(const struct report *r) {
  const struct snapshot *snap = r->snap;
  begin_section(r, "What the poll found");
  text_add(r->text, "  took          %.3f s\n",
           (double)snap->took / (double)TTN_SECOND);
  text_add(r->text, "  list          %s\n",
           snap->status.listed ? "known" : "not known");
  text_add(r->text,
           "  gateways      %zu: %zu connected, %zu disconnected, %zu "
           "unknown\n",
           snap->n_rows, snap->n_state[TTN_CONNECTED],
           snap->n_state[TTN_DISCONNECTED], snap->n_state[TTN_UNKNOWN]);
  add_reasons(r);
  for (size_t h = 0; h < snap->status.n_hosts; h++)
    add_host_line(r, h);
}

static void add_problems_section(const struct report *r,
                                 const struct problems *problems) {
  begin_section(r, "Problems");
  if (problems->n == 0)
    text_add(r->text, "  none\n");
  for (size_t i = 0; i < problems->n; i++) {
    const struct problem *p = &problems->list[i];
    text_add(r->text, "  %s, %s: ", severity_name(p->severity), p->kind);
    disguise_add(&r->disguise, r->text, p->message.bytes);
    text_add(r->text, "\n");
  }
}

/* What was refused, as it was said on standard error. */
static void add_refused_section(const struct report *r) {
  const char *line = r->snap->env->kept.bytes;
  begin_section(r, "Problems");
  text_add(r->text, "  Nothing was sent to the stack, because this can't be "
                    "used:\n");
  for (; line != NULL && *line != '\0'; line += strcspn(line, "\n") + 1) {
    struct text one = {.env = r->text->env};
    text_add_bytes(&one, line, strcspn(line, "\n"));
    text_add(r->text, "  ");
    disguise_add(&r->disguise, r->text, text_string(&one));
    text_add(r->text, "\n");
    text_free_part(&one, r->text);
  }
}

/* ---- answers ---- */

static void add_limit(struct text *text, const char *header, int64_t number) {
  if (number >= 0)
    text_add(text, ", %s %lld", header, (long long)number);
}

static void add_answer_count(const struct report *r,
                             const struct answer_count *count) {
  char shown[DISGUISE_SHOWN];
  text_add(r->text, "  %-9s %4zu x ", answer_kind_name(count->kind), count->n);
  if (count->status > 0)
    text_add(r->text, "%d", count->status);
  if (count->failure != TTN_OK)
    text_add(r->text, "%s%s", count->status > 0 ? " and " : "",
             ttn_failure_name(count->failure));
  text_add(r->text, ", %s", disguise_host(&r->disguise, count->host, shown));
  if (count->longest > 0)
    text_add(r->text, ", at most %.3f s",
             (double)count->longest / (double)TTN_SECOND);
  text_add(r->text, "%s", count->http2 ? ", HTTP/2" : "");
  add_limit(r->text, "X-Rate-Limit-Limit", count->rate_limit);
  add_limit(r->text, "-Available", count->rate_available);
  add_limit(r->text, "-Reset", count->rate_reset);
  add_limit(r->text, "-Retry", count->rate_retry);
  add_limit(r->text, "Retry-After", count->retry_after);
  text_add(r->text, "\n");
}

/* The last whole line of a stream, of which n bytes are kept. */
static const char *last_line(const char *bytes, size_t *n) {
  size_t end = *n, begin;
  while (end > 0 && bytes[end - 1] != '\n')
    end--;
  while (end > 0 && strchr("\r\n", bytes[end - 1]) != NULL)
    end--;
  for (begin = end; begin > 0 && bytes[begin - 1] != '\n';)
    begin--;
  *n = end - begin;
  return bytes + begin;
}

static void add_kept_answer(const struct report *r, enum answer_kind kind,
                            const struct kept_answer *kept) {
  char shown[DISGUISE_SHOWN];
  bool stream = kind == ANSWER_EVENTS && kept->status == 200;
  bool cut = kept->body.cut && !stream;
  size_t n = kept->body.n;
  const char *bytes =
      stream ? last_line(kept->body.bytes, &n) : kept->body.bytes;
  text_add(r->text, "\n  %s%s, %d, %s, %zu bytes%s:\n",
           stream ? "the last of the " : "", answer_kind_name(kind),
           kept->status, disguise_host(&r->disguise, kept->host, shown), n,
           cut ? " and more" : "");
  if (n == 0)
    text_add(r->text, "    (empty)\n");
  else if (bytes[0] == '<')
    text_add(r->text, "    (HTML or XML)\n");
  else
    answer_shape_print(r->text, &r->disguise, bytes, n, cut, 4);
}

static void add_answers_section(const struct report *r,
                                const struct answer_log *answers) {
  begin_section(r, "Answers");
  for (size_t i = 0; i < answers->n_counts; i++)
    add_answer_count(r, &answers->counts[i]);
  if (answers->n_counts == 0)
    text_add(r->text, "  none\n");
  begin_section(r, "Shapes of the last answers");
  text_add(r->text, "  Each value is replaced by its type; of an array the "
                    "first element is shown.\n");
  for (int kind = 0; kind < ANSWER_KINDS; kind++)
    for (int good = 1; good >= 0; good--)
      if (answers->kept[kind][good].there)
        add_kept_answer(r, (enum answer_kind)kind, &answers->kept[kind][good]);
}

void report_print(struct text *text, const struct snapshot *snap,
                  const struct problems *problems,
                  const struct answer_log *answers) {
  struct report r = {.text = text, .snap = snap};
  disguise_open(&r.disguise, snap, snap->options->report_ids);
  add_head_lines(&r);
  add_machine(&r);
  add_settings_section(&r);
  if (snap->account == NULL) {
    add_refused_section(&r);
  } else {
    add_key_section(&r);
    add_poll_section(&r);
    add_problems_section(&r, problems);
    add_answers_section(&r, answers);
  }
  if (r.disguise.failed)
    text_fail(text);
  if (text->bytes != NULL)
    ttn_secret_mask(text->bytes);
  disguise_free(&r.disguise);
}
