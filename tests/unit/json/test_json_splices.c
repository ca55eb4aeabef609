/* SPDX-License-Identifier: MIT */
/* JSONTestSuite's files in the place of each text and number of recorded
 * answers, and what stands between their brackets, which is mostly a text or a
 * number itself. Either the field has the value that stands there, or it is
 * absent, its gateway left out, or the whole answer refused; nothing else
 * changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"
#include "base/utf8.h"
#include "lib/json_suite.h"

#include <ctype.h>

/* A record's fields as lines ".path=value", with the paths of the JSON,
 * each with END behind it: texts have line ends in them. */
#define END "\x1e"

struct lines {
  char text[1 << 14];
  size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines,
                                                      const char *format, ...) {
  va_list args;
  va_start(args, format);
  size_t room = sizeof(lines->text) - sizeof(END) - lines->n;
  int n = vsnprintf(lines->text + lines->n, room, format, args);
  va_end(args);
  assert_true(n >= 0 && (size_t)n < room);
  lines->n += (size_t)n;
  strcpy(lines->text + lines->n, END);
  lines->n += strlen(END);
}

static void add_text(struct lines *lines, const char *at, const char *name,
                     const char *value) {
  if (value != NULL && value[0] != '\0')
    add(lines, "%s.%s=%s", at, name, value);
}

static void add_integer(struct lines *lines, bool has, const char *at,
                        const char *name, uint64_t value) {
  if (has)
    add(lines, "%s.%s=%llu", at, name, (unsigned long long)value);
}

static void add_double(struct lines *lines, const char *at, const char *name,
                       double value) {
  add(lines, "%s.%s=%.17g", at, name, value);
}

static void put_traffic(struct lines *lines, const char *at,
                        const struct ttn_stats *stats) {
  static const char *const lasts[] = {"last_uplink_received_at",
                                      "last_downlink_received_at",
                                      "last_tx_acknowledgment_received_at"};
  static const char *const counts[] = {"uplink_count", "downlink_count",
                                       "tx_acknowledgment_count"};
  for (unsigned k = 0; k < TTN_MESSAGES; k++) {
    add_integer(lines, stats->has & (uint32_t)TTN_HAS_LAST << k, at, lasts[k],
                (uint64_t)stats->last[k]);
    add_integer(lines, stats->has & (uint32_t)TTN_HAS_COUNT << k, at, counts[k],
                stats->count[k]);
  }
}

static void put_round_trips(struct lines *lines, const char *at,
                            const struct ttn_stats *stats) {
  if ((stats->has & TTN_HAS_ROUND_TRIPS) == 0)
    return;
  add_double(lines, at, "round_trip_times.min", stats->rtt_min);
  add_double(lines, at, "round_trip_times.median", stats->rtt_median);
  add_double(lines, at, "round_trip_times.max", stats->rtt_max);
  add_integer(lines, true, at, "round_trip_times.count", stats->rtt_count);
}

static void put_bands(struct lines *lines, const char *at,
                      const struct ttn_stats *stats) {
  char band_at[200];
  for (size_t i = 0; i < stats->n_bands; i++) {
    const struct ttn_band *band = &stats->bands[i];
    snprintf(band_at, sizeof(band_at), "%s.sub_bands[%zu]", at, i);
    add_integer(lines, true, band_at, "min_frequency", band->min_hz);
    add_integer(lines, true, band_at, "max_frequency", band->max_hz);
    add_double(lines, band_at, "downlink_utilization_limit", band->limit);
    add_double(lines, band_at, "downlink_utilization", band->utilization);
  }
}

