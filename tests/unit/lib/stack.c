/* SPDX-License-Identifier: MIT */
#include "lib/stack.h"

/* -- the network -- */

static bool net_start(void *ctx, struct ttn_call *call) {
  struct stack *p = ctx;
  assert_true(p->n_calls < sizeof(p->calls) / sizeof(p->calls[0]));
  p->calls[p->n_calls++] = call;
  p->started++;
  return true;
}

static void take_off(struct stack *p, size_t i) {
  p->n_calls--;
  memmove(p->calls + i, p->calls + i + 1,
          (p->n_calls - i) * sizeof(p->calls[0]));
}

/* Streams stay open, unless the test ends them. */
static bool is_answered(const struct stack *p, size_t i) {
  return !p->calls[i]->endless || p->ends_streams;
}

/* p->n_calls: none is answered. */
static size_t choose(const struct stack *p) {
  size_t i;
  for (i = 0; i < p->n_calls && p->first != NULL; i++)
    if (strstr(p->calls[i]->url, p->first) != NULL)
      return i;
  for (i = 0; i < p->n_calls && p->last != NULL; i++)
    if (is_answered(p, i) && strstr(p->calls[i]->url, p->last) == NULL)
      return i;
  for (i = 0; i < p->n_calls && !is_answered(p, i); i++)
    ;
  return i;
}

static struct ttn_call *net_wait(void *ctx, int64_t until) {
  struct stack *p = ctx;
  size_t i = choose(p);
  if (i == p->n_calls) {
    p->test.mono = until;
    return NULL;
  }
  struct ttn_call *call = p->calls[i];
  take_off(p, i);
  p->test.mono += 20 * TTN_MS;
  call->answer = (struct ttn_answer){.status = 200,
                                     .date = p->test.wall,
                                     .total_count = -1,
                                     .rate_limit = -1,
                                     .rate_available = -1,
                                     .rate_reset = -1,
                                     .rate_retry = -1,
                                     .retry_after = -1,
                                     .http2 = true};
  p->body[0] = '\0';
  p->answer(p, call);
  if (call->answer.failure == TTN_OK &&
      !call->data(call, call->answer.status, p->body, strlen(p->body)))
    call->answer.failure = TTN_FAIL_JSON;
  return call;
}

static void net_cancel(void *ctx, struct ttn_call *call) {
  struct stack *p = ctx;
  for (size_t i = 0; i < p->n_calls; i++)
    if (p->calls[i] == call)
      take_off(p, i);
}

static void net_nothing(void *ctx) { (void)ctx; }

size_t count_calls(const struct stack *p, bool endless) {
  size_t n = 0;
  for (size_t i = 0; i < p->n_calls; i++)
    n += p->calls[i]->endless == endless;
  return n;
}

/* What a call points to stays until its end. */
static void *checked_resize(void *ctx, void *block, size_t size) {
  const struct stack *p = ctx; /* test is its first member */
  for (size_t i = 0; i < p->n_calls && block != NULL; i++)
    if (block == p->calls[i]->auth || block == p->calls[i]->body)
      fail_msg("memory of a call under way is freed: %s", p->calls[i]->url);
  return test_resize(ctx, block, size);
}

/* -- what is reported -- */

static void sink_value(void *ctx, const struct ttn_value *v) {
  struct stack *p = ctx;
  const struct ttn_series_name *name = &ttn_series_names[v->series];
  size_t n = strlen(p->reported);
  snprintf(p->reported + n, sizeof(p->reported) - n, "%s/%s/%s-%s%s=%.0f\n",
           name->plugin, v->subject, name->type, name->type_instance, v->label,
           v->derive ? (double)v->count : v->gauge);
}

static void sink_notify(void *ctx, const struct ttn_notification *n) {
  struct stack *p = ctx;
  size_t used = strlen(p->notified);
  snprintf(p->notified + used, sizeof(p->notified) - used, "%s\n", n->message);
}

size_t count(const char *text, const char *what) {
  size_t n = 0;
  for (; (text = strstr(text, what)) != NULL; text += strlen(what))
    n++;
  return n;
}

/* -- the account -- */

