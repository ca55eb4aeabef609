/* SPDX-License-Identifier: MIT */
/* Takes the options of an <Account> block, and has the sentences that a user
 * reads when one is wrong. option_table.c has their names, accounts.c checks
 * what they mean together.
 *
 * The checks are strict. What collectd's parser does to a value without quotes
 * can't be undone: `Gateway 0123` arrives as the number 123, `Gateway my-gw` as
 * two values. So a text must be in quotes and a number must not, and the error
 * says so. Nothing is rounded or clamped silently.
 *
 * No message shows the value of APIKey or Header, nor that of an unknown
 * option, which could be a misspelt APIKey. */
#include "config/option_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/filter.h"
#include "tts/decode.h"
#include "tts/api_key.h"
#include "base/utf8.h"

#define TEXT_MAX 4096
#define LINES_MAX 100000 /* of one option that may come many times */

/* One option on its way into the settings. */
struct take {
  const struct ttn_env *env;
  struct ttn_settings *settings;
  const struct spec *spec;
  const struct ttn_option_value *value;
};

void ttn_settings_log(const struct ttn_env *env,
                      const struct ttn_settings *settings, enum ttn_level level,
                      const char *format, ...) {
  char text[900];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (n >= 0)
    ttn_log(env, level, "account \"%s\": %s", settings->account, text);
}

/* Logs `account "home": Interval <text>`, where the text says what is wrong and
 * the fix. Always false. */
__attribute__((format(printf, 2, 3))) static bool
refuse(const struct take *take, const char *format, ...) {
  char text[800];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  ttn_settings_log(take->env, take->settings, TTN_ERROR, "%s %s",
                   take->spec->info.name, n < 0 ? "is wrong" : text);
  return false;
}

static bool no_memory(const struct take *take) {
  ttn_settings_log(take->env, take->settings, TTN_ERROR,
                   "no memory for its options");
  return false;
}

static void *member(const struct take *take) {
  return (char *)take->settings + take->spec->at;
}

static bool take_text(const struct take *take) {
  char **text = member(take);
  char *copy = ttn_strdup(take->env, take->value->string);
  if (copy == NULL)
    return no_memory(take);
  ttn_free_secret(take->env, *text);
  *text = copy;
  return true;
}

static bool take_secret(const struct take *take) {
  char why[200];
  const char *odd = NULL;
  if (!ttn_key_check(take->value->string, &odd, why, sizeof(why)))
    return refuse(take, "%s", why);
  return take_text(take);
}

static bool take_path(const struct take *take) {
  const char *path = take->value->string;
  if (strncmp(path, "NNSXS.", 6) == 0)
    return refuse(take, "wants the name of a file; for the key itself there is "
                        "APIKey");
  if (path[0] != '/' && take->spec->at == AT(proxy_user_file))
    return refuse(take,
                  "\"%s\" is read before collectd goes to its BaseDir: "
                  "give a path that begins with /",
                  path);
  if (path[0] != '/')
    ttn_settings_log(take->env, take->settings, TTN_WARNING,
                     "%s \"%s\" is looked for in collectd's BaseDir; "
                     "better give a path that begins with /",
                     take->spec->info.name, path);
  return take_text(take);
}

/* The list's length stands right behind it in struct ttn_settings. */
struct lines {
  char **line;
  size_t n;
};
_Static_assert(AT(n_gateways) == AT(gateways) + offsetof(struct lines, n) &&
                   AT(n_organizations) ==
                       AT(organizations) + offsetof(struct lines, n) &&
                   AT(n_cluster_lines) ==
                       AT(cluster_lines) + offsetof(struct lines, n) &&
                   AT(n_headers) == AT(headers) + offsetof(struct lines, n),
               "struct lines");

static bool add_line_value(const struct take *take) {
  struct lines *lines = member(take);
  if (lines->n >= LINES_MAX)
    return refuse(take, "may be given %d times at most", LINES_MAX);
  /* Room grows when n is a power of two: nobody else has to know of it. */
  if ((lines->n & (lines->n - 1)) == 0) {
    size_t room = lines->n == 0 ? 1 : lines->n * 2;
    void *grown = take->env->resize(take->env->ctx, lines->line,
                                    room * sizeof(*lines->line));
    if (grown == NULL)
      return no_memory(take);
    lines->line = grown;
  }
  char *copy = ttn_strdup(take->env, take->value->string);
  if (copy == NULL)
    return no_memory(take);
  lines->line[lines->n++] = copy;
  return true;
}

