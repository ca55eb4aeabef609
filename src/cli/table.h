/* SPDX-License-Identifier: MIT */
/* A snapshot for people. */
#ifndef TTN_CLI_TABLE_H
#define TTN_CLI_TABLE_H

#include "cli/diagnose.h"

/* most: rows of the table that there is room for; 0: no bound. */
void table_print(struct text *text, const struct snapshot *snap,
                 const struct problems *problems, size_t most);

#endif
