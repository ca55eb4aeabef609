/* SPDX-License-Identifier: MIT */
/* An account as a person looks at it. Reads what the poll left, and changes
 * nothing but whether it asks for auth_info. */
#include "account/internal.h"

#include "account/status.h"

#include <string.h>

void ttn_account_ask_key(struct ttn_account *a) { a->ask_key = true; }

static size_t text_size(const char *text) {
  return text == NULL ? 0 : strlen(text) + 1;
}

/* Copies text to *at, which moves behind it. */
static const char *put_text(char **at, const char *text) {
  size_t size = text_size(text);
  char *copy = *at;
  if (size == 0)
    return NULL;
  memcpy(copy, text, size);
  *at += size;
  return copy;
}

/* One block: the record, the rights, all texts. */
void view_keep_key(struct ttn_account *a, const struct ttn_auth_info *info) {
  size_t rights = info->n_rights * sizeof(*info->rights);
  size_t texts = text_size(info->entity_id) + text_size(info->key_id) +
                 text_size(info->key_name);
  for (size_t i = 0; i < info->n_rights; i++)
    texts += text_size(info->rights[i]);
  struct ttn_auth_info *copy =
      ttn_alloc(a->env, sizeof(*copy) + rights + texts);
  if (copy == NULL)
    return;
  const char **list = (const char **)(copy + 1);
  char *at = (char *)(list + info->n_rights);
  *copy = *info;
  copy->entity_id = put_text(&at, info->entity_id);
  copy->key_id = put_text(&at, info->key_id);
  copy->key_name = put_text(&at, info->key_name);
  copy->rights = list;
  for (size_t i = 0; i < info->n_rights; i++)
    list[i] = put_text(&at, info->rights[i]);
  ttn_free(a->env, a->key);
  a->key = copy;
}

void ttn_account_view(const struct ttn_account *a, struct ttn_view *view) {
  *view = (struct ttn_view){
      .key = a->key,
      .key_why = a->key_refused ? a->key_why : NULL,
      .list_why = a->list_why[0] != '\0' ? a->list_why : NULL,
      .list_denied = a->list_denied,
      .listed = a->have_list,
      .n_gateways = a->n_gateways,
      .n_hosts = a->n_hosts,
      .n_bad = a->n_bad,
      .bad_why = a->bad_why,
  };
}

const char *ttn_account_view_refused(const struct ttn_account *a, size_t i) {
  for (size_t s = 0; s < a->n_sources; s++)
    if (a->sources[s].refused && i-- == 0)
      return a->sources[s].organization;
  return NULL;
}

void ttn_account_view_host(const struct ttn_account *a, size_t i,
                           struct ttn_host_view *view) {
  const struct host *host = &a->hosts[i];
  *view = (struct ttn_host_view){
      .endpoint = &host->endpoint,
      .answered = host->answered,
      .failed = host->failed,
      .limited = host->limited,
      .failure = host->failure,
      .asked = host->asked_for,
      .why = host->why,
      .dated = host->dated,
      .ahead = host->ahead,
  };
}

void ttn_account_view_gateway(const struct ttn_account *a, size_t i,
                              struct ttn_gateway_view *view) {
  const struct gw *gw = a->gateways[i];
  enum ttn_state state =
      gw->turn == TURN_ANSWERED ? (enum ttn_state)gw->known.shown : TTN_UNKNOWN;
  *view = (struct ttn_gateway_view){
      .id = gw->id,
      .name = gw->name,
      .eui = gw->eui,
      .address = gw->address,
      .state = state,
      .refused = gw->turn == TURN_REFUSED,
      .home = gw->home,
      .at = gw->at,
      .connected_at = state == TTN_CONNECTED ? gw->known.connected_at : 0,
      .disconnected_at =
          state == TTN_DISCONNECTED ? gw->known.disconnected_at : 0,
  };
}
