/* SPDX-License-Identifier: MIT */
#include "report/api_stats.h"

#include "base/env.h"
#include "base/text.h"
#include "report/groups.h"

/* The failures that every network has sooner or later. Their series exist from
 * the start, so that the first failure shows as a rate. */
static bool is_always_reported(enum ttn_failure failure) {
  return failure == TTN_FAIL_CONNECT || failure == TTN_FAIL_TIMEOUT ||
         failure == TTN_FAIL_HTTP || failure == TTN_FAIL_JSON;
}

void ttn_report_api(const struct ttn_sink *sink, uint32_t collect,
                    const char *account, const struct ttn_api_stats *stats) {
  const struct ttn_api_counters *counters = stats->counters;
  struct ttn_value value = {.subject = account, .label = ""};

  if ((collect & TTN_COLLECT_API) == 0)
    return;
  ttn_put_gauge(sink, &value, TTN_SERIES_UP, stats->up);
  if (stats->listed) {
    ttn_put_gauge(sink, &value, TTN_SERIES_GATEWAYS, (double)stats->gateways);
    ttn_put_gauge(sink, &value, TTN_SERIES_ALL_CONNECTED,
                  (double)stats->connected);
    ttn_put_gauge(sink, &value, TTN_SERIES_ALL_DISCONNECTED,
                  (double)stats->disconnected);
    ttn_put_gauge(sink, &value, TTN_SERIES_ALL_UNKNOWN, (double)stats->unknown);
  }
  ttn_put_gauge(sink, &value, TTN_SERIES_POLL,
                (double)stats->poll / (double)TTN_SECOND);
  for (size_t i = 0; i < TTN_STATUSES; i++) {
    char status[16];
    if (counters->statuses[i].n == 0)
      continue;
    value.label =
        ttn_print(status, sizeof status, "%d", counters->statuses[i].status);
    ttn_put_count(sink, &value, TTN_SERIES_RESPONSES, counters->statuses[i].n);
  }
  for (int i = TTN_OK + 1; i < TTN_FAILURES; i++) {
    enum ttn_failure failure = (enum ttn_failure)i;
    value.label = ttn_failure_name(failure);
    if (counters->failures[i] != 0 || is_always_reported(failure))
      ttn_put_count(sink, &value, TTN_SERIES_ERRORS, counters->failures[i]);
  }
  value.label = "";
  if (counters->rate_available >= 0)
    ttn_put_gauge(sink, &value, TTN_SERIES_RATE_LIMIT,
                  (double)counters->rate_available);
}
