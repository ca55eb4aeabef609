/* SPDX-License-Identifier: MIT */
/* Options of the command become options of the library, whose checks and
 * sentences they share; --option takes any other.
 *
 * A word that belongs to no option is not repeated: it may be a part of a
 * key. */
#include "cli/options.h"

#include "base/text.h"
#include "cli/report_file.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_EVERY 60

enum {
  OPT_LIBRARY = 256, /* the library's of that name, in lower case */
  OPT_ALLOW_PLAIN_HTTP,
  OPT_COLOR,
  OPT_FOLLOW,
  OPT_INSECURE,
  OPT_JSON,
  OPT_KEY_FILE,
  OPT_REPORT,
  OPT_REPORT_IDS,
  OPT_TIMEOUT,
  OPT_WATCH
};

static const struct option longs[] = {
    {"allow-plain-http", no_argument, NULL, OPT_ALLOW_PLAIN_HTTP},
    {"cacert", required_argument, NULL, OPT_LIBRARY},
    {"cluster", required_argument, NULL, OPT_LIBRARY},
    {"color", required_argument, NULL, OPT_COLOR},
    {"colour", required_argument, NULL, OPT_COLOR},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"gateway", required_argument, NULL, OPT_LIBRARY},
    {"help", no_argument, NULL, 'h'},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"json", no_argument, NULL, OPT_JSON},
    {"key-file", required_argument, NULL, OPT_KEY_FILE},
    {"option", required_argument, NULL, 'o'},
    {"organization", required_argument, NULL, OPT_LIBRARY},
    {"proxy", required_argument, NULL, OPT_LIBRARY},
    {"report", optional_argument, NULL, OPT_REPORT},
    {"report-ids", no_argument, NULL, OPT_REPORT_IDS},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"url", required_argument, NULL, OPT_LIBRARY},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"watch", optional_argument, NULL, OPT_WATCH},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: ttn-check [--key-file FILE] [OPTION]…\n"
    "Shows what an API key of The Things Stack lets collectd's plugin ttn "
    "see:\n"
    "whose key it is, the gateways, what is wrong and how to fix it, and what\n"
    "collectd.conf needs.\n"
    "\n"
    "  --key-file FILE     the key, alone in a file; - is standard input.\n"
    "                      Without it the variable " KEY_VARIABLE " is taken.\n"
    "  --url URL           where gateways are listed; by default\n"
    "                      " TTN_DEFAULT_URL "\n"
    "  --cluster HOST      a further host that may get the key; may be "
    "repeated\n"
    "  --gateway ID        only this gateway, or /EXPRESSION/; may be "
    "repeated\n"
    "  --organization ID   only this organization's gateways; may be repeated\n"
    "\n"
    "  --json              for programs, instead of a table\n"
    "  --watch[=SECONDS]   again and again, every 60 seconds; Ctrl-C ends it\n"
    "  --follow            events as they come: uplinks with RSSI and SNR, "
    "downlinks,\n"
    "                      connects and disconnects; Ctrl-C ends it\n"
    "  --report[=FILE]     a file for a bug report, by default " REPORT_FILE
    ":\n"
    "                      versions, settings, shapes of answers; no key\n"
    "  --report-ids        the report has ids and hosts as they are\n"
    "  --color=WHEN        auto, always or never\n"
    "\n"
    "  --cacert FILE       trust the certificates of this CA\n"
    "  --insecure          trust any certificate: not safe\n"
    "  --allow-plain-http  send the key over plain http://: not safe\n"
    "  --proxy URL         instead of the environment's; \"\" for none\n"
    "  --timeout SECONDS   for one poll, 45 by default\n"
    "  -o, --option NAME=VALUE\n"
    "                      any other option of the plugin's\n"
    "  -v, --verbose       what the plugin would log, on standard error\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Status: 0 no problem, 1 a problem with the account or the network, 2 "
    "wrong\n"
    "usage, 3 some gateways are not connected. ttn-check(1) has "
    "more.\n";

/* ---- the library's options ---- */

