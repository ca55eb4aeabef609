/* SPDX-License-Identifier: MIT */
/* What is wrong, and the fix. */
#ifndef TTN_CLI_DIAGNOSE_H
#define TTN_CLI_DIAGNOSE_H

#include "cli/snapshot.h"

enum severity { SEVERITY_NOTE, SEVERITY_DISCONNECTED, SEVERITY_PROBLEM };
/* "note", "down", "error": part of the JSON's schema. */
const char *severity_name(enum severity severity);

struct problem {
  enum severity severity;
  const char *kind; /* a literal: part of the JSON's schema */
  struct text message, fix;
};

struct problems {
  struct problem *list;
  size_t n, room;
};

/* Replaces what problems holds. False: no memory. */
bool diagnose(struct problems *problems, const struct snapshot *snap);
void problems_free(struct problems *problems, const struct ttn_env *env);
/* So severe is the worst. */
enum severity problems_worst(const struct problems *problems);

#endif
