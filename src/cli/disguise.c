/* SPDX-License-Identifier: MIT */
/* Two ways, so that one covers for the other: names that are known are looked
 * up, and what has the form of a private name is replaced without being known.
 * A gateway's id may be an ordinary word; that word is then replaced, too. */
#include "cli/disguise.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define NAMES_MAX 200000
#define WORD_MAX 256
/* A shorter secret could be any word. */
#define SECRET_MIN 3
#define MEMBER_MAX 48
_Static_assert(MEMBER_MAX < DISGUISE_SHOWN, "a name that is shown is whole");
/* So much of a value the library's messages quote, and of a URL. */
#define QUOTED 60
#define URL_QUOTED 300

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* ---- names that are known ---- */

/* 0: the poll did not find that gateway. */
static size_t gateway_number(const struct snapshot *snap, const char *id) {
  const struct row *row = snapshot_find_row(snap, id);
  return row == NULL ? 0 : (size_t)(row - snap->rows) + 1;
}

static void add_disguise(struct disguise *d, const char *name, bool secret,
                         const char *shown) {
  const struct ttn_env *env = &d->snap->env->env;
  void *names = d->names;
  if (name == NULL || name[0] == '\0' || (secret && strlen(name) < SECRET_MIN))
    return;
  if (!ttn_grow(env, &names, &d->room, d->n + 1, sizeof(*d->names),
                NAMES_MAX)) {
    d->failed = true;
    return;
  }
  d->names = names;
  struct private_name *added = &d->names[d->n];
  *added =
      (struct private_name){.text = ttn_strdup(env, name), .secret = secret};
  ttn_print(added->shown, sizeof(added->shown), "%s", shown);
  if (added->text == NULL)
    d->failed = true;
  else
    d->n++;
}

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n > m && strcmp(s + n - m, end) == 0;
}

/* The label before ".cloud…": "eu1". */
static void copy_region(const char *host, const char *end, char region[16]) {
  size_t n = strlen(host) - strlen(end), begin = n;
  while (begin > 0 && host[begin - 1] != '.')
    begin--;
  bool plain = n - begin < 16 &&
               strspn(host + begin, LOWER DIGITS) == n - begin && n > begin;
  ttn_print(region, 16, "%.*s", plain ? (int)(n - begin) : 0, host + begin);
}

/* What kind of host it is. The regions of the public network are no secret; a
 * tenant's name is. */
static void describe_host(const char *host, size_t number,
                          char shown[DISGUISE_SHOWN]) {
  static const char network[] = ".cloud.thethings.network",
                    industries[] = ".cloud.thethings.industries";
  char region[16];
  if (ends_with(host, network)) {
    copy_region(host, network, region);
    ttn_print(shown, DISGUISE_SHOWN, "The Things Network %s", region);
  } else if (ends_with(host, industries)) {
    copy_region(host, industries, region);
    ttn_print(shown, DISGUISE_SHOWN, "The Things Industries cloud %s", region);
  } else {
    ttn_print(shown, DISGUISE_SHOWN, "%s %zu",
              ttn_host_is_loopback(host) ? "this machine" : "self-hosted",
              number);
  }
}

static void add_host_name(struct disguise *d, const char *host, size_t number) {
  char shown[DISGUISE_SHOWN];
  describe_host(host, number, shown);
  add_disguise(d, host, false, shown);
}

static void add_hosts(struct disguise *d) {
  const struct snapshot *snap = d->snap;
  size_t number = 0;
  if (snap->status.n_hosts == 0) /* its options were refused */
    add_host_name(d, snap->url.host, ++number);
  for (size_t h = 0; h < snap->status.n_hosts; h++)
    add_host_name(d, snap->hosts[h].endpoint->host, ++number);
  for (size_t i = 0; i < snap->n_untrusted; i++)
    add_host_name(d, snap->untrusted[i].host, ++number);
}

static void add_owner(struct disguise *d) {
  const struct ttn_auth_info *key = d->snap->status.key;
  if (key != NULL && key->entity_id != NULL &&
      (key->kind != TTN_KEY_GATEWAY ||
       gateway_number(d->snap, key->entity_id) == 0))
    add_disguise(d, key->entity_id, false, "<key's owner>");
}

/* "http://user:password@host:port", all but the last of which may be left
 * out. */
