/* SPDX-License-Identifier: MIT */
#include "cli/report_settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOT_SHOWN "(set, not shown)"

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

static void add_shown_url(struct text *text, const struct disguise *d,
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

void report_settings(struct text *text, const struct disguise *d,
                     const struct options *options) {
  add_shown_url(text, d, &options->list);
  for (size_t i = 0; i < options->list.n; i++)
    add_setting(text, d, &options->list.items[i]);
}
