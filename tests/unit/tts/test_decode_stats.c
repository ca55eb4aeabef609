/* SPDX-License-Identifier: MIT */
/* Statistics: what each field becomes, what makes an entry bad, and what costs
 * it only a group of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/decoding.h"
#include "json/json.h"
#include "base/text.h"
#include "base/utf8.h"

#include <locale.h>
#include <math.h>

/* An entry with these members, between two others that must stand. */
static const struct ttn_entry *entry(struct decoding *d, const char *members) {
  static const char before[] = "{\"entries\":{\"aaa\":{\"uplink_count\":\"1\"},"
                               "\"gw-1\":{";
  static const char after[] = "},\"zzz\":{\"uplink_count\":\"3\"}}}";
  char *text = NULL;
  size_t n;
  if (asprintf(&text, "%s%s%s", before, members, after) < 0)
    fail();
  const enum ttn_failure failure = decode(d, TTN_BODY_BATCH, text);
  free(text);
  if (failure != TTN_OK)
    fail_msg("%s: %s", members, ttn_decoder_why(d->decoder));
  const struct ttn_entry *entries = ttn_decoder_entries(d->decoder, &n);
  assert_int_equal(n, 3);
  assert_int_equal(entries[0].stats.has, TTN_HAS_COUNT << TTN_UPLINK);
  assert_int_equal(entries[0].stats.count[TTN_UPLINK], 1);
  assert_int_equal(entries[2].stats.has, TTN_HAS_COUNT << TTN_UPLINK);
  assert_int_equal(entries[2].stats.count[TTN_UPLINK], 3);
  assert_null(entries[0].bad);
  assert_null(entries[2].bad);
  assert_string_equal(entries[1].id, "gw-1");
  return &entries[1];
}

static const struct ttn_stats *stats(struct decoding *d, const char *members) {
  const struct ttn_entry *found = entry(d, members);
  if (found->bad != NULL)
    fail_msg("%s: %s is bad", members, found->bad);
  if (found->odd != NULL)
    fail_msg("%s: %s is odd", members, found->odd);
  return &found->stats;
}

static void bad(struct decoding *d, const char *members, const char *path) {
  const struct ttn_entry *found = entry(d, members);
  if (found->bad == NULL)
    fail_msg("%s is taken", members);
  assert_string_equal(found->bad, path);
}

/* A field that proves no state and no count: the rest stands. */
static void odd(struct decoding *d, const char *members, const char *path) {
  char with[4000];
  ttn_print(with, sizeof(with), "%s,\"tx_acknowledgment_count\":\"7\"",
            members);
  const struct ttn_entry *found = entry(d, with);
  if (found->odd == NULL)
    fail_msg("%s is taken", members);
  assert_string_equal(found->odd, path);
  assert_null(found->bad);
  assert_int_equal(found->stats.has, TTN_HAS_COUNT << TTN_TX_ACK);
  assert_int_equal(found->stats.count[TTN_TX_ACK], 7);
  assert_int_equal(found->stats.n_bands, 0);
  assert_int_equal(found->stats.n_metrics, 0);
  assert_null(found->stats.protocol);
  assert_null(found->stats.remote_address);
}

static void assert_double(double value, double expected) {
  if (value < expected || value > expected || isnan(value))
    fail_msg("%.17g is not %.17g", value, expected);
}

