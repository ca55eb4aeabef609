/* SPDX-License-Identifier: MIT */
/* Between decode.c and the files that know one body each. Not for others. */
#ifndef TTN_DECODE_BODY_H
#define TTN_DECODE_BODY_H

#include "json/json.h"
#include "tts/records.h"

enum ttn_place_member { TTN_LATITUDE, TTN_LONGITUDE, TTN_ALTITUDE };
/* The fields of a place. path: where it is; first: the id of the latitude,
 * which those of the other members follow. */
#define TTN_PLACE_FIELDS(path, first)                                          \
  TTN_NUMBER("latitude", path, (first) + TTN_LATITUDE),                        \
      TTN_NUMBER("longitude", path, (first) + TTN_LONGITUDE),                  \
      TTN_NUMBER("altitude", path, (first) + TTN_ALTITUDE)

/* A place that is read: of an antenna in the list, or in a gateway's own
 * status. decode.c writes it. */
struct ttn_place_work {
  double member[TTN_ALTITUDE + 1];
  bool wrong; /* a member makes no sense */
};

/* Of a batch's or single's statistics. decode_stats.c writes it. */
struct ttn_stats_work {
  struct ttn_entry *entries;
  size_t n, room;
  const char *largest; /* id so far: the stack sorts them */
  /* Of the entry that is open, until they are counted. */
  struct ttn_band bands[TTN_BANDS_MAX];
  struct ttn_metric metrics[TTN_METRICS_MAX];
  struct ttn_version versions[TTN_VERSIONS_MAX];
  size_t n_bands, n_metrics, n_versions;
  struct ttn_place_work place; /* of the antenna that is read */
  uint32_t round_trips;        /* bit i: a member of round_trip_times came */
  uint32_t left_out;           /* bit i: a field of field i's group is odd */
  char name[TTN_ID_MAX];       /* of the metric or version that is read */
  size_t name_length;          /* 0: not a name that we take */
};

/* decode_gateways.c writes it. */
struct ttn_list_work {
  struct ttn_listed *gateways;
  size_t n, room, skipped;
  struct ttn_listed gateway; /* the one that is open */
  bool bad;
  struct ttn_place_work place; /* of its antenna that is open */
};

/* decode_error.c writes it. */
struct ttn_error_work {
  bool used; /* else all is zero */
  struct ttn_api_error error;
  size_t details;
};

/* decode_auth_info.c writes it. */
struct ttn_auth_work {
  struct ttn_auth_info info;
  const char **rights;
  size_t n, room;
};

/* Of an event of traffic: the antenna that is read. decode_traffic.c writes
 * it. */
struct ttn_antenna_work {
  bool has_rssi;
  double rssi, snr;
};

/* decode.c writes it. */
struct ttn_decoder {
  const struct ttn_env *env;
  struct ttn_json *json;
  enum ttn_body body;
  enum ttn_failure failure; /* as the caller was told */
  struct ttn_stats_work stats;
  struct ttn_list_work list;
  struct ttn_error_work error;
  struct ttn_auth_work auth;
  struct ttn_event event;
  struct ttn_antenna_work antenna;
};

/* Forget the records of the body before. */
void ttn_decode_stats_begin(struct ttn_stats_work *work);
void ttn_decode_gateways_begin(struct ttn_list_work *work);
void ttn_decode_auth_info_begin(struct ttn_auth_work *work);

/* An event's data, by its kind. NULL: not one of traffic, or it has none that
 * is read. */
const struct ttn_json_shape *ttn_traffic_shape(enum ttn_event_kind kind);
/* The ids of its fields begin here; their callbacks: */
#define TTN_TRAFFIC_FIELDS 192
void ttn_traffic_open(struct ttn_decoder *decoder, int id);
void ttn_traffic_close(struct ttn_decoder *decoder, int id);
/* False: it has no meaning. */
bool ttn_traffic_value(struct ttn_decoder *decoder, int id,
                       const struct ttn_json_value *value);

/* Their ctx is the decoder. */
extern const struct ttn_json_body ttn_body_batch, ttn_body_single,
    ttn_body_list, ttn_body_error, ttn_body_auth_info, ttn_body_event;

/* value: NULL if it has a wrong type. */
void ttn_place_take(struct ttn_place_work *work, enum ttn_place_member member,
                    const struct ttn_json_value *value);
/* False: it is no place, and *place stays as it is. A gateway that does not
 * know where it is says latitude and longitude 0, which the stack leaves out.
 */
bool ttn_place_end(const struct ttn_place_work *work,
                   struct ttn_location *place);

/* The string's copy, or NULL when it holds a NUL or more than `most` bytes. */
char *ttn_decode_string(struct ttn_decoder *decoder,
                        const struct ttn_json_value *value, size_t most);
/* As people may see it: see ttn_utf8_clean. */
const char *ttn_decode_text(struct ttn_decoder *decoder,
                            const struct ttn_json_value *value);

#endif