static void set(const struct ttn_env *env, struct ttn_settings *s,
                const char *name, const char *value) {
  char *end;
  struct ttn_option option = {.name = name, .n_values = 1};
  double number = strtod(value, &end);
  if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
    option.value = (struct ttn_option_value){.type = TTN_VALUE_BOOLEAN,
                                             .boolean = value[0] == 't'};
  else if (*end == '\0' && end != value)
    option.value =
        (struct ttn_option_value){.type = TTN_VALUE_NUMBER, .number = number};
  else
    option.value =
        (struct ttn_option_value){.type = TTN_VALUE_STRING, .string = value};
  assert_true(ttn_settings_option(env, s, &option));
}

struct stack *stack_open(void (*answer)(struct stack *, struct ttn_call *),
                         const char *const *options) {
  struct stack *p = calloc(1, sizeof(*p));
  assert_non_null(p);
  test_env_init(&p->test);
  p->test.env.resize = checked_resize;
  p->answer = answer;
  p->poll = -1;
  const struct ttn_env *env = &p->test.env;
  struct ttn_net net = {p,          net_start,   net_wait,
                        net_cancel, net_nothing, net_nothing};
  p->sink = (struct ttn_sink){p,           net_nothing, sink_value,
                              sink_notify, net_nothing, NULL};
  struct ttn_settings *s = ttn_settings_new(env, "home");
  assert_non_null(s);
  set(env, s, "StateFile", "");
  set(env, s, "DiscoveryInterval", "60");
  for (size_t i = 0; options != NULL && options[i] != NULL; i += 2)
    set(env, s, options[i], options[i + 1]);
  if (s->api_key_file == NULL)
    set(env, s, "APIKey", "NNSXS.KEY.SECRET");
  assert_true(ttn_settings_finish(env, s, 60 * TTN_SECOND));
  p->account = ttn_account_new(env, s, &net, &p->sink, NULL);
  assert_non_null(p->account);
  return p;
}

void stack_poll(struct stack *p) {
  p->poll++;
  p->started = 0;
  p->reported[0] = '\0';
  p->test.mono += 60 * TTN_SECOND;
  p->test.wall += 60 * TTN_SECOND;
  ttn_account_poll(p->account);
  assert_int_equal(count_calls(p, false), 0);
}

void stack_close(struct stack *p) {
  ttn_account_free(p->account);
  assert_int_equal(p->test.blocks, 0);
  assert_null(strstr(p->test.log, "SECRET"));
  free(p);
}

/* -- answers -- */

bool is_list(const struct ttn_call *call) {
  return strstr(call->url, "/gateways?") != NULL;
}

bool is_auth(const struct ttn_call *call) {
  return strstr(call->url, "/auth_info") != NULL;
}

bool is_stream(const struct ttn_call *call) { return call->endless; }

bool is_at(const struct ttn_call *call, const char *host) {
  return strstr(call->url, host) != NULL;
}

void answer_add(struct stack *p, const char *format, ...) {
  size_t n = strlen(p->body);
  va_list args;
  va_start(args, format);
  vsnprintf(p->body + n, sizeof(p->body) - n, format, args);
  va_end(args);
}

void answer_list(struct stack *p, struct ttn_call *call,
                 const char *const *gateways) {
  int64_t n = 0;
  answer_add(p, "{\"gateways\":[");
  for (size_t i = 0; gateways[i] != NULL; i += 2, n++)
    answer_add(
        p,
        "%s{\"ids\":{\"gateway_id\":\"%s\"},\"gateway_server_address\":\"%s\"}",
        i == 0 ? "" : ",", gateways[i], gateways[i + 1]);
  answer_add(p, "]}");
  call->answer.total_count = n;
}

void answer_batch(struct stack *p, const struct ttn_call *call,
                  const char *fields) {
  static const char key[] = "\"gateway_id\":\"";
  const char *comma = "";
  answer_add(p, "{\"entries\":{");
  for (const char *at = call->body; (at = strstr(at, key)) != NULL;
       comma = ",") {
    at += sizeof(key) - 1;
    answer_add(p, "%s\"%.*s\":{%s}", comma, (int)strcspn(at, "\""), at, fields);
  }
  answer_add(p, "}}");
}

void answer_error(struct stack *p, struct ttn_call *call, int status,
                  const char *body) {
  call->answer.status = status;
  answer_add(p, "%s", body);
}
