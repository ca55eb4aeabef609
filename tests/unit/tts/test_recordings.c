/* SPDX-License-Identifier: MIT */
/* Every recorded answer, decoded whole and byte by byte, against what
 * recordings.expected says by hand. That file has a block for each answer: its
 * path, status and what it is, then a line or more for each gateway. An answer
 * without a block fails, and so does a block without its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tts/decode.h"
#include "gateway/gateway.h"
#include "lib/testing.h"

#include <ftw.h>
#include <time.h>

/* The decoder's results as recordings.expected writes them. */

static void print_time(FILE *out, const char *name, int64_t ns) {
  time_t seconds = (time_t)(ns / TTN_SECOND);
  struct tm utc;
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc));
  fprintf(out, " %s %s.%09d", name, text, (int)(ns % TTN_SECOND));
}

/* With as few digits as tell it from every other. */
static void print_double(FILE *out, double value) {
  char text[40];
  if (value == (double)(int64_t)value) {
    fprintf(out, "%lld", (long long)value);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof(text), "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  fputs(text, out);
}

static void print_traffic(FILE *out, const struct ttn_stats *stats) {
  static const char *const names[] = {"uplink", "downlink", "tx_ack"};
  for (unsigned k = 0; k < TTN_MESSAGES; k++) {
    const bool count = (stats->has & (uint32_t)TTN_HAS_COUNT << k) != 0;
    const bool last = (stats->has & (uint32_t)TTN_HAS_LAST << k) != 0;
    if (!count && !last)
      continue;
    fprintf(out, "    %s", names[k]);
    if (count)
      fprintf(out, " %llu", (unsigned long long)stats->count[k]);
    if (last)
      print_time(out, "last", stats->last[k]);
    fputc('\n', out);
  }
}

static void print_bands(FILE *out, const struct ttn_stats *stats) {
  if (stats->n_bands == 0)
    return;
  fputs("    bands", out);
  for (size_t i = 0; i < stats->n_bands; i++) {
    const struct ttn_band *band = &stats->bands[i];
    fprintf(out, " %llu-%llu:", (unsigned long long)band->min_hz,
            (unsigned long long)band->max_hz);
    print_double(out, band->utilization);
    fputc('/', out);
    print_double(out, band->limit);
  }
  fputc('\n', out);
}

/* Of n items of `size` bytes that begin with a name, the first behind `last`,
 * by name: a single GET has them in any order, another each time. */
static const void *next_by_name(const void *items, size_t n, size_t size,
                                const char *last) {
  const char *const *next = NULL;
  for (size_t i = 0; i < n; i++) {
    const char *const *item = (const void *)((const char *)items + i * size);
    if (strcmp(*item, last) > 0 && (next == NULL || strcmp(*item, *next) < 0))
      next = item;
  }
  return next;
}

static void print_metrics(FILE *out, const struct ttn_stats *stats) {
  if (stats->n_metrics == 0)
    return;
  fputs("    metrics", out);
  const struct ttn_metric *next;
  for (const char *last = "";
       (next = next_by_name(stats->metrics, stats->n_metrics, sizeof(*next),
                            last)) != NULL;
       last = next->name) {
    fprintf(out, " %s=", next->name);
    print_double(out, next->value);
  }
  fputc('\n', out);
}

static void print_versions(FILE *out, const struct ttn_stats *stats) {
  if (stats->boot_time != NULL)
    fprintf(out, "    boot_time %s\n", stats->boot_time);
  if (stats->n_versions == 0)
    return;
  fputs("    versions", out);
  const struct ttn_version *next;
  for (const char *last = "";
       (next = next_by_name(stats->versions, stats->n_versions, sizeof(*next),
                            last)) != NULL;
       last = next->name)
    fprintf(out, " %s=\"%s\"", next->name, next->text);
  fputc('\n', out);
}

static void print_entry(FILE *out, const char *id,
                        const struct ttn_entry *entry) {
  const struct ttn_stats *stats = &entry->stats;
  struct ttn_gateway gateway = {.shown = TTN_UNKNOWN};
  const char *why;
  struct ttn_outcome outcome = ttn_gateway_learn(
      &ttn_env_system, &gateway, TTN_PROOF_ENTRY, stats, 0, &why);
  if (entry->bad != NULL) {
    fprintf(out, "  %s bad %s\n", id, entry->bad);
    return;
  }
  fprintf(out, "  %s %s", id, ttn_state_name(outcome.state));
  if ((stats->has & TTN_HAS_CONNECTED_AT) != 0)
    print_time(out, "connected_at", stats->connected_at);
  if ((stats->has & TTN_HAS_DISCONNECTED_AT) != 0)
    print_time(out, "disconnected_at", stats->disconnected_at);
  if (stats->protocol != NULL)
    fprintf(out, " %s", stats->protocol);
  if (stats->remote_address != NULL)
    fprintf(out, " %s", stats->remote_address);
  fputc('\n', out);
  print_traffic(out, stats);
  if ((stats->has & TTN_HAS_ROUND_TRIPS) != 0) {
    fprintf(out, "    round_trips %u ", stats->rtt_count);
    print_double(out, stats->rtt_min);
    fputc(' ', out);
    print_double(out, stats->rtt_median);
    fputc(' ', out);
    print_double(out, stats->rtt_max);
    fputc('\n', out);
  }
  print_bands(out, stats);
  if ((stats->has & TTN_HAS_LAST_STATUS) != 0) {
    fputs("    status", out);
    print_time(out, "last", stats->last_status);
    fputc('\n', out);
  }
  print_metrics(out, stats);
  print_versions(out, stats);
}

static const struct ttn_entry *find_entry(const struct ttn_decoder *decoder,
                                          const char *id) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  for (size_t i = 0; i < n; i++)
    if (strcmp(entries[i].id, id) == 0)
      return &entries[i];
  return NULL;
}

