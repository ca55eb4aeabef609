/* SPDX-License-Identifier: MIT */
#include "report/series.h"

#define GATEWAY "ttn"
#define ACCOUNT "ttn_api"

const struct ttn_series_name ttn_series_names[TTN_SERIES_KINDS] = {
    [TTN_SERIES_UPLINK] = {GATEWAY, "packets", "uplink"},
    [TTN_SERIES_DOWNLINK] = {GATEWAY, "packets", "downlink"},
    [TTN_SERIES_TX_ACK] = {GATEWAY, "packets", "tx_ack"},
    [TTN_SERIES_CONNECTED] = {GATEWAY, "bool", "connected"},
    [TTN_SERIES_CONNECTS] = {GATEWAY, "total_operations", "connects"},
    [TTN_SERIES_SINCE_UPLINK] = {GATEWAY, "duration", "since_uplink"},
    [TTN_SERIES_SINCE_DOWNLINK] = {GATEWAY, "duration", "since_downlink"},
    [TTN_SERIES_SINCE_TX_ACK] = {GATEWAY, "duration", "since_tx_ack"},
    [TTN_SERIES_SINCE_STATUS] = {GATEWAY, "duration", "since_status"},
    [TTN_SERIES_UPTIME] = {GATEWAY, "uptime", "connection"},
    [TTN_SERIES_RTT_MIN] = {GATEWAY, "duration", "rtt_min"},
    [TTN_SERIES_RTT_MEDIAN] = {GATEWAY, "duration", "rtt_median"},
    [TTN_SERIES_RTT_MAX] = {GATEWAY, "duration", "rtt_max"},
    [TTN_SERIES_RTT_SAMPLES] = {GATEWAY, "count", "rtt_samples"},
    [TTN_SERIES_DUTY_CYCLE] = {GATEWAY, "percent", "duty_cycle_"},
    [TTN_SERIES_DUTY_CYCLE_LIMIT] = {GATEWAY, "percent", "duty_cycle_limit_"},
    [TTN_SERIES_STATUS] = {GATEWAY, "gauge", "status_"},
    [TTN_SERIES_LATITUDE] = {GATEWAY, "gauge", "latitude"},
    [TTN_SERIES_LONGITUDE] = {GATEWAY, "gauge", "longitude"},
    [TTN_SERIES_ALTITUDE] = {GATEWAY, "gauge", "altitude"},
    [TTN_SERIES_TRAFFIC] = {GATEWAY, "total_operations", ""},
    [TTN_SERIES_RSSI_MIN] = {GATEWAY, "signal_power", "rssi_min"},
    [TTN_SERIES_RSSI_MEDIAN] = {GATEWAY, "signal_power", "rssi_median"},
    [TTN_SERIES_RSSI_MAX] = {GATEWAY, "signal_power", "rssi_max"},
    /* collectd's type snr has no values below 0, where LoRa works. */
    [TTN_SERIES_SNR_MIN] = {GATEWAY, "gauge", "snr_min"},
    [TTN_SERIES_SNR_P5] = {GATEWAY, "gauge", "snr_p5"},
    [TTN_SERIES_SNR_MEDIAN] = {GATEWAY, "gauge", "snr_median"},
    [TTN_SERIES_SNR_MAX] = {GATEWAY, "gauge", "snr_max"},
    [TTN_SERIES_UP] = {ACCOUNT, "bool", "up"},
    [TTN_SERIES_GATEWAYS] = {ACCOUNT, "count", "gateways"},
    [TTN_SERIES_ALL_CONNECTED] = {ACCOUNT, "count", "connected"},
    [TTN_SERIES_ALL_DISCONNECTED] = {ACCOUNT, "count", "disconnected"},
    [TTN_SERIES_ALL_UNKNOWN] = {ACCOUNT, "count", "unknown"},
    [TTN_SERIES_POLL] = {ACCOUNT, "duration", "poll"},
    [TTN_SERIES_RESPONSES] = {ACCOUNT, "http_response_codes", ""},
    [TTN_SERIES_ERRORS] = {ACCOUNT, "errors", ""},
    [TTN_SERIES_RATE_LIMIT] = {ACCOUNT, "gauge", "rate_limit_available"},
};
