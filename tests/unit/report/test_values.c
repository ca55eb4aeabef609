/* SPDX-License-Identifier: MIT */
/* Which values go out, under which names, and when none. The names are a
 * promise: an expectation here changes only with a major version. */
#include "report/api_stats.h"
#include "report/field_mask.h"
#include "report/groups.h"
#include "report/values.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What went out: "plugin-instance/type-type_instance value" a line, a DERIVE
 * with an "i". */
struct recorder {
  struct ttn_sink sink;
  char text[8192];
  size_t used;
  const struct ttn_meta *meta;
};

static void record(void *ctx, const struct ttn_value *value) {
  struct recorder *recorder = ctx;
  char *end = recorder->text + recorder->used;
  size_t room = sizeof recorder->text - recorder->used;
  const struct ttn_series_name *name = &ttn_series_names[value->series];
  int n = snprintf(end, room, "%s-%s/%s-%s%s ", name->plugin, value->subject,
                   name->type, name->type_instance, value->label);
  recorder->used += (size_t)n;
  end += n;
  room -= (size_t)n;
  n = value->derive ? snprintf(end, room, "%llii\n", (long long)value->count)
                    : snprintf(end, room, "%.9g\n", value->gauge);
  recorder->used += (size_t)n;
  recorder->meta = value->meta;
}

static struct recorder *start(struct recorder *recorder) {
  memset(recorder, 0, sizeof *recorder);
  recorder->sink = (struct ttn_sink){.ctx = recorder, .value = record};
  return recorder;
}

#define AT(seconds) ((int64_t)(seconds)*TTN_SECOND)

static const struct ttn_band eu868[] = {
    {863000000, 865000000, 0.001, 0},
    {868000000, 868600000, 0.01, 0.0025},
    {869400000, 869650000, 0.1, 0.12},
};
static const struct ttn_metric metrics[] = {{"ackr", 100},  {"rxok", 3},
                                            {"temp", 21.5}, {"rxfw", 2},
                                            {"txin", 1},    {"txok", 0}};

/* A gateway of which all is known, at 10,000 s. */
static struct ttn_stats full(void) {
  return (struct ttn_stats){
      .has = TTN_HAS_CONNECTED_AT | TTN_HAS_LAST * 7u | TTN_HAS_LAST_STATUS |
             TTN_HAS_ROUND_TRIPS,
      .connected_at = AT(9000),
      .last = {AT(9990), AT(9980), AT(9980) + 500 * TTN_MS},
      .last_status = AT(9970),
      .rtt_min = 0.025,
      .rtt_median = 0.03,
      .rtt_max = 0.125,
      .rtt_count = 20,
      .bands = eu868,
      .n_bands = 3,
      .metrics = metrics,
      .n_metrics = 6,
  };
}

static const struct ttn_outcome connected = {
    .state = TTN_CONNECTED, .counts = 7, .bands = 6, .value = {1500, 20, 18}};
static const struct ttn_outcome disconnected = {
    .state = TTN_DISCONNECTED, .counts = 3, .value = {1500, 20, 18}};

static void expect(uint32_t collect, const struct ttn_outcome *outcome,
                   const struct ttn_stats *stats, int64_t date,
                   enum ttn_part part, const char *expected) {
  struct recorder recorder;
  start(&recorder);
  ttn_report_gateway(&recorder.sink, collect, "roof", outcome, stats, date,
                     NULL, part);
  assert_string_equal(recorder.text, expected);
}

#define COUNTS                                                                 \
  "ttn-roof/packets-uplink 1500i\n"                                            \
  "ttn-roof/packets-downlink 20i\n"                                            \
  "ttn-roof/packets-tx_ack 18i\n"
#define AGES                                                                   \
  "ttn-roof/duration-since_uplink 10\n"                                        \
  "ttn-roof/duration-since_downlink 20\n"                                      \
  "ttn-roof/duration-since_tx_ack 19.5\n"                                      \
  "ttn-roof/duration-since_status 30\n"
#define UPTIME "ttn-roof/uptime-connection 1000\n"
#define ROUND_TRIPS                                                            \
  "ttn-roof/duration-rtt_min 0.025\n"                                          \
  "ttn-roof/duration-rtt_median 0.03\n"                                        \
  "ttn-roof/duration-rtt_max 0.125\n"