static bool give_number(struct options *options, const struct ttn_env *env,
                        const char *name, double number, bool here) {
  const struct ttn_option_value value = {.type = TTN_VALUE_NUMBER,
                                         .number = number};
  return option_list_add(&options->list, env, name, &value, here);
}

static bool give_switch(struct options *options, const struct ttn_env *env,
                        const char *name, bool on) {
  const struct ttn_option_value value = {.type = TTN_VALUE_BOOLEAN,
                                         .boolean = on};
  return option_list_add(&options->list, env, name, &value, false);
}

static bool give_path(struct options *options, const struct ttn_env *env,
                      const char *name, const char *path) {
  char *whole = option_list_whole_path(env, path);
  bool good =
      whole != NULL && option_list_add_text(&options->list, env, name, whole);
  ttn_free(env, whole);
  return good;
}

/* ---- numbers, and --option ---- */

static bool read_number(const char *text, double *number) {
  char *end;
  errno = 0;
  *number = strtod(text, &end);
  return end != text && *end == '\0' && errno == 0 && *number == *number;
}

static bool read_seconds(const char *text, const char *as, double least,
                         double most, double *seconds) {
  if (read_number(text, seconds) && *seconds >= least && *seconds <= most)
    return true;
  return complain("%s \"%.40s\" can't be used: it wants %g to %g seconds", as,
                  text, least, most);
}

/* An option of the library's, as a text: --url URL, -o AddressFamily=ipv4. */
static bool give_option(struct options *options, const struct ttn_env *env,
                        const struct ttn_option_info *info, const char *text) {
  double number;
  switch (info->type) {
  case TTN_OPTION_SECONDS:
  case TTN_OPTION_MILLISECONDS:
  case TTN_OPTION_COUNT:
    if (!read_number(text, &number))
      return complain("--option %s wants a number, as in %s=%s", info->name,
                      info->name, info->fallback);
    return give_number(options, env, info->name, number, false);
  case TTN_OPTION_SWITCH:
  case TTN_OPTION_GROUP:
    if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
      return complain("--option %s wants true or false", info->name);
    return give_switch(options, env, info->name, strcasecmp(text, "true") == 0);
  case TTN_OPTION_PATH:
    return give_path(options, env, info->name, text);
  default:
    return option_list_add_text(&options->list, env, info->name, text);
  }
}

/* -o Name=value. A text that stands in quotes in collectd.conf is written here
 * without them. */
static bool take_pair(const struct ttn_env *env, struct options *options,
                      const char *pair) {
  char name[40];
  size_t n = strcspn(pair, "=");
  ttn_print(name, sizeof(name), "%.*s", n < sizeof(name) ? (int)n : 0, pair);
  const struct ttn_option_info *info = ttn_settings_find(name);
  if (pair[n] != '=' || info == NULL)
    return complain("--option wants NAME=VALUE with an option of the "
                    "plugin's, as in --option AddressFamily=ipv4; "
                    "collectd-ttn(5) has them all");
  if (strncmp(info->name, "APIKey", 6) == 0)
    return complain("--option takes no key: name its file with "
                    "--key-file");
  return give_option(options, env, info, pair + n + 1);
}

/* ---- the command line ---- */

static bool take_colour(struct options *options, const char *text) {
  static const char *const names[] = {"auto", "always", "never"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(text, names[i]) == 0) {
      options->colour = (enum colour)i;
      return true;
    }
  return complain("--color \"%.40s\" is none of auto, always, never", text);
}

/* --watch=S, --watch S, --watch */
static bool take_watch(struct options *options, int argc, char **argv) {
  double seconds = DEFAULT_EVERY;
  const char *text = optarg;
  if (text == NULL && optind < argc && argv[optind][0] >= '0' &&
      argv[optind][0] <= '9')
    text = argv[optind++];
  options->watch = true;
  if (text != NULL && !read_seconds(text, "--watch", 1, 86400, &seconds))
    return false;
  options->every = (int64_t)(seconds * (double)TTN_SECOND);
  return true;
}

