/* SPDX-License-Identifier: MIT */
/* The API key of an account: read from its file, read again when it is rotated,
 * accepted or rejected by the stack, and whose it is. */
#ifndef TTN_CREDENTIALS_H
#define TTN_CREDENTIALS_H

#include "account/context.h"
#include "base/episode.h"
#include "tts/api_key.h"

/* What this poll knows of the key. */
struct credentials_poll {
  bool rejected;    /* nothing more is sent */
  bool reread;      /* the key file was read again after a rejection */
  char reason[512]; /* why it was rejected: a sentence of key_errors.h */
};

/* All zero at first. */
struct credentials {
  struct ttn_auth *auth;
  struct ttn_auth *previous; /* calls under way may hold it */
  struct ttn_file_stamp stamp;
  bool stamped;
  bool accepted;  /* since the start */
  bool serialize; /* the last poll's was rejected: one call at a time */
  bool single_gateway_key;     /* a gateway's own: it has no batch */
  struct ttn_auth_info *owner; /* what auth_info said of this key, or NULL */
  struct ttn_episode unreadable, rejection_notified;
  struct credentials_poll poll;
};

void credentials_free(struct credentials *k, const struct ttn_env *env);

/* A poll begins: reads the key if it is new or its file changed. False: there
 * is no key (logged at the start of that). */
bool credentials_begin(struct credentials *k, const struct account_context *c);

/* A call with `used` was rejected. True: there is another key now, because it
 * was rotated meanwhile, or since its file was read again. */
bool credentials_rotated(struct credentials *k, const struct account_context *c,
                         const struct ttn_auth *used);
/* The key is rejected, or lacks a right without which nothing is known. */
void credentials_rejected(struct credentials *k, struct account_context *c,
                          const char *reason);
/* An answer shows that the key works. */
void credentials_accepted(struct credentials *k,
                          const struct account_context *c);
void credentials_use_single(struct credentials *k,
                            const struct account_context *c);
/* Keeps a copy of what auth_info said; without memory, nothing. */
void credentials_keep_owner(struct credentials *k,
                            const struct account_context *c,
                            const struct ttn_auth_info *info);

/* No call with a key before this one is under way any more. */
void credentials_calls_ended(struct credentials *k,
                             const struct account_context *c);
/* Is the key known to be one whose search lists no more than the list would? */
bool credentials_may_search(const struct credentials *k);
/* A poll ends. If the key was rejected: one line at once, and a notification
 * if it is so in the next poll, too, and was not from the start. */
void credentials_end(struct credentials *k, const struct account_context *c);

#endif
