/* SPDX-License-Identifier: MIT */
#include "plugin.h"

void module_register(void) {}