/* --report=FILE, --report FILE, --report: a word that is no option can be
 * nothing else. */
static void take_report(struct options *options, int argc, char **argv) {
  const char *name = optarg;
  if (name == NULL && optind < argc &&
      (argv[optind][0] != '-' || argv[optind][1] == '\0'))
    name = argv[optind++];
  options->report = true;
  if (name != NULL)
    options->report_file = name;
}

static bool take_timeout(const struct ttn_env *env, struct options *options) {
  double seconds;
  return read_seconds(optarg, "--timeout", 0.1, 3600, &seconds) &&
         give_number(options, env, "Timeout",
                     (double)(int64_t)(seconds * 1000 + 0.5), true);
}

/* Names the word that getopt_long stumbled over if it has no more in it than an
 * option's name. */
static bool complain_option(int option, char **argv) {
  char word[40] = "an option";
  const char *given = argv[optind - 1];
  size_t n = strspn(given, "-abcdefghijklmnopqrstuvwxyz");
  if (given[0] == '-' && (given[n] == '\0' || given[n] == '=') && n < 32)
    ttn_print(word, sizeof(word), "%.*s", (int)n, given);
  return option == ':'
             ? complain("%s wants a value: see ttn-check --help", word)
             : complain("%s is unknown, unclear or takes no value: see "
                        "ttn-check --help",
                        word);
}

static bool take_option(const struct ttn_env *env, struct options *options,
                        int option, const char *name, int argc, char **argv) {
  switch (option) {
  case OPT_LIBRARY:
    return give_option(options, env, ttn_settings_find(name), optarg);
  case OPT_ALLOW_PLAIN_HTTP:
    return give_switch(options, env, "AllowPlainHTTP", true);
  case OPT_COLOR:
    return take_colour(options, optarg);
  case OPT_FOLLOW:
    options->follow = true;
    return true;
  case OPT_INSECURE:
    return give_switch(options, env, "VerifyPeer", false) &&
           give_switch(options, env, "VerifyHost", false);
  case OPT_JSON:
    options->json = true;
    return true;
  case OPT_REPORT:
    take_report(options, argc, argv);
    return true;
  case OPT_REPORT_IDS:
    options->report_ids = true;
    return true;
  case OPT_TIMEOUT:
    return take_timeout(env, options);
  case OPT_WATCH:
    return take_watch(options, argc, argv);
  case 'o':
    return take_pair(env, options, optarg);
  case 'v':
    options->verbose = true;
    return true;
  default:
    return complain_option(option, argv);
  }
}

/* Which ways of showing go together? */
static bool check_ways(const struct options *options) {
  if (options->follow && options->watch)
    return complain("--follow and --watch can't be used together");
  if (options->report && (options->follow || options->watch || options->json))
    return complain("--report can't be used together with --json, --watch or "
                    "--follow");
  if (options->report_ids && !options->report)
    return complain("--report-ids is for a report: give --report, too");
  if (options->report_file[0] == '\0')
    return complain("--report= names no file");
  return !options->report || report_file_is_free(options->report_file);
}

enum parsed options_parse(struct options *options, const struct ttn_env *env,
                          int argc, char **argv) {
  const char *key_file = NULL;
  int option, i = 0;
  *options = (struct options){.every = DEFAULT_EVERY * TTN_SECOND,
                              .report_file = REPORT_FILE};
  if (key_input_in_words(argc, argv))
    return PARSED_WRONG;
  opterr = 0;
  optind = 0; /* glibc: start again */
  while ((option = getopt_long(argc, argv, ":o:vhV", longs, &i)) != -1) {
    if (option == 'h' || option == 'V') {
      fputs(option == 'h' ? help : "ttn-check (collectd-ttn) " TTN_VERSION "\n",
            stdout);
      return PARSED_DONE;
    }
    if (option == OPT_KEY_FILE)
      key_file = optarg;
    else if (!take_option(env, options, option, longs[i].name, argc, argv))
      return PARSED_WRONG;
  }
  if (optind < argc) {
    complain("there is a word too many, that belongs to no option: see "
             "ttn-check --help");
    return PARSED_WRONG;
  }
  if (!check_ways(options))
    return PARSED_WRONG;
  if (key_input_take(&options->list, env, key_file, &options->key))
    return PARSED_GO;
  return options->report ? PARSED_NO_KEY : PARSED_WRONG;
}