#define DUTY_CYCLE                                                             \
  "ttn-roof/percent-duty_cycle_868000_868600 25\n"                             \
  "ttn-roof/percent-duty_cycle_869400_869650 120\n"
#define STATUS                                                                 \
  "ttn-roof/gauge-status_ackr 100\n"                                           \
  "ttn-roof/gauge-status_rxok 3\n"                                             \
  "ttn-roof/gauge-status_temp 21.5\n"
#define UP "ttn-roof/bool-connected 1\n"
#define GONE "ttn-roof/bool-connected 0\n"

static void names_all(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_DEFAULT, &connected, &stats, AT(10000), TTN_PART_ALL,
         COUNTS UP AGES UPTIME ROUND_TRIPS DUTY_CYCLE STATUS);
}

static void splits_in_two(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_DEFAULT, &connected, &stats, AT(10000), TTN_PART_COUNTS,
         COUNTS);
  expect(TTN_COLLECT_DEFAULT, &connected, &stats, AT(10000),
         TTN_PART_BUT_COUNTS, UP AGES UPTIME ROUND_TRIPS DUTY_CYCLE STATUS);
}

static void switches_groups(void **state) {
  (void)state;
  static const struct {
    uint32_t group;
    const char *expected;
  } groups[] = {
      {TTN_COLLECT_PACKETS, COUNTS},
      {TTN_COLLECT_CONNECTED, UP},
      {TTN_COLLECT_UPTIME, UPTIME},
      {TTN_COLLECT_AGES, AGES},
      {TTN_COLLECT_ROUND_TRIPS, ROUND_TRIPS},
      {TTN_COLLECT_STATUS, STATUS},
      {TTN_COLLECT_DUTY_CYCLE, DUTY_CYCLE},
      {TTN_COLLECT_API, ""},
      {0, ""},
  };
  struct ttn_stats stats = full();
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    expect(groups[i].group, &connected, &stats, AT(10000), TTN_PART_ALL,
           groups[i].expected);
}

/* Details add to the groups that are on. */
static void tells_details(void **state) {
  (void)state;
  static const struct {
    uint32_t group;
    const char *expected;
  } groups[] = {
      {TTN_COLLECT_ROUND_TRIPS, ROUND_TRIPS "ttn-roof/count-rtt_samples 20\n"},
      {TTN_COLLECT_DUTY_CYCLE,
       "ttn-roof/percent-duty_cycle_868000_868600 25\n"
       "ttn-roof/percent-duty_cycle_limit_868000_868600 1\n"
       "ttn-roof/percent-duty_cycle_869400_869650 120\n"
       "ttn-roof/percent-duty_cycle_limit_869400_869650 10\n"},
      {TTN_COLLECT_STATUS, STATUS "ttn-roof/gauge-status_rxfw 2\n"
                                  "ttn-roof/gauge-status_txin 1\n"
                                  "ttn-roof/gauge-status_txok 0\n"},
      {TTN_COLLECT_PACKETS, COUNTS},
      {TTN_COLLECT_AGES, AGES},
      {0, ""},
  };
  struct ttn_stats stats = full();
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    expect(groups[i].group | TTN_COLLECT_DETAILS, &connected, &stats, AT(10000),
           TTN_PART_ALL, groups[i].expected);
}

/* A sub-band that was never used has no series; one that was has, also at 0. */
static void leaves_out_unused_bands(void **state) {
  (void)state;
  struct ttn_outcome outcome = connected;
  struct ttn_stats stats = full();
  outcome.bands = 0;
  expect(TTN_COLLECT_DUTY_CYCLE | TTN_COLLECT_DETAILS, &outcome, &stats,
         AT(10000), TTN_PART_ALL, "");
  outcome.bands = 1;
  expect(TTN_COLLECT_DUTY_CYCLE, &outcome, &stats, AT(10000), TTN_PART_ALL,
         "ttn-roof/percent-duty_cycle_863000_865000 0\n");
}

static void keeps_history_quiet(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_DEFAULT, &disconnected, &stats, AT(10000), TTN_PART_ALL,
         "ttn-roof/packets-uplink 1500i\n"
         "ttn-roof/packets-downlink 20i\n" GONE AGES);
  expect(TTN_COLLECT_DEFAULT, &disconnected, NULL, AT(10000), TTN_PART_ALL,
         "ttn-roof/packets-uplink 1500i\n"
         "ttn-roof/packets-downlink 20i\n" GONE);
}

