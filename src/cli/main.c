/* SPDX-License-Identifier: MIT */
#include "cli/run.h"

int main(int argc, char **argv) {
  return ttn_check(&ttn_env_system, argc, argv);
}
