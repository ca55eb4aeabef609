/* SPDX-License-Identifier: MIT */
/* The walk over a JSON text with yajl: memory, depth, and which described
 * field a token belongs to. Knows nothing of the stack, and builds no tree: a
 * poll of 100,000 gateways reads some 100 MB of JSON, so the work for a token
 * is a comparison or two and a call.
 *
 * Traps of yajl 2.1, each with its answer here:
 * - It uses what its malloc returns unchecked and crashes on NULL. So its
 *   allocation functions never return NULL: they leave yajl by longjmp, and
 *   all that it held is dropped with its slots.
 * - It has no bound on depth (one byte a level) or on a token that is cut in
 *   pieces (it gathers them). So depth is counted here, and slots have a cap.
 * - It reads such a token again with every piece: 64 KiB that come byte by byte
 *   would be 2 GiB to read. So pieces of a long token are gathered here first.
 * - Garbage after the text that looks like the start of a token ({} "abc) is
 *   not noticed by yajl_complete_parse. So the end of the text is found here,
 *   and only blanks may follow. */
#include "json/json.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define DEPTH_MAX 32
/* A text or number after decoding. Escapes take six bytes for one, and yajl
 * doubles its buffers: this is what its memory's cap follows from. */
#define TOKEN_MAX ((size_t)64 << 10)
#define YAJL_MEMORY ((size_t)1 << 20)
/* yajl is kept for the next text, unless a long token made its buffers large.
 */
#define YAJL_KEPT ((size_t)32 << 10)
#define RECORD_MEMORY ((size_t)4 << 20)
#define GATHER_MAX ((size_t)16 << 10)
#define CHUNK_MIN ((size_t)4 << 10)
#define CHUNK_MAX ((size_t)256 << 10)
/* yajl holds its handle, its lexer, two buffers with their contents, a stack
 * and an error text. */
#define SLOTS 16
#define WHY_SIZE 200

struct slot {
  void *p;
  size_t size;
};

struct chunk {
  struct chunk *next;
  size_t size, used;
  max_align_t data[];
};

struct level {
  const struct ttn_json_field *field;  /* what this object or array is, */
  const struct ttn_json_shape *shape;  /* and what it holds */
  const struct ttn_json_field *member; /* whose value comes; NULL: unknown */
  uint32_t seen;                       /* bit i: shape->fields[i] came */
  uint32_t next;                       /* the field that is likely next */
  bool array;
};

struct ttn_json {
  const struct ttn_env *env;
  const struct ttn_json_body *body;
  void *ctx;
  yajl_handle yajl;
  struct slot slots[SLOTS];
  size_t slots_size;
  struct chunk *chunks, *chunk; /* all, and the one in use */
  size_t chunks_size;
  struct level levels[DEPTH_MAX];
  size_t depth;    /* levels in use */
  size_t skipped;  /* levels open within something skipped */
  uint64_t fed;    /* bytes before the ones being parsed */
  size_t root_end; /* once whole: where the rest begins, among the bytes
                    * being parsed */
  bool whole;
  bool reusable; /* yajl ended a text well, and may read another */
  bool root_has_member, root_has_value; /* any; one that is described */
  size_t quiet; /* bytes parsed without, or before, the end of a token */
  size_t gathered;
  char gather[GATHER_MAX];
  jmp_buf leave;
  enum ttn_failure failure;
  char why[WHY_SIZE];
};

_Noreturn void ttn_json_fail(struct ttn_json *json, enum ttn_failure failure,
                             const char *format, ...) {
  char what[WHY_SIZE - 40];
  va_list args;
  va_start(args, format);
  if (vsnprintf(what, sizeof(what), format, args) < 0)
    what[0] = '\0';
  va_end(args);
  uint64_t at = json->fed;
  if (json->whole)
    at += json->root_end;
  else if (json->yajl != NULL)
    at += yajl_get_bytes_consumed(json->yajl);
  ttn_print(json->why, sizeof(json->why), "%s, at byte %llu", what,
            (unsigned long long)at);
  json->failure = failure;
  longjmp(json->leave, 1);
}

static _Noreturn void fail_memory(struct ttn_json *json) {
  ttn_json_fail(json, TTN_FAIL_MEMORY, "there is not enough memory");
}

/* yajl's memory. */