static void counts(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t count;
  } good[] = {
      {"\"0\"", 0},
      {"\"1\"", 1},
      {"\"9007199254740993\"", UINT64_C(9007199254740993)}, /* 2^53 + 1 */
      {"9007199254740993", UINT64_C(9007199254740993)},
      {"\"9223372036854775807\"", INT64_MAX},
      {"9223372036854775807", INT64_MAX},
      {"5", 5},
      {"5.0", 5},
      {"-0", 0},
      {"0e99", 0},
      {"0.0", 0},
      {"5e3", 5000},
      {"1.5e1", 15},
      {"500e-2", 5},
      {"\"5e3\"", 5000},
  };
  static const char *const none[] = {"\"9223372036854775808\"",
                                     "9223372036854775808", /* 2^63 */
                                     "\"18446744073709551615\"",
                                     "\"18446744073709551616\"",
                                     "\"99999999999999999999999\"",
                                     "1e19",
                                     "1e99",
                                     "1e999999999999",
                                     "-1",
                                     "\"-1\"",
                                     "\"\"",
                                     "\" 1\"",
                                     "\"1 \"",
                                     "\"+1\"",
                                     "\"0x10\"",
                                     "\"1_0\"",
                                     "\"1,5\"",
                                     "\"1.\"",
                                     "\".5\"",
                                     "\".\"",
                                     "\"-\"",
                                     "\"1e\"",
                                     "\"1e+\"",
                                     "\"1e1x\"",
                                     "\"1.2.3\"",
                                     "\"NaN\"",
                                     "\"many\"",
                                     "\"1\\u0000\"",
                                     "0.5",
                                     "1.5",
                                     "15e-1",
                                     "1e-1",
                                     "1.5e0",
                                     "true",
                                     "false",
                                     "{}",
                                     "[]",
                                     "[1]",
                                     "{\"low\":1}"};
  struct decoding d;
  char members[100];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    ttn_print(members, sizeof(members), "\"downlink_count\":%s", good[i].text);
    const struct ttn_stats *found = stats(&d, members);
    assert_int_equal(found->has, TTN_HAS_COUNT << TTN_DOWNLINK);
    if (found->count[TTN_DOWNLINK] != good[i].count)
      fail_msg("%s: %llu", members,
               (unsigned long long)found->count[TTN_DOWNLINK]);
  }
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    ttn_print(members, sizeof(members), "\"downlink_count\":%s", none[i]);
    bad(&d, members, "downlink_count");
  }
  decoding_close(&d);
}

static void each_field(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const struct ttn_stats *found = stats(
      &d, "\"connected_at\":\"2024-05-01T10:00:00.000000001Z\","
          "\"disconnected_at\":\"2024-05-01T10:00:00.000000002Z\","
          "\"protocol\":\"udp\","
          "\"last_status_received_at\":\"2024-05-01T10:00:00.000000003Z\","
          "\"last_uplink_received_at\":\"2024-05-01T10:00:00.000000004Z\","
          "\"uplink_count\":\"11\","
          "\"last_downlink_received_at\":\"2024-05-01T10:00:00.000000005Z\","
          "\"downlink_count\":\"12\","
          "\"last_tx_acknowledgment_received_at\":"
          "\"2024-05-01T10:00:00.000000006Z\","
          "\"tx_acknowledgment_count\":\"13\","
          "\"round_trip_times\":{\"min\":\"0.25s\",\"max\":\"1s\","
          "\"median\":\"0.5s\",\"count\":20},"
          "\"gateway_remote_address\":{\"ip\":\"2001:db8::1\"}");
  const int64_t ten = INT64_C(1714557600) * TTN_SECOND;
  /* all bits up to TTN_HAS_ROUND_TRIPS */
  assert_int_equal(found->has, 0x3ff);
  assert_int_equal(found->connected_at, ten + 1);
  assert_int_equal(found->disconnected_at, ten + 2);
  assert_int_equal(found->last_status, ten + 3);
  assert_int_equal(found->last[TTN_UPLINK], ten + 4);
  assert_int_equal(found->last[TTN_DOWNLINK], ten + 5);
  assert_int_equal(found->last[TTN_TX_ACK], ten + 6);
  assert_int_equal(found->count[TTN_UPLINK], 11);
  assert_int_equal(found->count[TTN_DOWNLINK], 12);
  assert_int_equal(found->count[TTN_TX_ACK], 13);
  assert_double(found->rtt_min, 0.25);
  assert_double(found->rtt_median, 0.5);
  assert_double(found->rtt_max, 1);
  assert_int_equal(found->rtt_count, 20);
  assert_string_equal(found->protocol, "udp");
  assert_string_equal(found->remote_address, "2001:db8::1");
  assert_int_equal(found->n_bands, 0);
  assert_null(found->bands);
  assert_int_equal(found->n_metrics, 0);

  /* null, and times that were never set, are absent */
  found = stats(&d, "\"connected_at\":null,\"uplink_count\":null,"
                    "\"last_status\":null,\"sub_bands\":null,"
                    "\"round_trip_times\":null,\"protocol\":null,"
                    "\"disconnected_at\":\"0001-01-01T00:00:00Z\","
                    "\"last_uplink_received_at\":\"1970-01-01T00:00:00Z\"");
  assert_int_equal(found->has, 0);
  assert_null(found->protocol);
  assert_int_equal(stats(&d, "")->has, 0);
  decoding_close(&d);
}

