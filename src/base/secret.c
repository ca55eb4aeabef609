/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include <string.h>

#define EITHER_CASE "abcdefghijklmnopqrstuvwxyz" TTN_KEY_BASE32 "."
/* The shortest part of a key that must not be shown. */
#define PART_MIN 20

void ttn_secret_wipe(void *p, size_t size) { explicit_bzero(p, size); }

static void mask_run(char *run, const char *characters) {
  memset(run, '*', strspn(run, characters));
}

/* Masks what follows the beginning of a key, even if it is short and in lower
 * case (a host's name is shown so), and what is long enough to be a part of
 * one: keys are in base 32, and other words in capitals are shorter. */
void ttn_secret_mask(char *text) {
  for (char *c = text; (c = strcasestr(c, TTN_KEY_PREFIX)) != NULL;) {
    c += strlen(TTN_KEY_PREFIX);
    mask_run(c, EITHER_CASE);
  }
  for (char *c = text; *c != '\0'; c++) {
    size_t run = strspn(c, TTN_KEY_BASE32);
    if (run >= PART_MIN)
      mask_run(c, TTN_KEY_BASE32);
    else if (run > 0)
      c += run - 1;
  }
}
