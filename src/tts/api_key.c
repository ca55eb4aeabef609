/* SPDX-License-Identifier: MIT */
/* Says whether a line can be an API key. Knows nothing of requests or of when
 * to read a key again. */
#include "tts/api_key.h"

#include "base/secret.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

/* NNSXS.<39>.<52>, the groups in base 32 (lorawan-stack pkg/auth). */
#define ID_LENGTH 39
#define SECRET_LENGTH 52

static bool key_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool check_or_wipe(bool ok, char *key, char *why, size_t why_size) {
  const char *odd;
  if (ok && ttn_key_check(key, &odd, why, why_size))
    return true;
  ttn_secret_wipe(key, TTN_KEY_MAX + 1);
  return false;
}

bool ttn_key_take(const char *text, size_t n, char *key, char *why,
                  size_t why_size) {
  return check_or_wipe(ttn_secret_take(text, n, "key", key, why, why_size), key,
                       why, why_size);
}

bool ttn_key_read(const char *path, char *key, struct ttn_file_stamp *stamp,
                  const char **open_to, char *why, size_t why_size) {
  return check_or_wipe(
      ttn_secret_read(path, "key", key, stamp, open_to, why, why_size), key,
      why, why_size);
}

static size_t base32_length(const char *text) {
  return strspn(text, TTN_KEY_BASE32);
}

static bool looks_right(const char *key) {
  if (strncmp(key, TTN_KEY_PREFIX, strlen(TTN_KEY_PREFIX)) != 0)
    return false;
  key += strlen(TTN_KEY_PREFIX);
  if (base32_length(key) != ID_LENGTH || key[ID_LENGTH] != '.')
    return false;
  key += ID_LENGTH + 1;
  return base32_length(key) == SECRET_LENGTH && key[SECRET_LENGTH] == '\0';
}

static const char *what_is_wrong(const char *key) {
  size_t n = strlen(key);
  if (n == 0)
    return "is empty; create a key in the console and put it here";
  if (strncasecmp(key, "Bearer", 6) == 0 &&
      (key[6] == '\0' || key_blank(key[6])))
    return "starts with \"Bearer\"; leave that out and write the key alone";
  if (strncasecmp(key, "Authorization:", 14) == 0)
    return "starts with \"Authorization:\"; write the key alone";
  if (key[0] == '"' || key[0] == '\'')
    return "is in quotes; write the key alone";
  for (size_t i = 0; i < n; i++) {
    if (key_blank(key[i]))
      return "has a blank or a line break inside; copy the key again, as one "
             "word";
    if (key[i] < '!' || key[i] > '~')
      return "has a character that no key has; copy the key again";
  }
  return n > TTN_KEY_MAX ? "is too long for a key" : NULL;
}

bool ttn_key_check(const char *key, const char **odd, char *why,
                   size_t why_size) {
  const char *wrong = what_is_wrong(key);
  *odd = NULL;
  if (wrong != NULL) {
    ttn_print(why, why_size, "%s", wrong);
    return false;
  }
  if (!looks_right(key))
    *odd = "doesn't look like an API key of The Things Stack (NNSXS., 39 "
           "characters, a dot, 52 characters); was all of it copied?";
  return true;
}
