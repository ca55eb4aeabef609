/* SPDX-License-Identifier: MIT */
/* The inside of an account, shared by account.c, answers.c, discover.c, hosts.c,
 * poll.c, turns.c and view.c and by nobody else. All of it belongs to the account's
 * thread but for `stop`. */
#ifndef TTN_ACCOUNT_INT_H
#define TTN_ACCOUNT_INT_H

#include "account/account.h"
#include "account/ownership.h"
#include "account/rate_limit.h"
#include "tts/endpoint.h"
#include "tts/api_key.h"
#include "config/filter.h"
#include "gateway/state_file.h"
#include "tts/key_errors.h"

#include <stdatomic.h>

/* Bounds: what no sane account has. A bit of a word a host, see `lacks`. */
#define HOSTS_MAX 64
#define GATEWAYS_MAX 1000000
#define STRANGERS_MAX 16
/* Failures in a row after which a host is in trouble. */
#define FAILURES_MAX 3
/* How long offsets outlive a gateway's absence from the list. */
#define GONE_KEPT (INT64_C(86400) * TTN_SECOND)

/* Kinds of call, each of which the stack limits by itself. */
enum kind { KIND_LIST, KIND_BATCH, KIND_SINGLE, KIND_AUTH, KINDS };

/* Where a wanted gateway stands in the poll that is under way. */
enum turn {
  TURN_NONE,     /* not asked for in this poll, or no answer: unknown */
  TURN_ANSWERED, /* committed */
  TURN_REFUSED   /* a refusal is remembered */
};

/* A wanted gateway. */
struct gw {
  char id[TTN_ID_MAX + 1];
  uint8_t turn;
  uint8_t deferred; /* bits of counts that wait for the state file */
  bool refused;     /* the stack refuses it to this key */
  bool named;       /* that was said */
  bool planned;     /* it has its place in this poll */
  bool gone;        /* it left the list amid this poll */
  uint8_t missed;   /* complete lists in a row that lacked it */
  int16_t home;     /* host of its gateway_server_address; -1: a host that may
                     * not have the key */
  int16_t at;       /* host where it is asked: home, or where it was found */
  uint64_t lacks;   /* bit h: host h was asked since the last discovery, or
                     * since it was last connected, and has no connection */
  struct hunt *hunt; /* it is being looked for at other hosts */
  struct ttn_gateway known;
  struct ttn_notice notice;
  char *name, *eui, *address; /* kept when MetaData or Notifications need them */
  bool has_location;
  struct ttn_location location;
};

/* A gateway that its host does not have connected is looked for at the
 * account's other hosts within the same poll. */
struct hunt {
  struct hunt *next;
  struct gw *gw;
  unsigned pending;  /* hosts that have yet to answer */
  int16_t held_at;   /* host of the disconnected entry below, -1: none */
  int64_t held_date;
  int64_t lacked_date; /* Date of the first answer that lacked it */
  struct ttn_stats held; /* without bands and metrics */
};

/* Gateways `from` to `from + n` of a host's turn array: one request. */
struct range {
  uint32_t from;
  uint8_t n; /* 1 to TTN_BATCH_MAX */
  uint8_t tries;
  bool single; /* by GET */
  bool hunt;   /* looked for here, though registered or known elsewhere */
  int64_t not_before; /* mono; of a single GET that was limited */
};

struct host {
  struct ttn_endpoint endpoint;
  char base[TTN_URL_MAX];
  bool http2;
  bool no_batch;     /* the server has no batch; tried again at discovery */
  bool said_no_batch;
  bool configured;   /* URL or a Cluster line names it */
  bool heard;        /* it answered once */
  bool nowhere;      /* there seems to be no such host: see hosts_all */
  uint32_t without;  /* mask paths that the server does not know */
  unsigned in_flight;
  struct rate_limit limits[KINDS];
  /* trouble */
  bool trouble;      /* one probe a poll */
  bool given_up;     /* nothing more in this poll */
  bool fresh;        /* the next request takes a fresh connection */
  unsigned failures; /* in a row */
  bool failed;       /* in this poll */
  bool answered;     /* in this poll */
  bool said;         /* a line was logged when trouble began */
  bool limited;      /* in this poll gateways went without for a limit */
  bool said_limited;
  int64_t since;     /* mono, when `said` began */
  const char *asked_for; /* the first failure of this poll: what was asked for, */
  enum ttn_failure failure; /* what failed, and why */
  char why[300];
  bool dated;        /* it told the time: */
  int64_t ahead;     /* how far this machine's clock is ahead, ns */
  /* this poll's work */
  struct gw **turns;
  size_t n_turns, room_turns;
  struct range *ranges; /* a ring would save little: consumed from `head` */
  size_t head, n_ranges, room_ranges;
  size_t n_primary;  /* ranges of its own gateways, planned as a whole */
  size_t first;      /* which of them goes first: moves on after a failed
                      * probe or a limit */
  size_t asked;      /* ranges that were started in this poll */
  unsigned own_left; /* ranges, but for hunts, that are not over yet */
  struct gw **absent; /* its own gateways that it lacks, to be looked for once
                       * own_left is 0 */
  size_t n_absent, room_absent;
};

