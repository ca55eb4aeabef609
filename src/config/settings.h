/* SPDX-License-Identifier: MIT */
/* An account's options: their names, types, ranges and defaults in one table
 * (option_table.c), and the checks with the sentences that a user reads. */
#ifndef TTN_SETTINGS_H
#define TTN_SETTINGS_H

#include "tts/endpoint.h"
#include "base/env.h"
#include "http/http.h"
#include "report/groups.h"

enum ttn_value_type { TTN_VALUE_STRING, TTN_VALUE_NUMBER, TTN_VALUE_BOOLEAN };

/* One line within <Account>. The caller fills it. */
struct ttn_option_value {
  enum ttn_value_type type;
  const char *string;
  double number;
  bool boolean;
};
/* The caller fills it. */
struct ttn_option {
  const char *name;
  struct ttn_option_value value; /* the first; not used if n_values is 0 */
  size_t n_values;
  size_t n_children; /* > 0: it was written as a block */
};

/* Whose gateways are listed: the key's owner's, or, for an admin's key, all of
 * the stack. */
enum ttn_scope { TTN_SCOPE_MINE, TTN_SCOPE_ALL };

/* All strings belong to the settings. Times in ns. options.c and accounts.c
 * write it. */
struct ttn_settings {
  char *account; /* the block's name */
  char *api_key; /* inline; wiped when freed */
  char *api_key_file;
  struct ttn_endpoint url;
  int64_t interval; /* 0 = not set by hand (until ttn_settings_finish) */
  int64_t timeout;  /* of a whole poll; likewise */
  int64_t discovery_interval;
  int64_t spread; /* -1 = not set by hand (until ttn_settings_finish) */
  char *host;     /* NULL: collectd's */
  char *ca_cert, *client_cert, *client_key, *proxy;
  char *proxy_user_file, *proxy_user; /* the line in that file; wiped */
  bool verify_peer, verify_host;
  bool allow_plain;                     /* http:// to other machines */
  int family, proxy_auth, http_version; /* the enums of http/http.h */
  int max_connections;
  char **gateways; /* Gateway lines as written: exact, or /regex/ */
  size_t n_gateways;
  bool ignore_selected;
  char **organizations;
  size_t n_organizations;
  int scope;            /* enum ttn_scope */
  char **cluster_lines; /* Cluster lines as written */
  size_t n_cluster_lines;
  char **headers; /* Header lines; wiped when freed */
  size_t n_headers;
  struct ttn_endpoint *clusters; /* what ttn_settings_finish made of them */
  size_t n_clusters;
  int shard_index, shard_count; /* 1 of 1: all */
  char *state_file;             /* NULL: the default; "": none */
  bool notifications;
  int64_t offline_after;
  int notification_limit; /* a poll */
  bool meta_data;
  bool events;      /* also where traffic is */
  bool traffic;     /* events of traffic, too */
  uint32_t collect; /* enum ttn_group bits */
  uint64_t given;   /* bit i: line i of the table was given */
};

#define TTN_DEFAULT_URL "https://eu1.cloud.thethings.network"
/* The longest name that collectd takes for an instance or a host. */
#define TTN_NAME_MAX 127

/* All defaults. NULL: no memory, or a name that can't be used; an ERROR was
 * logged. */
struct ttn_settings *ttn_settings_new(const struct ttn_env *env,
                                      const char *account);
void ttn_settings_free(const struct ttn_env *env,
                       struct ttn_settings *settings);

/* Takes one option. False: the value can't be used, an ERROR that names the
 * account, the option, the value and the fix was logged (never the value of
 * APIKey), and this account must be dropped. An unknown option: a WARNING that
 * names it, its account and the nearest known name; true. */
bool ttn_settings_option(const struct ttn_env *env,
                         struct ttn_settings *settings,
                         const struct ttn_option *option);

/* Once all options were taken: what is missing or doesn't go together, and a
 * WARNING about what is unsafe; a Cluster line that is too unsafe is left out
 * with an ERROR. default_interval: the plugin's, ns. Fills in
 * interval (at least 60 s unless set by hand), timeout (no longer than the
 * interval unless set by hand), spread (a third of the interval unless set by
 * hand, and at most half of the interval or the timeout) and clusters. False:
 * an ERROR was logged. */
bool ttn_settings_finish(const struct ttn_env *env,
                         struct ttn_settings *settings,
                         int64_t default_interval);

/* Fills in what only the daemon knows: the host where none was set, and the
 * state file's whole path. Relative ones are below base_dir (NULL or itself
 * relative: the current directory); the default is "ttn/<account>.state". From
 * the second shard on, its number is added: see gateway/state_shards.h. False:
 * no memory, an ERROR was logged. */
bool ttn_settings_place(const struct ttn_env *env,
                        struct ttn_settings *settings, const char *host,
                        const char *base_dir);

/* What the account's struct ttn_net is made with; strings stay the settings'.
 */
void ttn_settings_http(const struct ttn_settings *settings,
                       struct ttn_http_options *options);

/* A line about an account, with its name in front: `account "home": …`. */
void ttn_settings_log(const struct ttn_env *env,
                      const struct ttn_settings *settings, enum ttn_level level,
                      const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What an option takes. */
enum ttn_option_type {
  TTN_OPTION_TEXT,
  TTN_OPTION_SECRET,     /* a text that no message may show */
  TTN_OPTION_PATH,       /* a text; relative ones get a warning */
  TTN_OPTION_PROXY,      /* a text that may be "" */
  TTN_OPTION_STATE_FILE, /* likewise */
  TTN_OPTION_CLUSTERS,   /* hosts or URLs, one a line */
  TTN_OPTION_IDS,        /* ids of the stack's, one a line */
  TTN_OPTION_GATEWAYS,   /* ids or /expressions/, one a line */
  TTN_OPTION_URL,
  TTN_OPTION_CHOICE,  /* int: which of the words of info.value */
  TTN_OPTION_HEADERS, /* "Name: value", one a line, which no message may show */
  TTN_OPTION_SHARD,
  TTN_OPTION_SECONDS,      /* int64_t ns; fractions are fine */
  TTN_OPTION_MILLISECONDS, /* int64_t ns; whole */
  TTN_OPTION_COUNT,        /* int */
  TTN_OPTION_SWITCH,       /* bool */
  TTN_OPTION_GROUP         /* a bit of collect */
};

/* The table, for the tests that hold manual, README and example against it.
 * Returns NULL past the end. */
struct ttn_option_info {
  const char *name;
  const char *value;    /* "NAME", "SECONDS", "true|false" … */
  const char *fallback; /* the default, as one would write it; NULL: none */
  bool many;            /* may be given more than once */
  double least, most;   /* its range, of Shard that of N; both 0: none */
  enum ttn_option_type type;
};
const struct ttn_option_info *ttn_settings_info(size_t i);
/* By its name, in any case. NULL: there is none. */
const struct ttn_option_info *ttn_settings_find(const char *name);
/* Which of the words of an option's value text is, in any case, from 0; -1:
 * none. */
int ttn_settings_word(const struct ttn_option_info *info, const char *text);
/* The default of an option of the table that has one: its number, or 1 for
 * "true" and 0 for "false". */
double ttn_settings_default(const char *name);

#endif