static bool take_id(const struct take *take) {
  const char *id = take->value->string;
  if (!ttn_id_valid(id, strlen(id)))
    return refuse(take,
                  "\"%.60s\" is not an id: 3 to %d lower-case letters, digits "
                  "and single hyphens, as the Console shows it",
                  id, TTN_ID_MAX);
  return add_line_value(take);
}

static bool take_gateway(const struct take *take) {
  const char *text = take->value->string;
  size_t n = strlen(text);
  if (text[0] != '/')
    return take_id(take);
  if (n < 3 || text[n - 1] != '/')
    return refuse(take,
                  "\"%.60s\" is not a regular expression: write it between "
                  "slashes, as in \"/^lab-/\"",
                  text);
  return add_line_value(take);
}

/* A URL for an error message: not if it may hold a password. */
static const char *show_value(const char *url) {
  return strpbrk(url, "@?") == NULL ? url : "…";
}

static bool take_url(const struct take *take) {
  char why[200];
  const char *text = take->value->string;
  struct ttn_endpoint url;
  if (!ttn_endpoint_parse(text, &url, why, sizeof(why)))
    return refuse(take, "\"%.300s\" %s", show_value(text), why);
  take->settings->url = url;
  return true;
}

/* Only looked at here: it is read once URL is known. */
static bool take_cluster(const struct take *take) {
  char why[200];
  const char *text = take->value->string;
  struct ttn_endpoint cluster;
  if (!ttn_endpoint_parse_cluster(text, &take->settings->url, &cluster, why,
                                  sizeof(why)))
    return refuse(take, "\"%.300s\" %s", show_value(text), why);
  return add_line_value(take);
}

/* The order of the words is that of the enum. */
static bool take_choice(const struct take *take) {
  int word = ttn_settings_word(&take->spec->info, take->value->string);
  if (word < 0)
    return refuse(take, "\"%.60s\" is none of %s", take->value->string,
                  take->spec->info.value);
  *(int *)member(take) = word;
  return true;
}

/* What the plugin or libcurl sends itself. */
static bool header_is_taken(const char *line, size_t n) {
  static const char *const names[] = {
      "Accept-Encoding", "Connection", "Content-Length", "Content-Type",
      "Expect",          "Host",       "HTTP2-Settings", "Transfer-Encoding",
      "Upgrade"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (n == strlen(names[i]) && strncasecmp(line, names[i], n) == 0)
      return true;
  return false;
}

static bool take_header(const struct take *take) {
  static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                              "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const char *line = take->value->string;
  size_t n = strspn(line, token);
  if (n == 0 || line[n] != ':' || line[n + 1 + strspn(line + n + 1, " ")] == 0)
    return refuse(take, "is not a header: write \"Name: value\"");
  if (n == strlen("Authorization") &&
      strncasecmp(line, "Authorization", n) == 0)
    return refuse(take, "can't be Authorization: that is for the key alone, "
                        "see APIKeyFile");
  if (n == strlen("Proxy-Authorization") &&
      strncasecmp(line, "Proxy-Authorization", n) == 0)
    return refuse(take, "can't be Proxy-Authorization: see ProxyUserFile");
  if (header_is_taken(line, n))
    return refuse(take, "can't be %.*s: the plugin sends its own", (int)n,
                  line);
  return add_line_value(take);
}

/* "auto/N": the pods of a Kubernetes StatefulSet are numbered from 0. The
 * kernel's host name counts: collectd's Hostname may be the same for all. */
static bool take_ordinal(const struct take *take, int count) {
  const char *text = take->value->string;
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0)
    return refuse(take, "\"%.60s\" needs a host name: %s", text,
                  strerror(errno));
  int ordinal = ttn_ordinal(host);
  if (ordinal < 0)
    return refuse(take,
                  "\"%.60s\" needs a host name with a hyphen and a number at "
                  "its end, as \"ttn-0\" for the first, and it is \"%.100s\": "
                  "change it, or write \"1/%d\"",
                  text, host, count);
  if (ordinal >= count)
    return refuse(take,
                  "\"%.60s\" is for host names that end with -0 to -%d, and it "
                  "is \"%.100s\": write the number of collectds behind the "
                  "slash",
                  text, count - 1, host);
  take->settings->shard_index = ordinal + 1;
  take->settings->shard_count = count;
  return true;
}

