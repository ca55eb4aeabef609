/* SPDX-License-Identifier: MIT */
/* Selection of gateways, as collectd's ignorelist does it for other plugins:
 * a name, or a POSIX extended expression between slashes; IgnoreSelected turns
 * the meaning round; an empty list wants all. collectd's own ignorelist is not
 * exported to plugins, hence this. Exact names are sorted, because an account
 * may name thousands. */
#include "config/filter.h"

#include "tts/decode.h"
#include "base/hash.h"
#include "base/text.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct ttn_filter {
  const char **names; /* of the settings, sorted */
  size_t n_names;
  regex_t *patterns;
  size_t n_patterns;
  bool ignore;
  int shard_index, shard_count;
};

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_pattern(const char *s) {
  size_t n = strlen(s);
  return n >= 2 && s[0] == '/' && s[n - 1] == '/';
}

static bool add_pattern(const struct ttn_env *env, struct ttn_filter *select,
                        const char *text, char *why, size_t why_size) {
  char *inner = ttn_strdup(env, text + 1);
  if (inner == NULL) {
    ttn_print(why, why_size, "no memory");
    return false;
  }
  inner[strlen(inner) - 1] = '\0';
  int status = regcomp(&select->patterns[select->n_patterns], inner,
                       REG_EXTENDED | REG_NOSUB);
  if (status == 0) {
    select->n_patterns++;
  } else {
    char error[128];
    regerror(status, &select->patterns[select->n_patterns], error,
             sizeof(error));
    ttn_print(
        why, why_size,
        "Gateway \"%.60s\" is not a POSIX extended expression (%s): correct "
        "it, or leave out the slashes for an exact id",
        text, error);
  }
  ttn_free(env, inner);
  return status == 0;
}

struct ttn_filter *ttn_filter_new(const struct ttn_env *env,
                                  const struct ttn_settings *settings,
                                  char *why, size_t why_size) {
  ttn_print(why, why_size, "no memory");
  struct ttn_filter *select = ttn_alloc(env, sizeof(*select));
  if (select == NULL)
    return NULL;
  size_t n = settings->n_gateways;
  select->ignore = settings->ignore_selected;
  select->shard_index = settings->shard_index;
  select->shard_count = settings->shard_count;
  select->names = ttn_alloc(env, (n + 1) * sizeof(*select->names));
  select->patterns = ttn_alloc(env, (n + 1) * sizeof(*select->patterns));
  if (select->names == NULL || select->patterns == NULL)
    goto fail;
  for (size_t i = 0; i < n; i++) {
    if (!is_pattern(settings->gateways[i]))
      select->names[select->n_names++] = settings->gateways[i];
    else if (!add_pattern(env, select, settings->gateways[i], why, why_size))
      goto fail;
  }
  qsort(select->names, select->n_names, sizeof(*select->names), by_name);
  return select;
fail:
  ttn_filter_free(env, select);
  return NULL;
}

void ttn_filter_free(const struct ttn_env *env, struct ttn_filter *select) {
  if (select == NULL)
    return;
  for (size_t i = 0; i < select->n_patterns; i++)
    regfree(&select->patterns[i]);
  ttn_free(env, select->patterns);
  ttn_free(env, select->names);
  ttn_free(env, select);
}

static bool selected(const struct ttn_filter *select, const char *id) {
  if (select->n_names > 0 && bsearch(&id, select->names, select->n_names,
                                     sizeof(*select->names), by_name) != NULL)
    return true;
  for (size_t i = 0; i < select->n_patterns; i++)
    if (regexec(&select->patterns[i], id, 0, NULL, 0) == 0)
      return true;
  return false;
}

bool ttn_filter_wanted(const struct ttn_filter *select, const char *id) {
  if (select->shard_count > 1 &&
      ttn_shard(id, select->shard_count) != select->shard_index)
    return false;
  if (select->n_names + select->n_patterns == 0)
    return true;
  return selected(select, id) != select->ignore;
}

bool ttn_filter_exact(const struct ttn_filter *select) {
  return select->n_names > 0 && select->n_patterns == 0 && !select->ignore;
}

/* The last steps of SplitMix64, which make each bit depend on all. */
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* Rendezvous hashing: each shard has a weight for this gateway, and the highest
 * one gets it. One shard more is one weight more, and changes no other. */
int ttn_shard(const char *id, int n) {
  uint64_t hash = ttn_hash(TTN_HASH, id, strlen(id)), highest = 0;
  int shard = 1;
  for (int k = 1; k <= n; k++) {
    uint64_t weight = mix(hash + (uint64_t)k * UINT64_C(0x9e3779b97f4a7c15));
    if (weight > highest) {
      highest = weight;
      shard = k;
    }
  }
  return shard;
}

int ttn_ordinal(const char *host) {
  size_t end = strcspn(host, "."), start = end;
  int ordinal = 0;
  while (start > 0 && host[start - 1] >= '0' && host[start - 1] <= '9')
    start--;
  if (start == end || end - start > 6 || start < 2 || host[start - 1] != '-')
    return -1;
  for (; start < end; start++)
    ordinal = ordinal * 10 + (host[start] - '0');
  return ordinal;
}