static void put_entry(struct lines *lines, const char *at,
                      const struct ttn_entry *entry) {
  const struct ttn_stats *stats = &entry->stats;
  add_text(lines, at, "bad", entry->bad);
  if (entry->bad != NULL)
    return;
  add_text(lines, at, "odd", entry->odd);
  add_integer(lines, stats->has & TTN_HAS_CONNECTED_AT, at, "connected_at",
              (uint64_t)stats->connected_at);
  add_integer(lines, stats->has & TTN_HAS_DISCONNECTED_AT, at,
              "disconnected_at", (uint64_t)stats->disconnected_at);
  add_integer(lines, stats->has & TTN_HAS_LAST_STATUS, at,
              "last_status_received_at", (uint64_t)stats->last_status);
  put_traffic(lines, at, stats);
  put_round_trips(lines, at, stats);
  put_bands(lines, at, stats);
  for (size_t i = 0; i < stats->n_metrics; i++)
    add(lines, "%s.last_status.metrics.%s=%.17g", at, stats->metrics[i].name,
        stats->metrics[i].value);
  add_text(lines, at, "protocol", stats->protocol);
  add_text(lines, at, "gateway_remote_address.ip", stats->remote_address);
}

static void put_entries(struct lines *lines,
                        const struct ttn_decoder *decoder) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  for (size_t i = 0; i < n; i++) {
    char at[100] = "";
    if (entries[i].id != NULL)
      snprintf(at, sizeof(at), ".entries.%s", entries[i].id);
    put_entry(lines, at, &entries[i]);
  }
}

/* left_out: where the gateway stands that was left out, if one was. */
static void put_list(struct lines *lines, const struct ttn_decoder *decoder,
                     size_t left_out) {
  size_t n, skipped;
  const struct ttn_listed *listed = ttn_decoder_listed(decoder, &n, &skipped);
  assert_true(skipped <= 1);
  for (size_t i = 0; i < n; i++) {
    const struct ttn_listed *gateway = &listed[i];
    char at[64];
    snprintf(at, sizeof(at), ".gateways[%zu]",
             skipped > 0 && i >= left_out ? i + 1 : i);
    add_text(lines, at, "ids.gateway_id", gateway->id);
    add_text(lines, at, "ids.eui", gateway->eui);
    add_text(lines, at, "name", gateway->name);
    add_text(lines, at, "gateway_server_address", gateway->address);
    if (!gateway->has_location)
      continue;
    const struct ttn_location *location = &gateway->location;
    add_double(lines, at, "antennas[0].location.latitude", location->latitude);
    add_double(lines, at, "antennas[0].location.longitude",
               location->longitude);
    add_double(lines, at, "antennas[0].location.altitude", location->altitude);
  }
}

static void put_error(struct lines *lines, const struct ttn_decoder *decoder) {
  const struct ttn_api_error *error = ttn_decoder_error(decoder);
  if (!error->json)
    return;
  add_integer(lines, error->code != 0, "", "code", (uint64_t)error->code);
  add_text(lines, "", "message", error->message);
  add_text(lines, ".details[0]", "namespace", error->space);
  add_text(lines, ".details[0]", "name", error->name);
  /* Lists, of one each. */
  add_text(lines, ".details[0].attributes", "missing[0]", error->missing);
  add_text(lines, ".details[0].attributes", "forbidden_paths[0]",
           error->forbidden_paths);
}

static void put_auth_info(struct lines *lines,
                          const struct ttn_decoder *decoder) {
  const struct ttn_auth_info *info = ttn_decoder_auth_info(decoder);
  add_text(lines, ".api_key.entity_ids.user_ids", "user_id", info->entity_id);
  for (size_t i = 0; i < info->n_rights; i++)
    add(lines, ".api_key.api_key.rights[%zu]=%s", i, info->rights[i]);
}

static void put_records(struct lines *lines, const struct ttn_decoder *decoder,
                        enum ttn_body body, const char *path) {
  lines->n = 0;
  lines->text[0] = '\0';
  if (body == TTN_BODY_LIST)
    put_list(lines, decoder,
             strncmp(path, ".gateways[", 10) == 0 ? strtoul(path + 10, NULL, 10)
                                                  : 0);
  else if (body == TTN_BODY_ERROR)
    put_error(lines, decoder);
  else if (body == TTN_BODY_AUTH_INFO)
    put_auth_info(lines, decoder);
  else
    put_entries(lines, decoder);
}

/* A text or number in an answer. */
struct token {
  size_t begin, end;
  char path[200];
};
struct tokens {
  struct token token[400];
  size_t n;
};

static size_t end_of_string(const char *text, size_t at) {
  for (at++; text[at] != '"'; at++)
    at += text[at] == '\\' ? 1 : 0;
  return at + 1;
}

