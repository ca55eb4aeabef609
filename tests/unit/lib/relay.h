/* SPDX-License-Identifier: MIT */
/* A relay of bytes within a test, between its client and a server. It can fall
 * silent: connections stay open, but no more bytes come. Later connections
 * work. */
#ifndef TTN_RELAY_H
#define TTN_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define RELAY_MAX 256

struct relay {
  int listener, port, target;
  pthread_t acceptor, threads[RELAY_MAX];
  atomic_int connections, open;
  atomic_int silent; /* connections below this number are */
  atomic_int broken; /* connections below this number are reset */
  atomic_bool stopping;
};

/* Listens on relay->port, and connects to port target of this machine. */
void relay_start(struct relay *relay, int target);
void relay_stop(struct relay *relay);

/* All connections of now fall silent, or are reset. */
void relay_silence(struct relay *relay);
void relay_break(struct relay *relay);

#endif