static void bad_fields(void **state) {
  (void)state;
  /* the first two prove the state */
  static const char *const times[] = {"connected_at",
                                      "disconnected_at",
                                      "last_status_received_at",
                                      "last_uplink_received_at",
                                      "last_downlink_received_at",
                                      "last_tx_acknowledgment_received_at"};
  static const char *const no_time[] = {"\"\"",
                                        "\"yesterday\"",
                                        "\"2024-02-30T00:00:00Z\"",
                                        "1714557600",
                                        "true",
                                        "{}",
                                        "[]",
                                        "\"2024-05-01T10:00:00\""};
  static const struct {
    const char *members, *path;
  } others[] = {
      {"\"protocol\":5", "protocol"},
      {"\"protocol\":\"udp\\u0000\"", "protocol"},
      {"\"protocol\":\"0123456789012345678901234567890123456789012345678901"
       "2345678901234\"",
       "protocol"},
      {"\"protocol\":\"u\\ndp\"", "protocol"},
      {"\"gateway_remote_address\":\"1.2.3.4\"", "gateway_remote_address"},
      {"\"gateway_remote_address\":{\"ip\":4}", "gateway_remote_address.ip"},
      {"\"last_status\":[]", "last_status"},
      {"\"last_status\":\"fine\"", "last_status"},
      {"\"last_status\":{\"metrics\":[]}", "last_status.metrics"},
      {"\"round_trip_times\":[]", "round_trip_times"},
      {"\"round_trip_times\":{\"min\":1}", "round_trip_times.min"},
      {"\"round_trip_times\":{\"min\":\"1\"}", "round_trip_times.min"},
      {"\"round_trip_times\":{\"median\":\"1ms\"}", "round_trip_times.median"},
      {"\"round_trip_times\":{\"max\":\"-1s\"}", "round_trip_times.max"},
      {"\"round_trip_times\":{\"count\":-1}", "round_trip_times.count"},
      {"\"round_trip_times\":{\"count\":4294967296}", "round_trip_times.count"},
      {"\"round_trip_times\":{\"min\":\"3s\",\"median\":\"2s\","
       "\"max\":\"4s\",\"count\":1}",
       "round_trip_times"},
      {"\"round_trip_times\":{\"min\":\"1s\",\"median\":\"2s\","
       "\"max\":\"1.5s\",\"count\":1}",
       "round_trip_times"},
      /* twice, even if it is the same, and within */
      {"\"protocol\":\"udp\",\"protocol\":\"udp\"", "protocol"},
      {"\"last_uplink_received_at\":\"2024-05-01T10:00:00Z\","
       "\"last_uplink_received_at\":null",
       "last_uplink_received_at"},
      {"\"sub_bands\":[],\"sub_bands\":[]", "sub_bands"},
      {"\"last_status\":{},\"last_status\":{}", "last_status"},
      {"\"round_trip_times\":{\"min\":\"1s\",\"min\":\"1s\"}",
       "round_trip_times.min"},
      {"\"sub_bands\":[{\"max_frequency\":\"5\",\"max_frequency\":\"6\"}]",
       "sub_bands.max_frequency"},
      {"\"last_status\":{\"metrics\":{},\"metrics\":{}}",
       "last_status.metrics"},
      {"\"last_status\":{\"versions\":[]}", "last_status.versions"},
      {"\"last_status\":{\"boot_time\":\"yesterday\"}",
       "last_status.boot_time"},
  };
  static const char *const counted[] = {
      "\"uplink_count\":\"1\",\"uplink_count\":\"1\"",
      "\"uplink_count\":null,\"uplink_count\":\"1\""};
  struct decoding d;
  char members[120];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
    for (size_t k = 0; k < sizeof(no_time) / sizeof(no_time[0]); k++) {
      ttn_print(members, sizeof(members), "\"%s\":%s", times[i], no_time[k]);
      if (i < 2)
        bad(&d, members, times[i]);
      else
        odd(&d, members, times[i]);
    }
  for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
    bad(&d, counted[i], "uplink_count");
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    odd(&d, others[i].members, others[i].path);
  decoding_close(&d);
}

