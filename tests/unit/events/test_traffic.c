/* SPDX-License-Identifier: MIT */
/* Events of traffic: recorded streams through lines, decoder and radio, against
 * the same bytes as a tree; and fields that make no sense. */
#include "lib/testing.h"

#include "events/lines.h"
#include "gateway/radio.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (1 << 18)

/* ---- the tree's way ---- */

static yajl_val at(yajl_val tree, const char *path) {
  const char *names[8] = {NULL};
  char copy[128];
  size_t n = 0;
  strcpy(copy, path);
  for (char *name = strtok(copy, "."); name != NULL; name = strtok(NULL, "."))
    names[n++] = name;
  return tree == NULL ? NULL : yajl_tree_get(tree, names, yajl_t_any);
}

static const char *text_at(yajl_val tree, const char *path) {
  yajl_val value = at(tree, path);
  assert_true(YAJL_IS_STRING(value));
  return YAJL_GET_STRING(value);
}

static yajl_val element(yajl_val array, size_t i) {
  assert_true(YAJL_IS_ARRAY(array) && i < YAJL_GET_ARRAY(array)->len);
  return YAJL_GET_ARRAY(array)->values[i];
}

static double number_at(yajl_val tree, const char *path) {
  yajl_val value = at(tree, path);
  return value == NULL ? 0 : strtod(YAJL_GET_NUMBER(value), NULL);
}

/* What the events of a stream say, counted. */
struct truth {
  uint64_t uplinks, sf7, mhz_868_1, crc, sent, ok, too_late, conflict;
  double rssi_min, rssi_max, snr_min, snr_max;
};

static void count_uplink(struct truth *truth, yajl_val message) {
  yajl_val antenna = element(at(message, "rx_metadata"), 0);
  double rssi = number_at(antenna, "rssi"), snr = number_at(antenna, "snr");
  bool first = truth->uplinks++ == 0;
  truth->sf7 +=
      number_at(message, "settings.data_rate.lora.spreading_factor") == 7;
  truth->mhz_868_1 +=
      strcmp(text_at(message, "settings.frequency"), "868100000") == 0;
  truth->rssi_min = first || rssi < truth->rssi_min ? rssi : truth->rssi_min;
  truth->rssi_max = first || rssi > truth->rssi_max ? rssi : truth->rssi_max;
  truth->snr_min = first || snr < truth->snr_min ? snr : truth->snr_min;
  truth->snr_max = first || snr > truth->snr_max ? snr : truth->snr_max;
}

static void count_line(struct truth *truth, const char *line) {
  yajl_val tree = yajl_tree_parse(line, NULL, 0);
  yajl_val event = at(tree, "result");
  const char *name = text_at(event, "name");
  if (strcmp(name, "gs.up.receive") == 0)
    count_uplink(truth, at(event, "data.message"));
  truth->crc += strcmp(name, "gs.up.drop") == 0 &&
                strcmp(text_at(event, "data.name"), "message_crc") == 0;
  truth->sent += strcmp(name, "gs.down.send") == 0;
  truth->ok += strcmp(name, "gs.down.tx.success") == 0;
  truth->too_late += strcmp(name, "gs.down.tx.fail") == 0 &&
                     number_at(event, "data.value") == 2;
  if (strcmp(name, "gs.down.schedule.fail") == 0) {
    yajl_val errors = at(element(at(event, "data.details"), 0), "path_errors");
    yajl_val last = element(errors, YAJL_GET_ARRAY(errors)->len - 1);
    truth->conflict += strcmp(text_at(last, "cause.name"), "conflict") == 0;
  }
  yajl_tree_free(tree);
}

static struct truth count_text(const char *text) {
  static char line[TEXT_MAX];
  struct truth truth = {.uplinks = 0};
  for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
    memcpy(line, text, (size_t)(end - text));
    line[end - text] = '\0';
    if (end > text)
      count_line(&truth, line);
  }
  return truth;
}

/* ---- ours ---- */

