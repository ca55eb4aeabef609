/* SPDX-License-Identifier: MIT */
/* A walk over the JSON with a description that fits everything. The parser has
 * the bounds. No value gets from here into the text.
 *
 * A name of a member may be an id, of which each is a word of a-z, 0-9 and
 * hyphens. So a name is shown if it has an underscore, as most of the stack's,
 * or if it is a word that we know. */
#include "cli/answer_shape.h"

#include "base/timestamp.h"
#include "json/json.h"

#include <string.h>

/* More than the parser lets through. */
#define SHAPE_DEPTH 40
#define STEP 2

/* An object or array whose contents are shown. */
struct shape_frame {
  bool array;
  bool of_gateways;  /* an object with a gateway's id as each member's name */
  bool of_forwarder; /* with the packet forwarder's own names */
  size_t n;          /* members or elements so far */
};

struct shape_walk {
  struct text *text;
  const struct disguise *disguise;
  struct ttn_json *json;
  size_t indent, lines;
  struct shape_frame frames[SHAPE_DEPTH];
  size_t depth;
  size_t hidden;             /* open within what is not shown */
  char name[DISGUISE_SHOWN]; /* of the member whose value comes; */
  struct shape_frame next;   /* that value, if it has contents */
};

/* Those of tests/answers. */
static const char *const fields[] = {
    "altitude",   "antennas",    "attributes", "bandwidth", "cause",
    "code",       "count",       "data",       "details",   "downlink",
    "entries",    "error",       "eui",        "frequency", "gateways",
    "id",         "identifiers", "ids",        "ip",        "latitude",
    "location",   "longitude",   "lora",       "max",       "median",
    "message",    "metrics",     "mic",        "min",       "missing",
    "name",       "namespace",   "origin",     "payload",   "placement",
    "priority",   "protocol",    "request",    "result",    "rights",
    "rssi",       "scheduled",   "settings",   "snr",       "source",
    "time",       "timestamp",   "uid",        "value",     "versions",
    "visibility", "window"};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static bool equals(const char *name, size_t n, const char *word) {
  return strlen(word) == n && memcmp(name, word, n) == 0;
}

static bool is_field_name(const char *name, size_t n) {
  if (memchr(name, '_', n) != NULL || (n > 0 && name[0] == '@'))
    return true;
  size_t i = 0;
  while (i < FIELDS && !equals(name, n, fields[i]))
    i++;
  return i < FIELDS;
}

static const struct ttn_json_shape anything = TTN_JSON_ANY(
    TTN_JSON_FIELD("", "", 0,
                   TTN_JSON_STRING | TTN_JSON_NUMBER | TTN_JSON_BOOLEAN |
                       TTN_JSON_OBJECT | TTN_JSON_ARRAY,
                   &anything));

/* Of a line that is too many nothing is written. */
static bool has_room(const struct shape_walk *walk) {
  return walk->lines <= SHAPE_LINES;
}

static void begin_line(struct shape_walk *walk) {
  if (walk->lines == SHAPE_LINES)
    text_add(walk->text, "%*s…\n", (int)walk->indent, "");
  walk->lines++;
  if (has_room(walk))
    text_add(walk->text, "%*s", (int)(walk->indent + STEP * walk->depth), "");
}

/* Begins the line of a value, with its name. False: another one like it was
 * shown. */
static bool begin_value(struct shape_walk *walk) {
  if (walk->hidden > 0)
    return false;
  struct shape_frame *frame =
      walk->depth == 0 ? NULL : &walk->frames[walk->depth - 1];
  bool alike = frame != NULL && (frame->array || frame->of_gateways);
  if (frame != NULL && frame->n++ > 0 && alike)
    return false;
  begin_line(walk);
  if (frame != NULL && !frame->array && has_room(walk))
    text_add(walk->text, "%s: ", frame->of_gateways ? "<gateway>" : walk->name);
  return true;
}

static void on_shape_key(void *ctx, const struct ttn_json_field *field,
                         const char *name, size_t n) {
  struct shape_walk *walk = ctx;
  (void)field;
  if (walk->hidden > 0)
    return;
  bool shown = walk->frames[walk->depth - 1].of_forwarder
                   ? !disguise_knows(walk->disguise, name, n)
                   : is_field_name(name, n);
  disguise_member(walk->disguise, name, n, shown, walk->name);
  walk->next =
      (struct shape_frame){.of_gateways = equals(name, n, "entries"),
                           .of_forwarder = equals(name, n, "versions") ||
                                           equals(name, n, "metrics")};
}

