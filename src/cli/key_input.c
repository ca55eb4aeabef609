/* SPDX-License-Identifier: MIT */
/* The key: from a file, standard input or the environment, never as an
 * argument, which everybody on the machine can read. A word that looks like one
 * is refused and overwritten. Where it was, it is wiped. */
#include "cli/key_input.h"

#include "base/secret.h"
#include "cli/messages.h"
#include "tts/api_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Blanks and line ends around a key. */
#define INPUT_MAX (TTN_KEY_MAX + 4096)

bool key_input_in_words(int argc, char **argv) {
  bool found = false;
  for (int i = 1; i < argc; i++)
    if (strstr(argv[i], TTN_KEY_PREFIX) != NULL) {
      ttn_secret_wipe(argv[i], strlen(argv[i]));
      found = true;
    }
  if (found)
    complain(
        "a key doesn't belong on the command line, where everybody on this "
        "machine can read it: delete that one in the Console, make another, "
        "put "
        "it into a file that only you can read, and name that with --key-file");
  return found;
}

/* All of standard input; on a terminal one line, which doesn't show. Without
 * ISIG, Ctrl-C is one of its characters, and none that a key has: the terminal
 * is never left as it is here. */
static ssize_t read_input(char *bytes, size_t size) {
  struct termios old, quiet;
  size_t n = 0;
  ssize_t got = 1;
  bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
  if (terminal) {
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    fputs("API key: ", stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  while (n < size && got > 0 && !(terminal && n > 0 && bytes[n - 1] == '\n')) {
    got = read(STDIN_FILENO, bytes + n, size - n);
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0)
      n += (size_t)got;
  }
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputs("\n", stderr);
  }
  return got < 0 ? -1 : (ssize_t)n;
}

static bool key_from_input(struct option_list *options,
                           const struct ttn_env *env) {
  char bytes[INPUT_MAX + 1] = "", key[TTN_KEY_MAX + 1], why[256];
  bool good = false;
  ssize_t n = read_input(bytes, sizeof(bytes));
  if (n < 0)
    complain_kept(env, "--key-file -: standard input can't be read: %s",
                  strerror(errno));
  else if (ttn_key_take(bytes, (size_t)n, key, why, sizeof(why)))
    good = option_list_add_text(options, env, "APIKey", key);
  else
    complain_kept(env, "--key-file -: standard input %s", why);
  ttn_secret_wipe(bytes, sizeof(bytes));
  ttn_secret_wipe(key, sizeof(key));
  return good;
}

static bool key_from_file(struct option_list *options,
                          const struct ttn_env *env, const char *path,
                          struct key_source *source) {
  char key[TTN_KEY_MAX + 1], why[256];
  struct ttn_file_stamp stamp;
  source->file = option_list_whole_path(env, path);
  if (source->file == NULL)
    return false;
  bool good = ttn_key_read(source->file, key, &stamp, &source->open_to, why,
                           sizeof(why));
  ttn_secret_wipe(key, sizeof(key));
  if (!good)
    return complain_kept(env, "--key-file \"%s\" %s", source->file, why);
  return option_list_add_text(options, env, "APIKeyFile", source->file);
}

static bool key_from_environment(struct option_list *options,
                                 const struct ttn_env *env) {
  char why[200];
  const char *odd;
  char *key = getenv(KEY_VARIABLE);
  bool good = false;
  if (key == NULL || key[0] == '\0')
    return complain_kept(
        env,
        "there is no key: put the API key into a file that only you can read "
        "and name that with --key-file; README, \"The API key\", tells how to "
        "make one (ttn-check --help has all options)");
  if (!ttn_key_check(key, &odd, why, sizeof(why)))
    complain_kept(env, "the key in the variable " KEY_VARIABLE " %s", why);
  else
    good = option_list_add_text(options, env, "APIKey", key);
  ttn_secret_wipe(key, strlen(key));
  return good;
}

bool key_input_take(struct option_list *options, const struct ttn_env *env,
                    const char *file, struct key_source *source) {
  if (file == NULL)
    return key_from_environment(options, env);
  if (strcmp(file, "-") == 0)
    return key_from_input(options, env);
  if (file[0] == '\0')
    return complain_kept(env,
                         "--key-file is empty: name the file that holds the "
                         "key");
  return key_from_file(options, env, file, source);
}
