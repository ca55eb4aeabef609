/* SPDX-License-Identifier: MIT */
/* A stack for the benchmark: HTTP/2 over TLS on loopback, answers and events
 * rendered ahead (answers.c, feed.c), each answer sent after a settable delay.
 * It has to cost little beside its client, so it checks nothing: no key, no
 * field mask. The test suite's stand-in does all that.
 *
 *   bench-server CERTIFICATE KEY GATEWAYS
 *
 * prints "port N" once it listens. Then, on standard input:
 *   latency MS [PAGE_MS]
 *                from now on answers come MS milliseconds after their requests,
 *                pages of the list PAGE_MS
 *   move N       counts go on from now on, and of N answers that a gateway is
 *                in one begins a new connection; 0: none
 *   reconnects N another N
 *   counts FILE  writes how many messages there were: see answers.h; prints
 *                "gateways N"
 *   stats        prints "requests R connections C bytes B cpu MICROSECONDS",
 *                all since the start; bytes are HTTP/2's, headers included
 *   render N SECONDS RATE FILE
 *                renders N streams of events, RATE a second of each gateway, by
 *                the templates of the file; prints "events E uplinks U plain
 *                BYTES packed BYTES", without their starts
 *   send         the streams that are open go on after their start
 * and ends with its input. */
#include "answers.h"
#include "feed.h"

#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A stream asks for 1,000 gateways. */
#define REQUEST_MAX (128 << 10)
#define FRAME_MAX (16384 + 9)
#define OUT_MAX (4 * FRAME_MAX)

struct connection;

struct stream {
  struct stream *next;           /* of its connection */
  struct stream *later;          /* of those that wait for their time */
  struct connection *connection; /* NULL: closed while it waited */
  int32_t id;
  bool waits;
  char path[256];
  char *request;
  size_t size;
  const struct answer *answer; /* NULL: there is no such thing */
  struct answer made;          /* for this stream alone */
  const struct feed *feed;     /* or NULL; nobody else has it */
  bool gzip, page;
  bool flows;   /* all of its feed is sent, else the start */
  size_t event; /* of its feed, that is sent */
  size_t sent;
  int64_t due;
};

struct connection {
  int fd;
  SSL *ssl;
  nghttp2_session *session;
  bool ready;   /* the handshake is over */
  bool blocked; /* waits until it can write */
  struct stream *streams;
  uint8_t out[OUT_MAX];
  size_t from, end; /* of what is in out */
};

struct server {
  struct answers answers;
  struct feeds feeds;
  struct stream *streams[FEEDS_MAX]; /* that have the feeds, or NULL */
  SSL_CTX *tls;
  nghttp2_session_callbacks *callbacks;
  int epoll, listener, timer, input;
  int64_t latency, page_latency; /* ns */
  struct stream *first;          /* that wait for their time */
  uint64_t requests, connections, bytes;
  char date[64];
  time_t date_of;
};

/* nghttp2's callbacks get the connection; there is one server. */
static struct server server;

