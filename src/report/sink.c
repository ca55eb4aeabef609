/* SPDX-License-Identifier: MIT */
#include "report/sink.h"

void ttn_put_gauge(const struct ttn_sink *sink, struct ttn_value *value,
                   enum ttn_series series, double gauge) {
  value->series = series;
  value->derive = false;
  value->gauge = gauge;
  sink->value(sink->ctx, value);
}

void ttn_put_count(const struct ttn_sink *sink, struct ttn_value *value,
                   enum ttn_series series, uint64_t count) {
  value->series = series;
  value->derive = true;
  value->count = count > INT64_MAX ? INT64_MAX : (int64_t)count;
  sink->value(sink->ctx, value);
}