static void hear_text(struct ttn_radio *radio, const char *bytes, size_t n,
                      size_t step) {
  struct ttn_lines lines;
  enum ttn_line line;
  *radio = (struct ttn_radio){.seen = 0};
  assert_true(ttn_lines_init(&lines, &ttn_env_system));
  while (n > 0) {
    const char *piece = bytes;
    size_t rest = n < step ? n : step;
    bytes += rest;
    n -= rest;
    while ((line = ttn_lines_next(&lines, &piece, &rest)) != TTN_LINE_NONE) {
      const struct ttn_event *event = ttn_decoder_event(lines.decoder);
      assert_int_equal(line, TTN_LINE_EVENT);
      if (!ttn_event_is_traffic(event))
        continue;
      assert_true(event->unique != 0 && event->time > 0);
      ttn_radio_event(radio, event->kind, &event->traffic);
    }
  }
  ttn_lines_free(&lines);
}

/* After the first report, which has 0. */
static uint64_t value_of(struct ttn_radio *radio, const char *wanted) {
  char name[TTN_RADIO_NAME_SIZE];
  uint64_t value, found = 0;
  for (unsigned i = 0; i < 2 * TTN_RADIO_COUNTS; i++)
    if (ttn_radio_count(radio, i % TTN_RADIO_COUNTS, name, &value) != NULL &&
        strcmp(name, wanted) == 0)
      found = value;
  return found;
}

static void test_recordings(void **state) {
  static const struct {
    const char *name;
    uint64_t uplinks, crc, sent;
  } streams[] = {
      {"events/udp-life-traffic.json", 9, 1, 0},
      {"events/downlinks.json", 9, 0, 6},
  };
  static char text[TEXT_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    size_t n = test_stream(streams[i].name, text, TEXT_MAX);
    struct truth truth = count_text(text);
    assert_int_equal(truth.uplinks, streams[i].uplinks);
    assert_int_equal(truth.crc, streams[i].crc);
    assert_int_equal(truth.sent, streams[i].sent);
    for (size_t step = 1; step < n * 8; step = step * 8 + 1) {
      struct ttn_radio radio;
      hear_text(&radio, text, n, step);
      assert_int_equal(radio.seen, truth.uplinks);
      assert_int_equal(value_of(&radio, "up_sf7"), truth.sf7);
      assert_int_equal(value_of(&radio, "up_868100"), truth.mhz_868_1);
      assert_int_equal(value_of(&radio, "drop_message_crc"), truth.crc);
      assert_int_equal(value_of(&radio, "down_sent"), truth.sent);
      assert_int_equal(value_of(&radio, "down_ok"), truth.ok);
      assert_int_equal(value_of(&radio, "down_too_late"), truth.too_late);
      assert_int_equal(value_of(&radio, "down_unscheduled_conflict"),
                       truth.conflict);
      assert_true(radio.rssi.min == truth.rssi_min);
      assert_true(radio.rssi.max == truth.rssi_max);
      assert_true(radio.snr.min == truth.snr_min);
      assert_true(radio.snr.max == truth.snr_max);
    }
  }
}

#define UP(data)                                                               \
  "{\"result\":{\"name\":\"gs.up.receive\",\"data\":{\"message\":" data        \
  "},\"unique_id\":\"01\"}}\n"

static struct ttn_event read_line(const char *text, enum ttn_line *line) {
  struct ttn_lines lines;
  size_t n = strlen(text);
  assert_true(ttn_lines_init(&lines, &ttn_env_system));
  *line = ttn_lines_next(&lines, &text, &n);
  struct ttn_event event = *ttn_decoder_event(lines.decoder);
  ttn_lines_free(&lines);
  return event;
}