static void die(const char *what) {
  fprintf(stderr, "bench-server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- what is asked ---- */

static const struct answer *make_batch(struct stream *stream) {
  static const char name[] = "\"gateway_id\":\"bench-";
  size_t gateways[BENCH_BATCH], n = 0;
  const char *rest = stream->request == NULL ? "" : stream->request;
  while (n < BENCH_BATCH && (rest = strstr(rest, name)) != NULL) {
    gateways[n] = strtoul(rest + sizeof name - 1, NULL, 10);
    if (gateways[n++] >= server.answers.gateways)
      return NULL;
    rest += sizeof name - 1;
  }
  if (n == 0)
    return NULL;
  stream->made = answers_batch(&server.answers, gateways, n);
  return &stream->made;
}

static const struct answer *find_batch(const struct stream *stream) {
  static const char name[] = "\"gateway_id\":\"bench-";
  if (stream->request == NULL)
    return NULL;
  const char *first = strstr(stream->request, name);
  if (first == NULL)
    return NULL;
  size_t i = strtoul(first + sizeof name - 1, NULL, 10);
  return i < server.answers.gateways ? &server.answers.batches[i / BENCH_BATCH]
                                     : NULL;
}

static void find_feed(struct stream *stream) {
  for (size_t i = 0; i < server.feeds.n; i++)
    if (server.streams[i] == NULL) {
      server.streams[i] = stream;
      stream->feed = &server.feeds.list[i];
      return;
    }
}

/* A number of the query. */
static size_t number_in(const char *path, const char *name) {
  const char *at = strstr(path, name);
  return at == NULL ? 1 : strtoul(at + strlen(name), NULL, 10);
}

static void find_answer(struct stream *stream) {
  struct answers *answers = &server.answers;
  size_t i;
  stream->gzip = true;
  if (strcmp(stream->path, "/api/v3/gs/gateways/connection/stats") == 0) {
    stream->answer =
        server.answers.moving != NULL ? make_batch(stream) : find_batch(stream);
  } else if (strncmp(stream->path, "/api/v3/gateways?", 17) == 0 ||
             strncmp(stream->path, "/api/v3/search/gateways?", 24) == 0) {
    stream->page = true;
    stream->answer = answers_page(answers, number_in(stream->path, "&limit="),
                                  number_in(stream->path, "&page="));
  } else if (sscanf(stream->path, "/api/v3/gs/gateways/bench-%zu/", &i) == 1 &&
             i < answers->gateways && i < BENCH_SINGLES_MAX) {
    stream->answer = &answers->singles[i];
    stream->gzip = false;
  } else if (strcmp(stream->path, "/api/v3/auth_info") == 0) {
    stream->answer = &answers->auth_info;
    stream->gzip = false;
  } else if (strcmp(stream->path, "/api/v3/events") == 0) {
    find_feed(stream);
  }
}

/* ---- what is answered ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buffer,
                         size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  struct stream *stream = source->ptr;
  size_t n = stream->answer->size - stream->sent;
  (void)session, (void)id, (void)user;
  if (n > room)
    n = room;
  else
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  memcpy(buffer, stream->answer->bytes + stream->sent, n);
  stream->sent += n;
  return (ssize_t)n;
}

/* An event is at least a frame: the stack sends each one when it happens. */
static ssize_t read_feed(nghttp2_session *session, int32_t id, uint8_t *buffer,
                         size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  struct stream *stream = source->ptr;
  const struct feed *feed = stream->feed;
  (void)session, (void)id, (void)flags, (void)user;
  if (stream->event == (stream->flows ? feed->n : 1))
    return NGHTTP2_ERR_DEFERRED;
  size_t n = feed->ends[stream->event] - stream->sent;
  if (n > room)
    n = room;
  else
    stream->event++;
  memcpy(buffer, feed->bytes + stream->sent, n);
  stream->sent += n;
  return (ssize_t)n;
}

static const char *date(void) {
  time_t t = time(NULL);
  struct tm tm;
  if (t != server.date_of)
    strftime(server.date, sizeof server.date, "%a, %d %b %Y %H:%M:%S GMT",
             gmtime_r(&t, &tm));
  server.date_of = t;
  return server.date;
}

static void set(nghttp2_nv *header, const char *name, const char *value) {
  *header = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                         .value = (uint8_t *)(uintptr_t)value,
                         .namelen = strlen(name),
                         .valuelen = strlen(value)};
}

static void answer(struct stream *stream) {
  nghttp2_nv headers[8];
  nghttp2_data_provider body = {
      .source = {.ptr = stream},
      .read_callback = stream->feed == NULL ? read_body : read_feed};
  char length[24], total[24];
  size_t n = 0;
  bool found = stream->answer != NULL || stream->feed != NULL;
  set(&headers[n++], ":status", found ? "200" : "404");
  set(&headers[n++], "date", date());
  set(&headers[n++], "cache-control", "no-store");
  if (stream->answer != NULL) {
    snprintf(length, sizeof length, "%zu", stream->answer->size);
    set(&headers[n++], "content-length", length);
  }
  if (found) {
    set(&headers[n++], "content-type", "application/json");
    if (stream->gzip)
      set(&headers[n++], "content-encoding", "gzip");
  }
  if (stream->page) {
    snprintf(total, sizeof total, "%zu", server.answers.gateways);
    set(&headers[n++], "x-total-count", total);
  }
  nghttp2_submit_response(stream->connection->session, stream->id, headers, n,
                          found ? &body : NULL);
}

/* ---- connections ---- */

static void watch(struct connection *c) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
  if (c->blocked)
    event.events |= EPOLLOUT;
  epoll_ctl(server.epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void free_stream(struct stream *stream) {
  for (size_t i = 0; i < FEEDS_MAX; i++)
    if (server.streams[i] == stream)
      server.streams[i] = NULL;
  free(stream->request);
  free(stream->made.bytes);
  free(stream);
}

/* One that waits is freed when its time comes. */
static void drop_stream(struct stream *stream) {
  stream->connection = NULL;
  if (!stream->waits)
    free_stream(stream);
}

static void drop_connection(struct connection *c) {
  for (struct stream *s = c->streams, *next; s != NULL; s = next) {
    next = s->next;
    drop_stream(s);
  }
  nghttp2_session_del(c->session);
  SSL_free(c->ssl);
  ERR_clear_error(); /* else the next connection's calls would see it */
  close(c->fd);
  free(c);
}

/* Sends as much as the socket takes. False: the connection is over. */
static bool send_out(struct connection *c) {
  for (;;) {
    while (c->from < c->end) {
      int n = SSL_write(c->ssl, c->out + c->from, (int)(c->end - c->from));
      if (n <= 0) {
        bool wait = SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE;
        if (wait && !c->blocked) {
          c->blocked = true;
          watch(c);
        }
        return wait;
      }
      c->from += (size_t)n;
      server.bytes += (uint64_t)n;
    }
    c->from = c->end = 0;
    while (OUT_MAX - c->end >= FRAME_MAX) {
      const uint8_t *data;
      ssize_t n = nghttp2_session_mem_send(c->session, &data);
      if (n < 0)
        return false;
      if (n == 0)
        break;
      memcpy(c->out + c->end, data, (size_t)n);
      c->end += (size_t)n;
    }
    if (c->end == 0)
      break;
  }
  if (c->blocked) {
    c->blocked = false;
    watch(c);
  }
  return nghttp2_session_want_read(c->session) != 0;
}

static bool take_in(struct connection *c) {
  uint8_t in[16384];
  if (!c->ready) {
    int n = SSL_accept(c->ssl);
    if (n != 1)
      return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
    c->ready = true;
    nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                       250};
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &settings, 1);
  }
  for (;;) {
    int n = SSL_read(c->ssl, in, sizeof in);
    if (n <= 0)
      return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ && send_out(c);
    if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
      return false;
  }
}

