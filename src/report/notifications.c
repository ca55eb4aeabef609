/* SPDX-License-Identifier: MIT */
/* When a notification is sent, and its words.
 *
 * A change counts only when two answers in a row show it, and a gateway that
 * is disconnected only after OfflineAfter: some gateways reconnect all day
 * long, and people ignore alarms that are often false. The state at start-up is
 * not a change. collectd's threshold plugin can do the same for bool-connected,
 * so severity and names match that series. */
#include "report/notifications.h"

#include "base/secret.h"
#include "base/text.h"
#include "base/timestamp.h"

#include <string.h>

/* A notification has room for 256 bytes in collectd, its fixed words take some
 * 150 and an id 36. */
#define MESSAGE_SIZE 256
#define NAME_SIZE 56
#define REASON_SIZE 41

/* A name that an owner wrote: one line, cut between two characters of UTF-8,
 * without quotes that end early. */
static void print_name(char name[NAME_SIZE], const char *text) {
  size_t n = strnlen(text, NAME_SIZE);
  if (n == NAME_SIZE) {
    n--;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
      n--;
  }
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    name[i] = c < 0x20 || c == 0x7f || c == '"' ? '?' : text[i];
  }
  name[n] = '\0';
}

static void send_message(const struct ttn_sink *sink,
                         enum ttn_severity severity, enum ttn_series series,
                         const char *subject, char *message) {
  ttn_secret_mask(message);
  sink->notify(sink->ctx, &(struct ttn_notification){.severity = severity,
                                                     .series = series,
                                                     .subject = subject,
                                                     .message = message});
}

/* wall_since: 0 = not known, then `lasting` tells. */
static void notify_change(const struct ttn_sink *sink, const char *id,
                          const char *name, bool gone, int64_t wall_since,
                          int64_t lasting, const char *reason) {
  char message[MESSAGE_SIZE], shown[NAME_SIZE], who[128], when[64], time[32];
  char cause[REASON_SIZE];

  if (name != NULL && name[0] != '\0') {
    print_name(shown, name);
    ttn_print(who, sizeof who, "\"%s\" (%s)", shown, id);
  } else {
    ttn_print(who, sizeof who, "%s", id);
  }
  if (wall_since != 0)
    ttn_print(when, sizeof when, "since %s",
              ttn_time_print(time, sizeof time, wall_since));
  else
    ttn_print(when, sizeof when, "for at least %lld s",
              (long long)(lasting / TTN_SECOND));
  ttn_print(cause, sizeof cause, "%s", reason); /* cut between characters */
  if (gone)
    ttn_print(message, sizeof message,
              "Gateway %s has been disconnected %s%s%s%s. Check its power, "
              "its network, and the server address in its packet forwarder.",
              who, when, reason[0] == '\0' ? "" : " (", cause,
              reason[0] == '\0' ? "" : ")");
  else
    ttn_print(message, sizeof message,
              "Gateway %s has been connected again %s.", who, when);
  send_message(sink, gone ? TTN_NOTIFY_WARNING : TTN_OKAY, TTN_SERIES_CONNECTED,
               id, message);
}

void ttn_changes_begin(struct ttn_changes *changes, unsigned limit) {
  *changes = (struct ttn_changes){.limit = limit};
}

void ttn_changes_end(struct ttn_changes *changes, const struct ttn_sink *sink,
                     const char *account, size_t n_gateways) {
  char message[MESSAGE_SIZE];
  for (int gone = 0; gone < 2; gone++) {
    if (changes->n[gone] <= changes->limit)
      continue;
    ttn_print(message, sizeof message,
              gone ? "%zu of %zu gateways of account %s disconnected at once, "
                     "the first is %s. The cause may be the stack, or this "
                     "machine's network."
                   : "%zu of %zu gateways of account %s are connected again, "
                     "the first is %s.",
              changes->n[gone], n_gateways, account, changes->first[gone]);
    send_message(sink, gone ? TTN_NOTIFY_WARNING : TTN_OKAY,
                 gone ? TTN_SERIES_ALL_DISCONNECTED : TTN_SERIES_ALL_CONNECTED,
                 account, message);
  }
}

/* May this change have a notification of its own? */
static bool count_change(struct ttn_changes *changes, bool gone,
                         const char *id) {
  if (changes->n[gone]++ == 0)
    ttn_print(changes->first[gone], sizeof changes->first[gone], "%s", id);
  return changes->n[gone] <= changes->limit;
}

void ttn_notice_told(struct ttn_notice *notice, enum ttn_state state,
                     int64_t mono) {
  if (notice->settled == TTN_UNKNOWN || notice->settled == state ||
      notice->candidate == state)
    return;
  notice->candidate = (uint8_t)state;
  notice->since = mono;
}

void ttn_notify_gateway(const struct ttn_sink *sink,
                        struct ttn_changes *changes, struct ttn_notice *notice,
                        const char *id, const char *name, enum ttn_state state,
                        int64_t mono, int64_t wall_since, int64_t offline_after,
                        const char *reason) {
  if (state == TTN_UNKNOWN)
    return;
  if (notice->settled == TTN_UNKNOWN)
    notice->settled = (uint8_t)state;
  if (notice->settled == state) {
    notice->candidate = TTN_UNKNOWN;
    return;
  }
  if (notice->candidate != state) {
    notice->candidate = (uint8_t)state;
    notice->since = mono;
    return;
  }

  bool gone = state == TTN_DISCONNECTED;
  if (gone && mono - notice->since < offline_after)
    return;
  notice->settled = (uint8_t)state;
  notice->candidate = TTN_UNKNOWN;
  if ((gone || notice->warned) && count_change(changes, gone, id))
    notify_change(sink, id, name, gone, wall_since, mono - notice->since,
                  reason);
  notice->warned = gone;
}

void ttn_notify_key(const struct ttn_sink *sink, const char *account,
                    bool rejected, const char *why) {
  char message[MESSAGE_SIZE];
  if (rejected)
    ttn_print(message, sizeof message, "Account %s: %s", account, why);
  else
    ttn_print(message, sizeof message, "Account %s: the key works again.",
              account);
  send_message(sink, rejected ? TTN_NOTIFY_FAILURE : TTN_OKAY, TTN_SERIES_UP,
               account, message);
}