static struct slot *find_slot(struct ttn_json *json, const void *p) {
  for (size_t i = 0; i < SLOTS; i++)
    if (json->slots[i].p == p)
      return &json->slots[i];
  ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "the parser wants too much memory");
}

static void *yajl_resize(void *ctx, void *p, size_t size) {
  struct ttn_json *json = ctx;
  struct slot *slot = find_slot(json, p);
  if (size > YAJL_MEMORY || json->slots_size - slot->size > YAJL_MEMORY - size)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "a text or number is too long");
  void *resized = json->env->resize(json->env->ctx, p, size);
  if (resized == NULL)
    fail_memory(json);
  json->slots_size += size - slot->size;
  *slot = (struct slot){resized, size};
  return resized;
}

static void *yajl_take(void *ctx, size_t size) {
  return yajl_resize(ctx, NULL, size);
}

static void yajl_drop(void *ctx, void *p) {
  struct ttn_json *json = ctx;
  if (p == NULL)
    return;
  struct slot *slot = find_slot(json, p);
  json->slots_size -= slot->size;
  ttn_free(json->env, p);
  *slot = (struct slot){NULL, 0};
}

/* Instead of yajl_free, which needs a yajl that is not in the middle of its
 * work. */
static void drop_yajl(struct ttn_json *json) {
  for (size_t i = 0; i < SLOTS; i++)
    yajl_drop(json, json->slots[i].p);
  json->yajl = NULL;
}

/* The records' memory: chunks that are kept from body to body. */

/* Behind the one in use, which is the last. */
static struct chunk *add_chunk(struct ttn_json *json, size_t need) {
  size_t size = json->chunk == NULL ? CHUNK_MIN : json->chunk->size * 2;
  if (size > CHUNK_MAX)
    size = CHUNK_MAX;
  if (size < need)
    size = need;
  if (size > RECORD_MEMORY - json->chunks_size)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "the answer holds too much text");
  struct chunk *chunk =
      json->env->resize(json->env->ctx, NULL, sizeof(*chunk) + size);
  if (chunk == NULL)
    fail_memory(json);
  *chunk = (struct chunk){.size = size};
  json->chunks_size += size;
  if (json->chunk == NULL)
    json->chunks = chunk;
  else
    json->chunk->next = chunk;
  return chunk;
}

void *ttn_json_take(struct ttn_json *json, size_t size) {
  size_t rest = size % sizeof(max_align_t);
  if (rest > 0)
    size += sizeof(max_align_t) - rest;
  while (json->chunk == NULL || json->chunk->size - json->chunk->used < size) {
    struct chunk *next = json->chunk == NULL ? NULL : json->chunk->next;
    json->chunk = next != NULL ? next : add_chunk(json, size);
  }
  void *p = (char *)json->chunk->data + json->chunk->used;
  json->chunk->used += size;
  return p;
}

char *ttn_json_copy(struct ttn_json *json, const char *text, size_t n) {
  char *copy = ttn_json_take(json, n + 1);
  memcpy(copy, text, n);
  copy[n] = '\0';
  return copy;
}

void ttn_json_grow(struct ttn_json *json, void **array, size_t *room,
                   size_t need, size_t size, size_t most, const char *what) {
  if (need > most)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "there are more than %zu %s", most,
                  what);
  if (!ttn_grow(json->env, array, room, need, size, most))
    fail_memory(json);
}

bool ttn_json_in_array(const struct ttn_json *json) {
  return json->levels[json->depth - 1].array;
}

/* The walk. */

/* The field whose value comes next; NULL: one that isn't described. */
static const struct ttn_json_field *expected(const struct ttn_json *json) {
  return json->depth == 0 ? &json->body->root
                          : json->levels[json->depth - 1].member;
}

static void wrong(struct ttn_json *json, const struct ttn_json_field *field) {
  if (json->depth == 0)
    ttn_json_fail(json, TTN_FAIL_JSON, "the answer is not an object");
  json->body->wrong(json->ctx, field);
}

/* Runs for each of some 60 tokens a gateway. */
static inline __attribute__((always_inline)) int
on_scalar(struct ttn_json *json, enum ttn_json_type type, const void *text,
          size_t n, bool boolean) {
  json->quiet = 0;
  if (n > TOKEN_MAX)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "a text or number is too long");
  if (json->skipped > 0)
    return 1;
  const struct ttn_json_field *field = expected(json);
  if (field == NULL)
    return 1;
  json->root_has_value |= json->depth == 1;
  if ((field->types & type) == 0)
    wrong(json, field);
  else
    json->body->value(json->ctx, field,
                      &(struct ttn_json_value){type, text, n, boolean});
  return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t n) {
  return on_scalar(ctx, TTN_JSON_STRING, text, n, false);
}