static void add_proxy(struct disguise *d, const char *url) {
  char login[WORD_MAX], host[TTN_HOST_MAX + 1];
  const char *begin = strstr(url, "://");
  begin = begin == NULL ? url : begin + 3;
  const char *at = strrchr(begin, '@');
  if (at != NULL) {
    ttn_print(login, sizeof(login), "%.*s", (int)(at - begin), begin);
    add_disguise(d, login, true, "***");
    char *password = strchr(login, ':');
    if (password != NULL)
      *password++ = '\0';
    add_disguise(d, password, true, "***");
    add_disguise(d, login, true, "***");
  }
  const char *name = at == NULL ? begin : at + 1;
  ttn_print(host, sizeof(host), "%.*s", (int)strcspn(name, ":/"), name);
  if (host[0] != '[' && !ttn_host_is_loopback(host))
    add_disguise(d, host, false, "<proxy>");
}

static void add_proxies(struct disguise *d) {
  static const char *const variables[] = {
      "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
    const char *url = getenv(variables[i]);
    if (url != NULL)
      add_proxy(d, url);
  }
}

bool disguise_is_plain(const struct ttn_option_info *info, const char *value) {
  const char *numbers = strncmp(value, "auto/", 5) == 0 ? value + 5 : value;
  if (info->type == TTN_OPTION_SHARD)
    return numbers[strspn(numbers, DIGITS "/")] == '\0';
  return info->type == TTN_OPTION_CHOICE && ttn_settings_word(info, value) >= 0;
}

/* Also as a message quotes it: no more than `most` bytes. */
static void add_value(struct disguise *d, const char *value, size_t most,
                      const char *shown) {
  char quoted[URL_QUOTED + 1];
  add_disguise(d, value, false, shown);
  if (strlen(value) > most)
    add_disguise(d, ttn_print(quoted, most + 1, "%s", value), false, shown);
}

/* "auto/4" is refused with the machine's name. */
static void add_machine_name(struct disguise *d) {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) == 0)
    add_disguise(d, name, false, "<host>");
}

static void add_given_name(struct disguise *d, const struct given_option *given,
                           size_t *gateways, size_t *organizations) {
  const struct ttn_option_info *info = ttn_settings_find(given->name);
  const char *value = given->value.string, *colon;
  char shown[DISGUISE_SHOWN];
  switch (info->type) {
  case TTN_OPTION_SECRET:
    add_disguise(d, value, true, "***");
    return;
  case TTN_OPTION_HEADERS:
    colon = strchr(value, ':');
    value = colon == NULL ? value : colon + 1;
    add_disguise(d, value + strspn(value, " "), true, "***");
    return;
  case TTN_OPTION_PROXY:
    add_proxy(d, value);
    return;
  case TTN_OPTION_IDS:
    ttn_print(shown, sizeof(shown), "org-%zu", ++*organizations);
    add_value(d, value, QUOTED, shown);
    return;
  case TTN_OPTION_GATEWAYS:
    ttn_print(shown, sizeof(shown), "gw-%zu", *gateways + 1);
    if (value[0] != '/' && gateway_number(d->snap, value) == 0) {
      ++*gateways;
      add_value(d, value, QUOTED, shown);
    } else if (value[0] == '/' && value[1] != '\0') {
      add_value(d, value, QUOTED, "/…/");
    }
    return;
  case TTN_OPTION_TEXT:
    add_disguise(d, value, false, "<Host>");
    return;
  case TTN_OPTION_URL:
  case TTN_OPTION_CLUSTERS:
    if (d->snap->account == NULL) /* it may be no host at all */
      add_value(d, value, URL_QUOTED, "<URL>");
    return;
  case TTN_OPTION_CHOICE:
  case TTN_OPTION_SHARD:
    if (!disguise_is_plain(info, value))
      add_value(d, value, QUOTED, "…");
    else if (value[0] == 'a')
      add_machine_name(d);
    return;
  default:
    return;
  }
}

static void add_given_names(struct disguise *d) {
  const struct option_list *list = &d->snap->options->list;
  size_t gateways = d->snap->n_rows, organizations = 0;
  for (size_t i = 0; i < list->n; i++)
    add_given_name(d, &list->items[i], &gateways, &organizations);
}

void disguise_open(struct disguise *d, const struct snapshot *snap, bool keep) {
  *d = (struct disguise){.snap = snap, .keep = keep};
  add_given_names(d);
  add_proxies(d);
  add_hosts(d);
  add_owner(d);
}

void disguise_free(struct disguise *d) {
  const struct ttn_env *env = &d->snap->env->env;
  for (size_t i = 0; i < d->n; i++)
    ttn_free_secret(env, d->names[i].text);
  ttn_free(env, d->names);
  *d = (struct disguise){.snap = d->snap};
}

/* ---- words ---- */

