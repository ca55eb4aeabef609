/* SPDX-License-Identifier: MIT */
/* Which versions of what there are here. No program is started for it. */
#ifndef TTN_CLI_VERSIONS_H
#define TTN_CLI_VERSIONS_H

#include "cli/text.h"

/* Lines of a report. */
void versions_print(struct text *text);

/* The version that follows `lead` and begins with a digit in a file, into
 * version. False: the file can't be read or has none. */
#define VERSION_SIZE 40
bool versions_find(const char *path, const char *lead,
                   char version[VERSION_SIZE]);

#endif