static int on_number(void *ctx, const char *text, size_t n) {
  return on_scalar(ctx, TTN_JSON_NUMBER, text, n, false);
}

static int on_boolean(void *ctx, int value) {
  return on_scalar(ctx, TTN_JSON_BOOLEAN, NULL, 0, value != 0);
}

static int on_null(void *ctx) {
  struct ttn_json *json = ctx;
  const struct ttn_json_field *field = expected(json);
  if (json->skipped > 0 || field == NULL)
    return 1;
  if (json->depth == 0 || json->levels[json->depth - 1].shape->any)
    wrong(json, field);
  return 1;
}

static int open_level(struct ttn_json *json, enum ttn_json_type type) {
  if (json->depth + json->skipped == DEPTH_MAX)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "more than %d levels are nested",
                  DEPTH_MAX);
  if (json->whole)
    ttn_json_fail(json, TTN_FAIL_JSON, "something follows the JSON text");
  const struct ttn_json_field *field =
      json->skipped > 0 ? NULL : expected(json);
  const struct ttn_json_shape *shape = NULL;
  if (field != NULL) {
    json->root_has_value |= json->depth == 1;
    if ((field->types & type) == 0)
      wrong(json, field);
    else
      shape = field->shape != NULL ? field->shape
                                   : json->body->shape(json->ctx, field);
  }
  if (shape == NULL) {
    json->skipped++;
    return 1;
  }
  json->levels[json->depth++] =
      (struct level){.field = field,
                     .shape = shape,
                     .member = shape->any ? &shape->fields[0] : NULL,
                     .array = type == TTN_JSON_ARRAY};
  json->body->open(json->ctx, field);
  return 1;
}

static int on_start_map(void *ctx) { return open_level(ctx, TTN_JSON_OBJECT); }

static int on_start_array(void *ctx) { return open_level(ctx, TTN_JSON_ARRAY); }

static int on_end(void *ctx) {
  struct ttn_json *json = ctx;
  if (json->skipped > 0) {
    json->skipped--;
    return 1;
  }
  json->depth--;
  json->body->close(json->ctx, json->levels[json->depth].field);
  if (json->depth > 0)
    return 1;
  if (json->body->strict && json->root_has_member && !json->root_has_value)
    ttn_json_fail(json, TTN_FAIL_JSON, "the answer has nothing that was asked");
  json->whole = true;
  json->root_end = yajl_get_bytes_consumed(json->yajl);
  return 1;
}

/* The stack writes fields in one order, so the search starts where the last
 * one ended. */
static const struct ttn_json_field *find_field(struct level *level,
                                               const char *name, size_t n) {
  const struct ttn_json_shape *shape = level->shape;
  size_t i = level->next;
  for (size_t tried = 0; tried < shape->n; tried++) {
    const struct ttn_json_field *field = &shape->fields[i];
    i = i + 1 < shape->n ? i + 1 : 0;
    if (field->length == n && field->name[0] == name[0] &&
        memcmp(field->name, name, n) == 0) {
      level->next = (uint32_t)i;
      return field;
    }
  }
  return NULL;
}