static void says_nothing_of_the_unknown(void **state) {
  (void)state;
  static const struct ttn_outcome unknown = {
      .state = TTN_UNKNOWN, .counts = 7, .value = {1, 2, 3}};
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_DEFAULT, &unknown, &stats, AT(10000), TTN_PART_ALL, "");
}

static void needs_a_date_for_ages(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_DEFAULT, &connected, &stats, 0, TTN_PART_ALL,
         COUNTS UP ROUND_TRIPS DUTY_CYCLE);
}

/* The gateway server's clock is ahead of the one that wrote Date. */
static void never_counts_below_0(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  expect(TTN_COLLECT_AGES | TTN_COLLECT_UPTIME, &connected, &stats, AT(8000),
         TTN_PART_ALL,
         "ttn-roof/duration-since_uplink 0\n"
         "ttn-roof/duration-since_downlink 0\n"
         "ttn-roof/duration-since_tx_ack 0\n"
         "ttn-roof/duration-since_status 0\n"
         "ttn-roof/uptime-connection 0\n");
}

static void leaves_out_what_is_absent(void **state) {
  (void)state;
  struct ttn_stats stats = {.has = TTN_HAS_CONNECTED_AT,
                            .connected_at = AT(9000)};
  static const struct ttn_outcome no_counts = {.state = TTN_CONNECTED};
  expect(TTN_COLLECT_DEFAULT, &no_counts, &stats, AT(10000), TTN_PART_ALL,
         UP UPTIME);
  /* Go's zero time is no time. */
  stats.has |= TTN_HAS_LAST * 7u | TTN_HAS_LAST_STATUS;
  expect(TTN_COLLECT_DEFAULT, &no_counts, &stats, AT(10000), TTN_PART_ALL,
         UP UPTIME);
  /* An entry that has only lost its connected_at. */
  stats.has = 0;
  expect(TTN_COLLECT_DEFAULT, &no_counts, &stats, AT(10000), TTN_PART_ALL, UP);
}

static void forgets_an_old_status(void **state) {
  (void)state;
  struct ttn_stats stats = full();
  stats.last_status = AT(10000 - 600) + 1;
  expect(TTN_COLLECT_STATUS, &connected, &stats, AT(10000), TTN_PART_ALL,
         STATUS);
  stats.last_status = AT(10000 - 600);
  expect(TTN_COLLECT_STATUS, &connected, &stats, AT(10000), TTN_PART_ALL, "");
  stats.has &= ~(uint32_t)TTN_HAS_LAST_STATUS;
  stats.last_status = AT(9990);
  expect(TTN_COLLECT_STATUS, &connected, &stats, AT(10000), TTN_PART_ALL, "");
}

static void expect_bands(const struct ttn_band *bands, size_t n,
                         const char *expected) {
  struct ttn_stats stats = full();
  struct ttn_outcome outcome = connected;
  stats.bands = bands;
  stats.n_bands = n;
  outcome.bands = UINT16_MAX;
  expect(TTN_COLLECT_DUTY_CYCLE | TTN_COLLECT_DETAILS, &outcome, &stats,
         AT(10000), TTN_PART_ALL, expected);
}

static void knows_odd_bands(void **state) {
  (void)state;
  const struct ttn_band unlimited = {0, UINT64_MAX, 1, 0.5};
  const struct ttn_band strange[] = {
      {868000000, 868600000, 0, 0.5},        {868000000, 868600000, -1, 0.5},
      {868000000, 868600000, NAN, 0.5},      {868000000, 868600000, 0.01, NAN},
      {868000000, 868600000, INFINITY, 0.5},
  };
  const struct ttn_band same[] = {
      {868000000, 868600000, 0, 0.5}, /* has no series, so it takes no name */
      {868000000, 868600000, 0.01, 0.001},
      {868000400, 868600999, 0.5, 0.5},
      {868000000, 868601000, 0.01, 0.002},
  };
  const struct ttn_band widest = {UINT64_MAX - 1, UINT64_MAX - 1, 1, 1};
  expect_bands(&unlimited, 1, "");
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
    expect_bands(&strange[i], 1, "");
  expect_bands(same, 4,
               "ttn-roof/percent-duty_cycle_868000_868600 10\n"
               "ttn-roof/percent-duty_cycle_limit_868000_868600 1\n"
               "ttn-roof/percent-duty_cycle_868000_868601 20\n"
               "ttn-roof/percent-duty_cycle_limit_868000_868601 1\n");
  expect_bands(
      &widest, 1,
      "ttn-roof/percent-duty_cycle_18446744073709551_18446744073709551 100\n"
      "ttn-roof/percent-duty_cycle_limit_18446744073709551_18446744073709551 "
      "100\n");
}

