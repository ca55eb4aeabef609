/* SPDX-License-Identifier: MIT */
/* collectd prints its version with -h, and the plugin sends its own in
 * requests, so both are texts within these files. */
#include "cli/versions.h"

#include "base/text.h"
#include "http/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yajl/yajl_version.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#define PIECE ((size_t)64 << 10)
#define FILE_MAX ((size_t)64 << 20)
#define LEAD_MAX 32

/* A version in n bytes, all of which is there. */
static bool find_in(const char *bytes, size_t n, const char *lead,
                    char version[VERSION_SIZE]) {
  size_t length = strlen(lead);
  const char *end = bytes + n;
  for (const char *at = bytes;
       (at = memmem(at, (size_t)(end - at), lead, length)) != NULL;) {
    at += length;
    if ((size_t)(end - at) < VERSION_SIZE)
      return false;
    if (*at < '0' || *at > '9')
      continue;
    ttn_print(version, VERSION_SIZE, "%.*s",
              (int)strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz.+~-"), at);
    return true;
  }
  return false;
}

/* Pieces overlap by what a lead and a version may be long, and the last one is
 * followed by zeros. */
static bool find_in_file(int fd, const char *lead, char version[VERSION_SIZE]) {
  static const size_t overlap = LEAD_MAX + VERSION_SIZE;
  char bytes[PIECE + 2 * VERSION_SIZE];
  size_t held = 0, all = 0;
  for (ssize_t got = 1; got > 0 && all < FILE_MAX; all += (size_t)got) {
    got = read(fd, bytes + held, PIECE - held);
    if (got < 0)
      return false;
    held += (size_t)got;
    memset(bytes + held, 0, VERSION_SIZE);
    if (find_in(bytes, held + (got == 0 ? VERSION_SIZE : 0), lead, version))
      return true;
    if (held > overlap) {
      memmove(bytes, bytes + held - overlap, overlap);
      held = overlap;
    }
  }
  return false;
}

bool versions_find(const char *path, const char *lead,
                   char version[VERSION_SIZE]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return false;
  bool found = find_in_file(fd, lead, version);
  close(fd);
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
