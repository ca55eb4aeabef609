/* SPDX-License-Identifier: MIT */
/* Options of an account, one a line as in collectd.conf: a name, a blank and a
 * value; a text begins with a quote, "{" is a block, nothing is no value, and
 * ",," are two values. An input's first byte says which call for memory fails.
 *
 * APIKey's value and that of an unknown option (which may be APIKey misspelt)
 * get a mark that no line of the log may show. */
#include "fuzz.h"

#include "config/settings.h"

#define MARK "SeCrEtMaRk"
#define NUMBER 8675309.25
#define NUMBER_MARK "8675309"

/* Is it the name of an option whose value may be shown? */
static bool may_be_shown(const char *name) {
  const struct ttn_option_info *info;
  for (size_t i = 0; (info = ttn_settings_info(i)) != NULL; i++)
    if (strcasecmp(info->name, name) == 0)
      return strcasecmp(name, "APIKey") != 0;
  return false;
}

static char *with_mark(const char *value) {
  char *marked = malloc(strlen(value) + sizeof(MARK));
  strcpy(stpcpy(marked, value), MARK);
  return marked;
}

/* Splits a line. *text is to be freed. */
static struct ttn_option read_option(char *line, char **text) {
  struct ttn_option option = {.name = line, .n_values = 1};
  char *value = strchr(line, ' ');
  *text = NULL;
  if (value != NULL)
    *value++ = '\0';
  if (value == NULL || value[0] == '\0') {
    option.n_values = 0;
  } else if (value[0] == '"') {
    *text = may_be_shown(line) ? strdup(value + 1) : with_mark(value + 1);
    option.value.type = TTN_VALUE_STRING;
    option.value.string = *text;
  } else if (value[0] == '{') {
    option.n_children = 1;
  } else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
    option.value.type = TTN_VALUE_BOOLEAN;
    option.value.boolean = value[0] == 't';
  } else {
    option.n_values = strcmp(value, ",,") == 0 ? 2 : 1;
    option.value.type = TTN_VALUE_NUMBER;
    option.value.number = may_be_shown(line) ? strtod(value, NULL) : NUMBER;
  }
  return option;
}

static void check_log(const struct test_env *test) {
  REQUIRE(strstr(test->log, MARK) == NULL);
  REQUIRE(strstr(test->log, NUMBER_MARK) == NULL);
  size_t line = 0;
  for (const char *c = test->log; *c != '\0'; c++) {
    line = *c == '\n' ? 0 : line + 1;
    REQUIRE(line <= strlen("WARNING ") + 1000);
    REQUIRE(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
  }
}

static bool has_error(const struct test_env *test) {
  return strncmp(test->log, "ERROR ", 6) == 0 ||
         strstr(test->log, "\nERROR ") != NULL;
}

/* One line; if it is refused, there is a message. */
static bool take(struct test_env *test, struct ttn_settings *settings,
                 char *line) {
  char *text;
  const struct ttn_option option = read_option(line, &text);
  test->log[0] = '\0';
  bool ok = ttn_settings_option(&test->env, settings, &option);
  free(text);
  check_log(test);
  REQUIRE(ok != has_error(test));
  return ok;
}

static void check_settings(const struct ttn_settings *settings) {
  REQUIRE(settings->interval >= TTN_SECOND / 10);
  REQUIRE(settings->interval <= 86400 * TTN_SECOND);
  REQUIRE(settings->timeout >= 100 * TTN_MS);
  REQUIRE(settings->timeout <= 3600 * TTN_SECOND);
  REQUIRE(settings->discovery_interval >= 0);
  REQUIRE(settings->discovery_interval <= 604800 * TTN_SECOND);
  REQUIRE(settings->offline_after >= 0);
  REQUIRE(settings->offline_after <= 604800 * TTN_SECOND);
  REQUIRE(settings->max_connections >= 1 && settings->max_connections <= 64);
  REQUIRE(settings->shard_index >= 1 && settings->shard_count <= 10000);
  REQUIRE(settings->shard_index <= settings->shard_count);
  REQUIRE((settings->collect & ~(uint32_t)TTN_COLLECT_DEFAULT) == 0);
  REQUIRE((settings->api_key == NULL) != (settings->api_key_file == NULL));
  REQUIRE(settings->url.host[0] != '\0' && settings->url.port != 0);
  REQUIRE(settings->n_clusters == settings->n_cluster_lines);
  for (size_t i = 0; i < settings->n_clusters; i++)
    REQUIRE(settings->clusters[i].host[0] != '\0' &&
            settings->clusters[i].port != 0);
  REQUIRE(strlen(settings->host) <= TTN_NAME_MAX);
  REQUIRE(settings->state_file != NULL);
}

void fuzz_one(struct test_env *test, const char *bytes, size_t n) {
  struct fuzz_input input = {bytes, n};
  struct ttn_http_options http;
  char *line;
  if (memmem(bytes, n, MARK, strlen(MARK)) != NULL ||
      memmem(bytes, n, NUMBER_MARK, strlen(NUMBER_MARK)) != NULL)
    return; /* libFuzzer looks for what is compared with */
  fuzz_fail_memory(test, fuzz_byte(&input));
  struct ttn_settings *settings = ttn_settings_new(&test->env, "home");
  REQUIRE((settings == NULL) == has_error(test));
  if (settings == NULL)
    return;
  bool ok = true;
  while ((line = fuzz_line(&input)) != NULL) {
    ok = take(test, settings, line) && ok;
    free(line);
  }
  test->log[0] = '\0';
  ok = ok && ttn_settings_finish(&test->env, settings, 10 * TTN_SECOND) &&
       ttn_settings_place(&test->env, settings, "box", "/var/lib/collectd");
  check_log(test);
  if (ok) {
    REQUIRE(!has_error(test));
    check_settings(settings);
    ttn_settings_http(settings, &http);
  }
  ttn_settings_free(&test->env, settings);
}
