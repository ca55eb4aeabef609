/* SPDX-License-Identifier: MIT */
/* The inside of ttn-check, shared by check*.c and by nobody else. One look at
 * an account goes from top to bottom:
 *
 *   check_options.c  what the user wants, as the library's options
 *   check_key.c      the key, from wherever it may come
 *   check.c          the runs: once, or again and again
 *   check_look.c     one poll of the library's, and what it showed
 *   check_advice.c   what is wrong, and the cure
 *   check_conf.c     the block of collectd.conf
 *   check_table.c    all that for people
 *   check_json.c     and for programs
 *   check_say.c      standard error
 *   check_text.c     text that grows, width on a terminal, ages
 *   check_term.c     the terminal: size, colour, signals, progress
 *
 * The command makes no request and decides nothing about gateways by itself:
 * what it shows is what the plugin would see. */
#ifndef TTN_CHECK_H
#define TTN_CHECK_H

#include "account/account.h"
#include "account/status.h"

#include <signal.h>
#include <stdio.h>

enum check_exit {
  CHECK_WELL = 0,
  CHECK_TROUBLE = 1, /* with the account, the network or this machine */
  CHECK_USAGE = 2,
  CHECK_DOWN = 3 /* gateways, and nothing else */
};

/* ---- text ---- */

