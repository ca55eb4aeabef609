/* SPDX-License-Identifier: MIT */
/* The block of collectd.conf that fits what was looked at: the options given
 * here, under the plugin's names, and what the look has shown to be missing.
 *
 * A host that only a gateway's address names stays a comment: whoever may edit
 * that gateway could have written any host there. So does a proxy of this
 * shell's environment, which collectd's service doesn't have. */
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_KEY_FILE "/etc/collectd/ttn-home.key"

/* As collectd's parser reads it back: in quotes, with \ before " and \. */
static void add_quoted(struct check_text *text, const char *s) {
  check_add(text, "\"");
  for (; *s != '\0'; s++)
    check_add(text, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
  check_add(text, "\"");
}

static void add_given(struct check_text *text,
                      const struct check_given *given) {
  check_add(text, "    %s ", given->name);
  if (given->value.type == TTN_VALUE_STRING)
    add_quoted(text, given->value.string);
  else if (given->value.type == TTN_VALUE_NUMBER)
    check_add(text, "%.15g", given->value.number);
  else
    check_add(text, "%s", given->value.boolean ? "true" : "false");
  check_add(text, "\n");
}

/* What concerns this command alone. */
static bool belongs(const struct check_given *given) {
  return strncmp(given->name, "APIKey", 6) != 0 && !given->here;
}

/* Plain http only goes to this machine, and there without a proxy, but for who
 * allows more and knows his way. */
const char *check_proxy_variable(const struct check_look *look) {
  static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY"};
  if (!look->url.https || check_options_have(look->options, "Proxy"))
    return NULL;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const char *value = getenv(names[i]);
    if (value != NULL && value[0] != '\0')
      return names[i];
  }
  return NULL;
}

void check_configure(struct check_look *look) {
  struct check_text *text = &look->conf;
  const struct check_options *o = look->options;
  char host[TTN_HOST_MAX + 1], url[TTN_URL_MAX];
  const char *proxy = check_proxy_variable(look);
  check_add(text, "LoadPlugin ttn\n<Plugin ttn>\n  <Account \"home\">\n");
  check_add(text, "    APIKeyFile ");
  add_quoted(text, o->key_file != NULL ? o->key_file : DEFAULT_KEY_FILE);
  check_add(text, "\n");
  for (size_t i = 0; i < o->n_given; i++)
    if (belongs(&o->given[i]))
      add_given(text, &o->given[i]);
  for (size_t i = 0, n = 0;
       n < CHECK_STRANGERS &&
       (i = check_next_stranger(look, i, host)) < look->n_rows;
       i++, n++) {
    check_stranger_url(look, host, url, sizeof(url));
    check_add(text, "    # Cluster \"%s\"   # if that host is yours\n", url);
  }
  if (proxy != NULL)
    check_add(text,
              "    # Proxy \"…\"   # as $%s has it here; collectd's service "
              "doesn't\n",
              proxy);
  check_add(text, "  </Account>\n</Plugin>\n");
}
