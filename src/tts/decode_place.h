/* SPDX-License-Identifier: MIT */
/* A place: of an antenna in the list, or in a gateway's own status. */
#ifndef TTN_DECODE_PLACE_H
#define TTN_DECODE_PLACE_H

#include "json/json.h"
#include "tts/records.h"

enum ttn_place_member { TTN_LATITUDE, TTN_LONGITUDE, TTN_ALTITUDE };
/* Its fields. path: where it is; first: the id of the latitude, which those of
 * the other members follow. */
#define TTN_PLACE_FIELDS(path, first)                                          \
  TTN_NUMBER("latitude", path, (first) + TTN_LATITUDE),                        \
      TTN_NUMBER("longitude", path, (first) + TTN_LONGITUDE),                  \
      TTN_NUMBER("altitude", path, (first) + TTN_ALTITUDE)

/* One that is read. */
struct ttn_place_work {
  double member[TTN_ALTITUDE + 1];
  bool wrong; /* a member makes no sense */
};

void ttn_place_begin(struct ttn_place_work *work);
/* value: NULL if it has a wrong type. */
void ttn_place_take(struct ttn_place_work *work, enum ttn_place_member member,
                    const struct ttn_json_value *value);
/* False: it is no place. A gateway that does not know where it is says latitude
 * and longitude 0, which the stack leaves out. */
bool ttn_place_end(const struct ttn_place_work *work,
                   struct ttn_location *place);

#endif