/* Grows; once it found no memory it stays as it is and `failed` says so. */
struct check_text {
  const struct ttn_env *env;
  char *bytes; /* NULL or ended by NUL */
  size_t n, room;
  bool failed;
};
void check_add(struct check_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void check_add_bytes(struct check_text *text, const char *bytes, size_t n);
void check_text_free(struct check_text *text);

/* How names show: as UTF-8 or in ASCII. Control characters, those that turn
 * the line's direction around and broken UTF-8 become '?'. */
size_t check_width(const char *s, bool utf8);
/* s in exactly `width` columns, cut or filled up with blanks. */
void check_add_cell(struct check_text *text, const char *s, size_t width,
                    bool right, bool utf8);
/* A paragraph in lines of at most `width` columns (0: one line), all but the
 * first begun with `indent` blanks. */
void check_add_paragraph(struct check_text *text, const char *s, size_t width,
                         size_t indent, bool utf8);

/* "12 s", "45 min", "26 hours", "3 days" into buffer; returns it. */
#define CHECK_AGE 24
char *check_age(char buffer[CHECK_AGE], int64_t ns);

/* A sentence of the library's, with the command's names of options. */
void check_add_ours(struct check_text *text, const char *s);

/* ---- options ---- */

struct check_given { /* an option of the library's */
  char *name;
  struct ttn_option_value value;
  bool here; /* it concerns the command alone, not collectd.conf */
};

enum check_colour { CHECK_AUTO, CHECK_ALWAYS, CHECK_NEVER };

struct check_options {
  struct check_given *given;
  size_t n_given, room_given;
  char *key_file;      /* its whole path; NULL: the key came otherwise */
  const char *open_to; /* who else can read it, or NULL */
  bool json, watch, verbose;
  int64_t every; /* from look to look, ns */
  enum check_colour colour;
};

/* What the library logs goes to standard error, but for what polls say: that
 * the user gets as advice. */
struct check_env {
  struct ttn_env env; /* env.ctx is this struct */
  const struct ttn_env *under;
  bool polling, verbose;
  size_t errors;  /* lines of that level */
  bool no_memory; /* some was wanted in vain */
};
void check_env_init(struct check_env *env, const struct ttn_env *under);
/* "ttn-check: …" to standard error; always false. */
bool check_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

enum check_parsed { CHECK_GO, CHECK_DONE, CHECK_WRONG };
/* All but CHECK_GO: it was said, but for a lack of memory. Wipes keys out of
 * argv. */
enum check_parsed check_options_parse(const struct ttn_env *env, int argc,
                                      char **argv,
                                      struct check_options *options);
bool check_options_give(const struct ttn_env *env,
                        struct check_options *options, const char *name,
                        const struct ttn_option_value *value);
bool check_options_give_text(const struct ttn_env *env,
                             struct check_options *options, const char *name,
                             const char *text);
void check_options_free(const struct ttn_env *env,
                        struct check_options *options);
/* NULL: it was said, but for a lack of memory. */
struct ttn_settings *check_options_settings(struct check_env *env,
                                            const struct check_options *o);
bool check_options_have(const struct check_options *options, const char *name);
/* Gateways are named one by one: the library then reads no list, and doesn't
 * learn where they are registered. */
bool check_options_only_named(const struct check_options *options);

/* A path as collectd needs it, which runs in another directory. NULL: no
 * memory. */
char *check_whole_path(const struct ttn_env *env, const char *path);

/* ---- the key ---- */

#define CHECK_KEY_VARIABLE "TTN_API_KEY"
/* True: one of the words holds a key. It was said, and they are wiped. */
bool check_key_in_words(int argc, char **argv);
/* The key in `file`, "-" is standard input, NULL the environment. False: it
 * was said, but for a lack of memory. */
bool check_key_take(const struct ttn_env *env, struct check_options *options,
                    const char *file);

/* ---- the terminal ---- */

struct check_term {
  bool out, err; /* are terminals */
  bool colour, utf8;
  size_t columns, lines; /* of `out`; 0: no bound */
  sigset_t signals;      /* blocked: fetched by check_term_signal */
  bool progress;         /* a line of it is on `err` */
  int ended_by;          /* SIGINT or the like, or 0 */
};
void check_term_init(struct check_term *term, enum check_colour colour);
void check_term_measure(struct check_term *term);
/* Waits until a signal comes or `ns` have passed. True: the command is to end;
 * a change of the terminal's size, or a stop and go on, only ends the wait. */
bool check_term_wait(struct check_term *term, int64_t ns, bool watching);
/* While `on`, signals end or stop the command at once: for a write that may
 * wait for its reader. Not Ctrl-C if it is watching, which has an end of its
 * own. */
void check_term_let(const struct check_term *term, bool on, bool watching);
/* `text` as a line on standard error that the next one replaces; NULL wipes
 * it. */
void check_term_progress(struct check_term *term, const char *text);

/* ---- a look ---- */

enum check_why { /* a gateway is unknown */
                 CHECK_KNOWN,
                 CHECK_REFUSED,     /* to this key */
                 CHECK_STRANGER,    /* its host may not have the key */
                 CHECK_BAD_ADDRESS, /* that is no host */
                 CHECK_SILENT       /* no answer about it */
};

/* A gateway; strings are the account's. */
struct check_row {
  struct ttn_gateway_view seen;
  const char *cluster, *home; /* hosts; NULL: not one of the account's, or
                               * not known */
  enum check_why why;
  uint8_t counts; /* bit k: count[k] is known */
  int64_t count[TTN_MESSAGES];
  double since_uplink; /* s; below 0: not known */
};

enum check_severity { CHECK_NOTE, CHECK_IS_DOWN, CHECK_ERROR };
struct check_trouble {
  enum check_severity severity;
  const char *kind; /* a literal: part of the JSON's schema */
  struct check_text what, cure;
};

/* What a poll's values tell of a gateway. */
struct check_values {
  char id[TTN_ID_MAX + 1];
  uint8_t counts;
  int64_t count[TTN_MESSAGES];
  double since_uplink;
};

struct check_look {
  struct check_env *env;
  const struct check_options *options;
  struct check_term *term;
  struct ttn_endpoint url;
  struct ttn_account *account;
  struct ttn_net net; /* the real one, behind one that shows progress */
  struct ttn_sink sink;
  int64_t started; /* mono */

  /* of the last poll */
  int64_t at; /* wall */
  struct ttn_view view;
  struct ttn_host_view *hosts; /* view.n_hosts */
  struct check_values *values;
  size_t n_values, room_values;
  struct check_row *rows; /* by id */
  size_t n_rows;
  size_t n_state[3]; /* by enum ttn_state */
  struct check_trouble *troubles;
  size_t n_troubles, room_troubles;
  struct check_text conf; /* what collectd.conf needs */
  bool no_memory;
};

/* False: it was said, but for a lack of memory. */
bool check_look_open(struct check_look *look, struct check_env *env,
                     const struct check_options *options,
                     struct check_term *term);
/* One poll, and what is to be said of it. False: no memory for it. */
bool check_look_poll(struct check_look *look);
void check_look_close(struct check_look *look);
/* The gateway whose own key this is, if that should be named; or NULL. */
const char *check_look_own_gateway(const struct check_look *look);
enum check_exit check_look_exit(const struct check_look *look);
/* "user", "organization", "gateway", "other"; NULL: not known. */
const char *check_look_kind(const struct check_look *look);

void check_advise(struct check_look *look);
void check_configure(struct check_look *look);
/* Hosts that gateways name and that may not have the key: row i or a later one
 * is the first to name one, which goes to host (TTN_HOST_MAX + 1 bytes); its
 * index, n_rows if there is none. So many of them are told of. */
#define CHECK_STRANGERS 16
size_t check_next_stranger(const struct check_look *look, size_t i, char *host);
/* The variable of the environment that names the proxy in use, or NULL. */
const char *check_proxy_variable(const struct check_look *look);
/* That host with the account's scheme and port, as a Cluster line has it. */
void check_stranger_url(const struct check_look *look, const char *host,
                        char *url, size_t size);

/* most: rows of the table that there is room for; 0: no bound. */
void check_table(const struct check_look *look, struct check_text *text,
                 size_t most);
/* With --watch on one line. */
void check_json(const struct check_look *look, struct check_text *text);

/* ---- all of it ---- */

/* The command. Its own memory is under's. Returns the exit status. */
int ttn_check(const struct ttn_env *under, int argc, char **argv);

#endif
