/* SPDX-License-Identifier: MIT */
/* Who else can see the file system that a file is on. */
#ifndef TTN_MOUNT_H
#define TTN_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* True: the file system of this device is a volume that only the pod of this
 * process sees, as a secret of Kubernetes is. False also if that is not known.
 * mount.c says what decides. */
bool ttn_mount_is_private(uint64_t device);

/* Whether mounts, in the form of /proc/self/mountinfo, have the device only as
 * a volume of that kind. For tests; ttn_mount_is_private needs more. */
bool ttn_mount_is_volume(const char *mounts, uint64_t device);

#endif
