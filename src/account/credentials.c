/* SPDX-License-Identifier: MIT */
#include "account/credentials.h"

#include "base/secret.h"
#include "base/text.h"
#include "report/notifications.h"

void credentials_free(struct credentials *k, const struct ttn_env *env) {
  ttn_auth_free(env, k->previous);
  ttn_auth_free(env, k->auth);
  ttn_free(env, k->owner);
}

static bool use_key(struct credentials *k, const struct account_context *c,
                    const char *key, char *why, size_t why_size) {
  const char *odd = NULL;
  if (!ttn_key_check(key, &odd, why, why_size))
    return false;
  struct ttn_auth *auth = ttn_auth_new(c->env, key);
  if (auth == NULL) {
    ttn_print(why, why_size, "no memory for the key");
    return false;
  }
  if (odd != NULL)
    context_log(c, TTN_WARNING, "the key %s", odd);
  ttn_auth_free(c->env, k->previous);
  k->previous = k->auth;
  k->auth = auth;
  ttn_free(c->env, k->owner);
  k->owner = NULL;
  k->single_gateway_key = false;
  return true;
}

static bool read_key_file(struct credentials *k,
                          const struct account_context *c) {
  const char *path = c->settings->api_key_file;
  char key[TTN_KEY_MAX + 1], why[256];
  const char *open_to = NULL;
  bool good = ttn_key_read(path, key, &k->stamp, &open_to, why, sizeof(why)) &&
              use_key(k, c, key, why, sizeof(why));
  ttn_secret_wipe(key, sizeof(key));
  k->stamped = good;
  if (!good) {
    if (ttn_episode_begin(&k->unreadable))
      context_log(c, TTN_ERROR, "APIKeyFile \"%s\": %s", path, why);
    return false;
  }
  if (open_to != NULL)
    context_log(c, TTN_WARNING,
                "APIKeyFile \"%s\" can be read by %s: chmod 600 it", path,
                open_to);
  if (ttn_episode_end(&k->unreadable))
    context_log(c, TTN_NOTICE, "APIKeyFile \"%s\" can be read now", path);
  return true;
}

/* again: the key that is known was rejected. */
static bool current_key(struct credentials *k, const struct account_context *c,
                        bool again) {
  char why[256];
  if (c->settings->api_key_file != NULL) {
    if (k->stamped && !ttn_secret_changed(c->settings->api_key_file, &k->stamp))
      return !again;
    /* If the file is absent or half-written during a rotation, the key that is
     * known is used until it is rejected. */
    return read_key_file(k, c) || (k->auth != NULL && !again);
  }
  if (k->auth != NULL)
    return !again;
  if (use_key(k, c, c->settings->api_key, why, sizeof(why)))
    return true;
  if (ttn_episode_begin(&k->unreadable))
    context_log(c, TTN_ERROR, "APIKey: %s", why);
  return false;
}

bool credentials_begin(struct credentials *k, const struct account_context *c) {
  k->poll = (struct credentials_poll){0};
  return current_key(k, c, false);
}

bool credentials_rotated(struct credentials *k, const struct account_context *c,
                         const struct ttn_auth *used) {
  if (used != k->auth)
    return true;
  if (k->poll.reread)
    return false;
  k->poll.reread = true;
  return current_key(k, c, true);
}

void credentials_rejected(struct credentials *k, struct account_context *c,
                          const char *reason) {
  if (!k->poll.rejected)
    ttn_print(k->poll.reason, sizeof(k->poll.reason), "%s", reason);
  k->poll.rejected = true;
  context_count_failure(c, TTN_FAIL_KEY);
}

void credentials_accepted(struct credentials *k,
                          const struct account_context *c) {
  k->accepted = true;
  if (!k->serialize)
    return;
  k->serialize = false;
  context_log(c, TTN_NOTICE, "the key works again");
  if (ttn_episode_end(&k->rejection_notified))
    ttn_notify_key(c->sink, c->settings->account, false, "");
}

void credentials_use_single(struct credentials *k,
                            const struct account_context *c) {
  if (!k->single_gateway_key)
    context_log(c, TTN_INFO,
                "the key is a gateway's own: statistics are requested for one "
                "gateway at a time");
  k->single_gateway_key = true;
}

bool credentials_may_search(const struct credentials *k) {
  const struct ttn_auth_info *owner = k->owner;
  return owner != NULL && !owner->is_admin &&
         (owner->kind == TTN_KEY_USER || owner->kind == TTN_KEY_ORGANIZATION);
}

void credentials_keep_owner(struct credentials *k,
                            const struct account_context *c,
                            const struct ttn_auth_info *info) {
  struct ttn_auth_info *copy = ttn_auth_info_copy(c->env, info);
  if (copy == NULL)
    return;
  ttn_free(c->env, k->owner);
  k->owner = copy;
}

void credentials_calls_ended(struct credentials *k,
                             const struct account_context *c) {
  ttn_auth_free(c->env, k->previous);
  k->previous = NULL;
}

void credentials_end(struct credentials *k, const struct account_context *c) {
  if (!k->poll.rejected)
    return;
  if (!k->serialize) {
    k->serialize = true;
    context_log(c, TTN_ERROR,
                "%s. No gateway is reported until this is fixed; each poll "
                "tries the key again",
                k->poll.reason);
  } else if (c->settings->notifications && k->accepted &&
             ttn_episode_begin(&k->rejection_notified)) {
    ttn_notify_key(c->sink, c->settings->account, true, k->poll.reason);
  }
}
