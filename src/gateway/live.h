/* SPDX-License-Identifier: MIT */
/* What events told of one gateway: its connections. An event's statistics are
 * one Gateway Server's own (recorded: tests/answers/two-servers), so a
 * connection is known by its connected_at, and its counts are exact.
 *
 * The counters of counters.h hold what a poll would have to know: those of the
 * connections here, and others whose connection no event named yet. Pure; one
 * thread at a time. */
#ifndef TTN_LIVE_H
#define TTN_LIVE_H

#include "gateway/counter_sets.h"

/* At a time. If there are more, the one that was heard of longest ago is
 * forgotten. */
#define TTN_CONNECTIONS_MAX 4

struct ttn_connection {
  int64_t at; /* connected_at, which no other connection of the gateway has */
  int64_t heard; /* time of its latest event */
  uint8_t exact; /* bit k: count[k] is its own */
  bool ended;
  bool alone; /* no other was open since it began: a count that answers show
               * under its connected_at is its own */
  uint64_t count[TTN_MESSAGES];
  int64_t last[TTN_MESSAGES]; /* last_…_received_at, 0 = not known */
};

struct ttn_live {
  uint8_t n;     /* connections; 0: answers alone tell of the gateway */
  uint8_t n_end; /* ends of which it is not known whose */
  bool moved;    /* the state file lacks what events changed */
  struct ttn_connection item[TTN_CONNECTIONS_MAX];
  /* Per kind: messages that an answer proved beyond the connections' counts.
   * Events will show them once more. */
  uint64_t beyond[TTN_MESSAGES];
  int64_t beyond_last[TTN_MESSAGES]; /* the last of them */
  uint64_t connects;   /* connections that began since the first answer, */
  int64_t counted_at;  /* and connected_at of the latest of them */
  int64_t state_at;    /* time of the event that the state is of, 0 = none */
  int64_t gone;        /* disconnected_at of the latest end */
  int64_t end_at;      /* time of the event that told the latest end */
  int64_t answered_at; /* Date of the latest answer, 0 = none */
};

/* Answers alone tell of the gateway from now on. */
void ttn_live_forget(struct ttn_live *live);
void ttn_live_answered(struct ttn_live *live, int64_t date);
/* A connection is known, which `began` after the first answer or not. Each is
 * counted once. */
void ttn_live_connected(struct ttn_live *live, int64_t at, bool began);
/* The state is now that of an event of this time. */
void ttn_live_state(struct ttn_live *live, int64_t time);
/* An end's disconnected_at, of which it is not said whose it is. */
void ttn_live_gone(struct ttn_live *live, int64_t disconnected_at);
/* The same, by the event of this time that names the reason: a moment later. */
int64_t ttn_live_gone_at(const struct ttn_live *live, int64_t time);
void ttn_live_moved(struct ttn_live *live, bool moved);
void ttn_live_heard(struct ttn_live *live, struct ttn_connection *connection,
                    int64_t time);
/* The connections' own counts are known, at least of one kind. */
bool ttn_live_is_exact(const struct ttn_live *live);
/* Another server holds the gateway, too, of which no event came yet. sets:
 * unfolded. */
bool ttn_live_has_unnamed(const struct ttn_live *live,
                          const struct ttn_counter_sets *sets);

/* The one with this connected_at, or NULL. */
struct ttn_connection *ttn_live_find(struct ttn_live *live, int64_t at);
/* A new one. began: no answer can have counted it. */
struct ttn_connection *ttn_live_add(struct ttn_live *live, int64_t at,
                                    bool began);
/* True: at began when no answer had shown anything of it. connected_at: as the
 * latest answer has it. unnamed: answers showed counts of connections that no
 * event named. */
bool ttn_live_is_begin(const struct ttn_live *live, int64_t at,
                       int64_t connected_at, bool unnamed);
/* The only one, or NULL. */
struct ttn_connection *ttn_live_only(struct ttn_live *live);
/* Those that servers do not write of any more at `time` have ended. */
void ttn_live_expire(struct ttn_live *live, int64_t time);
/* An event of `time` was taken. Once another connection has been alone for some
 * minutes, forgets those that ended before it began, and counters that no event
 * named; until then answers may show counts of theirs. sets: unfolded. */
void ttn_live_trim(struct ttn_live *live, struct ttn_counter_sets *sets,
                   int64_t time);
/* A connection ended, which one is not said. True: it was the last. */
bool ttn_live_end(struct ttn_live *live, int64_t time);
/* All ended. */
void ttn_live_end_all(struct ttn_live *live);
/* How many have not ended. */
unsigned ttn_live_open(const struct ttn_live *live);

/* Takes the connections' counters out of sets: others are left. */
void ttn_live_unfold(const struct ttn_live *live,
                     struct ttn_counter_sets *sets);
/* The reverse, with what was learnt between. */
void ttn_live_fold(const struct ttn_live *live, struct ttn_counter_sets *sets);

/* What answers told, before the event that names a connection. */
struct ttn_naming {
  bool answered; /* its connected_at is the one that they had */
  bool several;  /* ttn_counter_sets_several */
};
/* A connection's own count. sets: unfolded. time: the event's. Returns by how
 * many messages the sum of all counters is proved to have grown. */
uint64_t ttn_live_count(struct ttn_live *live,
                        struct ttn_connection *connection,
                        struct ttn_counter_sets *sets, enum ttn_message k,
                        uint64_t count, int64_t last, int64_t time,
                        struct ttn_naming how);
/* A count of an answer: some connection's, not known whose. */
uint64_t ttn_live_count_any(struct ttn_live *live,
                            const struct ttn_counter_sets *sets,
                            enum ttn_message k, uint64_t count, int64_t last,
                            bool several);

#endif
