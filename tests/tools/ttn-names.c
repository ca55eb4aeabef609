/* SPDX-License-Identifier: MIT */
/* The names that are promises, for the tests that hold the manual, README and
 * collectd.conf.example against them. Fields are parted by tabs:
 *
 *   option NAME VALUE one|many DEFAULT     (no DEFAULT: nothing follows)
 *   range NAME LEAST MOST                  (of options that have one)
 *   failure NAME                           (of ttn_api's errors) */
#include "base/env.h"
#include "config/settings.h"

#include <stdio.h>

int main(void) {
  const struct ttn_option_info *option;
  for (size_t i = 0; (option = ttn_settings_info(i)) != NULL; i++)
    printf("option\t%s\t%s\t%s\t%s\n", option->name, option->value,
           option->many ? "many" : "one",
           option->fallback != NULL ? option->fallback : "");
  for (size_t i = 0; (option = ttn_settings_info(i)) != NULL; i++)
    if (option->most > 0)
      printf("range\t%s\t%.15g\t%.15g\n", option->name, option->least,
             option->most);
  for (int i = TTN_OK + 1; i < TTN_FAILURES; i++)
    printf("failure\t%s\n", ttn_failure_name((enum ttn_failure)i));
  return 0;
}
