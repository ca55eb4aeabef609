/* SPDX-License-Identifier: MIT */
/* A web server within a test: HTTP/1.1, with one thread for each connection. A
 * function of the test answers each request, with any bytes. nghttpx in front
 * of it adds TLS and HTTP/2. */
#ifndef TTN_WEB_H
#define TTN_WEB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define WEB_CONNECTIONS_MAX 512

struct web_request;

struct web {
  void (*answer)(struct web_request *request);
  int listener, port;
  pthread_t acceptor;
  pthread_mutex_t lock;
  pthread_t threads[WEB_CONNECTIONS_MAX];
  int fds[WEB_CONNECTIONS_MAX]; /* -1: closed */
  atomic_int connections, requests;
  atomic_int now, peak; /* requests at a time */
  char last[8192];      /* the last request's head */
  char last_body[8192];
  atomic_bool stopping;
};

/* One request, for the function that answers it. */
struct web_request {
  struct web *web;
  int fd, nth;       /* on this connection, from 0 */
  const char *path;  /* without the leading '/', up to the blank */
  const char *query; /* after a '?', or "" */
  bool over;         /* set: the connection is to be closed */
};

void web_sleep(int ms);

/* Bytes as they are. */
void web_send_n(struct web_request *request, const char *bytes, size_t n);

void web_send(struct web_request *request, const char *text);

/* A whole answer. headers: more lines, each with its "\r\n". */
void web_reply(struct web_request *request, const char *status,
               const char *headers, const char *body, size_t n);

/* Waits until the other end closes, or the server stops. */
void web_hang(struct web_request *request);

/* Closes with a reset instead of an orderly end. */
void web_reset(struct web_request *request);

/* A socket that is bound to *port (0: any), which it sets. Connections are
 * refused. The system gives the port to no other program, but a program that
 * asks for it may listen on it. */
int web_hold(int *port);
/* The same, and it listens. */
int web_listen(int *port);

/* Starts a server on any port, web->port. Its threads call answer. */
void web_start(struct web *web, void (*answer)(struct web_request *request));

/* Closes all open connections, as an idle server does. */
void web_close_all(struct web *web);

void web_stop(struct web *web);

/* Sets the counts to 0. */
void web_forget(struct web *web);

/* Is `text` in the head of the last request? */
bool web_saw(struct web *web, const char *text);

/* Starts nghttpx on *port (0: any; it is held until the program ends), with
 * dir/name.key and dir/name.pem. It ends with the test. It is one process, so
 * that SIGSTOP stops all of it. */
pid_t nghttpx_start(int *port, int backend, const char *dir, const char *name);

void nghttpx_stop(pid_t pid);

#endif
