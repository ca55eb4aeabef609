/* SPDX-License-Identifier: MIT */
/* What an event says, in words. */
#ifndef TTN_CLI_EVENT_WORDS_H
#define TTN_CLI_EVENT_WORDS_H

#include "tts/records.h"

struct event_words {
  const char *name;   /* a literal: part of the JSON's schema */
  const char *what;   /* the same for people */
  const char *colour; /* or "" */
  /* Why, in the stack's words or as the plugin's values are called; NULL: not
   * known, or there is no why. It lives as long as the event. */
  const char *reason;
  char data_rate[24]; /* "SF7BW125", "FSK", "LR-FHSS"; "" = not known */
};

/* The longest `what`. */
#define EVENT_WHAT_WIDTH 13

/* False: it is no event that a person wants to see. */
bool event_words(struct event_words *words, const struct ttn_event *event);

#endif