static bool is_word_byte(char c) {
  return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* The longest name that s begins with, as a whole word. */
static const struct private_name *find_name(const struct disguise *d,
                                            const char *s, bool at_word) {
  const struct private_name *found = NULL;
  size_t longest = 0;
  for (size_t i = 0; i < d->n; i++) {
    const struct private_name *name = &d->names[i];
    size_t n = strlen(name->text);
    if (n <= longest || strncasecmp(s, name->text, n) != 0)
      continue;
    if (!name->secret && (d->keep || !at_word || is_word_byte(s[n])))
      continue;
    found = name;
    longest = n;
  }
  return found;
}

/* Adds what a whole word is shown as. False: it is not a gateway's id. */
static bool add_gateway(const struct disguise *d, struct text *text,
                        const char *word, size_t n) {
  char id[TTN_ID_MAX + 1];
  if (d->keep || n > TTN_ID_MAX)
    return false;
  ttn_print(id, sizeof(id), "%.*s", (int)n, word);
  size_t number = gateway_number(d->snap, id);
  if (number > 0)
    text_add(text, "gw-%zu", number);
  return number > 0;
}

/* ---- what has the form of a private name ---- */

static bool is_ipv4(const char *word) {
  int end = 0;
  unsigned a, b, c, e;
  return sscanf(word, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &e, &end) == 4 &&
         (word[end] == '\0' || word[end] == ':');
}

static bool is_ipv6(const char *word) {
  const char *colon = strchr(word, ':');
  size_t n = strspn(word, HEX_DIGITS ":.[]");
  return colon != NULL && strchr(colon + 1, ':') != NULL &&
         (word[n] == '\0' || word[n] == '%'); /* and a zone */
}

/* Labels with dots between them, the last one of letters: no version. A port
 * may follow. */
static bool is_host_name(const char *word) {
  size_t n = strcspn(word, ":"), last = n;
  if (strcmp(word, "collectd.conf") == 0 ||
      strspn(word, LOWER UPPER DIGITS "-.") < n ||
      (word[n] == ':' && word[n + 1 + strspn(word + n + 1, DIGITS)] != '\0'))
    return false;
  while (last > 0 && word[last - 1] != '.')
    last--;
  return last > 1 && n - last >= 2 &&
         strspn(word + last, LOWER UPPER) >= n - last;
}

static bool looks_like_eui(const char *word) {
  return strlen(word) == 16 && word[strspn(word, HEX_DIGITS)] == '\0';
}

/* What stands for a word, or NULL if it may be shown. */
static const char *stands_for(const char *word) {
  if (strchr(word, '@') != NULL)
    return "<address>";
  if (is_ipv4(word) || is_ipv6(word))
    return "<IP address>";
  if (looks_like_eui(word))
    return "<EUI>";
  if (word[0] == '/' && word[1] != '\0')
    return "<path>";
  return is_host_name(word) ? "<host>" : NULL;
}

/* A URL of n bytes: the host as the report calls it, and a port. */
static void add_url(const struct disguise *d, struct text *text,
                    const char *url, size_t n) {
  char copy[TTN_URL_MAX], why[160], shown[DISGUISE_SHOWN];
  struct ttn_endpoint endpoint;
  ttn_print(copy, sizeof(copy), "%.*s", (int)n, url);
  if (n >= sizeof(copy) ||
      !ttn_endpoint_parse(copy, &endpoint, why, sizeof(why))) {
    text_add(text, "<URL>");
    return;
  }
  text_add(text, "%s", disguise_host(d, endpoint.host, shown));
  if (endpoint.port != (endpoint.https ? 443 : 80))
    text_add(text, " port %u", endpoint.port);
}

/* What libcurl quotes is a name out of a certificate, or an option's value;
 * an apostrophe follows a letter. Returns how many bytes it took. */
static size_t add_quoted_text(struct text *text, const char *s) {
  const char *end = strchr(s + 1, '\'');
  if (end == NULL)
    return 0;
  text_add(text, "'…'");
  return (size_t)(end - s) + 1;
}

/* A path in quotes may have blanks. An expression ends with a slash. Returns
 * how many bytes it took. */
static size_t add_quoted_path(struct text *text, const char *s) {
  size_t n = strcspn(s + 1, "\"");
  if (s[1] != '/' || s[n] == '/' || s[n + 1] == '\0')
    return 0;
  text_add(text, "\"<path>\"");
  return n + 2;
}

/* The word at s, which begins there, if it must not be shown. Returns how many
 * bytes it took, or 0. */
static size_t add_private_word(const struct disguise *d, struct text *text,
                               const char *s) {
  char word[WORD_MAX];
  if (strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0) {
    size_t n = strcspn(s, " \t\"',;()<>");
    while (n > 0 && strchr(":.", s[n - 1]) != NULL)
      n--;
    add_url(d, text, s, n);
    return n;
  }
  size_t n = strspn(s, LOWER UPPER DIGITS "-_.:@/%[]");
  while (n > 0 && strchr(":.", s[n - 1]) != NULL)
    n--;
  if (n == 0)
    return 0;
  ttn_print(word, sizeof(word), "%.*s", (int)n, s);
  const char *shown = stands_for(word);
  if (shown != NULL) {
    text_add(text, "%s", shown);
    return n;
  }
  n = strspn(s, LOWER UPPER DIGITS "-_");
  return add_gateway(d, text, s, n) ? n : 0;
}

void disguise_add(const struct disguise *d, struct text *text, const char *s) {
  bool at_word = true, at_blank = true;
  while (*s != '\0') {
    const struct private_name *name = find_name(d, s, at_word);
    size_t n = 0;
    if (name != NULL) {
      text_add(text, "%s", name->shown);
      n = strlen(name->text);
    } else if (!d->keep && *s == '\'' && at_blank) {
      n = add_quoted_text(text, s);
    } else if (!d->keep && *s == '"') {
      n = add_quoted_path(text, s);
    } else if (!d->keep && at_word) {
      n = add_private_word(d, text, s);
    }
    if (n == 0)
      text_add(text, "%c", s[n++]);
    s += n;
    at_word = !is_word_byte(s[-1]);
    at_blank = strchr(" (=", s[-1]) != NULL;
  }
}

char *disguise_host(const struct disguise *d, const char *host,
                    char shown[DISGUISE_SHOWN]) {
  if (d->keep)
    return ttn_print(shown, DISGUISE_SHOWN, "%s", host);
  for (size_t i = 0; i < d->n; i++)
    if (strcasecmp(d->names[i].text, host) == 0)
      return ttn_print(shown, DISGUISE_SHOWN, "%s", d->names[i].shown);
  return ttn_print(shown, DISGUISE_SHOWN, "<host>");
}

void disguise_add_file(const struct disguise *d, struct text *text,
                       const char *path) {
  const char *slash = strrchr(path, '/');
  for (const char *s = slash == NULL ? path : slash + 1; *s != '\0';) {
    size_t n = strspn(s, LOWER UPPER DIGITS "-_");
    const struct private_name *name = find_name(d, s, true);
    if (name != NULL && strlen(name->text) >= n) {
      text_add(text, "%s", name->shown);
      n = strlen(name->text);
    } else if (n == 0) {
      text_add(text, "%c", s[n++]);
    } else if (!add_gateway(d, text, s, n)) {
      text_add(text, "%.*s", (int)n, s);
    }
    s += n;
  }
}

static bool holds_secret(const struct disguise *d, const char *word) {
  for (size_t i = 0; i < d->n; i++)
    if (d->names[i].secret && strcasestr(word, d->names[i].text) != NULL)
      return true;
  return false;
}

/* An EUI, a device's address, a part of either. */
static bool is_hexadecimal(const char *name) {
  return strlen(name) >= 6 && name[strspn(name, HEX_DIGITS)] == '\0' &&
         strpbrk(name, DIGITS) != NULL;
}

bool disguise_knows(const struct disguise *d, const char *word, size_t n) {
  for (size_t i = 0; i < d->n; i++)
    if (strlen(d->names[i].text) == n &&
        strncasecmp(d->names[i].text, word, n) == 0)
      return true;
  char id[TTN_ID_MAX + 1];
  ttn_print(id, sizeof(id), "%.*s", n < sizeof(id) ? (int)n : 0, word);
  return gateway_number(d->snap, id) > 0;
}

char *disguise_member(const struct disguise *d, const char *name, size_t n,
                      bool is_field, char shown[DISGUISE_SHOWN]) {
  char word[MEMBER_MAX + 1];
  ttn_print(word, sizeof(word), "%.*s", n < sizeof(word) ? (int)n : 0, name);
  bool plain = word[0] != '\0' &&
               strspn(word, LOWER UPPER DIGITS "-_@") == strlen(word) &&
               strchr(word + 1, '@') == NULL && !is_hexadecimal(word) &&
               !holds_secret(d, word);
  if (plain && (is_field || d->keep))
    return ttn_print(shown, DISGUISE_SHOWN, "%s", word);
  return ttn_print(shown, DISGUISE_SHOWN, "<name(%zu)>", n);
}