void options_free(struct options *options, const struct ttn_env *env) {
  option_list_free(&options->list, env);
  ttn_free(env, options->key.file);
}

/* ---- as the library's settings ---- */

static bool set(struct cli_env *env, struct ttn_settings *settings,
                const char *name, const struct ttn_option_value *value) {
  const struct ttn_option option = {
      .name = name, .value = *value, .n_values = 1};
  return ttn_settings_option(&env->env, settings, &option);
}

/* Nothing is kept on disk. The addresses that gateways name come with MetaData.
 * If the user gives one of these, it is for collectd.conf alone. All values are
 * asked for, though the table does not show them: they tell what they cost. */
static const struct {
  const char *name;
  struct ttn_option_value value;
} own[] = {
    {"StateFile", {.type = TTN_VALUE_STRING, .string = ""}},
    {"Notifications", {.type = TTN_VALUE_BOOLEAN, .boolean = false}},
    {"MetaData", {.type = TTN_VALUE_BOOLEAN, .boolean = true}},
};
#define OWN (sizeof(own) / sizeof(own[0]))

static bool is_own(const struct options *options, const char *name) {
  size_t i = 0;
  while (i < OWN && strcmp(own[i].name, name) != 0)
    i++;
  return i < OWN || (strcmp(name, "Interval") == 0 && !options->follow) ||
         (!options->report &&
          (strcmp(name, "Events") == 0 || strcmp(name, "Traffic") == 0));
}

/* Events are for --follow, and for a report whose user gives them: nothing else
 * waits for them. */
static bool set_own(struct cli_env *env, struct ttn_settings *settings,
                    const struct options *options) {
  const struct ttn_option_value events = {.type = TTN_VALUE_BOOLEAN,
                                          .boolean = true},
                                traffic = {.type = TTN_VALUE_BOOLEAN,
                                           .boolean = !options->no_traffic};
  bool good = true;
  for (size_t i = 0; good && i < OWN; i++)
    good = set(env, settings, own[i].name, &own[i].value);
  return good &&
         (!options->follow || (set(env, settings, "Events", &events) &&
                               set(env, settings, "Traffic", &traffic)));
}

/* What the library does not see, because it is for collectd.conf alone. */
static bool check_range(const struct ttn_env *env,
                        const struct given_option *given) {
  const struct ttn_option_info *info = ttn_settings_find(given->name);
  double number = given->value.number;
  return given->value.type != TTN_VALUE_NUMBER ||
         (number >= info->least && number <= info->most) ||
         complain_kept(env, "--option %s wants %.15g to %.15g", info->name,
                       info->least, info->most);
}

void options_leave_traffic(struct options *options) {
  options->no_traffic = true;
}

struct ttn_settings *options_settings(const struct options *o,
                                      struct cli_env *env) {
  struct ttn_settings *settings = ttn_settings_new(&env->env, "home");
  bool good = settings != NULL && set_own(env, settings, o);
  size_t errors = env->errors;
  for (size_t i = 0; good && i < o->list.n; i++)
    good = is_own(o, o->list.items[i].name)
               ? check_range(&env->env, &o->list.items[i])
               : set(env, settings, o->list.items[i].name,
                     &o->list.items[i].value);
  /* Only --follow polls as the plugin does. Else a Timeout longer than the
   * interval is no problem, nor does a short interval shorten the Timeout. */
  int64_t interval = o->follow ? o->every : 3600 * TTN_SECOND;
  good = good && ttn_settings_finish(&env->env, settings, interval) &&
         env->errors == errors;
  if (good)
    return settings;
  ttn_settings_free(&env->env, settings);
  return NULL;
}
