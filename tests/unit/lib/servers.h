/* SPDX-License-Identifier: MIT */
/* The Gateway Servers of one cluster that hold one gateway, and the registry
 * that mixes what they write as the recorded one does (tests/answers/
 * two-servers, lorawan-stack gatewayserver.go updateConnStats). */
#ifndef TEST_SERVERS_H
#define TEST_SERVERS_H

#include "gateway/gateway.h"

#define SERVERS 3
/* Connections, old ones too. */
#define CONNECTIONS 64

struct server_counter {
  int64_t n, told, last;
  int64_t shown; /* the test's own: the highest that an answer showed, or -1 */
};

struct server_connection {
  bool alive;
  int64_t at, stored;
  struct server_counter counter[TTN_MESSAGES];
};

/* The entry. owner: whose count it is, for the truth; -1 = none. */
struct registry_entry {
  int64_t at, gone;
  int64_t count[TTN_MESSAGES], last[TTN_MESSAGES];
  int owner[TTN_MESSAGES];
};

struct servers {
  int64_t now;
  int server[SERVERS]; /* its connection: an index of `all`, -1 = none */
  int n;
  struct server_connection all[CONNECTIONS];
  struct registry_entry registry;
  int64_t told[TTN_MESSAGES]; /* what the servers wrote, in all */
};

struct servers servers_new(void);
void servers_start(struct servers *servers, int s);
void servers_receive(struct servers *servers, int s, int k, int64_t n);
/* The server writes its statistics. */
void servers_store(struct servers *servers, int s);
void servers_end(struct servers *servers, int s);
/* The entry, as an answer has it; has == 0: there is none. */
struct ttn_stats servers_answer(const struct servers *servers);
/* A connection's own statistics, as an event has them. */
struct ttn_stats servers_own(const struct server_connection *connection);

#endif
