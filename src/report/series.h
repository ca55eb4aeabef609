/* SPDX-License-Identifier: MIT */
/* The series that values belong to, and their names in collectd, which users
 * rely on: README's table of values. All types are of collectd's own types.db,
 * because a type of our own would have to be installed on every receiver. */
#ifndef TTN_SERIES_H
#define TTN_SERIES_H

enum ttn_series {
  /* Of a gateway. The first three, and the ages, are in the order of enum
   * ttn_message. */
  TTN_SERIES_UPLINK,
  TTN_SERIES_DOWNLINK,
  TTN_SERIES_TX_ACK,
  TTN_SERIES_CONNECTED,
  TTN_SERIES_CONNECTS,
  TTN_SERIES_SINCE_UPLINK,
  TTN_SERIES_SINCE_DOWNLINK,
  TTN_SERIES_SINCE_TX_ACK,
  TTN_SERIES_SINCE_STATUS,
  TTN_SERIES_UPTIME,
  TTN_SERIES_RTT_MIN,
  TTN_SERIES_RTT_MEDIAN,
  TTN_SERIES_RTT_MAX,
  TTN_SERIES_RTT_SAMPLES,
  TTN_SERIES_DUTY_CYCLE,       /* label: "<from>_<to>" of a sub-band, kHz */
  TTN_SERIES_DUTY_CYCLE_LIMIT, /* likewise */
  TTN_SERIES_STATUS,           /* label: name of a forwarder's metric */
  TTN_SERIES_LATITUDE,
  TTN_SERIES_LONGITUDE,
  TTN_SERIES_ALTITUDE,
  /* Of what its radio heard and sent: Traffic. */
  TTN_SERIES_TRAFFIC, /* label: ttn_radio_count */
  TTN_SERIES_RSSI_MIN,
  TTN_SERIES_RSSI_MEDIAN,
  TTN_SERIES_RSSI_MAX,
  TTN_SERIES_SNR_MIN,
  TTN_SERIES_SNR_P5,
  TTN_SERIES_SNR_MEDIAN,
  TTN_SERIES_SNR_MAX,
  /* Of an account. */
  TTN_SERIES_UP,
  TTN_SERIES_GATEWAYS,
  TTN_SERIES_ALL_CONNECTED,
  TTN_SERIES_ALL_DISCONNECTED,
  TTN_SERIES_ALL_UNKNOWN,
  TTN_SERIES_POLL,
  TTN_SERIES_RESPONSES, /* label: HTTP status */
  TTN_SERIES_ERRORS,    /* label: ttn_failure_name */
  TTN_SERIES_RATE_LIMIT,
  TTN_SERIES_KINDS /* how many there are */
};

struct ttn_series_name {
  const char *plugin; /* "ttn" of a gateway, "ttn_api" of an account */
  const char *type;
  const char *type_instance; /* the value's label follows */
};
extern const struct ttn_series_name ttn_series_names[TTN_SERIES_KINDS];

#endif
