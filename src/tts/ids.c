/* SPDX-License-Identifier: MIT */
#include "tts/ids.h"

#include <string.h>

bool ttn_name_valid(const char *name, size_t n, const char *joiners) {
  if (n < 3 || n > TTN_ID_MAX)
    return false;
  bool joined = true; /* no joiner may come here */
  size_t alphanumeric = 0;
  for (size_t i = 0; i < n; i++) {
    char c = name[i];
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      joined = false;
      alphanumeric++;
    } else if (!joined && c != '\0' && strchr(joiners, c) != NULL) {
      joined = true;
    } else {
      return false;
    }
  }
  return !joined && alphanumeric >= 3;
}

bool ttn_id_valid(const char *id, size_t n) {
  return ttn_name_valid(id, n, "-");
}