/* In the order in which the gateways were asked for. */
static void print_batch(FILE *out, const struct ttn_decoder *decoder,
                        const struct test_answer *answer) {
  /* Some requests were recorded as the text that was sent. */
  const char *text = YAJL_GET_STRING(answer->request_body);
  yajl_val parsed = text == NULL ? NULL : yajl_tree_parse(text, NULL, 0);
  yajl_val ids =
      yajl_tree_get(text == NULL ? answer->request_body : parsed,
                    (const char *[]){"gateway_ids", NULL}, yajl_t_array);
  size_t n, found = 0;
  ttn_decoder_entries(decoder, &n);
  fputs(" batch\n", out);
  for (size_t i = 0; i < YAJL_GET_ARRAY(ids)->len; i++) {
    const char *id =
        test_string(YAJL_GET_ARRAY(ids)->values[i], "gateway_id", NULL);
    const struct ttn_entry *entry = find_entry(decoder, id);
    if (entry != NULL)
      print_entry(out, id, entry);
    else
      fprintf(out, "  %s absent\n", id);
    found += entry != NULL;
  }
  /* One that was asked for twice has one entry. */
  assert_true(found >= n);
  yajl_tree_free(parsed);
}

static void print_list(FILE *out, const struct ttn_decoder *decoder,
                       const struct test_answer *answer) {
  const char *total = test_answer_header(answer, "X-Total-Count");
  size_t n, skipped;
  const struct ttn_listed *listed = ttn_decoder_listed(decoder, &n, &skipped);
  assert_int_equal(skipped, 0);
  fprintf(out, " list of %zu, total %s\n", n, total != NULL ? total : "unsaid");
  for (size_t i = 0; i < n; i++) {
    const struct ttn_listed *gateway = &listed[i];
    fprintf(out, "  %s eui %s name %s address %s", gateway->id,
            gateway->eui != NULL ? gateway->eui : "-",
            gateway->name != NULL ? gateway->name : "-",
            gateway->address != NULL ? gateway->address : "-");
    if (gateway->has_location) {
      fputs(" at ", out);
      print_double(out, gateway->location.latitude);
      fputc(' ', out);
      print_double(out, gateway->location.longitude);
      fputc(' ', out);
      print_double(out, gateway->location.altitude);
    }
    fputc('\n', out);
  }
}

