/* SPDX-License-Identifier: MIT */
#include "config/option_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT(name, value, kind, member)                                        \
  { {name, value, NULL, false, 0, 0, kind}, AT(member), 0 }
#define MANY(name, value, kind, member)                                        \
  { {name, value, NULL, true, 0, 0, kind}, AT(member), 0 }
#define OPTION(name, value, fallback, kind, member, least, most)               \
  { {name, value, fallback, false, least, most, kind}, AT(member), 0 }
#define SWITCH(name, fallback, member)                                         \
  {                                                                            \
    {name, "true|false", fallback, false, 0, 0, TTN_OPTION_SWITCH},            \
        AT(member), 0                                                          \
  }
#define GROUP(name, fallback, bit)                                             \
  {                                                                            \
    {name, "true|false", fallback, false, 0, 0, TTN_OPTION_GROUP},             \
        AT(collect), bit                                                       \
  }

/* In README's order. The index is the bit in ttn_settings.given. */
static const struct spec specs[] = {
    TEXT("APIKey", "KEY", TTN_OPTION_SECRET, api_key),
    TEXT("APIKeyFile", "FILE", TTN_OPTION_PATH, api_key_file),
    OPTION("URL", "URL", TTN_DEFAULT_URL, TTN_OPTION_URL, url, 0, 0),
    OPTION("Interval", "SECONDS", "60", TTN_OPTION_SECONDS, interval, 0.1,
           86400),
    OPTION("Timeout", "MILLISECONDS", "45000", TTN_OPTION_MILLISECONDS, timeout,
           100, 3600000),
    OPTION("DiscoveryInterval", "SECONDS", "300", TTN_OPTION_SECONDS,
           discovery_interval, 0, 604800),
    OPTION("Spread", "SECONDS", "20", TTN_OPTION_SECONDS, spread, 0, 1800),
    MANY("Gateway", "ID|/REGEX/", TTN_OPTION_GATEWAYS, gateways),
    SWITCH("IgnoreSelected", "false", ignore_selected),
    MANY("Organization", "ID", TTN_OPTION_IDS, organizations),
    OPTION("Scope", "mine|all", "mine", TTN_OPTION_CHOICE, scope, 0, 0),
    MANY("Cluster", "HOST", TTN_OPTION_CLUSTERS, cluster_lines),
    TEXT("Host", "NAME", TTN_OPTION_TEXT, host),
    TEXT("CACert", "FILE", TTN_OPTION_PATH, ca_cert),
    SWITCH("VerifyPeer", "true", verify_peer),
    SWITCH("VerifyHost", "true", verify_host),
    SWITCH("AllowPlainHTTP", "false", allow_plain),
    TEXT("ClientCert", "FILE", TTN_OPTION_PATH, client_cert),
    TEXT("ClientKey", "FILE", TTN_OPTION_PATH, client_key),
    TEXT("Proxy", "URL", TTN_OPTION_PROXY, proxy),
    TEXT("ProxyUserFile", "FILE", TTN_OPTION_PATH, proxy_user_file),
    OPTION("ProxyAuth", "basic|digest|ntlm|negotiate|any", "basic",
           TTN_OPTION_CHOICE, proxy_auth, 0, 0),
    MANY("Header", "LINE", TTN_OPTION_HEADERS, headers),
    OPTION("HTTPVersion", "2|1.1", "2", TTN_OPTION_CHOICE, http_version, 0, 0),
    OPTION("AddressFamily", "any|ipv4|ipv6", "any", TTN_OPTION_CHOICE, family,
           0, 0),
    OPTION("MaxConnections", "NUMBER", "4", TTN_OPTION_COUNT, max_connections,
           1, 64),
    OPTION("Shard", "I/N|auto/N", "1/1", TTN_OPTION_SHARD, shard_index, 1,
           10000),
    TEXT("StateFile", "FILE", TTN_OPTION_STATE_FILE, state_file),
    SWITCH("Notifications", "true", notifications),
    OPTION("OfflineAfter", "SECONDS", "0", TTN_OPTION_SECONDS, offline_after, 0,
           604800),
    OPTION("NotificationLimit", "NUMBER", "10", TTN_OPTION_COUNT,
           notification_limit, 0, 1000000),
    SWITCH("Events", "false", events),
    SWITCH("Traffic", "false", traffic),
    SWITCH("MetaData", "false", meta_data),
    GROUP("Location", "false", TTN_COLLECT_LOCATION),
    GROUP("CollectPackets", "true", TTN_COLLECT_PACKETS),
    GROUP("CollectConnected", "true", TTN_COLLECT_CONNECTED),
    GROUP("CollectUptime", "true", TTN_COLLECT_UPTIME),
    GROUP("CollectRoundTripTimes", "true", TTN_COLLECT_ROUND_TRIPS),
    GROUP("CollectAges", "true", TTN_COLLECT_AGES),
    GROUP("CollectDutyCycle", "true", TTN_COLLECT_DUTY_CYCLE),
    GROUP("CollectStatus", "true", TTN_COLLECT_STATUS),
    GROUP("CollectAPI", "true", TTN_COLLECT_API),
    GROUP("CollectDetails", "false", TTN_COLLECT_DETAILS),
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))
_Static_assert(SPECS <= 64, "ttn_settings.given has a bit for each");

const struct spec *ttn_option_spec(size_t i) {
  return i < SPECS ? &specs[i] : NULL;
}

const struct ttn_option_info *ttn_settings_info(size_t i) {
  return i < SPECS ? &specs[i].info : NULL;
}

size_t ttn_option_index(const char *name) {
  size_t i = 0;
  while (i < SPECS && strcasecmp(name, specs[i].info.name) != 0)
    i++;
  return i;
}

const struct ttn_option_info *ttn_settings_find(const char *name) {
  return ttn_settings_info(ttn_option_index(name));
}

int ttn_settings_word(const struct ttn_option_info *info, const char *text) {
  const char *words = info->value;
  for (int i = 0;; i++) {
    size_t n = strcspn(words, "|");
    if (n == strlen(text) && strncasecmp(words, text, n) == 0)
      return i;
    if (words[n] == '\0')
      return -1;
    words += n + 1;
  }
}

double ttn_settings_default(const char *name) {
  const struct ttn_option_info *info = ttn_settings_find(name);
  assert(info != NULL);
  const char *fallback = info->fallback;
  return strcmp(fallback, "true") == 0 ? 1 : strtod(fallback, NULL);
}
