/* SPDX-License-Identifier: MIT */
/* Runs a fuzzer's inputs from files, with any compiler: those named on the
 * command line, else all of its corpus, as one TAP test. A property that
 * doesn't hold ends the program; the name of the input stands before that. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void give_up(const char *what, const char *path) {
  printf("Bail out! %s %s\n", what, path);
  exit(1);
}

static void run(const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat status;
  if (file == NULL || fstat(fileno(file), &status) != 0)
    give_up("can't open", path);
  size_t size = (size_t)status.st_size;
  /* Not a byte more, so that reading past it is found. */
  uint8_t *data = malloc(size);
  if (fread(data, 1, size, file) != size)
    give_up("can't read", path);
  fclose(file);
  printf("# %s\n", path);
  fflush(stdout);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
}

/* ".../fuzz_times.tap" and ".../lt-fuzz_times.tap": times. */
static void corpus_of(const char *program, char *path, size_t size) {
  const char *root = getenv("TTN_SRCDIR"), *name = strrchr(program, '_');
  name = name == NULL ? program : name + 1;
  for (const char *at = program; (at = strstr(at, "fuzz_")) != NULL; at++)
    name = at + strlen("fuzz_");
  snprintf(path, size, "%s/tests/fuzz/corpus/%.*s", root != NULL ? root : ".",
           (int)strcspn(name, "."), name);
}

int main(int argc, char **argv) {
  char directory[4096], path[8192];
  int n = 0;
  for (int i = 1; i < argc; i++)
    run(argv[i]);
  if (argc > 1)
    return 0;
  corpus_of(argv[0], directory, sizeof(directory));
  DIR *corpus = opendir(directory);
  if (corpus == NULL)
    give_up("can't open", directory);
  for (struct dirent *file; (file = readdir(corpus)) != NULL;) {
    if (file->d_name[0] == '.')
      continue;
    snprintf(path, sizeof(path), "%s/%s", directory, file->d_name);
    run(path);
    n++;
  }
  closedir(corpus);
  if (n == 0)
    give_up("no inputs in", directory);
  printf("ok 1 - %d inputs\n1..1\n", n);
  return 0;
}
