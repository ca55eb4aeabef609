/* SPDX-License-Identifier: MIT */
/* The file of a report. It is new: no other file is overwritten, and no
 * symbolic link followed, for the command may run as root in any directory. */
#ifndef TTN_CLI_REPORT_FILE_H
#define TTN_CLI_REPORT_FILE_H

#include "cli/text.h"

#define REPORT_FILE "ttn-report.txt"

/* Nothing has this name yet. "-" is standard output. False: it was reported. */
bool report_file_is_free(const char *name);
/* False: it was reported. */
bool report_file_write(const char *name, const struct text *text);

#endif
