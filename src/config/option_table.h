/* SPDX-License-Identifier: MIT */
/* The options of an <Account> block: name, type, range and default. settings.h
 * has what others need of it. */
#ifndef TTN_OPTION_TABLE_H
#define TTN_OPTION_TABLE_H

#include "config/settings.h"

#include <stddef.h>

/* One option. */
struct spec {
  struct ttn_option_info info;
  size_t at; /* of the member in struct ttn_settings */
  uint32_t group;
};

/* Of a member of the settings. */
#define AT(member) offsetof(struct ttn_settings, member)

/* By its name, in any case. Past the end of the table: there is none. */
size_t ttn_option_index(const char *name);
/* NULL: past the end. */
const struct spec *ttn_option_spec(size_t i);

#endif
