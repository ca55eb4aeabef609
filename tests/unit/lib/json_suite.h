/* SPDX-License-Identifier: MIT */
/* JSONTestSuite's files, for the tests that use them as a server's answers.
 * y_… is JSON and must be accepted, n_… is not JSON and must be rejected, i_…
 * may be either.
 *
 * The suite is not part of this repository: TTN_JSON_SUITE names its directory.
 * Without it nothing is tested, which is a failure only in CI (CI=true). */
#ifndef TTN_JSON_SUITE_H
#define TTN_JSON_SUITE_H

#include "lib/decoding.h"

#define SUITE_FILES 318

enum suite_kind { SUITE_EITHER, SUITE_JSON, SUITE_NONE };

struct suite_file {
  char name[256];
  enum suite_kind kind;
  char *text;
  size_t n;
  yajl_val tree; /* NULL: it is no JSON */
};

struct suite {
  struct suite_file files[SUITE_FILES];
  int n;
};

/* For a group's set-up and tear-down: *state is the suite. */
int suite_open(void **state);

int suite_close(void **state);

#endif
