/* SPDX-License-Identifier: MIT */
/* What events of traffic told of one gateway's radio: uplinks by data rate and
 * channel, how well they were heard, and what became of downlinks. Events can
 * be lost without a word, so nothing here is a total of messages; how many are
 * missing is one of the counts. Pure; one thread at a time. */
#ifndef TTN_RADIO_H
#define TTN_RADIO_H

#include "tts/records.h"

/* Channels, and names of errors by which uplinks are dropped, that are told
 * apart; others are counted together. */
#define TTN_RADIO_CHANNELS 24
#define TTN_RADIO_DROPS 8

/* Counts, and how many there are of each kind. */
enum ttn_radio_count {
  TTN_RADIO_SF, /* by spreading factor */
  TTN_RADIO_FSK = TTN_RADIO_SF + TTN_SF_MAX - TTN_SF_MIN + 1,
  TTN_RADIO_LRFHSS,
  TTN_RADIO_CHANNEL,
  TTN_RADIO_OTHER_CHANNEL = TTN_RADIO_CHANNEL + TTN_RADIO_CHANNELS,
  TTN_RADIO_DROP,
  TTN_RADIO_OTHER_DROP = TTN_RADIO_DROP + TTN_RADIO_DROPS,
  TTN_RADIO_SENT,   /* downlinks that went to the gateway */
  TTN_RADIO_RESULT, /* what it said of them: by TxAcknowledgment.Result */
  TTN_RADIO_UNSCHEDULED = TTN_RADIO_RESULT + 9, /* downlinks, by cause */
  TTN_RADIO_MISSED = TTN_RADIO_UNSCHEDULED + 5, /* uplinks without event */
  TTN_RADIO_COUNTS
};

/* In a histogram: RSSI by 1 dB, SNR by 0.25 dB, as concentrators measure. */
#define TTN_RSSI_BINS 151
#define TTN_SNR_BINS 257

/* Of the uplinks of an interval. */
struct ttn_levels {
  uint32_t n;
  double min, max; /* of the values themselves */
};

/* Enough to recognise uplinks that a server's statistics do not have yet. */
#define TTN_RADIO_RECENT 16

/* The server's statistics, once they are known. */
struct ttn_radio_check {
  bool set;
  int64_t last;     /* time of the last uplink that they count */
  uint64_t counted; /* uplinks of the connection */
  uint64_t seen;    /* events of uplinks up to that time */
};

/* All zero at first. */
struct ttn_radio {
  uint64_t count[TTN_RADIO_COUNTS];
  bool shown[TTN_RADIO_COUNTS];         /* a value of it was reported */
  uint32_t channel[TTN_RADIO_CHANNELS]; /* kHz; 0 = not in use */
  char drop[TTN_RADIO_DROPS][TTN_ERROR_NAME_MAX + 1];
  struct ttn_levels rssi, snr;
  uint32_t rssi_bins[TTN_RSSI_BINS], snr_bins[TTN_SNR_BINS];

  /* For TTN_RADIO_MISSED. */
  uint64_t seen;                    /* events of uplinks */
  int64_t recent[TTN_RADIO_RECENT]; /* received_at of the latest of them */
  struct ttn_radio_check check;     /* the latest statistics */
  int64_t connection; /* connected_at of the one that is compared */
  bool based;         /* `base` is known */
  int64_t base;       /* counted - seen - missed, when the comparison began */
};

/* An event of traffic. */
void ttn_radio_event(struct ttn_radio *radio, enum ttn_event_kind kind,
                     const struct ttn_traffic *traffic);
/* An event's statistics: of one connection. */
void ttn_radio_counted(struct ttn_radio *radio, const struct ttn_stats *stats);
/* A connection began or ended: which one is compared is open again. */
void ttn_radio_connection(struct ttn_radio *radio);

/* A TxAcknowledgment.Result's name, such as "too_late". */
const char *ttn_radio_result(uint64_t result);

/* The name of a count that has a value to report ("up_sf7"), or NULL. A count
 * is reported as 0 first, and from the next interval on as it is, so that a
 * receiver that adds differences has all of them. *value: to report. */
#define TTN_RADIO_NAME_SIZE (TTN_ERROR_NAME_MAX + 32)
const char *ttn_radio_count(struct ttn_radio *radio, unsigned i,
                            char name[TTN_RADIO_NAME_SIZE], uint64_t *value);
/* A quantile (0 to 1, by the nearest rank) of the interval's uplinks; n > 0. */
double ttn_radio_rssi(const struct ttn_radio *radio, double quantile);
double ttn_radio_snr(const struct ttn_radio *radio, double quantile);
/* The values were reported, or nobody wants them: an interval begins. */
void ttn_radio_next(struct ttn_radio *radio);

#endif
