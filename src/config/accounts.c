/* SPDX-License-Identifier: MIT */
/* Beginning and end of an account's settings: the defaults, and what the
 * options mean together once all are known. options.c takes them one by one.
 * Knows nothing of collectd.
 *
 * A Cluster line inherits scheme and port of URL, which may stand below it, so
 * Cluster lines are read here. */
#include "config/settings.h"

#include "gateway/state_shards.h"
#include "base/secret.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

static bool name_usable(const struct ttn_env *env, const char *name) {
  size_t n = strlen(name);
  char shown[TTN_NAME_MAX + 1];
  if (n >= 1 && n <= TTN_NAME_MAX && ttn_utf8_plain(name))
    return true;
  ttn_utf8_clean(shown, sizeof(shown), name, n);
  ttn_log(env, TTN_ERROR,
          "<Account \"%s\"> is left out: an account needs a name of 1 to %d "
          "bytes of UTF-8 without control characters; if it has others than "
          "ASCII, save the configuration as UTF-8",
          shown, TTN_NAME_MAX);
  return false;
}

static int64_t seconds_default(const char *name) {
  return (int64_t)(ttn_settings_default(name) * (double)TTN_SECOND);
}

struct ttn_settings *ttn_settings_new(const struct ttn_env *env,
                                      const char *account) {
  char why[200];
  if (!name_usable(env, account))
    return NULL;
  struct ttn_settings *settings = ttn_alloc(env, sizeof(*settings));
  if (settings != NULL)
    settings->account = ttn_strdup(env, account);
  if (settings == NULL || settings->account == NULL ||
      !ttn_endpoint_parse(TTN_DEFAULT_URL, &settings->url, why, sizeof(why))) {
    ttn_log(env, TTN_ERROR, "account \"%s\": no memory for its options",
            account);
    ttn_settings_free(env, settings);
    return NULL;
  }
  settings->discovery_interval = seconds_default("DiscoveryInterval");
  settings->spread = -1;
  settings->verify_peer = ttn_settings_default("VerifyPeer") != 0;
  settings->verify_host = ttn_settings_default("VerifyHost") != 0;
  settings->max_connections = (int)ttn_settings_default("MaxConnections");
  settings->shard_index = 1;
  settings->shard_count = 1;
  settings->notification_limit = (int)ttn_settings_default("NotificationLimit");
  settings->notifications = ttn_settings_default("Notifications") != 0;
  settings->collect = TTN_COLLECT_DEFAULT;
  return settings;
}

static void free_lines(const struct ttn_env *env, char **lines, size_t n) {
  for (size_t i = 0; i < n; i++)
    ttn_free_secret(env, lines[i]);
  ttn_free(env, lines);
}

