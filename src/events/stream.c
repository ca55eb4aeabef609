/* SPDX-License-Identifier: MIT */
#include "events/stream.h"

#include "base/text.h"

/* To connect. */
#define PATIENCE (30 * TTN_SECOND)

struct ttn_stream *ttn_stream_new(const struct ttn_env *env,
                                  struct ttn_stream_sink sink) {
  struct ttn_stream *stream = ttn_alloc(env, sizeof *stream);
  if (stream == NULL)
    return NULL;
  stream->env = env;
  stream->sink = sink;
  if (ttn_lines_init(&stream->lines, env))
    return stream;
  ttn_free(env, stream);
  return NULL;
}

void ttn_stream_free(struct ttn_stream *stream) {
  if (stream == NULL)
    return;
  ttn_lines_free(&stream->lines);
  ttn_free(stream->env, stream->body.bytes);
  ttn_free(stream->env, stream);
}

static void take_line(struct ttn_stream *stream) {
  const struct ttn_decoder *decoder = stream->lines.decoder;
  const struct ttn_event *event = ttn_decoder_event(decoder);
  const struct ttn_entry *entries;
  size_t n;
  if (event->time > stream->latest)
    stream->latest = event->time;
  switch (event->kind) {
  case TTN_EVENT_START:
    stream->state = TTN_STREAM_OPEN;
    stream->sink.opened(stream->sink.ctx);
    return;
  case TTN_EVENT_ERROR:
    ttn_print(stream->why, sizeof stream->why, "%s",
              ttn_decoder_error(decoder)->message);
    ttn_print(stream->refused, sizeof stream->refused, "%s",
              ttn_decoder_error(decoder)->gateway);
    return;
  case TTN_EVENT_CONNECT:
  case TTN_EVENT_STATS:
    entries = ttn_decoder_entries(decoder, &n);
    if (n == 1 && entries[0].bad == NULL)
      stream->sink.event(stream->sink.ctx, event, &entries[0].stats);
    else
      stream->sink.bad(stream->sink.ctx);
    return;
  case TTN_EVENT_DISCONNECT:
  case TTN_EVENT_UPLINK:
  case TTN_EVENT_UPLINK_DROP:
  case TTN_EVENT_DOWNLINK:
  case TTN_EVENT_TX_SUCCESS:
  case TTN_EVENT_TX_FAIL:
  case TTN_EVENT_SCHEDULE_FAIL:
    stream->sink.event(stream->sink.ctx, event, NULL);
    return;
  case TTN_EVENT_OTHER:
    return;
  }
}

static bool on_bytes(struct ttn_call *call, int status, const char *bytes,
                     size_t n) {
  struct ttn_stream *stream = call->ctx;
  enum ttn_line line;
  (void)status; /* an error is such a line, too */
  stream->heard = stream->env->mono(stream->env->ctx);
  while ((line = ttn_lines_next(&stream->lines, &bytes, &n)) != TTN_LINE_NONE)
    if (line == TTN_LINE_EVENT)
      take_line(stream);
    else
      stream->sink.bad(stream->sink.ctx);
  return true;
}

bool ttn_stream_open(struct ttn_stream *stream, const struct ttn_net *net,
                     const char *base, const struct ttn_auth *auth,
                     const struct ttn_stream_ids *ids, int64_t after) {
  ttn_lines_begin(&stream->lines);
  ttn_print(stream->url, sizeof stream->url, "%s/api/v3/events", base);
  if (!ttn_request_events(&stream->body, stream->env, ids->id, ids->ctx, ids->n,
                          ids->traffic, after))
    return false;
  stream->call = (struct ttn_call){.url = stream->url,
                                   .body = stream->body.bytes,
                                   .body_size = stream->body.n,
                                   .auth = auth,
                                   .endless = true,
                                   .timeout = PATIENCE,
                                   .data = on_bytes,
                                   .ctx = stream};
  stream->ids = ids->hash;
  stream->why[0] = stream->refused[0] = '\0';
  stream->began = stream->heard = stream->env->mono(stream->env->ctx);
  if (!net->start(net->ctx, &stream->call))
    return false;
  stream->state = TTN_STREAM_OPENING;
  return true;
}

void ttn_stream_close(struct ttn_stream *stream, const struct ttn_net *net) {
  if (stream->state != TTN_STREAM_CLOSED)
    net->cancel(net->ctx, &stream->call);
  stream->state = TTN_STREAM_CLOSED;
}

void ttn_stream_ended(struct ttn_stream *stream) {
  const struct ttn_answer *answer = &stream->call.answer;
  stream->state = TTN_STREAM_CLOSED;
  if (stream->why[0] != '\0')
    return;
  if (answer->failure != TTN_OK)
    ttn_print(stream->why, sizeof stream->why, "%s", answer->why);
  else if (answer->status != 200)
    ttn_print(stream->why, sizeof stream->why, "HTTP status %d",
              answer->status);
  else
    ttn_print(stream->why, sizeof stream->why, "the stack ended the stream");
}
