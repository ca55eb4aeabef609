/* SPDX-License-Identifier: MIT */
#include "gateway/state_shards.h"

#include "gateway/counter_sets.h"
#include "base/text.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

const char *ttn_state_suffix(char suffix[TTN_STATE_SUFFIX_MAX], int shard) {
  suffix[0] = '\0';
  return shard > 1 ? ttn_print(suffix, TTN_STATE_SUFFIX_MAX, ".%d", shard)
                   : suffix;
}

/* What stands behind the common name: nothing, or a point and digits. */
static bool is_suffix(const char *text) {
  return text[0] == '\0' || (text[0] == '.' && text[1] != '\0' &&
                             text[1 + strspn(text + 1, "0123456789")] == '\0');
}

void ttn_state_others(const char *path, int shard,
                      void (*found)(void *ctx, const char *path), void *ctx) {
  char directory[PATH_MAX], suffix[TTN_STATE_SUFFIX_MAX], other[PATH_MAX];
  const char *name = strrchr(path, '/');
  size_t before = name == NULL ? 0 : (size_t)(name + 1 - path);
  size_t common = strlen(path) - strlen(ttn_state_suffix(suffix, shard));
  if (strlen(path) >= sizeof(directory))
    return;
  ttn_print(directory, sizeof(directory), "%.*s", (int)before, path);
  DIR *open = opendir(before == 0 ? "." : directory);
  if (open == NULL)
    return;
  /* Nobody else reads this stream, and readdir_r is not to be used any more. */
  /* cppcheck-suppress readdirCalled */
  for (const struct dirent *entry; (entry = readdir(open)) != NULL;) {
    if (strncmp(entry->d_name, path + before, common - before) != 0 ||
        !is_suffix(entry->d_name + common - before) ||
        strcmp(entry->d_name, path + before) == 0 ||
        before + strlen(entry->d_name) >= sizeof(other))
      continue;
    ttn_print(other, sizeof(other), "%s%s", directory, entry->d_name);
    found(ctx, other);
  }
  closedir(open);
}

/* What is known of one server's connection holds until the next one begins; of
 * several servers, until an answer that came later. */
static int64_t known_at(const struct ttn_gateway *gateway) {
  struct ttn_counter_sets sets;
  if (!ttn_gateway_has_servers(gateway))
    return gateway->connected_at;
  ttn_counter_store_read(gateway->counters, &sets);
  return sets.answered_at;
}

bool ttn_state_row_later(const struct ttn_state_row *other,
                         const struct ttn_state_row *own) {
  const struct ttn_gateway *a = &other->gateway, *b = &own->gateway;
  if (known_at(a) != known_at(b))
    return known_at(a) > known_at(b);
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (a->offset[k] != b->offset[k])
      return a->offset[k] > b->offset[k];
  return false;
}