static void entries_of_wrong_types(void **state) {
  (void)state;
  static const char *const wrong[] = {"5",    "\"\"", "[]",
                                      "[{}]", "true", "null"};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    char text[100];
    size_t n;
    ttn_print(text, sizeof(text),
              "{\"entries\":{\"aaa\":%s,\"bbb\":{\"uplink_count\":1}}}",
              wrong[i]);
    assert_int_equal(decode(&d, TTN_BODY_BATCH, text), TTN_OK);
    const struct ttn_entry *entries = ttn_decoder_entries(d.decoder, &n);
    assert_int_equal(n, 2);
    assert_string_equal(entries[0].bad, "entries");
    assert_null(entries[1].bad);
    assert_int_equal(entries[1].stats.count[TTN_UPLINK], 1);
  }
  decoding_close(&d);
}

static void what_is_unknown_is_skipped(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const struct ttn_stats *found = stats(
      &d, "\"future\":{\"uplink_count\":\"9\",\"a\":[[],{},[{\"b\":null}]]},"
          "\"more\":[{\"uplink_count\":{}}],\"uplink_count\":\"7\","
          "\"future\":5,\"future\":5,"
          "\"last_status\":{\"time\":5,\"antenna_locations\":\"x\",\"ip\":{},"
          "\"advanced\":{\"metrics\":{\"temp\":1},\"x\":[1,[2,[3]]]},"
          "\"version\":[],\"metrics\":{\"temp\":2}},"
          "\"round_trip_times\":{\"deviation\":\"1s\"},"
          "\"sub_bands\":[{\"max_frequency\":\"5\",\"name\":{\"x\":[]}}],"
          "\"gateway_remote_address\":{\"port\":1700}");
  assert_int_equal(found->has, TTN_HAS_COUNT << TTN_UPLINK);
  assert_int_equal(found->count[TTN_UPLINK], 7);
  assert_int_equal(found->n_metrics, 1);
  assert_double(found->metrics[0].value, 2);
  assert_int_equal(found->n_bands, 1);
  decoding_close(&d);
}

/* They are the gateway's own words: what makes no sense of them is left out. */
static void versions(void **state) {
  static const char w65[] = "12345678901234567890123456789012"
                            "123456789012345678901234567890123";
  char members[600];
  struct decoding d;
  (void)state;
  decoding_open(&d);
  ttn_print(
      members, sizeof(members),
      "\"last_status\":{\"boot_time\":\"2026-11-22T15:41:27Z\","
      "\"versions\":{\"ttn-lw-gateway-server\":\"3.32.1\",\"hal\":\"5.0\","
      "\"station\":\"2.0.6(linux/std)\",\"Upper\":\"1\",\"x\":\"1\","
      "\"long\":\"%s\",\"control\":\"a\\nb\",\"hal\":\"6.0\","
      "\"number\":5,\"object\":{\"hal\":\"7\"}}}",
      w65);
  const struct ttn_stats *found = stats(&d, members);
  assert_string_equal(found->boot_time, "2026-11-22T15:41:27Z");
  assert_int_equal(found->n_versions, 2);
  assert_string_equal(found->versions[0].name, "hal");
  assert_string_equal(found->versions[0].text, "5.0");
  assert_string_equal(found->versions[1].name, "station");
  assert_string_equal(found->versions[1].text, "2.0.6(linux/std)");
  decoding_close(&d);
}

/* The first that is one; what is none is no reason to doubt the rest. */
static void places(void **state) {
  (void)state;
  static const char *const none[] = {
      "[]",
      "{}",
      "5",
      "null",
      "[{}]",
      "[5,null,[]]",
      "[{\"altitude\":40,\"source\":1}]",
      "[{\"latitude\":0,\"longitude\":0}]",
      "[{\"latitude\":90.5}]",
      "[{\"longitude\":-180.5}]",
      "[{\"latitude\":\"52\",\"longitude\":5}]",
      "[{\"latitude\":1e999,\"longitude\":5}]",
      "[{\"latitude\":5,\"longitude\":6,\"altitude\":[]}]"};
  struct decoding d;
  char members[200];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    ttn_print(members, sizeof(members),
              "\"last_status\":{\"antenna_locations\":%s}", none[i]);
    assert_int_equal(stats(&d, members)->has, 0);
  }
  const struct ttn_stats *found =
      stats(&d, "\"last_status\":{\"antenna_locations\":[{\"altitude\":1},"
                "{\"latitude\":-52.5,\"altitude\":40,\"accuracy\":3,"
                "\"source\":\"SOURCE_GPS\"},{\"longitude\":7}]}");
  assert_int_equal(found->has, TTN_HAS_PLACE);
  assert_true(found->place.latitude == -52.5);
  assert_true(found->place.longitude == 0);
  assert_true(found->place.altitude == 40);
  decoding_close(&d);
}