static void accept_one(void) {
  int on = 1, fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0)
    return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct connection *c = calloc(1, sizeof *c);
  if (c == NULL)
    die("no memory");
  c->fd = fd;
  c->ssl = SSL_new(server.tls);
  SSL_set_fd(c->ssl, fd);
  nghttp2_session_server_new(&c->session, server.callbacks, c);
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
  epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event);
  server.connections++;
}

/* ---- nghttp2's callbacks ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame,
                    void *user) {
  struct connection *c = user;
  struct stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL)
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  stream->connection = c;
  stream->id = frame->hd.stream_id;
  stream->next = c->streams;
  c->streams = stream;
  return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user) {
  struct stream *stream =
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  (void)flags, (void)user;
  if (stream != NULL && name_size == 5 && memcmp(name, ":path", 5) == 0 &&
      value_size < sizeof stream->path)
    memcpy(stream->path, value, value_size);
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t size, void *user) {
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  (void)flags, (void)user;
  if (stream == NULL)
    return 0;
  if (stream->request == NULL)
    stream->request = calloc(1, REQUEST_MAX);
  if (stream->request == NULL || stream->size + size >= REQUEST_MAX)
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  memcpy(stream->request + stream->size, data, size);
  stream->size += size;
  return 0;
}

static void set_timer(int64_t due) {
  struct itimerspec at = {
      .it_value = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000}};
  timerfd_settime(server.timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Behind all that are due before it. */