/* One request under way. Kept for the next when done. */
struct job {
  struct job *next;
  struct ttn_account *account;
  struct ttn_call call;
  enum kind kind;
  int host;
  bool probe;
  uint8_t tries; /* of its range before this one */
  struct range range;  /* batch, single */
  unsigned source, page; /* list */
  struct ttn_decoder *decoder;
  enum ttn_failure decoded; /* of the last feed */
  bool begun;
  char *body;
  size_t room_body;
  char url[TTN_URL_MAX + 256];
};

/* Discovery, while it runs. */
struct found {
  char id[TTN_ID_MAX + 1];
  int16_t home;
  char *name, *eui, *address;
  bool has_location;
  struct ttn_location location;
};
enum discovery {
  DISCOVERY_IDLE,
  DISCOVERY_RUNNING,
  DISCOVERY_DONE,
  DISCOVERY_FAILED
};
struct source {           /* the key's own list, or an organization's */
  const char *organization; /* NULL: the key's own */
  int64_t total;          /* X-Total-Count of the first page, -1 unknown */
  bool moved;             /* totals differed: it changed while it was read */
  bool refused;           /* the key may not list this organization: said */
  unsigned next_page, last_page; /* still to be asked: next to last */
  unsigned in_flight;
  bool first_done;
  size_t n_listed;        /* on all pages so far */
  uint64_t first_ids;     /* hash of the first id of the page read last */
};
struct page {
  unsigned source, page;
  uint8_t tries;
};

struct ttn_account {
  const struct ttn_env *env;
  struct ttn_settings *settings;
  struct ttn_net net;
  const struct ttn_sink *sink;
  struct ttn_ownership *ownership;
  struct ttn_select *select;
  atomic_bool stop;

  /* the key */
  struct ttn_auth *auth, *old_auth; /* old: calls under way may hold it */
  struct ttn_key_stamp stamp;
  bool stamped;
  bool said_key_file;
  bool key_refused;     /* in this poll: nothing more is sent */
  bool gated;           /* the key was refused last time: one call at a time */
  bool key_worked;      /* since the start */
  bool said_key;        /* a notification says that it is refused */
  bool singles;         /* the key is a gateway's own: no batch */
  char key_why[512];
  bool reread;          /* the key file was read again in this poll */
  bool ask_key;         /* auth_info is asked for without need */
  struct ttn_auth_info *key; /* what it told of this key, or NULL */

  struct host hosts[HOSTS_MAX];
  size_t n_hosts;
  uint64_t strangers[STRANGERS_MAX]; /* hashes of addresses that were said */
  size_t n_strangers;

  struct gw **gateways; /* sorted by id */
  size_t n_gateways, room_gateways;
  struct gw **graves;   /* left the list amid a poll; freed at its end */
  size_t n_graves;
  bool said_foreign;    /* another account reports some of those listed */

  enum discovery discovery;
  int64_t discovered_at; /* mono of the last good one, 0 = none */
  bool have_list;
  bool list_short;      /* some of those listed found no memory */
  bool said_list;
  char list_why[512];   /* "" unless it failed in this poll */
  bool list_denied;     /* then: for a right that the key lacks */
  int64_t list_since;
  struct source *sources;
  size_t n_sources;
  struct found *found;
  size_t n_found, room_found;
  struct page again[64]; /* pages that were limited or lost */
  size_t n_again;
  bool said_many;
  bool retry_refused;   /* refused gateways get their chance in this poll */

  /* refusals in this poll */
  enum { AUTH_NOT_ASKED, AUTH_WANTED, AUTH_ASKED, AUTH_KNOWN, AUTH_FAILED } auth_info;
  bool not_heard;       /* the list came empty and without X-Total-Count */
  char warning[128];    /* X-Warning of a refusal */
  struct waiting {
    int host;
    struct range range;
  } *waiting; /* for auth_info */
  size_t n_waiting, room_waiting;

  struct hunt *hunts; /* of this poll */

  struct job *idle; /* jobs to use again */
  struct job *busy;
  size_t n_busy;

  /* the state file */
  bool loaded, dirty, said_state_file;
  struct ttn_state_row *rows; /* gateways not in the list, sorted by id */
  size_t n_rows, n_sorted, room_rows; /* those behind n_sorted are new */
  int64_t date; /* of the last good answer of the account's own host, 0 = none:
                 * what rows age by, for a machine without a battery is in 1970
                 * when it starts, and in the present a poll later */

  /* this poll */
  int64_t started, deadline; /* mono */
  bool starved; /* a request found no memory, and what it was for is left */
  struct ttn_api_report report;
  size_t n_bad;
  bool said_bad;
  bool said_guess; /* that a Gateway line's home is a guess */
  char bad_why[256];
  char refused_names[256];
  size_t n_refused_new;
};

