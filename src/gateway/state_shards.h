/* SPDX-License-Identifier: MIT */
/* The state files of one account's shards, in one directory: PATH is the first
 * shard's, PATH.2 the second's, and so on. So shards can have one
 * configuration, and one finds what another knew of a gateway that moved. */
#ifndef TTN_STATE_SHARDS_H
#define TTN_STATE_SHARDS_H

#include "gateway/state_file.h"

/* What stands behind PATH for a shard (1 to 10000); "" for the first. */
#define TTN_STATE_SUFFIX_MAX 8
const char *ttn_state_suffix(char suffix[TTN_STATE_SUFFIX_MAX], int shard);

/* Calls found with the path of each file of another shard, in any order; path
 * is this shard's own. Temporary files are none. A directory that can't be
 * read has none. */
void ttn_state_others(const char *path, int shard,
                      void (*found)(void *ctx, const char *path), void *ctx);

/* Does `other` hold what was learned later? Of two shards that had a gateway
 * one after the other, the later one went on from the offsets of the earlier
 * one, so connections and offsets only grow. */
bool ttn_state_row_later(const struct ttn_state_row *other,
                         const struct ttn_state_row *own);

#endif
