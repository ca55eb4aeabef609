/* SPDX-License-Identifier: MIT */
#include "lib/testing.h"
#include "lib/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WEB_REQUEST_MAX (1 << 20)
/* A thread that ended keeps its stack until it is joined: 512 of the usual 8 MB
 * are all that there is with 32 bits. */
#define WEB_STACK (1 << 20)

struct web_connection {
  struct web *web;
  int fd, slot;
};

void web_sleep(int ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&pause, NULL);
}

void web_send_n(struct web_request *request, const char *bytes, size_t n) {
  while (n > 0) {
    ssize_t sent = send(request->fd, bytes, n, MSG_NOSIGNAL);
    if (sent <= 0) {
      request->over = true;
      return;
    }
    bytes += sent;
    n -= (size_t)sent;
  }
}

void web_send(struct web_request *request, const char *text) {
  web_send_n(request, text, strlen(text));
}

void web_reply(struct web_request *request, const char *status,
               const char *headers, const char *body, size_t n) {
  char head[512];
  snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n",
           status, n, headers);
  web_send(request, head);
  web_send_n(request, body, n);
}

void web_hang(struct web_request *request) {
  char byte;
  while (recv(request->fd, &byte, 1, 0) > 0)
    ;
  request->over = true;
}

void web_reset(struct web_request *request) {
  struct linger linger = {1, 0};
  setsockopt(request->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  request->over = true;
}

/* Reads one request and has it answered; false: no more on this connection. */
static bool web_serve(struct web_connection *connection, char *buffer,
                      size_t *used, int nth) {
  struct web *web = connection->web;
  char *end = NULL, *length, *path, *query;
  size_t head, body = 0;
  struct web_request request = {
      .web = web, .fd = connection->fd, .nth = nth, .query = ""};

  for (;;) {
    ssize_t got;
    buffer[*used] = '\0';
    end = strstr(buffer, "\r\n\r\n");
    if (end != NULL) {
      length = strcasestr(buffer, "\r\nContent-Length:");
      body =
          length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
      if (*used >= (size_t)(end + 4 - buffer) + body)
        break;
    }
    got = recv(connection->fd, buffer + *used, WEB_REQUEST_MAX - *used, 0);
    if (got <= 0)
      return false;
    *used += (size_t)got;
    if (buffer[0] < 'A' || buffer[0] > 'Z') { /* TLS, most likely */
      web_send(&request, "HTTP/1.1 400 Bad Request\r\n\r\n");
      return false;
    }
  }
  head = (size_t)(end + 4 - buffer);

  pthread_mutex_lock(&web->lock);
  snprintf(web->last, sizeof web->last, "%.*s", (int)head, buffer);
  snprintf(web->last_body, sizeof web->last_body, "%.*s", (int)body,
           buffer + head);
  web->requests++;
  if (++web->now > web->peak)
    web->peak = web->now;
  pthread_mutex_unlock(&web->lock);

  path = strchr(buffer, ' ') + 1;
  path[strcspn(path, " \r")] = '\0';
  if ((query = strchr(path, '?')) != NULL) {
    *query = '\0';
    request.query = query + 1;
  }
  request.path = path[0] == '/' ? path + 1 : path;
  web->answer(&request);

  pthread_mutex_lock(&web->lock);
  web->now--;
  pthread_mutex_unlock(&web->lock);
  memmove(buffer, buffer + head + body, *used - head - body);
  *used -= head + body;
  return !request.over;
}

static void *web_connection_run(void *user) {
  struct web_connection *connection = user;
  struct web *web = connection->web;
  char *buffer = malloc(WEB_REQUEST_MAX + 1);
  size_t used = 0;
  for (int nth = 0; web_serve(connection, buffer, &used, nth); nth++)
    ;
  pthread_mutex_lock(&web->lock);
  close(connection->fd);
  web->fds[connection->slot] = -1;
  pthread_mutex_unlock(&web->lock);
  free(buffer);
  free(connection);
  return NULL;
}

static void *web_accept_run(void *user) {
  struct web *web = user;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, WEB_STACK);
  for (;;) {
    int fd = accept(web->listener, NULL, NULL);
    struct web_connection *connection;
    int one = 1;
    if (fd < 0) {
      pthread_attr_destroy(&attributes);
      return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (web->stopping || web->connections == WEB_CONNECTIONS_MAX) {
      close(fd);
      continue;
    }
    connection = malloc(sizeof *connection);
    pthread_mutex_lock(&web->lock);
    *connection = (struct web_connection){web, fd, web->connections++};
    web->fds[connection->slot] = fd;
    if (pthread_create(&web->threads[connection->slot], &attributes,
                       web_connection_run, connection) != 0)
      abort(); /* nobody would answer */
    pthread_mutex_unlock(&web->lock);
  }
}

int web_hold(int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr = {htonl(INADDR_LOOPBACK)},
                                .sin_port = htons((uint16_t)*port)};
  socklen_t size = sizeof address;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    fail_msg("no port to listen on");
  *port = ntohs(address.sin_port);
  return fd;
}

