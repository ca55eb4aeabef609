/* SPDX-License-Identifier: MIT */
/* The options given here, under the plugin's names, and what the poll has shown
 * to be missing.
 *
 * A host that only a gateway's address names stays a comment: anybody who may
 * edit that gateway could have written any host there. So does a proxy of this
 * shell's environment, which collectd's service does not have. */
#include "cli/config_block.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_KEY_FILE "/etc/collectd/ttn-home.key"

/* As collectd's parser reads it back: in quotes, with \ before " and \. */
static void add_quoted(struct text *text, const char *s) {
  text_add(text, "\"");
  for (; *s != '\0'; s++)
    text_add(text, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
  text_add(text, "\"");
}

/* A Header's value is a secret. */
static void add_given(struct text *text, const struct given_option *given) {
  text_add(text, "    %s ", given->name);
  if (ttn_settings_find(given->name)->type == TTN_OPTION_HEADERS)
    text_add(text, "\"%.*s: …\"   # put its value in",
             (int)strcspn(given->value.string, ":"), given->value.string);
  else if (given->value.type == TTN_VALUE_STRING)
    add_quoted(text, given->value.string);
  else if (given->value.type == TTN_VALUE_NUMBER)
    text_add(text, "%.15g", given->value.number);
  else
    text_add(text, "%s", given->value.boolean ? "true" : "false");
  text_add(text, "\n");
}

/* What concerns this command alone. */
static bool belongs(const struct given_option *given) {
  return strncmp(given->name, "APIKey", 6) != 0 && !given->here;
}

/* Plain http is only sent to this machine, and without a proxy, unless
 * AllowPlainHTTP is given. */
const char *config_proxy_variable(const struct snapshot *snap) {
  static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY"};
  if (!snap->url.https || option_list_has(&snap->options->list, "Proxy"))
    return NULL;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const char *value = getenv(names[i]);
    if (value != NULL && value[0] != '\0')
      return names[i];
  }
  return NULL;
}

void config_block(const struct snapshot *snap, struct text *text) {
  const struct options *o = snap->options;
  char url[TTN_URL_MAX];
  const char *proxy = config_proxy_variable(snap);
  text_add(text, "LoadPlugin ttn\n<Plugin ttn>\n  <Account \"home\">\n");
  text_add(text, "    APIKeyFile ");
  add_quoted(text, o->key.file != NULL ? o->key.file : DEFAULT_KEY_FILE);
  text_add(text, "\n");
  for (size_t i = 0; i < o->list.n; i++)
    if (belongs(&o->list.items[i]))
      add_given(text, &o->list.items[i]);
  for (size_t i = 0; i < snap->n_untrusted; i++)
    text_add(text, "    # Cluster \"%s\"   # if that host is yours\n",
             ttn_endpoint_print(url, sizeof(url), &snap->untrusted[i]));
  if (proxy != NULL)
    text_add(text,
             "    # Proxy \"…\"   # the proxy in $%s of this shell; collectd's "
             "service does not have that variable\n",
             proxy);
  text_add(text, "  </Account>\n</Plugin>\n");
}