/* Half of them can't be reported, but are no reason to doubt the rest. */
static void round_trips_that_lack_a_member(void **state) {
  (void)state;
  static const char *const lacking[] = {
      "{}", "{\"count\":5}", "{\"min\":\"1s\",\"max\":\"1s\",\"count\":1}",
      "{\"min\":\"1s\",\"max\":\"1s\",\"median\":\"1s\"}",
      "{\"min\":\"1s\",\"max\":\"1s\",\"median\":null,\"count\":1}"};
  struct decoding d;
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
    char members[100];
    ttn_print(members, sizeof(members), "\"round_trip_times\":%s", lacking[i]);
    assert_int_equal(stats(&d, members)->has, 0);
  }
  decoding_close(&d);
}

static void sub_bands(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  /* of a gateway without duty cycle */
  const struct ttn_stats *found =
      stats(&d, "\"sub_bands\":[{\"max_frequency\":\"18446744073709551615\","
                "\"downlink_utilization_limit\":1}]");
  assert_int_equal(found->n_bands, 1);
  assert_int_equal(found->bands[0].min_hz, 0);
  assert_true(found->bands[0].max_hz == UINT64_MAX);
  assert_double(found->bands[0].limit, 1);
  assert_double(found->bands[0].utilization, 0);
  /* such that overlap are two all the same */
  found = stats(&d, "\"sub_bands\":[{\"min_frequency\":\"863000000\","
                    "\"max_frequency\":\"868000000\","
                    "\"downlink_utilization_limit\":0.001,"
                    "\"downlink_utilization\":1.2871111e-05},"
                    "{\"min_frequency\":865000000,\"max_frequency\":868000000,"
                    "\"downlink_utilization\":1}]");
  assert_int_equal(found->n_bands, 2);
  assert_int_equal(found->bands[0].min_hz, 863000000);
  assert_int_equal(found->bands[0].max_hz, 868000000);
  assert_double(found->bands[0].limit, 0.001);
  assert_double(found->bands[0].utilization, 1.2871111e-05);
  assert_int_equal(found->bands[1].min_hz, 865000000);
  assert_double(found->bands[1].limit, 0);
  assert_double(found->bands[1].utilization, 1);

  static const struct {
    const char *bands, *path;
  } wrong[] = {
      {"{}", "sub_bands"},
      {"[5]", "sub_bands"},
      {"[null]", "sub_bands"},
      {"[{}]", "sub_bands"},
      {"[{\"max_frequency\":\"0\"}]", "sub_bands"},
      {"[{\"min_frequency\":\"6\",\"max_frequency\":\"5\"}]", "sub_bands"},
      {"[{\"max_frequency\":\"5\"},{\"max_frequency\":\"5\"}]", "sub_bands"},
      {"[{\"max_frequency\":\"18446744073709551616\"}]",
       "sub_bands.max_frequency"},
      {"[{\"max_frequency\":5.5}]", "sub_bands.max_frequency"},
      {"[{\"min_frequency\":\"x\"}]", "sub_bands.min_frequency"},
      {"[{\"downlink_utilization\":-0.1,\"max_frequency\":1}]",
       "sub_bands.downlink_utilization"},
      {"[{\"downlink_utilization\":1.1,\"max_frequency\":1}]",
       "sub_bands.downlink_utilization"},
      {"[{\"downlink_utilization\":\"NaN\",\"max_frequency\":1}]",
       "sub_bands.downlink_utilization"},
      {"[{\"downlink_utilization_limit\":1e999,\"max_frequency\":1}]",
       "sub_bands.downlink_utilization_limit"},
  };
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    char members[150];
    ttn_print(members, sizeof(members), "\"sub_bands\":%s", wrong[i].bands);
    odd(&d, members, wrong[i].path);
  }
  decoding_close(&d);
}