static void print_auth_info(FILE *out, const struct ttn_decoder *decoder) {
  static const char *const kinds[] = {
      [TTN_KEY_MISSING] = "not heard",
      [TTN_KEY_USER] = "user",
      [TTN_KEY_ORGANIZATION] = "organization",
      [TTN_KEY_GATEWAY] = "gateway",
      [TTN_KEY_OTHER] = "other",
  };
  const struct ttn_auth_info *info = ttn_decoder_auth_info(decoder);
  fprintf(out, " key %s", kinds[info->kind]);
  if (info->entity_id != NULL)
    fprintf(out, " %s", info->entity_id);
  fprintf(out, "%s\n", info->is_admin ? " admin" : "");
  if (info->n_rights == 0)
    return;
  fprintf(out, "  may%s read_status by", info->can_read_status ? "" : " not");
  for (size_t i = 0; i < info->n_rights; i++)
    fprintf(out, " %s", info->rights[i]);
  fputc('\n', out);
}

/* And what it says of the gateways that were asked for. */
static void print_api_error(FILE *out, const struct ttn_decoder *decoder,
                            const struct test_answer *answer) {
  const struct ttn_api_error *error = ttn_decoder_error(decoder);
  if (!error->json) {
    fputs(" error not JSON\n", out);
    return;
  }
  fprintf(out, " error %d", error->code);
  if (error->details && error->name[0] == '\0')
    fputs(" unnamed", out);
  else if (error->details)
    fprintf(out, " %s:%s", error->space, error->name);
  if (error->missing[0] != '\0')
    fprintf(out, " missing %s", error->missing);
  if (error->forbidden_paths[0] != '\0')
    fprintf(out, " forbidden %s", error->forbidden_paths);
  fprintf(out, "\n  %s\n", error->message);
  const bool absent = strcmp(error->space, "pkg/gatewayserver") == 0 &&
                      strcmp(error->name, "not_connected") == 0;
  if (strstr(answer->path, "/gs/gateways/") != NULL)
    fprintf(out, "  %s %s\n",
            strcmp(answer->method, "POST") == 0 ? "all" : "it",
            absent ? "absent" : "unknown");
}

/* The answers to what the plugin asks for; NULL: another request. */
static const enum ttn_body *body_of(const struct test_answer *answer) {
  static const enum ttn_body list = TTN_BODY_LIST, batch = TTN_BODY_BATCH,
                             single = TTN_BODY_SINGLE, error = TTN_BODY_ERROR,
                             auth_info = TTN_BODY_AUTH_INFO;
  const size_t path = strcspn(answer->path, "?");
  const char *end = answer->path + path;
  if (answer->status != 200)
    return &error;
  if (strstr(answer->path, "/gs/gateways/") != NULL)
    return strcmp(answer->method, "POST") == 0 ? &batch : &single;
  if (strncmp(end - strlen("/gateways"), "/gateways", strlen("/gateways")) == 0)
    return &list;
  return strstr(answer->path, "/auth_info") != NULL ? &auth_info : NULL;
}

static void print_single(FILE *out, const struct ttn_decoder *decoder) {
  size_t n;
  const struct ttn_entry *entries = ttn_decoder_entries(decoder, &n);
  assert_int_equal(n, 1);
  assert_null(entries[0].id);
  fputs(" single\n", out);
  print_entry(out, "it", &entries[0]);
}

/* The block of one answer, fed `step` bytes at a time. */
static char *print_answer(struct ttn_decoder *decoder, const char *path,
                          const struct test_answer *answer, size_t step) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fprintf(out, "%s %d", path, answer->status);
  const enum ttn_body *body = body_of(answer);
  if (body == NULL) {
    fputs(" other\n", out);
    fclose(out);
    return text;
  }
  ttn_decoder_begin(decoder, *body);
  for (size_t at = 0; at < answer->body_size; at += step) {
    const size_t rest = answer->body_size - at;
    /* A copy of its own, so that reading past it is seen. */
    char *piece = malloc(step < rest ? step : rest);
    memcpy(piece, answer->body + at, step < rest ? step : rest);
    assert_int_equal(
        ttn_decoder_feed(decoder, piece, step < rest ? step : rest), TTN_OK);
    free(piece);
  }
  assert_int_equal(ttn_decoder_end(decoder), TTN_OK);
  assert_string_equal(ttn_decoder_why(decoder), "");
  switch (*body) {
  case TTN_BODY_LIST:
    print_list(out, decoder, answer);
    break;
  case TTN_BODY_BATCH:
    print_batch(out, decoder, answer);
    break;
  case TTN_BODY_SINGLE:
    print_single(out, decoder);
    break;
  case TTN_BODY_ERROR:
    print_api_error(out, decoder, answer);
    break;
  case TTN_BODY_AUTH_INFO:
    print_auth_info(out, decoder);
    break;
  case TTN_BODY_EVENT:
    fail_msg("streams are not read here");
  }
  fclose(out);
  return text;
}