void ttn_settings_free(const struct ttn_env *env,
                       struct ttn_settings *settings) {
  if (settings == NULL)
    return;
  char *const texts[] = {
      settings->account,    settings->api_key,    settings->api_key_file,
      settings->host,       settings->ca_cert,    settings->client_cert,
      settings->client_key, settings->proxy,      settings->proxy_user_file,
      settings->proxy_user, settings->state_file,
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    ttn_free_secret(env, texts[i]);
  free_lines(env, settings->gateways, settings->n_gateways);
  free_lines(env, settings->organizations, settings->n_organizations);
  free_lines(env, settings->cluster_lines, settings->n_cluster_lines);
  free_lines(env, settings->headers, settings->n_headers);
  ttn_free(env, settings->clusters);
  ttn_free(env, settings);
}

void ttn_settings_http(const struct ttn_settings *settings,
                       struct ttn_http_options *options) {
  *options = (struct ttn_http_options){
      .ca_cert = settings->ca_cert,
      .verify_peer = settings->verify_peer,
      .verify_host = settings->verify_host,
      .allow_plain = settings->allow_plain,
      .client_cert = settings->client_cert,
      .client_key = settings->client_key,
      .proxy = settings->proxy,
      .proxy_user = settings->proxy_user,
      .proxy_auth = (enum ttn_proxy_auth)settings->proxy_auth,
      .version = (enum ttn_http_version)settings->http_version,
      .headers = settings->headers,
      .n_headers = settings->n_headers,
      .family = (enum ttn_family)settings->family,
      .max_connections = settings->max_connections,
      .max_streams = TTN_STREAMS_MAX,
      .user_agent = "collectd-ttn/" TTN_VERSION,
  };
}

/* Always false. */
static bool log_wrong(const struct ttn_env *env,
                      const struct ttn_settings *settings, const char *what) {
  ttn_settings_log(env, settings, TTN_ERROR, "%s", what);
  return false;
}

static const char no_room[] = "no memory for its options";

static bool check_key(const struct ttn_env *env,
                      const struct ttn_settings *settings) {
  if (settings->api_key != NULL && settings->api_key_file != NULL)
    return log_wrong(
        env, settings,
        "APIKey and APIKeyFile don't go together: keep one of them");
  if (settings->api_key == NULL && settings->api_key_file == NULL)
    return log_wrong(
        env, settings,
        "APIKeyFile (or APIKey) is missing: make a personal API key in the "
        "stack's Console with the rights \"list gateways the user is a "
        "collaborator of\" (RIGHT_USER_GATEWAYS_LIST) and \"view gateway "
        "status\" (RIGHT_GATEWAY_STATUS_READ)");
  return true;
}

/* May the key go there? Plain HTTP shows it to everybody on the way. */
static bool check_plain(const struct ttn_env *env,
                        const struct ttn_settings *settings, const char *option,
                        const struct ttn_endpoint *endpoint) {
  char url[TTN_URL_MAX];
  if (endpoint->https || ttn_host_is_loopback(endpoint->host))
    return true;
  ttn_endpoint_print(url, sizeof(url), endpoint);
  if (settings->allow_plain)
    ttn_settings_log(env, settings, TTN_WARNING,
                     "%s %s: the API key goes over the network in clear text; "
                     "use https://",
                     option, url);
  else
    ttn_settings_log(env, settings, TTN_ERROR,
                     "%s %s is not used: the API key would go over the "
                     "network in clear text; use https://, or allow that with "
                     "AllowPlainHTTP true",
                     option, url);
  return settings->allow_plain;
}

/* An admin's key goes to the stack that its owner operates, and nowhere else.
 */
static bool check_scope(const struct ttn_env *env,
                        const struct ttn_settings *settings) {
  char url[TTN_URL_MAX];
  ttn_endpoint_print(url, sizeof(url), &settings->url);
  if (settings->scope != TTN_SCOPE_ALL)
    return true;
  if (strcmp(url, TTN_DEFAULT_URL) == 0)
    return log_wrong(env, settings,
                     "Scope \"all\" needs URL: the stack that you operate");
  if (settings->n_organizations > 0)
    return log_wrong(env, settings,
                     "Scope \"all\" and Organization don't go together: keep "
                     "one of them");
  return true;
}

static bool read_clusters(const struct ttn_env *env,
                          struct ttn_settings *settings) {
  char why[200];
  struct ttn_endpoint cluster;
  size_t n = settings->n_cluster_lines;
  if (n == 0)
    return true;
  ttn_free(env, settings->clusters);
  settings->n_clusters = 0;
  settings->clusters = ttn_alloc(env, n * sizeof(*settings->clusters));
  if (settings->clusters == NULL)
    return log_wrong(env, settings, no_room);
  for (size_t i = 0; i < n; i++) {
    if (!ttn_endpoint_parse_cluster(settings->cluster_lines[i], &settings->url,
                                    &cluster, why, sizeof(why))) {
      ttn_settings_log(env, settings, TTN_ERROR, "Cluster %s", why);
      return false;
    }
    if (check_plain(env, settings, "Cluster", &cluster))
      settings->clusters[settings->n_clusters++] = cluster;
  }
  return true;
}

/* The user and the password for a proxy, from their file. */
static bool read_proxy_user(const struct ttn_env *env,
                            struct ttn_settings *settings) {
  const char *path = settings->proxy_user_file, *open_to;
  char line[TTN_SECRET_MAX + 1], why[200];
  struct ttn_file_stamp stamp;
  bool good = ttn_secret_read(path, "user:password", line, &stamp, &open_to,
                              why, sizeof(why));
  if (good && strchr(line, ':') == NULL) {
    ttn_print(why, sizeof(why),
              "has no colon; it must hold user:password on one line");
    good = false;
  }
  if (!good) {
    ttn_settings_log(env, settings, TTN_ERROR, "ProxyUserFile \"%s\": %s", path,
                     why);
  } else {
    settings->proxy_user = ttn_strdup(env, line);
    if (settings->proxy_user == NULL)
      log_wrong(env, settings, no_room);
    if (open_to != NULL)
      ttn_settings_log(env, settings, TTN_WARNING,
                       "ProxyUserFile \"%s\" can be read by %s: chmod 600 it",
                       path, open_to);
  }
  ttn_secret_wipe(line, sizeof(line));
  return good && settings->proxy_user != NULL;
}

static bool check_proxy(const struct ttn_env *env,
                        struct ttn_settings *settings) {
  if (!ttn_http_can_log_in((enum ttn_proxy_auth)settings->proxy_auth))
    return log_wrong(env, settings,
                     "ProxyAuth: this libcurl can't log in so; \"any\" takes "
                     "what the proxy offers and libcurl can do");
  if (settings->proxy_user_file == NULL)
    return true;
  if (settings->proxy != NULL && strchr(settings->proxy, '@') != NULL)
    return log_wrong(env, settings,
                     "Proxy has a user, and there is a ProxyUserFile: keep one "
                     "of them");
  return read_proxy_user(env, settings);
}

static void warn_unverified(const struct ttn_env *env,
                            const struct ttn_settings *settings) {
  if (!settings->verify_peer || !settings->verify_host)
    ttn_settings_log(
        env, settings, TTN_WARNING,
        "%s false: anybody between this host and the stack can read the "
        "API key; CACert is the safe way to trust a certificate of your own",
        settings->verify_peer ? "VerifyHost" : "VerifyPeer");
}

/* What fails in the last batch has time to be sent again, and no two values of
 * a series are so far apart that collectd takes the series for lost. */
static void finish_spread(const struct ttn_env *env,
                          struct ttn_settings *settings) {
  bool short_timeout = settings->timeout < settings->interval;
  int64_t most = (short_timeout ? settings->timeout : settings->interval) / 2;
  if (settings->spread < 0)
    settings->spread = settings->interval / 3;
  else if (settings->spread > most)
    ttn_settings_log(env, settings, TTN_WARNING,
                     "Spread %.15g s is longer than half of %s: %.15g s are "
                     "used, so that what fails can be sent again",
                     (double)settings->spread / (double)TTN_SECOND,
                     short_timeout ? "Timeout" : "Interval",
                     (double)most / (double)TTN_SECOND);
  if (settings->spread > most)
    settings->spread = most;
}

bool ttn_settings_finish(const struct ttn_env *env,
                         struct ttn_settings *settings,
                         int64_t default_interval) {
  bool key = check_key(env, settings);
  bool url = check_plain(env, settings, "URL", &settings->url);
  bool clusters = read_clusters(env, settings);
  bool proxy = check_proxy(env, settings);
  bool scope = check_scope(env, settings);
  const int64_t interval = seconds_default("Interval");
  const int64_t timeout =
      (int64_t)(ttn_settings_default("Timeout") * (double)TTN_MS);
  if (settings->client_key != NULL && settings->client_cert == NULL)
    return log_wrong(
        env, settings,
        "ClientKey belongs to a certificate: ClientCert is missing");
  if (!key || !url || !clusters || !proxy || !scope)
    return false;
  settings->events = settings->events || settings->traffic;
  if (settings->interval == 0)
    settings->interval =
        default_interval > interval ? default_interval : interval;
  if (settings->timeout == 0)
    settings->timeout =
        settings->interval < timeout ? settings->interval : timeout;
  else if (settings->timeout > settings->interval)
    ttn_settings_log(env, settings, TTN_WARNING,
                     "Timeout %lld ms is longer than the interval of "
                     "%.15g s: if a poll takes longer than the interval, the "
                     "next one is skipped",
                     (long long)(settings->timeout / TTN_MS),
                     (double)settings->interval / (double)TTN_SECOND);
  finish_spread(env, settings);
  warn_unverified(env, settings);
  return true;
}

/* The default state file's name: the account's, with every byte that a file
 * name or a shell could stumble over as %XX, so that no two accounts get the
 * same one. */
static void default_state_file(char *path, size_t size, const char *account) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  char name[3 * TTN_NAME_MAX + 1];
  size_t n = 0;
  for (const char *c = account; *c != '\0'; c++) {
    bool keep = strchr(plain, *c) != NULL || (*c == '.' && c != account);
    ttn_print(&name[n], sizeof(name) - n, keep ? "%c" : "%%%02X",
              (unsigned char)*c);
    n += keep ? 1 : 3;
  }
  ttn_print(path, size, "ttn/%s.state", name);
}

