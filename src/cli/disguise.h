/* SPDX-License-Identifier: MIT */
/* What a report must not tell: secrets never, and ids, hosts and addresses
 * unless the user asks for them. Each is replaced by a word that is the same in
 * the whole report: gw-1, org-1, "self-hosted 1". */
#ifndef TTN_CLI_DISGUISE_H
#define TTN_CLI_DISGUISE_H

#include "cli/snapshot.h"

#define DISGUISE_SHOWN 64

struct private_name {
  char *text; /* what is replaced, */
  char shown[DISGUISE_SHOWN];
  bool secret; /* always, also as a part of a word */
};

struct disguise {
  const struct snapshot *snap;
  bool keep; /* all but secrets */
  struct private_name *names;
  size_t n, room;
  bool failed; /* no memory: some names are missing, use it no more */
};

/* Takes the names from the last poll and from the options. */
void disguise_open(struct disguise *d, const struct snapshot *snap, bool keep);
void disguise_free(struct disguise *d);

/* Is it a word that an option has anyway, or numbers? */
bool disguise_is_plain(const struct ttn_option_info *info, const char *value);

/* A sentence. Replaces also what only looks like a host, an address, an EUI or
 * a path, and what libcurl quotes. */
void disguise_add(const struct disguise *d, struct text *text, const char *s);
/* A host as the rest of the report calls it; returns shown. */
char *disguise_host(const struct disguise *d, const char *host,
                    char shown[DISGUISE_SHOWN]);
/* The name of a file without its directory. */
void disguise_add_file(const struct disguise *d, struct text *text,
                       const char *path);
/* Is this one of the names that are replaced? */
bool disguise_knows(const struct disguise *d, const char *word, size_t n);
/* The name of a member of an answer; returns shown. is_field: one of the
 * stack's, so it is shown as it is if it looks like that. */
char *disguise_member(const struct disguise *d, const char *name, size_t n,
                      bool is_field, char shown[DISGUISE_SHOWN]);

#endif