int web_listen(int *port) {
  int fd = web_hold(port);
  if (listen(fd, 256) != 0)
    fail_msg("no port to listen on");
  return fd;
}

void web_start(struct web *web, void (*answer)(struct web_request *request)) {
  memset(web, 0, sizeof *web);
  web->answer = answer;
  pthread_mutex_init(&web->lock, NULL);
  web->listener = web_listen(&web->port);
  pthread_create(&web->acceptor, NULL, web_accept_run, web);
}

void web_close_all(struct web *web) {
  pthread_mutex_lock(&web->lock);
  for (int i = 0; i < web->connections; i++)
    if (web->fds[i] >= 0)
      shutdown(web->fds[i], SHUT_RDWR);
  pthread_mutex_unlock(&web->lock);
}

void web_stop(struct web *web) {
  web->stopping = true;
  shutdown(web->listener, SHUT_RDWR);
  pthread_join(web->acceptor, NULL);
  close(web->listener);
  web_close_all(web);
  for (int i = 0; i < web->connections; i++)
    pthread_join(web->threads[i], NULL);
  pthread_mutex_destroy(&web->lock);
}

void web_forget(struct web *web) {
  pthread_mutex_lock(&web->lock);
  web->requests = web->peak = 0;
  web->last[0] = web->last_body[0] = '\0';
  pthread_mutex_unlock(&web->lock);
}

bool web_saw(struct web *web, const char *text) {
  bool saw;
  pthread_mutex_lock(&web->lock);
  saw = strcasestr(web->last, text) != NULL;
  pthread_mutex_unlock(&web->lock);
  return saw;
}

static bool web_port_open(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr = {htonl(INADDR_LOOPBACK)},
                                .sin_port = htons((uint16_t)port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool open = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(fd);
  return open;
}

pid_t nghttpx_start(int *port, int backend, const char *dir, const char *name) {
  char front[64], back[64], key[4096], cert[4096];
  pid_t pid;
  if (*port == 0)
    web_hold(port);
  snprintf(front, sizeof front, "-f127.0.0.1,%d", *port);
  snprintf(back, sizeof back, "-b127.0.0.1,%d", backend);
  snprintf(key, sizeof key, "%s/%s.key", dir, name);
  snprintf(cert, sizeof cert, "%s/%s.pem", dir, name);
  pid = fork();
  if (pid == 0) {
    char *const argv[] = {
        "nghttpx",          "--conf=/dev/null", front, back, "--workers=1",
        "--single-process", "--no-ocsp",        key,   cert, NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen("/dev/null", "w", stdout) == NULL ||
        freopen("/dev/null", "w", stderr) == NULL)
      _exit(126);
    execvp(argv[0], argv);
    execv("/usr/sbin/nghttpx", argv); /* Debian's users don't look there */
    _exit(127);
  }
  for (int i = 0; i < 200; i++) {
    if (web_port_open(*port))
      return pid;
    if (waitpid(pid, NULL, WNOHANG) == pid)
      break;
    web_sleep(25);
  }
  fail_msg("nghttpx doesn't start: is Debian's nghttp2-proxy installed?");
  return -1;
}

void nghttpx_stop(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}