/* A good answer has no blanks. Returns where the value ends. */
static size_t find_tokens(struct tokens *tokens, const char *text, size_t at,
                          const char *path) {
  char member[200];
  if (text[at] != '{' && text[at] != '[') {
    size_t end = text[at] == '"' ? end_of_string(text, at)
                                 : at + strcspn(text + at, ",]}");
    if (text[at] == '"' || text[at] == '-' ||
        isdigit((unsigned char)text[at])) {
      assert_true(tokens->n < sizeof(tokens->token) / sizeof(tokens->token[0]));
      struct token *token = &tokens->token[tokens->n++];
      *token = (struct token){.begin = at, .end = end};
      snprintf(token->path, sizeof(token->path), "%s", path);
    }
    return end;
  }
  const bool object = text[at] == '{';
  const char close = object ? '}' : ']';
  at++;
  for (size_t i = 0; text[at] != close; i++) {
    at += text[at] == ',';
    size_t end = object ? end_of_string(text, at) : at;
    int n = object ? snprintf(member, sizeof(member), "%s.%.*s", path,
                              (int)(end - at - 2), text + at + 1)
                   : snprintf(member, sizeof(member), "%s[%zu]", path, i);
    assert_true(n > 0 && (size_t)n < sizeof(member));
    at = find_tokens(tokens, text, object ? end + 1 : at, member);
  }
  return at + 1;
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Is path the field itself, or one that stands and falls with it? */
static bool goes_with(const char *path, size_t n, const char *field) {
  static const char *const groups[] = {".round_trip_times.", ".location."};
  if (strlen(field) == n && memcmp(path, field, n) == 0)
    return true;
  for (size_t i = 0; i < 2; i++) {
    const char *group = strstr(field, groups[i]);
    size_t m = group == NULL ? 0 : (size_t)(group - field) + strlen(groups[i]);
    if (m > 0 && n > m && memcmp(path, field, m) == 0)
      return true;
  }
  return false;
}

/* The object that is left out when the field is wrong: a batch's entry, a
 * list's gateway, a single's all. Returns how much of the path names it. */
static size_t owner(enum ttn_body body, const char *field) {
  if (body == TTN_BODY_BATCH && begins(field, ".entries."))
    return 9 + strcspn(field + 9, ".");
  if (body == TTN_BODY_LIST && begins(field, ".gateways["))
    return strcspn(field, "]") + 1;
  return 0;
}

static bool has_line(const struct lines *lines, const char *line, size_t n) {
  for (const char *at = lines->text; *at != '\0';) {
    size_t m = strcspn(at, END) + 1;
    if (m == n && memcmp(at, line, n) == 0)
      return true;
    at += m;
  }
  return false;
}

struct splice {
  enum ttn_body body;
  const struct suite_file *file;
  const char *field;
};

/* An error's lists are one text in the end; what is no text is left out. */
static bool is_list_of(yajl_val tree, const char *text) {
  char expected[1 << 10] = "";
  for (size_t i = 0; i < YAJL_GET_ARRAY(tree)->len; i++) {
    const char *item = YAJL_GET_STRING(YAJL_GET_ARRAY(tree)->values[i]);
    if (item != NULL && expected[0] != '\0')
      strcat(expected, ",");
    if (item != NULL)
      strcat(expected, item);
  }
  return strcmp(text, expected) == 0;
}

/* Is the value what the file says? */
static bool is_value_of(const struct splice *splice, const char *value,
                        size_t n) {
  yajl_val tree = splice->file->tree;
  char text[1 << 10], shown[1 << 10];
  snprintf(text, sizeof(text), "%.*s", (int)n, value);
  if (YAJL_IS_NULL(tree)) /* as if it were absent, which a zero is */
    return strcmp(text, "0") == 0;
  if (YAJL_IS_NUMBER(tree))
    return strtold(text, NULL) == strtold(YAJL_GET_NUMBER(tree), NULL) ||
           strtod(text, NULL) == strtod(YAJL_GET_NUMBER(tree), NULL);
  if (YAJL_IS_ARRAY(tree))
    return splice->body == TTN_BODY_ERROR && is_list_of(tree, text);
  const char *string = YAJL_GET_STRING(tree);
  if (string == NULL)
    return false;
  /* yajl's text would end at a NUL. */
  if (strcmp(splice->file->name, "y_string_null_escape.json") == 0)
    return strcmp(text, "?") == 0;
  ttn_utf8_clean(shown, sizeof(shown), string, strlen(string));
  return strcmp(text, string) == 0 || strcmp(text, shown) == 0;
}

/* ".entries.roof.odd=sub_bands.max_frequency": is it of the field's kind? */
static bool names_field(const char *line, size_t owned, const char *field) {
  static const char bad[] = ".bad=", odd[] = ".odd=";
  if (strncmp(line, field, owned) != 0 ||
      (!begins(line + owned, bad) && !begins(line + owned, odd)))
    return false;
  const char *name = line + owned + strlen(bad);
  return strncmp(field + owned + 1, name, strcspn(name, "." END)) == 0;
}

static bool is_left_out(const struct splice *splice, size_t owned,
                        const struct lines *now) {
  char line[300];
  const bool list = splice->body == TTN_BODY_LIST;
  if (!list && splice->body != TTN_BODY_BATCH &&
      splice->body != TTN_BODY_SINGLE)
    return false;
  snprintf(line, sizeof(line), "%.*s%s", (int)owned, splice->field,
           list ? ".ids.gateway_id=" : ".bad=");
  return (strstr(now->text, line) == NULL) == list;
}

/* Is the line of the field's group, which is left out as a whole? */
static bool is_group_left_out(const char *line, size_t owned, const char *field,
                              const struct lines *now) {
  char odd[300];
  size_t group = owned + 1 + strcspn(field + owned + 1, ".[");
  snprintf(odd, sizeof(odd), "%.*s.odd=", (int)owned, field);
  return strncmp(line, field, group) == 0 && strstr(now->text, odd) != NULL;
}

/* True: the field has the file's value now. */
static bool check_splice(const struct splice *splice, const struct lines *good,
                         const struct lines *now) {
  const char *field = splice->field;
  const size_t owned = owner(splice->body, field);
  const bool left_out = is_left_out(splice, owned, now);
  bool shown = false;
  for (const char *at = good->text; *at != '\0';) {
    size_t n = strcspn(at, END) + 1;
    bool excused = goes_with(at, strcspn(at, "="), field) ||
                   (left_out && strncmp(at, field, owned) == 0) ||
                   is_group_left_out(at, owned, field, now);
    if (!excused && !has_line(now, at, n))
      fail_msg("%s in %s: lost %.*s", splice->file->name, field, (int)n, at);
    at += n;
  }
  for (const char *at = now->text; *at != '\0';) {
    size_t n = strcspn(at, END) + 1, m = strcspn(at, "=");
    bool right = strlen(field) == m && memcmp(at, field, m) == 0 &&
                 is_value_of(splice, at + m + 1, n - m - 2);
    shown = shown || right;
    if (!right && !has_line(good, at, n) && !names_field(at, owned, field))
      fail_msg("%s in %s: %.*s", splice->file->name, field, (int)n, at);
    at += n;
  }
  return shown;
}

struct tally {
  size_t spliced, taken, shown;
};

static void splice_file(struct decoding *decoding, const struct splice *splice,
                        const struct token *token, const char *answer,
                        const struct lines *good, struct tally *tally) {
  static struct lines now;
  const struct suite_file *file = splice->file;
  const size_t rest = strlen(answer + token->end);
  const size_t n = token->begin + file->n + rest;
  char *text = malloc(n + 1);
  memcpy(mempcpy(mempcpy(text, answer, token->begin), file->text, file->n),
         answer + token->end, rest);
  text[n] = '\0';
  enum ttn_failure pieces =
      decode_in_pieces(decoding->decoder, splice->body, text, n, 61);
  enum ttn_failure failure =
      decode_in_pieces(decoding->decoder, splice->body, text, n, n);
  free(text);
  assert_int_equal(pieces, failure);
  bool taken =
      failure == TTN_OK && (splice->body != TTN_BODY_ERROR ||
                            ttn_decoder_error(decoding->decoder)->json);
  /* A blank in a list makes the list empty. */
  bool empty = strspn(file->text, " ") == file->n &&
               splice->field[strlen(splice->field) - 1] == ']';
  if (taken && file->kind == SUITE_NONE && !empty)
    fail_msg("%s in %s was taken", file->name, splice->field);
  /* auth_info is whole or nothing. */
  if (!taken && file->kind == SUITE_JSON && splice->body != TTN_BODY_AUTH_INFO)
    fail_msg("%s in %s was refused", file->name, splice->field);
  if (taken) {
    put_records(&now, decoding->decoder, splice->body, splice->field);
    tally->shown += check_splice(splice, good, &now);
  }
  tally->spliced++;
  tally->taken += taken;
}

/* What stands between a list's brackets: texts and numbers, mostly. */
static bool find_inner(const struct suite_file *file,
                       struct suite_file *inner) {
  if (file->n < 2 || file->text[0] != '[' || file->text[file->n - 1] != ']')
    return false;
  *inner = *file;
  inner->text++;
  inner->n -= 2;
  const bool one =
      YAJL_IS_ARRAY(file->tree) && YAJL_GET_ARRAY(file->tree)->len == 1;
  if (one)
    inner->tree = YAJL_GET_ARRAY(file->tree)->values[0];
  if (file->kind == SUITE_JSON && !one)
    inner->kind = SUITE_EITHER;
  return true;
}

static void splice_all(struct decoding *decoding, const struct suite *suite,
                       const char *path, enum ttn_body body,
                       struct tally *tally) {
  static struct tokens tokens;
  static struct lines good;
  struct test_answer answer;
  struct suite_file inner;
  test_answer_open(&answer, path);
  tokens.n = 0;
  assert_int_equal(find_tokens(&tokens, answer.body, 0, ""), answer.body_size);
  assert_true(tokens.n > 3);
  assert_int_equal(decode_in_pieces(decoding->decoder, body, answer.body,
                                    answer.body_size, answer.body_size),
                   TTN_OK);
  put_records(&good, decoding->decoder, body, "");
  assert_true(good.n > 0);
  for (size_t t = 0; t < tokens.n; t++)
    for (int i = 0; i < suite->n; i++) {
      const struct token *token = &tokens.token[t];
      struct splice splice = {body, &suite->files[i], token->path};
      splice_file(decoding, &splice, token, answer.body, &good, tally);
      if (!find_inner(&suite->files[i], &inner))
        continue;
      splice.file = &inner;
      splice_file(decoding, &splice, token, answer.body, &good, tally);
    }
  test_answer_close(&answer);
}

static void test_in_fields(void **state) {
  static const struct {
    const char *path;
    enum ttn_body body;
  } answers[] = {
      {"list/many-fields.json", TTN_BODY_LIST},
      {"list/user.json", TTN_BODY_LIST},
      {"registry/fleet.batch.json", TTN_BODY_BATCH},
      {"registry/traffic.batch.json", TTN_BODY_BATCH},
      {"mqtt/idle-40s-batch.json", TTN_BODY_BATCH},
      {"registry/traffic.get.json", TTN_BODY_SINGLE},
      {"auth_info/user.json", TTN_BODY_AUTH_INFO},
      {"list/user-no-list.json", TTN_BODY_ERROR},
      {"registry/bad/batch-bad-mask.json", TTN_BODY_ERROR},
  };
  const struct suite *suite = *state;
  struct tally tally = {0, 0, 0};
  struct decoding decoding;
  decoding_open(&decoding);
  for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
    splice_all(&decoding, suite, answers[i].path, answers[i].body, &tally);
  decoding_close(&decoding);
  assert_true(suite->n == 0 || tally.shown > 1000);
  print_message(
      "# %zu texts in place of another: %zu refused; of %zu taken %zu "
      "show their value\n",
      tally.spliced, tally.spliced - tally.taken, tally.taken, tally.shown);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_in_fields),
  };
  return cmocka_run_group_tests_name("json_splices", tests, suite_open,
                                     suite_close);
}