/* The block that begins with path, and where it ends; NULL: none. */
static char *find_block(char *table, const char *path, char **end) {
  const size_t n = strlen(path);
  for (char *line = table; line != NULL && *line != '\0';
       line = strchr(line, '\n'), line += line != NULL) {
    if (strncmp(line, path, n) != 0 || line[n] != ' ')
      continue;
    char *after = strchr(line, '\n');
    while (after != NULL && after[1] == ' ')
      after = strchr(after + 1, '\n');
    *end = after == NULL ? line + strlen(line) : after + 1;
    return line;
  }
  return NULL;
}

static size_t count_blocks(const char *table) {
  size_t blocks = 0;
  for (const char *line = table; *line != '\0'; line = strchr(line, '\n') + 1)
    blocks += *line != '#' && *line != ' ' && *line != '\n';
  return blocks;
}

/* nftw(3) knows no argument of the caller's. */
static char *paths[4096];
static size_t n_paths;

static int collect(const char *path, const struct stat *status, int type,
                   struct FTW *at) {
  (void)status;
  (void)at;
  const size_t n = strlen(path);
  /* two-servers/ holds a row of answers, which tests/ledger replays; events/
   * streams, which test_events_lines.c reads. */
  if (type == FTW_F && n > 5 && strcmp(path + n - 5, ".json") == 0 &&
      strstr(path, "/two-servers/") == NULL &&
      strstr(path, "/events/") == NULL) {
    assert_true(n_paths < sizeof(paths) / sizeof(paths[0]));
    paths[n_paths++] = strdup(path);
  }
  return 0;
}

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_answers(const char *directory) {
  n_paths = 0;
  assert_int_equal(nftw(directory, collect, 8, FTW_PHYS), 0);
  qsort(paths, n_paths, sizeof(paths[0]), compare);
}

/* Prints both where they differ. True: as expected. */
static bool check_block(char *table, const char *path, const char *got) {
  char *end, *block = find_block(table, path, &end);
  if (block == NULL) {
    print_message("no expectation for:\n%s", got);
    return false;
  }
  if (strlen(got) == (size_t)(end - block) &&
      memcmp(got, block, (size_t)(end - block)) == 0)
    return true;
  print_message("expected:\n%.*s", (int)(end - block), block);
  print_message("got:\n%s", got);
  return false;
}

static void recordings(void **state) {
  (void)state;
  char directory[4096], file[4096];
  test_answer_path(directory, sizeof(directory), "");
  char *table = test_read_file(
      test_path(file, sizeof(file), "tests/unit/tts/recordings.expected"),
      NULL);
  struct test_env test;
  struct ttn_decoder *decoder = ttn_decoder_new(&test_env_init(&test)->env);
  find_answers(directory);
  size_t good = 0;
  for (size_t i = 0; i < n_paths; i++) {
    const char *path = paths[i] + strlen(directory);
    while (*path == '/')
      path++;
    struct test_answer answer;
    test_answer_open(&answer, path);
    char *whole = print_answer(decoder, path, &answer, answer.body_size + 1);
    char *bytes = print_answer(decoder, path, &answer, 1);
    assert_string_equal(bytes, whole);
    good += check_block(table, path, whole);
    free(bytes);
    free(whole);
    test_answer_close(&answer);
  }
  assert_int_equal(good, n_paths);
  assert_int_equal(count_blocks(table), n_paths);
  for (size_t i = 0; i < n_paths; i++)
    free(paths[i]);
  free(table);
  ttn_decoder_free(decoder);
  assert_int_equal(test.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(recordings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