static void bounds_status_names(void **state) {
  (void)state;
  static const struct ttn_metric odd[] = {
      {"abcdefghijklmnopqrstuvwxyz0123456789", 1},
      {"abcdefghijklmnopqrstuvwxyz01234567890", 2}, /* 37 */
      {"rxok", 3},
      {"rxok", 4},
  };
  struct ttn_stats stats = full();
  stats.metrics = odd;
  stats.n_metrics = 4;
  expect(TTN_COLLECT_STATUS, &connected, &stats, AT(10000), TTN_PART_ALL,
         "ttn-roof/gauge-status_abcdefghijklmnopqrstuvwxyz0123456789 1\n"
         "ttn-roof/gauge-status_rxok 3\n");
}

static void carries_meta_data(void **state) {
  (void)state;
  const struct ttn_meta meta = {.name = "Roof"};
  struct recorder recorder;
  start(&recorder);
  ttn_report_gateway(&recorder.sink, TTN_COLLECT_DEFAULT, "roof", &connected,
                     NULL, 0, &meta, TTN_PART_ALL);
  assert_ptr_equal(recorder.meta, &meta);
}

static void expect_paths(uint32_t collect, bool meta_data, uint32_t without,
                         const char *expected) {
  const char *paths[TTN_PATHS];
  char text[512] = "";
  size_t n = ttn_field_mask(collect, meta_data, without, paths);
  for (size_t i = 0; i < n; i++) {
    strcat(text, i == 0 ? "" : ",");
    strcat(text, paths[i]);
  }
  assert_string_equal(text, expected);
}

static void asks_for_what_it_needs(void **state) {
  (void)state;
  expect_paths(0, false, 0, "connected_at,disconnected_at");
  expect_paths(TTN_COLLECT_CONNECTED | TTN_COLLECT_UPTIME | TTN_COLLECT_API,
               false, 0, "connected_at,disconnected_at");
  expect_paths(TTN_COLLECT_PACKETS, false, 0,
               "connected_at,disconnected_at,uplink_count,downlink_count,"
               "tx_acknowledgment_count,last_uplink_received_at,"
               "last_downlink_received_at,last_tx_acknowledgment_received_at");
  expect_paths(TTN_COLLECT_STATUS, false, 0,
               "connected_at,disconnected_at,last_status_received_at,"
               "last_status.metrics");
  expect_paths(TTN_COLLECT_ROUND_TRIPS | TTN_COLLECT_DUTY_CYCLE, true, 0,
               "connected_at,disconnected_at,round_trip_times,sub_bands,"
               "last_status.boot_time,last_status.versions,protocol,"
               "gateway_remote_address");
  expect_paths(TTN_COLLECT_LOCATION, false, 0,
               "connected_at,disconnected_at,last_status_received_at,"
               "last_status.antenna_locations");
  expect_paths(TTN_COLLECT_DEFAULT, true, 0,
               "connected_at,disconnected_at,uplink_count,downlink_count,"
               "tx_acknowledgment_count,last_uplink_received_at,"
               "last_downlink_received_at,last_tx_acknowledgment_received_at,"
               "last_status_received_at,round_trip_times,sub_bands,"
               "last_status.metrics,last_status.boot_time,"
               "last_status.versions,protocol,gateway_remote_address");
}