static bool take_shard(const struct take *take) {
  int index = 0, count = 0, end = 0;
  const char *text = take->value->string;
  bool automatic = strncmp(text, "auto/", 5) == 0;
  const char *numbers = automatic ? text + 5 : text;
  bool whole =
      strspn(numbers, "0123456789/") == strlen(numbers) && strlen(text) <= 11 &&
      (automatic ? sscanf(numbers, "%d%n", &count, &end) == 1
                 : sscanf(text, "%d/%d%n", &index, &count, &end) == 2) &&
      numbers[end] == '\0';
  int most = (int)take->spec->info.most;
  if (automatic)
    index = 1;
  if (!whole || index < 1 || index > count || count > most)
    return refuse(
        take,
        "\"%.60s\" is not a shard: \"2/4\" is the second of four "
        "collectds, of %d at most, \"auto/4\" the one that the number "
        "at the end of the host name says",
        text, most);
  if (automatic)
    return take_ordinal(take, count);
  take->settings->shard_index = index;
  take->settings->shard_count = count;
  return true;
}

static bool take_number(const struct take *take) {
  const struct spec *spec = take->spec;
  double number = take->value->number;
  const char *unit = spec->info.type == TTN_OPTION_SECONDS ? " seconds"
                     : spec->info.type == TTN_OPTION_MILLISECONDS
                         ? " milliseconds"
                         : "";
  if (!(number >= spec->info.least && number <= spec->info.most))
    return refuse(take, "%.15g is out of range: it can be %.15g to %.15g%s",
                  number, spec->info.least, spec->info.most, unit);
  if (spec->info.type != TTN_OPTION_SECONDS && number != floor(number))
    return refuse(take, "%.15g must be a whole number%s%s", number,
                  unit[0] != '\0' ? " of" : "", unit);
  if (spec->info.type == TTN_OPTION_COUNT)
    *(int *)member(take) = (int)number;
  else if (spec->info.type == TTN_OPTION_MILLISECONDS)
    *(int64_t *)member(take) = (int64_t)number * TTN_MS;
  else
    *(int64_t *)member(take) = llround(number * (double)TTN_SECOND);
  return true;
}

static bool take_switch(const struct take *take) {
  if (take->spec->info.type == TTN_OPTION_SWITCH)
    *(bool *)member(take) = take->value->boolean;
  else if (take->value->boolean)
    take->settings->collect |= take->spec->group;
  else
    take->settings->collect &= ~take->spec->group;
  return true;
}

static const struct {
  enum ttn_value_type type;
  bool (*take)(const struct take *take);
} kinds[] = {
    [TTN_OPTION_TEXT] = {TTN_VALUE_STRING, take_text},
    [TTN_OPTION_SECRET] = {TTN_VALUE_STRING, take_secret},
    [TTN_OPTION_PATH] = {TTN_VALUE_STRING, take_path},
    [TTN_OPTION_PROXY] = {TTN_VALUE_STRING, take_text},
    [TTN_OPTION_STATE_FILE] = {TTN_VALUE_STRING, take_text},
    [TTN_OPTION_CLUSTERS] = {TTN_VALUE_STRING, take_cluster},
    [TTN_OPTION_IDS] = {TTN_VALUE_STRING, take_id},
    [TTN_OPTION_GATEWAYS] = {TTN_VALUE_STRING, take_gateway},
    [TTN_OPTION_URL] = {TTN_VALUE_STRING, take_url},
    [TTN_OPTION_CHOICE] = {TTN_VALUE_STRING, take_choice},
    [TTN_OPTION_HEADERS] = {TTN_VALUE_STRING, take_header},
    [TTN_OPTION_SHARD] = {TTN_VALUE_STRING, take_shard},
    [TTN_OPTION_SECONDS] = {TTN_VALUE_NUMBER, take_number},
    [TTN_OPTION_MILLISECONDS] = {TTN_VALUE_NUMBER, take_number},
    [TTN_OPTION_COUNT] = {TTN_VALUE_NUMBER, take_number},
    [TTN_OPTION_SWITCH] = {TTN_VALUE_BOOLEAN, take_switch},
    [TTN_OPTION_GROUP] = {TTN_VALUE_BOOLEAN, take_switch},
};

