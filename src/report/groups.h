/* SPDX-License-Identifier: MIT */
#ifndef TTN_GROUPS_H
#define TTN_GROUPS_H

/* Groups of values that Collect… options switch, and Location. */
enum ttn_group {
  TTN_COLLECT_PACKETS = 1 << 0,       /* CollectPackets: counts */
  TTN_COLLECT_CONNECTED = 1 << 1,     /* CollectConnected */
  TTN_COLLECT_UPTIME = 1 << 2,        /* CollectUptime */
  TTN_COLLECT_ROUND_TRIPS = 1 << 3,   /* CollectRoundTripTimes */
  TTN_COLLECT_AGES = 1 << 4,          /* CollectAges */
  TTN_COLLECT_DUTY_CYCLE = 1 << 5,    /* CollectDutyCycle */
  TTN_COLLECT_STATUS = 1 << 6,        /* CollectStatus */
  TTN_COLLECT_API = 1 << 7,           /* CollectAPI: all of ttn_api */
  TTN_COLLECT_DEFAULT = (1 << 8) - 1, /* what is on by default */
  TTN_COLLECT_LOCATION = 1 << 8,      /* Location */
  TTN_COLLECT_DETAILS = 1 << 9        /* CollectDetails: more values of round
                                       * trips, duty cycle and status, of those
                                       * that are on */
};

#endif