static void as_many_sub_bands_as_may_be(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  for (size_t n = 32; n <= 40; n++) {
    char *members = NULL;
    size_t size;
    FILE *out = open_memstream(&members, &size);
    for (size_t i = 0; i < n; i++)
      fprintf(out, "%s{\"max_frequency\":\"%zu\"}",
              i == 0 ? "\"sub_bands\":[" : ",", i + 1);
    fputs("]", out);
    fclose(out);
    if (n == 32)
      assert_int_equal(stats(&d, members)->bands[31].max_hz, 32);
    else
      odd(&d, members, "sub_bands");
    free(members);
  }
  decoding_close(&d);
}

static void metrics_of_any_kind(void **state) {
  (void)state;
  struct decoding d;
  decoding_open(&d);
  const struct ttn_stats *found = stats(
      &d, "\"last_status\":{\"metrics\":{"
          /* names by the stack's rule, of 3 and of 36 characters */
          "\"abc\":1,\"a-b_c\":-2.5,\"load_15\":0.25,"
          "\"abcdefghijklmnopqrstuvwxyz0123456789\":4e0,"
          /* names that are none */
          "\"\":9,\"ab\":9,\"_abc\":9,\"abc_\":9,\"a__b\":9,\"a-_b\":9,"
          "\"Temp\":9,\"a.b.c\":9,\"a b c\":9,\"a/b/c\":9,\"b\\u00fcro\":9,"
          "\"abc\\u0000\":9,\"abc\\n\":9,\"../../x\":9,\"%n%n%n\":9,"
          "\"abcdefghijklmnopqrstuvwxyz0123456789a\":9,"
          /* values that are none */
          "\"nan\":\"NaN\",\"inf\":\"-Infinity\",\"text\":\"1\",\"null\":null,"
          "\"true\":true,\"list\":[1],\"object\":{\"abc\":9},\"huge\":1e999,"
          /* a name that came before */
          "\"abc\":9,\"end\":5}}");
  static const char *const names[] = {
      "abc", "a-b_c", "load_15", "abcdefghijklmnopqrstuvwxyz0123456789", "end"};
  static const double values[] = {1, -2.5, 0.25, 4, 5};
  assert_int_equal(found->n_metrics, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_string_equal(found->metrics[i].name, names[i]);
    assert_double(found->metrics[i].value, values[i]);
  }
  decoding_close(&d);
}

static void as_many_metrics_as_may_be(void **state) {
  (void)state;
  struct decoding d;
  char *members = NULL;
  size_t size;
  FILE *out = open_memstream(&members, &size);
  fputs("\"last_status\":{\"metrics\":{\"Bad\":0", out);
  for (size_t i = 0; i < 40; i++)
    fprintf(out, ",\"metric_%zu\":%zu", i, i);
  fputs("}}", out);
  fclose(out);
  decoding_open(&d);
  const struct ttn_stats *found = stats(&d, members);
  assert_int_equal(found->n_metrics, 32);
  assert_string_equal(found->metrics[0].name, "metric_0");
  assert_string_equal(found->metrics[31].name, "metric_31");
  assert_double(found->metrics[31].value, 31);
  free(members);
  decoding_close(&d);
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } cases[] = {
      {"0", 0},
      {"-0.0", -0.0},
      {"0.1", 0.1},
      {"37.14574", 37.14574},
      {"0.000064355554", 0.000064355554},
      {"6.4355554e-05", 6.4355554e-05},
      {"-1.5E+2", -150},
      {"9007199254740992", 9007199254740992.0},
      {"9007199254740993", 9007199254740993.0},
      {"123456789012345678901234567890", 123456789012345678901234567890.0},
      {"1e22", 1e22},
      {"1e23", 1e23},
      {"1e-22", 1e-22},
      {"1e-23", 1e-23},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"5e-324", 5e-324},
      {"1e-99999999999", 0},
      {"0.1000000000000000055511151231257827021181583404541015625", 0.1},
      {"2.2250738585072011e-308", 2.2250738585072011e-308},
      /* i386 rounds twice, and so does its compiler with "90.05001137". */
      {"90.05001137", 0x1.6833362e3a501p+6},
      {"57.9408493", 0x1.cf86dbff6fb75p+5},
      {"5798.990499", 0x1.6a6fd9157abb9p+12},
  };
  static const char *const none[] = {"1e309", "-1e309", "1e99999999999"};
  /* collectd's locale may have a decimal comma; where this one isn't
   * installed, the C locale stays. */
  setlocale(LC_ALL, "de_DE.UTF-8");
  struct decoding d;
  char members[160];
  decoding_open(&d);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    ttn_print(members, sizeof(members),
              "\"last_status\":{\"metrics\":{\"abc\":%s}}", cases[i].text);
    const struct ttn_stats *found = stats(&d, members);
    assert_int_equal(found->n_metrics, 1);
    assert_double(found->metrics[0].value, cases[i].value);
  }
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    ttn_print(members, sizeof(members),
              "\"last_status\":{\"metrics\":{\"abc\":%s}}", none[i]);
    assert_int_equal(stats(&d, members)->n_metrics, 0);
  }
  /* A number of 200 digits is none that was measured. */
  char *text =
      repeat("\"last_status\":{\"metrics\":{\"abc\":0.", "1", 200, "}}");
  assert_int_equal(stats(&d, text)->n_metrics, 0);
  free(text);
  setlocale(LC_ALL, "C");
  decoding_close(&d);
}

