/* SPDX-License-Identifier: MIT */
#include "tts/request.h"

#include "base/text.h"
#include "base/timestamp.h"

#include <string.h>

/* 100 ids and all paths are some 6 KB, 1000 identifiers some 70 KB. */
#define BODY_MAX (256 * 1024)

char *ttn_request_list(char *buffer, size_t size, const char *base,
                       struct ttn_list_of of, bool antennas, unsigned limit,
                       unsigned page) {
  bool own = of.organization == NULL;
  return ttn_print(buffer, size,
                   "%s/api/v3/%s%s%sgateways?field_mask=name,"
                   "gateway_server_address%s&limit=%u&page=%u",
                   base,
                   !own        ? "organizations/"
                   : of.search ? "search/"
                               : "",
                   own ? "" : of.organization, own ? "" : "/",
                   antennas ? ",antennas" : "", limit, page);
}

char *ttn_request_url(char *buffer, size_t size, const char *base,
                      enum api_call call, const char *id) {
  if (call == API_AUTH_INFO)
    return ttn_print(buffer, size, "%s/api/v3/auth_info", base);
  return ttn_print(buffer, size, "%s/api/v3/gs/gateways%s%s/connection/stats",
                   base, call == API_SINGLE ? "/" : "",
                   call == API_SINGLE ? id : "");
}

static bool append(struct ttn_request_body *body, const struct ttn_env *env,
                   const char *text) {
  size_t size = strlen(text);
  void *bytes = body->bytes;
  if (!ttn_grow(env, &bytes, &body->room, body->n + size + 1, 1, BODY_MAX))
    return false;
  body->bytes = bytes;
  memcpy(body->bytes + body->n, text, size + 1);
  body->n += size;
  return true;
}

bool ttn_request_batch(struct ttn_request_body *body, const struct ttn_env *env,
                       const char *(*id)(const void *ctx, size_t i),
                       const void *ctx, size_t n, const char *const *paths,
                       size_t n_paths) {
  body->n = 0;
  bool good = append(body, env, "{\"gateway_ids\":[");
  for (size_t i = 0; good && i < n; i++)
    good = append(body, env,
                  i == 0 ? "{\"gateway_id\":\"" : ",{\"gateway_id\":\"") &&
           append(body, env, id(ctx, i)) && append(body, env, "\"}");
  good = good && append(body, env, "],\"field_mask\":{\"paths\":[");
  for (size_t i = 0; good && i < n_paths; i++)
    good = append(body, env, i == 0 ? "\"" : ",\"") &&
           append(body, env, paths[i]) && append(body, env, "\"");
  return good && append(body, env, "]}}");
}

bool ttn_request_events(struct ttn_request_body *body,
                        const struct ttn_env *env,
                        const char *(*id)(const void *ctx, size_t i),
                        const void *ctx, size_t n, bool traffic,
                        int64_t after) {
  char time[40];
  body->n = 0;
  bool good = append(body, env, "{\"identifiers\":[");
  for (size_t i = 0; good && i < n; i++)
    good = append(body, env,
                  i == 0 ? "{\"gateway_ids\":{\"gateway_id\":\""
                         : ",{\"gateway_ids\":{\"gateway_id\":\"") &&
           append(body, env, id(ctx, i)) && append(body, env, "\"}}");
  good = good && append(body, env,
                        "],\"names\":[\"gs.gateway.connect\","
                        "\"gs.gateway.connection.stats\","
                        "\"gs.gateway.disconnect\"");
  if (good && traffic)
    good = append(body, env,
                  ",\"gs.up.receive\",\"gs.up.drop\",\"gs.down.send\","
                  "\"gs.down.tx.success\",\"gs.down.tx.fail\","
                  "\"gs.down.schedule.fail\"");
  good = good && append(body, env, "]");
  if (good && after != 0)
    good = append(body, env, ",\"after\":\"") &&
           append(body, env, ttn_time_print(time, sizeof time, after)) &&
           append(body, env, "\"");
  return good && append(body, env, "}");
}
