/* SPDX-License-Identifier: MIT */
/* What the user wants. */
#ifndef TTN_CLI_OPTIONS_H
#define TTN_CLI_OPTIONS_H

#include "cli/key_input.h"
#include "cli/messages.h"
#include "cli/terminal.h"

struct options {
  struct option_list list;
  struct key_source key;
  bool json, watch, follow, report, verbose;
  const char *report_file; /* of argv */
  bool report_ids;         /* a report has ids and hosts as they are */
  bool no_traffic;         /* the key lacks the right for it */
  int64_t every;           /* time between two polls, ns */
  enum colour colour;
};

enum parsed { PARSED_GO, PARSED_DONE, PARSED_WRONG, PARSED_NO_KEY };
/* All but PARSED_GO: it was reported, but for a lack of memory. PARSED_NO_KEY:
 * the key can't be used, and all else can; only with --report, which is written
 * all the same. Wipes keys out of argv. */
enum parsed options_parse(struct options *options, const struct ttn_env *env,
                          int argc, char **argv);
void options_free(struct options *options, const struct ttn_env *env);
/* --follow asks for no events of traffic. */
void options_leave_traffic(struct options *options);
/* NULL: it was reported, but for a lack of memory. */
struct ttn_settings *options_settings(const struct options *options,
                                      struct cli_env *env);

#endif