static void on_shape_open(void *ctx, const struct ttn_json_field *field) {
  struct shape_walk *walk = ctx;
  (void)field;
  if (walk->text->failed || !begin_value(walk) || walk->depth == SHAPE_DEPTH) {
    walk->hidden++;
    return;
  }
  bool array = ttn_json_in_array(walk->json);
  if (array)
    walk->next = (struct shape_frame){.array = true};
  walk->frames[walk->depth++] = walk->next;
  walk->next = (struct shape_frame){0};
  if (has_room(walk))
    text_add(walk->text, "%s\n", array ? "[" : "{");
}

static void on_shape_close(void *ctx, const struct ttn_json_field *field) {
  struct shape_walk *walk = ctx;
  (void)field;
  if (walk->hidden > 0) {
    walk->hidden--;
    return;
  }
  const struct shape_frame frame = walk->frames[--walk->depth];
  begin_line(walk);
  if (!has_room(walk))
    return;
  text_add(walk->text, "%s", frame.array ? "]" : "}");
  if (frame.array || frame.of_gateways)
    text_add(walk->text, " %zu %s%s", frame.n,
             frame.array ? "element" : "gateway", frame.n == 1 ? "" : "s");
  text_add(walk->text, "\n");
}

static void add_type(struct text *text, const struct ttn_json_value *value) {
  int64_t time;
  double seconds;
  if (value->type == TTN_JSON_NUMBER)
    text_add(text, "number");
  else if (value->type == TTN_JSON_BOOLEAN)
    text_add(text, "true/false");
  else if (ttn_time_parse(value->text, value->n, &time))
    text_add(text, "timestamp");
  else if (ttn_duration_parse(value->text, value->n, &seconds))
    text_add(text, "duration");
  else
    text_add(text, "string(%zu)", value->n);
}

static void on_shape_value(void *ctx, const struct ttn_json_field *field,
                           const struct ttn_json_value *value) {
  struct shape_walk *walk = ctx;
  (void)field;
  if (!begin_value(walk) || !has_room(walk))
    return;
  add_type(walk->text, value);
  text_add(walk->text, "\n");
}

/* The one value that the description does not fit. */
static void on_shape_null(void *ctx, const struct ttn_json_field *field) {
  struct shape_walk *walk = ctx;
  (void)field;
  if (begin_value(walk) && has_room(walk))
    text_add(walk->text, "null\n");
}

static void add_end(struct shape_walk *walk, enum ttn_failure failure, size_t n,
                    bool cut) {
  if (failure == TTN_OK)
    return;
  if (failure == TTN_FAIL_MEMORY)
    text_fail(walk->text);
  else if (cut)
    text_add(walk->text, "%*s… more than the first %zu bytes is not kept\n",
             (int)walk->indent, "", n);
  else
    text_add(walk->text, "%*sThis is not whole JSON: %s.\n", (int)walk->indent,
             "", ttn_json_why(walk->json));
}

void answer_shape_print(struct text *text, const struct disguise *d,
                        const char *bytes, size_t n, bool cut, size_t indent) {
  static const struct ttn_json_body body = {
      .root = {.name = "",
               .path = "",
               .types = TTN_JSON_OBJECT | TTN_JSON_ARRAY,
               .shape = &anything},
      .key = on_shape_key,
      .open = on_shape_open,
      .close = on_shape_close,
      .value = on_shape_value,
      .wrong = on_shape_null};
  struct shape_walk walk = {.text = text,
                            .disguise = d,
                            .json = ttn_json_new(text->env),
                            .indent = indent};
  if (walk.json == NULL) {
    text_fail(text);
    return;
  }
  ttn_json_begin(walk.json, &body, &walk);
  enum ttn_failure failure = ttn_json_feed(walk.json, bytes, n);
  if (failure == TTN_OK)
    failure = ttn_json_end(walk.json);
  add_end(&walk, failure, n, cut);
  ttn_json_free(walk.json);
}