/* Is there exactly one value, and of the type that the option has? */
static bool check_type(const struct take *take,
                       const struct ttn_option *option) {
  enum ttn_value_type wanted = kinds[take->spec->info.type].type;
  const char *name = take->spec->info.name;
  const char *sample = take->spec->info.value;
  if (option->n_children > 0)
    return refuse(take, "is not a block: write it on one line, %s %s", name,
                  sample);
  if (option->n_values == 0)
    return refuse(take, "has no value: write %s %s%s%s", name,
                  wanted == TTN_VALUE_STRING ? "\"" : "", sample,
                  wanted == TTN_VALUE_STRING ? "\"" : "");
  if (option->n_values > 1)
    return refuse(take, "has %zu values where one belongs%s", option->n_values,
                  wanted == TTN_VALUE_STRING ? ": a text must be in quotes"
                                             : "");
  if (take->value->type == wanted)
    return true;
  if (wanted == TTN_VALUE_STRING && take->value->type == TTN_VALUE_NUMBER &&
      take->spec->info.type != TTN_OPTION_SECRET)
    return refuse(
        take,
        "%.15g must be in quotes, else collectd reads it as a number: "
        "%s \"…\"",
        take->value->number, name);
  if (wanted == TTN_VALUE_STRING)
    return refuse(take, "must be in quotes: %s \"…\"", name);
  if (wanted == TTN_VALUE_NUMBER)
    return refuse(take, "wants a number without quotes: %s %s", name,
                  take->spec->info.fallback);
  return refuse(take, "wants true or false, without quotes: %s %s", name,
                take->spec->info.fallback);
}

static bool check_text(const struct take *take) {
  const char *text = take->value->string;
  enum ttn_option_type type = take->spec->info.type;
  if (text[0] == '\0' && type != TTN_OPTION_PROXY &&
      type != TTN_OPTION_STATE_FILE)
    return refuse(take, "is empty: give it a value or take the line out");
  size_t most = take->spec->at == AT(host) ? TTN_NAME_MAX : TEXT_MAX;
  if (strlen(text) > most)
    return refuse(take, "is longer than %zu bytes", most);
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      return refuse(take, "holds a line end or another control character: "
                          "write it on one line");
  if (take->spec->at == AT(host) && !ttn_utf8_plain(text))
    return refuse(take, "is not UTF-8, and Prometheus would drop the whole "
                        "scrape: save the configuration as UTF-8, or write it "
                        "in ASCII");
  return true;
}

/* How many characters must be changed to make b of a, ignoring case: the
 * Levenshtein distance. A name longer than all options is far from all. */
#define NEAR_MAX 40
static size_t distance(const char *a, const char *b) {
  size_t row[NEAR_MAX + 1];
  size_t n = strlen(b);
  if (strlen(a) > NEAR_MAX || n > NEAR_MAX)
    return SIZE_MAX;
  for (size_t j = 0; j <= n; j++)
    row[j] = j;
  for (size_t i = 1; a[i - 1] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;
      size_t best = diagonal + (same ? 0 : 1);
      if (row[j] + 1 < best)
        best = row[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[n];
}

static void warn_unknown(const struct ttn_env *env,
                         const struct ttn_settings *settings,
                         const char *name) {
  const char *nearest = NULL;
  /* Short names may differ by half, long ones by a quarter and one. */
  size_t n = strlen(name);
  size_t least = 1 + (n < 8 ? n / 2 : n / 4 + 1);
  const struct ttn_option_info *info;
  for (size_t i = 0; (info = ttn_settings_info(i)) != NULL; i++) {
    size_t d = distance(name, info->name);
    if (d < least) {
      least = d;
      nearest = info->name;
    }
  }
  if (nearest != NULL)
    ttn_settings_log(env, settings, TTN_WARNING,
                     "there is no option %.60s, it is ignored; did you "
                     "mean %s?",
                     name, nearest);
  else
    ttn_settings_log(env, settings, TTN_WARNING,
                     "there is no option %.60s, it is ignored", name);
}

bool ttn_settings_option(const struct ttn_env *env,
                         struct ttn_settings *settings,
                         const struct ttn_option *option) {
  size_t i = ttn_option_index(option->name);
  const struct spec *spec = ttn_option_spec(i);
  if (spec == NULL) {
    warn_unknown(env, settings, option->name);
    return true;
  }
  struct take take = {env, settings, spec, &option->value};
  if (!check_type(&take, option))
    return false;
  if (kinds[spec->info.type].type == TTN_VALUE_STRING && !check_text(&take))
    return false;
  uint64_t bit = UINT64_C(1) << i;
  if ((settings->given & bit) != 0 && !spec->info.many)
    ttn_settings_log(env, settings, TTN_WARNING,
                     "%s is given twice; the last line counts",
                     spec->info.name);
  if (!kinds[spec->info.type].take(&take))
    return false;
  settings->given |= bit;
  return true;
}