/* account.c */
/* "45 seconds", "12 minutes", "3 days"; returns buffer. */
char *ttn_words(char *buffer, size_t size, int64_t ns);
void account_log(const struct ttn_account *a, enum ttn_level level,
                 const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reads the key file when it changed (or `again`). False: there is no key. */
bool account_key(struct ttn_account *a, bool again);
void account_free_gw(const struct ttn_env *env, struct gw *gw);
/* An index in gateways, or where id would go. */
size_t account_find(const struct ttn_account *a, const char *id, bool *there);
void account_load_state(struct ttn_account *a);
void account_save_state(struct ttn_account *a, bool with_values);
/* Takes id's row out of the rows that no gateway has; false: none. */
bool account_restore(struct ttn_account *a, const char *id,
                     struct ttn_gateway *known);
/* After a complete list: rows that no gateway took are gone since now. */
void account_rows_gone(struct ttn_account *a);
/* Remembers what is known of a gateway that left. */
void account_keep_row(struct ttn_account *a, const struct gw *gw);
/* Once all that leave or come back have: puts the rows in order again. */
void account_sort_rows(struct ttn_account *a);
/* Gives back what only a poll needs. */
void account_trim(struct ttn_account *a);

/* answers.c: what is done with each answer */
/* The call is over, its body decoded to its end. */
void answers_take(struct ttn_account *a, struct job *job, int64_t now);
/* job has no answer that is of use and gets no second try. */
void answers_failed(struct ttn_account *a, struct job *job,
                    enum ttn_failure failure, const char *why);
/* No answer will come any more in this poll. */
void answers_end(struct ttn_account *a);
/* When the key is refused: one line at once, and a notification if it is so in
 * the next poll, too, and was not from the start. well_key has the other. */
void answers_say_key(struct ttn_account *a);

/* hosts.c */
/* The host of a gateway_server_address; -1: may not have the key. */
int hosts_find(struct ttn_account *a, const char *address);
void hosts_init(struct ttn_account *a);
/* Bit h: those that must lack a gateway before it counts as disconnected. Not
 * one whose name only a gateway's address holds, that does not resolve and has
 * never answered: a typo would keep every other gateway from being seen as
 * down. */
uint64_t hosts_all(const struct ttn_account *a);
void hosts_begin(struct ttn_account *a);
/* whole: nothing that this poll was to tell is unknown. */
void hosts_end(struct ttn_account *a, bool whole);
/* May a call of this kind go to h now? If not, *until becomes the time when it
 * is worth another look (mono), unless that is later or not a matter of time. */
bool hosts_may_start(const struct ttn_account *a, int h, enum kind kind,
                     int64_t now, int64_t *until);
void hosts_answered(struct ttn_account *a, int h, enum kind kind,
                    const struct ttn_answer *answer, int64_t now);
void hosts_well(struct ttn_account *a, int h);
/* Counts it, and takes the host into trouble where that is due. asked: what it
 * was asked for, a literal. */
void hosts_failed(struct ttn_account *a, int h, bool probe,
                  enum ttn_failure failure, const char *asked,
                  const char *why);

/* discover.c */
void discover_begin(struct ttn_account *a);
/* Is there a page to ask for? discover_next takes it: source and page of job. */
bool discover_has_next(const struct ttn_account *a);
void discover_next(struct ttn_account *a, struct job *job);
void discover_print_url(const struct ttn_account *a, struct job *job);
void discover_page(struct ttn_account *a, struct job *job);
/* The key may not list what job asked for. Another organization's list is still
 * of use; the key's own, or the only one, is all there is. */
void discover_refused(struct ttn_account *a, struct job *job, const char *why);
/* Is any Organization line refused, as far as is known? */
bool discover_lacks(const struct ttn_account *a);
/* The same page again, later in this poll. */
void discover_again(struct ttn_account *a, const struct job *job, bool tried);
void discover_fail(struct ttn_account *a, const char *why);
/* False: there was one to be made in this poll, and it failed. */
bool discover_end(struct ttn_account *a);
/* Frees what was found so far. */
void discover_drop(struct ttn_account *a);

/* turns.c: who is asked where, and what becomes of the answers */
void turns_begin(struct ttn_account *a);
void turns_plan(struct ttn_account *a);
/* Queues a range at host h. */
bool turns_push(struct ttn_account *a, int h, struct range range);
/* Nothing more can be asked of anyone: looks for what hosts lack that did not
 * get through all of their own ranges. False: there is none. */
bool turns_look_elsewhere(struct ttn_account *a);
/* A range was answered, or won't be in this poll. */
void turns_range_over(struct ttn_account *a, int h, const struct range *r);
/* False: the answer is not one to what was asked; nothing was taken. */
bool turns_entries(struct ttn_account *a, struct job *job, int64_t date);
/* Host h does not have gw connected, says its answer of that Date (or 0). */
void turns_absent(struct ttn_account *a, int h, struct gw *gw, bool hunt,
                  int64_t date);
/* Host h refused the range: halves it, or remembers the gateway. */
void turns_refused(struct ttn_account *a, int h, const struct range *r);
void turns_end(struct ttn_account *a, bool stopped);

/* view.c */
/* Keeps a copy of what auth_info told; without memory, nothing. */
void view_keep_key(struct ttn_account *a, const struct ttn_auth_info *info);

#endif
