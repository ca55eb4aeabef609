/* SPDX-License-Identifier: MIT */
/* JSON as it arrives, held against a description of what we know of it. The
 * walk calls back for known fields only; what isn't described is skipped,
 * whatever it holds. Knows yajl, and nothing of the stack.
 *
 * Memory is bounded and comes through env. Any function of this file that is
 * called from a callback may leave it, and yajl, by longjmp when there is no
 * memory: callbacks must not hold anything that would then be lost. */
#ifndef TTN_JSON_H
#define TTN_JSON_H

#include "base/env.h"
#include "base/failure.h"

/* What a field may be. */
enum ttn_json_type {
  TTN_JSON_STRING = 1 << 0,
  TTN_JSON_NUMBER = 1 << 1,
  TTN_JSON_BOOLEAN = 1 << 2,
  TTN_JSON_OBJECT = 1 << 3,
  TTN_JSON_ARRAY = 1 << 4
};

struct ttn_json_shape;

struct ttn_json_field {
  const char *name;
  const char *path; /* for people: "sub_bands.max_frequency" */
  uint8_t length;   /* of name */
  uint8_t id;       /* the body's own */
  uint8_t types;    /* enum ttn_json_type bits */
  const struct ttn_json_shape *shape; /* of an object or array */
};
/* A field of the name that its path ends with. */
#define TTN_JSON_FIELD(name_, path_, id_, types_, shape_)                      \
  {                                                                            \
    .name = (name_), .path = path_ name_, .length = sizeof(name_) - 1,         \
    .id = (id_), .types = (types_), .shape = (shape_)                          \
  }
#define TTN_STRING(name_, path_, id_)                                          \
  TTN_JSON_FIELD(name_, path_, id_, TTN_JSON_STRING, NULL)
#define TTN_NUMBER(name_, path_, id_)                                          \
  TTN_JSON_FIELD(name_, path_, id_, TTN_JSON_NUMBER, NULL)
#define TTN_OBJECT(name_, path_, id_, shape_)                                  \
  TTN_JSON_FIELD(name_, path_, id_, TTN_JSON_OBJECT, shape_)
#define TTN_ARRAY(name_, path_, id_, shape_)                                   \
  TTN_JSON_FIELD(name_, path_, id_, TTN_JSON_ARRAY, shape_)

/* What an object or array holds: fields by name, at most 32; or (any) members
 * or elements that are all like fields[0]. */
struct ttn_json_shape {
  const struct ttn_json_field *fields;
  size_t n;
  bool any;
};

/* TTN_JSON_SHAPE({field, field, …}), of a shape at file scope, as the next. */
#define TTN_JSON_SHAPE(...)                                                    \
  {                                                                            \
    .fields = (const struct ttn_json_field[])__VA_ARGS__,                      \
    .n = sizeof((const struct ttn_json_field[])__VA_ARGS__) /                  \
         sizeof(struct ttn_json_field)                                         \
  }
/* TTN_JSON_ANY(field) */
#define TTN_JSON_ANY(...)                                                      \
  { .fields = &(const struct ttn_json_field)__VA_ARGS__, .n = 1, .any = true }
/* The shape of a field that holds any number of this one. */
#define TTN_EACH(field_) (&(const struct ttn_json_shape)TTN_JSON_ANY(field_))
/* An array of objects; element_: the id of each. */
#define TTN_OBJECTS(name_, path_, id_, element_, shape_)                       \
  TTN_ARRAY(name_, path_, id_,                                                 \
            TTN_EACH(TTN_OBJECT(name_, path_, element_, shape_)))

struct ttn_json_value {
  enum ttn_json_type type; /* a scalar's */
  const char *text;        /* of a string or number, n bytes without end */
  size_t n;
  bool boolean;
};

/* A body: its root, and who hears of it. null for a described field counts as
 * absent, but as a member or element of `any` it is wrong. */
struct ttn_json_body {
  struct ttn_json_field root;
  /* A root that has members, but none that is described and not null, fails: it
   * is an answer to something else. {} does not fail. */
  bool strict;
  /* A member's name in an object of `any`. */
  void (*key)(void *ctx, const struct ttn_json_field *field, const char *text,
              size_t n);
  void (*open)(void *ctx, const struct ttn_json_field *field);
  /* The shape of an object or array whose field has none, before open; NULL: it
   * is skipped. May be absent if all fields have one. */
  const struct ttn_json_shape *(*shape)(void *ctx,
                                        const struct ttn_json_field *field);
  void (*close)(void *ctx, const struct ttn_json_field *field);
  void (*value)(void *ctx, const struct ttn_json_field *field,
                const struct ttn_json_value *value);
  /* The field has a type that it must not have, or came twice. The root: the
   * walk fails by itself. */
  void (*wrong)(void *ctx, const struct ttn_json_field *field);
};

struct ttn_json;

/* NULL: no memory. */
struct ttn_json *ttn_json_new(const struct ttn_env *env);
void ttn_json_free(struct ttn_json *json);

/* What was taken for the body before is gone. */
void ttn_json_begin(struct ttn_json *json, const struct ttn_json_body *body,
                    void *ctx);
enum ttn_failure ttn_json_feed(struct ttn_json *json, const char *bytes,
                               size_t n);
enum ttn_failure ttn_json_end(struct ttn_json *json);
const char *ttn_json_why(const struct ttn_json *json);

/* For callbacks. */

/* Memory that lives until the next begin, aligned for anything. */
void *ttn_json_take(struct ttn_json *json, size_t size);
/* The text with a NUL at its end. */
char *ttn_json_copy(struct ttn_json *json, const char *text, size_t n);
/* Ends the body. The sentence is followed by where it was. */
_Noreturn void ttn_json_fail(struct ttn_json *json, enum ttn_failure failure,
                             const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Makes room as ttn_grow does. */
void ttn_json_grow(struct ttn_json *json, void **array, size_t *room,
                   size_t need, size_t size, size_t most, const char *what);

/* Is what was opened last an array? Else it is an object. */
bool ttn_json_in_array(const struct ttn_json *json);

/* What a token means as a number (value.c). */

/* An integer in a string or a number, if it is whole and exact. */
bool ttn_json_u64(const struct ttn_json_value *value, uint64_t *number);
/* The same from least to most. Else *number stays as it is. */
bool ttn_json_u32(const struct ttn_json_value *value, uint32_t least,
                  uint32_t most, uint32_t *number);
/* A finite number, rounded as strtod(3) does, whatever the locale. */
bool ttn_json_double(const struct ttn_json_value *value, double *number);

#endif
