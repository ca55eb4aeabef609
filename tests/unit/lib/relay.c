/* SPDX-License-Identifier: MIT */
#include "lib/relay.h"
#include "lib/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection. */
struct relayed {
  struct relay *relay;
  int fd, nth;
};

static bool relay_copy(int from, int to) {
  char bytes[1 << 14];
  ssize_t n = recv(from, bytes, sizeof bytes, 0);
  return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *relay_run(void *user) {
  struct relayed *relayed = user;
  struct relay *relay = relayed->relay;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr = {htonl(INADDR_LOOPBACK)},
                                .sin_port = htons((uint16_t)relay->target)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd ends[2] = {{relayed->fd, POLLIN, 0}, {fd, POLLIN, 0}};
  bool open = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

  relay->open++;
  while (open && !relay->stopping) {
    if (relayed->nth < relay->broken) {
      struct linger linger = {1, 0};
      setsockopt(relayed->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
      break;
    }
    if (relayed->nth < relay->silent) {
      struct pollfd end = {relayed->fd, 0, 0}; /* only: is it closed? */
      char byte;
      web_sleep(5);
      if (poll(&end, 1, 0) > 0 ||
          recv(relayed->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        break;
      /* What was sent is lost. */
      while (recv(relayed->fd, &byte, 1, MSG_DONTWAIT) > 0)
        ;
      continue;
    }
    if (poll(ends, 2, 5) <= 0)
      continue;
    if (relayed->nth < relay->silent)
      continue;
    if (ends[0].revents != 0)
      open = relay_copy(relayed->fd, fd);
    if (open && ends[1].revents != 0)
      open = relay_copy(fd, relayed->fd);
  }
  relay->open--;
  close(fd);
  close(relayed->fd);
  free(relayed);
  return NULL;
}

static void *relay_accept_run(void *user) {
  struct relay *relay = user;
  for (;;) {
    int fd = accept(relay->listener, NULL, NULL);
    struct relayed *relayed;
    if (fd < 0)
      return NULL;
    if (relay->stopping || relay->connections == RELAY_MAX) {
      close(fd);
      continue;
    }
    relayed = malloc(sizeof *relayed);
    *relayed = (struct relayed){relay, fd, relay->connections++};
    pthread_create(&relay->threads[relayed->nth], NULL, relay_run, relayed);
  }
}

void relay_start(struct relay *relay, int target) {
  memset(relay, 0, sizeof *relay);
  relay->target = target;
  relay->listener = web_listen(&relay->port);
  pthread_create(&relay->acceptor, NULL, relay_accept_run, relay);
}

void relay_stop(struct relay *relay) {
  relay->stopping = true;
  shutdown(relay->listener, SHUT_RDWR);
  pthread_join(relay->acceptor, NULL);
  close(relay->listener);
  for (int i = 0; i < relay->connections; i++)
    pthread_join(relay->threads[i], NULL);
}

void relay_silence(struct relay *relay) {
  relay->silent = (int)relay->connections;
}

void relay_break(struct relay *relay) {
  relay->broken = (int)relay->connections;
}