static void leaves_out_unknown_paths(void **state) {
  (void)state;
  assert_int_equal(ttn_field_mask_bits(""), 0);
  assert_int_equal(ttn_field_mask_bits(", ,"), 0);
  assert_int_equal(ttn_field_mask_bits("uplink,uplink_counts,foo"), 0);
  assert_int_equal(ttn_field_mask_bits("connected_at"), 1);
  /* Before 3.25.2. */
  uint32_t without = ttn_field_mask_bits(
      "tx_acknowledgment_count, last_tx_acknowledgment_received_at");
  expect_paths(TTN_COLLECT_PACKETS, false, without,
               "connected_at,disconnected_at,uplink_count,downlink_count,"
               "last_uplink_received_at,last_downlink_received_at");
  /* A server that names the parent of what it doesn't know. */
  without = ttn_field_mask_bits("last_status,sub_bands");
  expect_paths(TTN_COLLECT_STATUS | TTN_COLLECT_DUTY_CYCLE, false, without,
               "connected_at,disconnected_at,last_status_received_at");
  /* Without these two nothing is known at all. */
  expect_paths(0, true, UINT32_MAX, "connected_at,disconnected_at");
}

static void expect_api(const struct ttn_api_stats *report, uint32_t collect,
                       const char *expected) {
  struct recorder recorder;
  start(&recorder);
  ttn_report_api(&recorder.sink, collect, "home", report);
  assert_string_equal(recorder.text, expected);
}

static void reports_the_account(void **state) {
  (void)state;
  const struct ttn_api_counters counters = {
      .statuses = {{200, 12}, {0, 0}, {429, 2}},
      .failures = {[TTN_OK] = 77, /* is none */
                   [TTN_FAIL_DNS] = 4,
                   [TTN_FAIL_TIMEOUT] = 5},
      .rate_available = 0,
  };
  const struct ttn_api_stats report = {
      .up = true,
      .listed = true,
      .gateways = 9,
      .connected = 5,
      .disconnected = 3,
      .unknown = 1,
      .poll = 1250 * TTN_MS,
      .counters = &counters,
  };
  expect_api(&report, TTN_COLLECT_DEFAULT,
             "ttn_api-home/bool-up 1\n"
             "ttn_api-home/count-gateways 9\n"
             "ttn_api-home/count-connected 5\n"
             "ttn_api-home/count-disconnected 3\n"
             "ttn_api-home/count-unknown 1\n"
             "ttn_api-home/duration-poll 1.25\n"
             "ttn_api-home/http_response_codes-200 12i\n"
             "ttn_api-home/http_response_codes-429 2i\n"
             "ttn_api-home/errors-dns 4i\n"
             "ttn_api-home/errors-connect 0i\n"
             "ttn_api-home/errors-timeout 5i\n"
             "ttn_api-home/errors-http 0i\n"
             "ttn_api-home/errors-json 0i\n"
             "ttn_api-home/gauge-rate_limit_available 0\n");
  expect_api(&report, TTN_COLLECT_DEFAULT & ~(uint32_t)TTN_COLLECT_API, "");
}

static void reports_an_account_that_failed(void **state) {
  (void)state;
  const struct ttn_api_counters counters = {
      .failures = {[TTN_FAIL_STATE_FILE] = UINT64_MAX}, /* more than a DERIVE */
      .rate_available = -1};
  const struct ttn_api_stats report = {.counters = &counters};
  expect_api(&report, TTN_COLLECT_API,
             "ttn_api-home/bool-up 0\n"
             "ttn_api-home/duration-poll 0\n"
             "ttn_api-home/errors-connect 0i\n"
             "ttn_api-home/errors-timeout 0i\n"
             "ttn_api-home/errors-http 0i\n"
             "ttn_api-home/errors-json 0i\n"
             "ttn_api-home/errors-state_file 9223372036854775807i\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_all),
      cmocka_unit_test(splits_in_two),
      cmocka_unit_test(switches_groups),
      cmocka_unit_test(tells_details),
      cmocka_unit_test(leaves_out_unused_bands),
      cmocka_unit_test(keeps_history_quiet),
      cmocka_unit_test(says_nothing_of_the_unknown),
      cmocka_unit_test(needs_a_date_for_ages),
      cmocka_unit_test(never_counts_below_0),
      cmocka_unit_test(leaves_out_what_is_absent),
      cmocka_unit_test(forgets_an_old_status),
      cmocka_unit_test(knows_odd_bands),
      cmocka_unit_test(bounds_status_names),
      cmocka_unit_test(carries_meta_data),
      cmocka_unit_test(asks_for_what_it_needs),
      cmocka_unit_test(leaves_out_unknown_paths),
      cmocka_unit_test(reports_the_account),
      cmocka_unit_test(reports_an_account_that_failed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