/* What no body leads to, because the walk sorts it out. */
static void tokens_alone(void **state) {
  (void)state;
  static const struct ttn_json_value boolean = {.type = TTN_JSON_BOOLEAN},
                                     text = {TTN_JSON_STRING, "5", 1, false},
                                     cut = {TTN_JSON_NUMBER, "5e", 2, false};
  uint64_t integer;
  double number;
  char buffer[8];
  assert_false(ttn_json_u64(&boolean, &integer));
  assert_false(ttn_json_double(&boolean, &number));
  assert_false(ttn_json_double(&text, &number));
  assert_false(ttn_json_double(&cut, &number));
  assert_int_equal(ttn_utf8_clean(buffer, sizeof(buffer), "a\xe6\xbc", 3), 3);
  assert_string_equal(buffer, "a??");
  assert_int_equal(ttn_utf8_clean(buffer, sizeof(buffer), "\xe6\xbcz", 3), 3);
  assert_string_equal(buffer, "??z");
  assert_int_equal(ttn_utf8_clean(buffer, 3, "abc", 3), 2);
  assert_string_equal(buffer, "ab");
}

static void a_single_answer(void **state) {
  (void)state;
  struct decoding d;
  size_t n;
  decoding_open(&d);
  assert_int_equal(decode(&d, TTN_BODY_SINGLE,
                          "{\"uplink_count\":\"5\",\"entries\":{\"abc\":{}}}"),
                   TTN_OK);
  const struct ttn_entry *entries = ttn_decoder_entries(d.decoder, &n);
  assert_int_equal(n, 1);
  assert_null(entries[0].id);
  assert_null(entries[0].bad);
  assert_int_equal(entries[0].stats.count[TTN_UPLINK], 5);
  assert_int_equal(decode(&d, TTN_BODY_SINGLE, "{}"), TTN_OK);
  entries = ttn_decoder_entries(d.decoder, &n);
  assert_int_equal(n, 1);
  assert_int_equal(entries[0].stats.has, 0);
  assert_int_equal(decode(&d, TTN_BODY_SINGLE, "{\"uplink_count\":true}"),
                   TTN_OK);
  entries = ttn_decoder_entries(d.decoder, &n);
  assert_string_equal(entries[0].bad, "uplink_count");
  assert_int_equal(decode(&d, TTN_BODY_SINGLE, "[]"), TTN_FAIL_JSON);
  assert_int_equal(decode(&d, TTN_BODY_SINGLE, "null"), TTN_FAIL_JSON);
  decoding_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts),
      cmocka_unit_test(each_field),
      cmocka_unit_test(bad_fields),
      cmocka_unit_test(entries_of_wrong_types),
      cmocka_unit_test(what_is_unknown_is_skipped),
      cmocka_unit_test(versions),
      cmocka_unit_test(places),
      cmocka_unit_test(round_trips_that_lack_a_member),
      cmocka_unit_test(sub_bands),
      cmocka_unit_test(as_many_sub_bands_as_may_be),
      cmocka_unit_test(metrics_of_any_kind),
      cmocka_unit_test(as_many_metrics_as_may_be),
      cmocka_unit_test(numbers),
      cmocka_unit_test(tokens_alone),
      cmocka_unit_test(a_single_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
