/* SPDX-License-Identifier: MIT */
/* The options of an <Account> block: name, type, range and default. settings.h
 * has what others need of it. */
#ifndef TTN_OPTION_TABLE_H
#define TTN_OPTION_TABLE_H

#include "config/settings.h"

#include <stddef.h>

enum option_type {
  TYPE_TEXT,
  TYPE_SECRET,   /* a text that no message may show */
  TYPE_PATH,     /* a text; relative ones get a warning */
  TYPE_BLANK,    /* a text that may be "" */
  TYPE_CLUSTERS, /* hosts or URLs, one a line */
  TYPE_IDS,      /* ids of the stack's, one a line */
  TYPE_GATEWAYS, /* ids or /expressions/, one a line */
  TYPE_URL,
  TYPE_CHOICE,  /* int: which of the words of info.value */
  TYPE_HEADERS, /* "Name: value", one a line, which no message may show */
  TYPE_SHARD,
  TYPE_SECONDS,      /* int64_t ns; fractions are fine */
  TYPE_MILLISECONDS, /* int64_t ns; whole */
  TYPE_COUNT,        /* int */
  TYPE_SWITCH,       /* bool */
  TYPE_GROUP         /* a bit of collect */
};

/* One option. */
struct spec {
  struct ttn_option_info info;
  enum option_type type;
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