/* Zeros are omitted; of several antennas the one that heard it best counts. */
static void test_uplinks(void **state) {
  enum ttn_line line;
  (void)state;
  struct ttn_event event = read_line(
      UP("{\"settings\":{\"data_rate\":{\"fsk\":{\"bit_rate\":50000}},"
         "\"frequency\":\"868800000\"},\"rx_metadata\":[{\"rssi\":-80,\"snr\":"
         "1},{\"antenna_index\":1,\"rssi\":-70.5},{\"antenna_index\":2}]}"),
      &line);
  assert_int_equal(line, TTN_LINE_EVENT);
  assert_int_equal(event.traffic.modulation, TTN_MODULATION_FSK);
  assert_int_equal(event.traffic.frequency, 868800000);
  assert_true(event.traffic.has_rssi && event.traffic.rssi == -70.5);
  assert_true(event.traffic.snr == 0);
  event = read_line(
      UP("{\"settings\":{\"data_rate\":{\"lora\":{\"bandwidth\":812500,"
         "\"spreading_factor\":12}}}}"),
      &line);
  assert_int_equal(event.traffic.spreading_factor, 12);
  assert_int_equal(event.traffic.bandwidth, 812500);
  event =
      read_line(UP("{\"settings\":{\"data_rate\":{\"lrfhss\":{}}}}"), &line);
  assert_int_equal(event.traffic.modulation, TTN_MODULATION_LRFHSS);
  assert_false(event.traffic.has_rssi);
  event = read_line(UP("{}"), &line);
  assert_int_equal(line, TTN_LINE_EVENT);
  assert_int_equal(event.traffic.modulation, TTN_MODULATION_UNKNOWN);
}

static void test_bad_fields(void **state) {
  static const char *const bad[] = {
      UP("7"),
      UP("{\"settings\":[]}"),
      UP("{\"settings\":{\"frequency\":868100000}}"),
      UP("{\"settings\":{\"frequency\":\"868.1\"}}"),
      UP("{\"settings\":{\"data_rate\":{\"lora\":{\"spreading_factor\":4}}}}"),
      UP("{\"settings\":{\"data_rate\":{\"lora\":{\"spreading_factor\":13}}}}"),
      UP("{\"settings\":{\"data_rate\":{\"lora\":{\"bandwidth\":\"125000\"}}}"
         "}"),
      UP("{\"settings\":{\"data_rate\":{\"lora\":{\"bandwidth\":4294967296}}}"
         "}"),
      UP("{\"rx_metadata\":{}}"),
      UP("{\"rx_metadata\":[{\"rssi\":\"-80\"}]}"),
      UP("{\"rx_metadata\":[{\"snr\":1e999}]}"),
      UP("{\"received_at\":\"yesterday\"}"),
      "{\"result\":{\"name\":\"gs.down.tx.fail\",\"data\":{\"value\":-1}}}\n",
      "{\"result\":{\"name\":\"gs.up.drop\",\"data\":{\"name\":7}}}\n",
  };
  enum ttn_line line;
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    read_line(bad[i], &line);
    if (line != TTN_LINE_BAD)
      print_message("%s", bad[i]);
    assert_int_equal(line, TTN_LINE_BAD);
  }
}

/* The error of a drop is its own; that of a downlink is the deepest cause of
 * the window that was tried last. What is no name of the stack's is none. */
static void test_errors(void **state) {
#define DROP(error)                                                            \
  "{\"result\":{\"name\":\"gs.up.drop\",\"data\":" error "}}\n"
#define FAIL(error)                                                            \
  "{\"result\":{\"name\":\"gs.down.schedule.fail\",\"data\":" error "}}\n"
  static const struct {
    const char *line, *error;
  } errors[] = {
      {DROP("{\"name\":\"host_handle\",\"cause\":{\"name\":\"timeout\"}}"),
       "host_handle"},
      {DROP("{\"message_format\":\"x\"}"), ""},
      {DROP("{\"name\":\"Not a name\"}"), ""},
      {DROP("{\"name\":\"a\\u0000b\"}"), ""},
      {DROP("{\"name\":\"" /* 48 bytes */
            "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh\"}"),
       ""},
      {FAIL("{\"name\":\"not_allowed\"}"), "not_allowed"},
      {FAIL("{\"name\":\"tx_schedule\",\"details\":[{\"path_errors\":["
            "{\"name\":\"rx_window_schedule\",\"cause\":{\"name\":"
            "\"conflict\"}},{\"name\":\"rx_window_schedule\",\"cause\":"
            "{\"name\":\"outer\",\"cause\":{\"name\":\"duty_cycle\"}}}]}]}"),
       "duty_cycle"},
  };
  enum ttn_line line;
  (void)state;
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ttn_event event = read_line(errors[i].line, &line);
    assert_int_equal(line, TTN_LINE_EVENT);
    assert_string_equal(event.traffic.error, errors[i].error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_recordings),
      cmocka_unit_test(test_uplinks),
      cmocka_unit_test(test_bad_fields),
      cmocka_unit_test(test_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