static int json_key(void *ctx, const unsigned char *text, size_t n) {
  struct ttn_json *json = ctx;
  const char *name = (const char *)text;
  json->quiet = 0;
  if (n > TOKEN_MAX)
    ttn_json_fail(json, TTN_FAIL_TOO_LARGE, "a name is too long");
  if (json->skipped > 0)
    return 1;
  struct level *level = &json->levels[json->depth - 1];
  json->root_has_member |= json->depth == 1;
  if (level->shape->any) {
    json->body->key(json->ctx, level->member, name, n);
    return 1;
  }
  level->member = find_field(level, name, n);
  if (level->member == NULL)
    return 1;
  uint32_t bit = UINT32_C(1) << (level->member - level->shape->fields);
  if ((level->seen & bit) != 0) {
    json->body->wrong(json->ctx, level->member);
    level->member = NULL;
  }
  level->seen |= bit;
  return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = json_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

struct ttn_json *ttn_json_new(const struct ttn_env *env) {
  struct ttn_json *json = ttn_alloc(env, sizeof(*json));
  if (json != NULL)
    json->env = env;
  return json;
}

void ttn_json_free(struct ttn_json *json) {
  drop_yajl(json);
  while (json->chunks != NULL) {
    struct chunk *next = json->chunks->next;
    ttn_free(json->env, json->chunks);
    json->chunks = next;
  }
  ttn_free(json->env, json);
}

void ttn_json_begin(struct ttn_json *json, const struct ttn_json_body *body,
                    void *ctx) {
  if (!json->reusable)
    drop_yajl(json);
  json->reusable = false;
  for (struct chunk *chunk = json->chunks; chunk != NULL; chunk = chunk->next)
    chunk->used = 0;
  json->chunk = json->chunks;
  json->body = body;
  json->ctx = ctx;
  json->depth = json->skipped = json->root_end = 0;
  json->quiet = json->gathered = 0;
  json->fed = 0;
  json->whole = json->root_has_member = json->root_has_value = false;
  json->failure = TTN_OK;
  json->why[0] = '\0';
}

/* yajl's own words for what is wrong, without a piece of the text. */
static _Noreturn void fail_syntax(struct ttn_json *json) {
  char words[100];
  const unsigned char *error = yajl_get_error(json->yajl, 0, NULL, 0);
  ttn_print(words, sizeof(words), "%s", (const char *)error);
  words[strcspn(words, "\n")] = '\0';
  ttn_json_fail(json, TTN_FAIL_JSON, "%s", words);
}

static void expect_blanks(struct ttn_json *json, const char *bytes, size_t n) {
  for (; json->root_end < n; json->root_end++)
    if (memchr(" \t\r\n", bytes[json->root_end], 4) == NULL)
      ttn_json_fail(json, TTN_FAIL_JSON, "something follows the JSON text");
}

static void parse_bytes(struct ttn_json *json, const char *bytes, size_t n) {
  if (json->yajl == NULL) {
    /* yajl copies the functions. */
    yajl_alloc_funcs memory = {yajl_take, yajl_resize, yajl_drop, json};
    json->yajl = yajl_alloc(&callbacks, &memory, json);
    yajl_config(json->yajl, yajl_allow_multiple_values, 1);
  }
  if (!json->whole &&
      yajl_parse(json->yajl, (const unsigned char *)bytes, n) !=
          yajl_status_ok &&
      !json->whole)
    fail_syntax(json);
  if (json->whole)
    expect_blanks(json, bytes, n);
  json->fed += n;
  json->root_end = 0;
  json->quiet += n;
}

/* Parses at once, but within a long token only when a quarter of it is new. */
static void take_piece(struct ttn_json *json, const char *bytes, size_t n) {
  size_t enough = json->quiet / 4;
  if (enough > GATHER_MAX)
    enough = GATHER_MAX;
  if (json->gathered + n < enough) {
    memcpy(json->gather + json->gathered, bytes, n);
    json->gathered += n;
    return;
  }
  const size_t gathered = json->gathered;
  json->gathered = 0;
  if (gathered > 0)
    parse_bytes(json, json->gather, gathered);
  if (n > 0)
    parse_bytes(json, bytes, n);
}

enum ttn_failure ttn_json_feed(struct ttn_json *json, const char *bytes,
                               size_t n) {
  if (json->failure != TTN_OK)
    return json->failure;
  if (setjmp(json->leave) == 0)
    take_piece(json, bytes, n);
  else
    drop_yajl(json);
  return json->failure;
}

enum ttn_failure ttn_json_end(struct ttn_json *json) {
  /* What was gathered and no more. */
  json->quiet = 0;
  ttn_json_feed(json, "", 0);
  if (json->failure == TTN_OK && !json->whole) {
    json->failure = TTN_FAIL_JSON;
    ttn_print(json->why, sizeof(json->why),
              json->fed == 0 ? "the answer is empty"
                             : "the answer ends early, at byte %llu",
              (unsigned long long)json->fed);
  }
  json->reusable = json->failure == TTN_OK && json->slots_size <= YAJL_KEPT;
  if (!json->reusable)
    drop_yajl(json);
  return json->failure;
}

const char *ttn_json_why(const struct ttn_json *json) { return json->why; }
