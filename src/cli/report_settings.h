/* SPDX-License-Identifier: MIT */
#ifndef TTN_CLI_REPORT_SETTINGS_H
#define TTN_CLI_REPORT_SETTINGS_H

#include "cli/disguise.h"

/* Lines of a report: the options that differ from their defaults, with nothing
 * secret. */
void report_settings(struct text *text, const struct disguise *d,
                     const struct options *options);

#endif
