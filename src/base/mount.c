/* SPDX-License-Identifier: MIT */
/* A secret that Kubernetes mounts has the mode 0644 or, with an fsGroup, 0440,
 * and nobody but the pod can open it. What the mode lacks, the mount says:
 *
 * - it is in memory, mounted from its root: made for this volume. A directory
 *   of the machine's own that was mounted into a container has another root,
 *   and the machine's users see it, too;
 * - it is read-only here: something outside owns it. One that can be written
 *   may be /run or /tmp, where the file may be anybody's;
 * - this process has another numbering of processes than the machine, so the
 *   mount is not one of a machine with users.
 *
 * All three, or the mode counts. */
#include "base/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The kernel's PROC_PID_INIT_INO: the first PID namespace has this number. */
#define MACHINES_OWN 0xEFFFFFFCu

/* A line's first bytes; what is longer is an overlay's list of directories. */
#define LINE_MAX_SIZE 1024

/* What the lines say so far of the device. */
struct sightings {
  uint64_t device;
  int volumes, others;
};

static void count_sighting(struct sightings *seen, const char *line) {
  unsigned major = 0, minor = 0;
  char root[8] = "", options[4] = "";
  const char *type = strstr(line, " - ");
  if (sscanf(line, "%*s %*s %u:%u %7s %*s %3s", &major, &minor, root, options) <
          3 ||
      makedev(major, minor) != seen->device)
    return;
  if (type != NULL && strncmp(type, " - tmpfs ", 9) == 0 &&
      strcmp(root, "/") == 0 &&
      (strcmp(options, "ro") == 0 || strcmp(options, "ro,") == 0))
    seen->volumes++;
  else
    seen->others++;
}

bool ttn_mount_is_volume(const char *mounts, uint64_t device) {
  struct sightings seen = {.device = device};
  char line[LINE_MAX_SIZE], bytes[512];
  size_t used = 0;
  ssize_t n = 0;
  int fd = open(mounts, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
    for (ssize_t i = 0; i < n; i++)
      if (bytes[i] == '\n') {
        line[used] = '\0';
        count_sighting(&seen, line);
        used = 0;
      } else if (used < sizeof(line) - 1) {
        line[used++] = bytes[i];
      }
  close(fd);
  return n == 0 && seen.volumes > 0 && seen.others == 0;
}

bool ttn_mount_is_private(uint64_t device) {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 &&
         status.st_ino != MACHINES_OWN &&
         ttn_mount_is_volume("/proc/self/mountinfo", device);
}
