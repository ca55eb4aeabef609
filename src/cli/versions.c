/* SPDX-License-Identifier: MIT */
/* collectd prints its version with -h, and the plugin sends its own in
 * requests, so both are texts within these files. */
#include "cli/versions.h"

#include "base/text.h"
#include "http/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yajl/yajl_version.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#define FILE_MAX ((off_t)64 << 20)

static size_t version_length(const char *at, const char *end) {
  static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz.+~-";
  size_t n = 0;
  while (n < VERSION_SIZE - 1 && at + n < end && at[n] != '\0' &&
         strchr(bytes, at[n]) != NULL)
    n++;
  return n > 0 && at[0] <= '9' && at[0] >= '0' ? n : 0;
}

static bool find_in(const char *bytes, size_t size, const char *lead,
                    char version[VERSION_SIZE]) {
  const char *end = bytes + size;
  for (const char *at = bytes;
       (at = memmem(at, (size_t)(end - at), lead, strlen(lead))) != NULL;) {
    at += strlen(lead);
    size_t n = version_length(at, end);
    ttn_print(version, VERSION_SIZE, "%.*s", (int)n, at);
    if (n > 0)
      return true;
  }
  return false;
}

bool versions_find(const char *path, const char *lead,
                   char version[VERSION_SIZE]) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  void *bytes = MAP_FAILED;
  if (fd < 0)
    return false;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size > 0 && status.st_size <= FILE_MAX)
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED)
    return false;
  bool found = find_in(bytes, (size_t)status.st_size, lead, version);
  munmap(bytes, (size_t)status.st_size);
  return found;
}

static void print_plugin(struct text *text) {
  char version[VERSION_SIZE];
  text_add(text, "  collectd-ttn  %s (this command)", TTN_VERSION);
  if (versions_find(TTN_PLUGIN_DIR "/ttn.so", "collectd-ttn/", version))
    text_add(text, ", %s (the plugin)\n", version);
  else if (access(TTN_PLUGIN_DIR "/ttn.so", F_OK) == 0)
    text_add(text, ", a plugin of an unknown version\n");
  else
    text_add(text, "; the plugin is not installed where collectd looks for "
                   "it\n");
}

static void print_collectd(struct text *text) {
  static const char *const programs[] = {"/usr/sbin/collectd",
                                         "/usr/local/sbin/collectd",
                                         "/opt/collectd/sbin/collectd"};
  char version[VERSION_SIZE] = "";
  size_t i = 0, n = sizeof(programs) / sizeof(programs[0]);
  while (i < n && !versions_find(programs[i], "collectd ", version))
    i++;
  text_add(text, "  collectd      %s; the plugin was built for %s\n",
           i < n ? version : "not found", TTN_COLLECTD_VERSION);
}

static void print_libraries(struct text *text) {
  int yajl = yajl_version();
  text_add(text, "  libcurl       %s\n", ttn_http_version());
  text_add(text, "  yajl          %d.%d.%d\n", yajl / 10000, yajl / 100 % 100,
           yajl % 100);
#ifdef __GLIBC__
  text_add(text, "  libc          glibc %s\n", gnu_get_libc_version());
#endif
}

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)" of os-release(5). */
static bool read_os_name(char name[100]) {
  static const char lead[] = "PRETTY_NAME=";
  char line[300];
  FILE *file = fopen("/etc/os-release", "re");
  bool found = false;
  while (!found && file != NULL && fgets(line, sizeof(line), file) != NULL) {
    found = strncmp(line, lead, sizeof(lead) - 1) == 0;
    const char *value = line + sizeof(lead) - 1;
    if (found)
      ttn_print(name, 100, "%.*s",
                (int)strcspn(value + strspn(value, "\"'"), "\"'\n"),
                value + strspn(value, "\"'"));
  }
  if (file != NULL)
    fclose(file);
  return found;
}

static void print_os(struct text *text) {
  char name[100];
  struct utsname system;
  text_add(text, "  system        %s",
           read_os_name(name) ? name : "no os-release");
  if (uname(&system) == 0) /* but for nodename */
    text_add(text, "; %s %s %s", system.sysname, system.release,
             system.machine);
  text_add(text, "\n");
}

void versions_print(struct text *text) {
  print_plugin(text);
  print_collectd(text);
  print_libraries(text);
  print_os(text);
}
