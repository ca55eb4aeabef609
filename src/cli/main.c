/* SPDX-License-Identifier: MIT */
/* ttn-check: shows what a key lets the plugin see, before collectd is set up.
 * All of it is in check.c; tests call that with memory of their own. */
#include "cli/check.h"

int main(int argc, char **argv) {
  return ttn_check(&ttn_env_system, argc, argv);
}
