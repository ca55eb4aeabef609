/* SPDX-License-Identifier: MIT */
/* The shape of an answer: names of members as they are, the type of each value
 * in place of the value. Of an array the first element stands for all, and of
 * statistics the first gateway. */
#ifndef TTN_CLI_ANSWER_SHAPE_H
#define TTN_CLI_ANSWER_SHAPE_H

#include "cli/disguise.h"

/* `cut`: there was more of it than these n bytes. Lines begin with `indent`
 * blanks; there are at most some SHAPE_LINES of them. */
#define SHAPE_LINES 120
void answer_shape_print(struct text *text, const struct disguise *d,
                        const char *bytes, size_t n, bool cut, size_t indent);

#endif