static void wait(struct stream *stream, int64_t latency) {
  struct stream **place = &server.first;
  stream->waits = true;
  stream->due = now() + latency;
  while (*place != NULL && (*place)->due <= stream->due)
    place = &(*place)->later;
  stream->later = *place;
  *place = stream;
  if (server.first == stream)
    set_timer(stream->due);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *user) {
  struct stream *stream =
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  (void)user;
  if (stream == NULL || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
      (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
    return 0;
  server.requests++;
  find_answer(stream);
  int64_t latency = stream->page ? server.page_latency : server.latency;
  if (latency == 0)
    answer(stream);
  else
    wait(stream, latency);
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code,
                    void *user) {
  struct connection *c = user;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  (void)code;
  if (stream == NULL)
    return 0;
  for (struct stream **s = &c->streams; *s != NULL; s = &(*s)->next)
    if (*s == stream) {
      *s = stream->next;
      break;
    }
  drop_stream(stream);
  return 0;
}

/* All that are due are submitted before anything is sent, so that what is
 * answered at once goes out at once. */
static void answer_due(void) {
  struct stream *due = server.first, *s;
  int64_t t = now();
  while (server.first != NULL && server.first->due <= t)
    server.first = server.first->later;
  if (server.first != NULL)
    set_timer(server.first->due);
  for (s = due; s != server.first; s = s->later)
    if (s->connection != NULL)
      answer(s);
  while (due != server.first) {
    s = due;
    due = s->later;
    s->waits = false;
    struct connection *c = s->connection; /* s may be gone once it is sent */
    if (c == NULL)
      free_stream(s);
    else if (!send_out(c)) /* it is dropped once its fd tells */
      shutdown(c->fd, SHUT_RDWR);
  }
}

static void send_feeds(void) {
  for (size_t i = 0; i < server.feeds.n; i++) {
    struct stream *stream = server.streams[i];
    if (stream == NULL || stream->connection == NULL)
      continue;
    stream->flows = true;
    struct connection *c = stream->connection;
    nghttp2_session_resume_data(c->session, stream->id);
    if (!send_out(c)) /* it is dropped once its fd tells */
      shutdown(c->fd, SHUT_RDWR);
  }
}

/* ---- life ---- */

static int choose_http2(SSL *ssl, const unsigned char **out,
                        unsigned char *size, const unsigned char *in,
                        unsigned int in_size, void *user) {
  (void)ssl, (void)user;
  return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, size,
                                      in, in_size) == 1
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_up_tls(const char *certificate, const char *key) {
  server.tls = SSL_CTX_new(TLS_server_method());
  if (server.tls == NULL ||
      SSL_CTX_use_certificate_chain_file(server.tls, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(server.tls, key, SSL_FILETYPE_PEM) != 1)
    die("certificate or key");
  SSL_CTX_set_mode(server.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(server.tls, choose_http2, NULL);
}

static void set_up_http2(void) {
  nghttp2_session_callbacks_new(&server.callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(server.callbacks,
                                                          on_begin);
  nghttp2_session_callbacks_set_on_header_callback(server.callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(server.callbacks,
                                                            on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(server.callbacks,
                                                       on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(server.callbacks,
                                                         on_close);
}

static void watch_fd(int *fd) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = fd}};
  if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, *fd, &event) != 0)
    die("epoll");
}

static void set_up_sockets(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.input = STDIN_FILENO;
  server.epoll = epoll_create1(0);
  server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(server.listener, (struct sockaddr *)&address, size) != 0 ||
      listen(server.listener, 1024) != 0 ||
      getsockname(server.listener, (struct sockaddr *)&address, &size) != 0)
    die("socket");
  watch_fd(&server.listener);
  watch_fd(&server.timer);
  watch_fd(&server.input);
  printf("port %d\n", ntohs(address.sin_port));
}

static void print_stats(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("requests %llu connections %llu bytes %llu cpu %lld\n",
         (unsigned long long)server.requests,
         (unsigned long long)server.connections,
         (unsigned long long)server.bytes,
         (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
             usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void render(unsigned n, unsigned seconds, unsigned rate,
                   const char *templates) {
  if (!feeds_render(&server.feeds, &server.answers, n, seconds, rate,
                    templates))
    die(templates);
  printf("events %llu uplinks %llu plain %llu packed %llu\n",
         (unsigned long long)server.feeds.events,
         (unsigned long long)server.feeds.uplinks,
         (unsigned long long)server.feeds.plain,
         (unsigned long long)server.feeds.packed);
}

static void write_counts(const char *path) {
  if (!answers_write_counts(&server.answers, path))
    die(path);
  printf("gateways %zu\n", server.answers.gateways);
}

/* Of one or more whole lines. False: the input is over. */
static bool take_commands(void) {
  char lines[1024], templates[sizeof lines];
  unsigned ms, page_ms, streams, seconds, rate;
  ssize_t n = read(STDIN_FILENO, lines, sizeof lines - 1);
  if (n <= 0)
    return false;
  lines[n] = '\0';
  for (char *rest = lines, *line; (line = strsep(&rest, "\n")) != NULL;) {
    int found = sscanf(line, "latency %u %u", &ms, &page_ms);
    if (found > 0) {
      server.latency = (int64_t)ms * 1000000;
      server.page_latency = (int64_t)(found > 1 ? page_ms : ms) * 1000000;
    } else if (sscanf(line, "move %u", &rate) == 1)
      answers_move(&server.answers, rate);
    else if (sscanf(line, "reconnects %u", &rate) == 1)
      server.answers.reconnects = rate;
    else if (sscanf(line, "counts %s", templates) == 1)
      write_counts(templates);
    else if (strcmp(line, "stats") == 0)
      print_stats();
    else if (sscanf(line, "render %u %u %u %s", &streams, &seconds, &rate,
                    templates) == 4)
      render(streams, seconds, rate, templates);
    else if (strcmp(line, "send") == 0)
      send_feeds();
  }
  return true;
}

/* False: the input is over. */
static bool serve(const struct epoll_event *event) {
  uint64_t expirations;
  if (event->data.ptr == &server.input)
    return take_commands();
  if (event->data.ptr == &server.listener) {
    accept_one();
  } else if (event->data.ptr == &server.timer) {
    if (read(server.timer, &expirations, sizeof expirations) > 0)
      answer_due();
  } else {
    struct connection *c = event->data.ptr;
    bool good = (event->events & EPOLLOUT) == 0 || send_out(c);
    if (!good || !take_in(c))
      drop_connection(c);
  }
  return true;
}

int main(int argc, char **argv) {
  struct epoll_event events[64];
  size_t gateways = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
  bool more = true;
  if (gateways == 0) {
    fprintf(stderr, "usage: bench-server CERTIFICATE KEY GATEWAYS\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  answers_render(&server.answers, gateways);
  set_up_tls(argv[1], argv[2]);
  set_up_http2();
  set_up_sockets();
  while (more) {
    int n = epoll_wait(server.epoll, events, 64, -1);
    for (int i = 0; i < n && more; i++)
      more = serve(&events[i]);
  }
  answers_free(&server.answers);
  feeds_free(&server.feeds);
  return 0;
}
