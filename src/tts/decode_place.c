/* SPDX-License-Identifier: MIT */
#include "tts/decode_place.h"

void ttn_place_begin(struct ttn_place_work *work) {
  *work = (struct ttn_place_work){0};
}

void ttn_place_take(struct ttn_place_work *work, enum ttn_place_member member,
                    const struct ttn_json_value *value) {
  if (value == NULL || !ttn_json_double(value, &work->member[member]))
    work->wrong = true;
}

bool ttn_place_end(const struct ttn_place_work *work,
                   struct ttn_location *place) {
  *place = (struct ttn_location){work->member[TTN_LATITUDE],
                                 work->member[TTN_LONGITUDE],
                                 work->member[TTN_ALTITUDE]};
  return !work->wrong && (place->latitude != 0 || place->longitude != 0) &&
         place->latitude >= -90 && place->latitude <= 90 &&
         place->longitude >= -180 && place->longitude <= 180;
}