bool ttn_settings_place(const struct ttn_env *env,
                        struct ttn_settings *settings, const char *host,
                        const char *base_dir) {
  char name[3 * TTN_NAME_MAX + 16];
  const char *path = settings->state_file;
  if (settings->host == NULL) {
    settings->host = ttn_strdup(env, host);
    if (!ttn_utf8_plain(host))
      ttn_settings_log(env, settings, TTN_WARNING,
                       "collectd's Hostname is not UTF-8, and Prometheus drops "
                       "every scrape with it: change it, or set Host");
  }
  if (path == NULL) {
    default_state_file(name, sizeof(name), settings->account);
    path = name;
  }
  const char *folder = "", *slash = "";
  char number[TTN_STATE_SUFFIX_MAX] = "";
  if (path[0] != '\0')
    ttn_state_suffix(number, settings->shard_index);
  if (path[0] != '\0' && path[0] != '/' && base_dir != NULL &&
      base_dir[0] == '/') {
    folder = base_dir;
    slash = "/";
  }
  size_t size = strlen(folder) + strlen(path) + sizeof(number) + 1;
  char *whole = ttn_alloc(env, size);
  if (whole != NULL)
    ttn_print(whole, size, "%s%s%s%s", folder, slash, path, number);
  ttn_free(env, settings->state_file);
  settings->state_file = whole;
  if (settings->host != NULL && settings->state_file != NULL)
    return true;
  return log_wrong(env, settings, no_room);
}
