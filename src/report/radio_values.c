/* SPDX-License-Identifier: MIT */
#include "report/radio_values.h"

static void put_traffic(const struct ttn_sink *sink, struct ttn_value *value,
                        struct ttn_radio *radio) {
  char name[TTN_RADIO_NAME_SIZE];
  uint64_t count;
  for (unsigned i = 0; i < TTN_RADIO_COUNTS; i++) {
    value->label = ttn_radio_count(radio, i, name, &count);
    if (value->label != NULL)
      ttn_put_count(sink, value, TTN_SERIES_TRAFFIC, count);
  }
  value->label = "";
}

void ttn_report_radio(const struct ttn_sink *sink, const char *id,
                      struct ttn_radio *radio, const struct ttn_meta *meta) {
  struct ttn_value value = {.subject = id, .label = "", .meta = meta};
  put_traffic(sink, &value, radio);
  if (radio->rssi.n > 0) {
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MIN, radio->rssi.min);
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MEDIAN,
                  ttn_radio_rssi(radio, 0.5));
    ttn_put_gauge(sink, &value, TTN_SERIES_RSSI_MAX, radio->rssi.max);
  }
  if (radio->snr.n > 0) {
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MIN, radio->snr.min);
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_P5, ttn_radio_snr(radio, 0.05));
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MEDIAN,
                  ttn_radio_snr(radio, 0.5));
    ttn_put_gauge(sink, &value, TTN_SERIES_SNR_MAX, radio->snr.max);
  }
  ttn_radio_next(radio);
}
