/* SPDX-License-Identifier: MIT */
/* Each cell of the tables in gateway.c's head, then stories of several answers
 * and every reason not to believe one. Expected values are written by hand. */
#include "gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Times of the tests, in seconds. */
#define AT(seconds) ((int64_t)(seconds)*TTN_SECOND)
#define NO (-1) /* a field that is absent */
#define UP (1u << TTN_UPLINK)
#define DOWN (1u << TTN_DOWNLINK)
#define ACK (1u << TTN_TX_ACK)
#define ALL (UP | DOWN | ACK)

static struct ttn_stats entry(int64_t at, int64_t gone, int64_t up,
                              int64_t down, int64_t ack) {
  const int64_t counts[TTN_MESSAGES] = {up, down, ack};
  struct ttn_stats stats = {0};
  if (at != NO) {
    stats.has |= TTN_HAS_CONNECTED_AT;
    stats.connected_at = AT(at);
  }
  if (gone != NO) {
    stats.has |= TTN_HAS_DISCONNECTED_AT;
    stats.disconnected_at = AT(gone);
  }
  for (int k = 0; k < TTN_MESSAGES; k++)
    if (counts[k] != NO) {
      stats.has |= (uint32_t)TTN_HAS_COUNT << k;
      stats.count[k] = (uint64_t)counts[k];
    }
  return stats;
}

static struct ttn_outcome learn(struct ttn_gateway *gateway,
                                enum ttn_proof proof,
                                const struct ttn_stats *stats, int64_t date) {
  const char *why = "unset";
  struct ttn_outcome outcome =
      ttn_gateway_learn(&ttn_env_system, gateway, proof, stats, date, &why);
  assert_null(why);
  return outcome;
}

static struct ttn_outcome connected(struct ttn_gateway *gateway, int64_t at,
                                    int64_t up) {
  struct ttn_stats stats = entry(at, NO, up, NO, NO);
  return learn(gateway, TTN_PROOF_ENTRY, &stats, 0);
}

static struct ttn_outcome disconnected(struct ttn_gateway *gateway,
                                       int64_t gone, int64_t up) {
  struct ttn_stats stats = entry(NO, gone, up, NO, NO);
  return learn(gateway, TTN_PROOF_ENTRY, &stats, 0);
}

static struct ttn_outcome absent(struct ttn_gateway *gateway, int64_t date) {
  return learn(gateway, TTN_PROOF_ABSENT, NULL, date);
}

/* The uplinks that go out, or NO. */
static int64_t uplinks(struct ttn_outcome outcome) {
  return (outcome.counts & UP) != 0 ? (int64_t)outcome.value[TTN_UPLINK] : NO;
}

/* A cell: what was known of the uplinks, one answer, and what comes of it.
 * Connected since 100 s and gone at 200 s where the column says so. */
struct cell {
  const char *name;
  struct {
    enum ttn_state shown;
    int64_t at, gone; /* 0: none */
    int64_t value;    /* NO: never reported */
    int64_t offset;
  } known;
  enum ttn_proof proof;
  int64_t at, gone, count; /* NO: absent */
  struct {
    enum ttn_state state;
    int64_t out; /* what goes out, NO: silent */
    uint64_t value;
    int64_t offset, at, gone;
    bool moved;
  } expected;
};

#define NONE TTN_PROOF_NONE
#define ENTRY TTN_PROOF_ENTRY
#define ABSENT TTN_PROOF_ABSENT
#define U TTN_UNKNOWN
#define C TTN_CONNECTED
#define D TTN_DISCONNECTED

static const struct cell cells[] = {
    /* Nothing known. The table's date is 250 s. */
    {"nothing; none",
     {U, 0, 0, NO, 0},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 0, 0, 0, 0, false}},
    {"nothing; connected, count",
     {U, 0, 0, NO, 0},
     ENTRY,
     100,
     NO,
     50,
     {C, 50, 50, 0, 100, 0, false}},
    {"nothing; connected, no count",
     {U, 0, 0, NO, 0},
     ENTRY,
     100,
     NO,
     NO,
     {C, NO, 0, 0, 100, 0, false}},
    {"nothing; disconnected, count",
     {U, 0, 0, NO, 0},
     ENTRY,
     NO,
     200,
     50,
     {D, 50, 50, 0, 0, 200, false}},
    {"nothing; disconnected, no count",
     {U, 0, 0, NO, 0},
     ENTRY,
     NO,
     200,
     NO,
     {D, NO, 0, 0, 0, 200, false}},
    {"nothing; absent",
     {U, 0, 0, NO, 0},
     ABSENT,
     NO,
     NO,
     NO,
     {D, NO, 0, 0, 0, 250, false}},

    /* Connected, its count known. */
    {"connected; none",
     {C, 100, 0, 150, 100},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 150, 100, 100, 0, false}},
    {"connected; later, higher count",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     NO,
     400,
     {C, 550, 550, 150, 201, 0, true}},
    {"connected; later, lower count",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     NO,
     4,
     {C, 154, 154, 150, 201, 0, true}},
    {"connected; later, no count",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     NO,
     NO,
     {C, 150, 150, 150, 201, 0, true}},
    {"connected, nothing came; later",
     {C, 100, 0, 100, 100},
     ENTRY,
     201,
     NO,
     NO,
     {C, 100, 100, 100, 201, 0, true}},
    {"connected, nothing ever came; later",
     {C, 100, 0, 0, 0},
     ENTRY,
     201,
     NO,
     NO,
     {C, 0, 0, 0, 201, 0, false}},
    {"connected; same, higher",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     51,
     {C, 151, 151, 100, 100, 0, false}},
    {"connected; same, equal",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     50,
     {C, 150, 150, 100, 100, 0, false}},
    {"connected; same, lower",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     20,
     {C, 150, 150, 0, 100, 0, true}},
    {"connected; same, no count",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     NO,
     {C, 150, 150, 100, 100, 0, false}},
    {"connected; earlier, higher",
     {C, 100, 0, 150, 100},
     ENTRY,
     90,
     NO,
     51,
     {C, 150, 150, 0, 90, 0, true}},
    {"connected; earlier, lower",
     {C, 100, 0, 150, 100},
     ENTRY,
     90,
     NO,
     20,
     {C, 150, 150, 0, 90, 0, true}},
    {"connected; earlier, no count",
     {C, 100, 0, 150, 100},
     ENTRY,
     90,
     NO,
     NO,
     {C, 150, 150, 100, 90, 0, true}},
    {"connected; disconnected, higher",
     {C, 100, 0, 150, 100},
     ENTRY,
     NO,
     200,
     51,
     {D, 151, 151, 100, 100, 200, false}},
    {"connected; disconnected, lower",
     {C, 100, 0, 150, 100},
     ENTRY,
     NO,
     200,
     20,
     {D, 150, 150, 100, 100, 200, false}},
    {"connected; disconnected, no count",
     {C, 100, 0, 150, 100},
     ENTRY,
     NO,
     200,
     NO,
     {D, 150, 150, 100, 100, 200, false}},
    {"connected; absent",
     {C, 100, 0, 150, 100},
     ABSENT,
     NO,
     NO,
     NO,
     {D, 150, 150, 100, 100, 250, false}},

    /* Connected, its count never reported. */
    {"silent; none",
     {C, 100, 0, NO, 0},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 0, 0, 100, 0, false}},
    {"silent; later, count",
     {C, 100, 0, NO, 0},
     ENTRY,
     201,
     NO,
     4,
     {C, 4, 4, 0, 201, 0, false}},
    {"silent; later, no count",
     {C, 100, 0, NO, 0},
     ENTRY,
     201,
     NO,
     NO,
     {C, 0, 0, 0, 201, 0, false}},
    {"silent; same, count",
     {C, 100, 0, NO, 0},
     ENTRY,
     100,
     NO,
     4,
     {C, 4, 4, 0, 100, 0, false}},
    {"silent; same, no count",
     {C, 100, 0, NO, 0},
     ENTRY,
     100,
     NO,
     NO,
     {C, NO, 0, 0, 100, 0, false}},
    {"silent; earlier, count",
     {C, 100, 0, NO, 0},
     ENTRY,
     90,
     NO,
     4,
     {C, 4, 4, 0, 90, 0, false}},
    {"silent; earlier, no count",
     {C, 100, 0, NO, 0},
     ENTRY,
     90,
     NO,
     NO,
     {C, NO, 0, 0, 90, 0, false}},
    {"silent; disconnected, count",
     {C, 100, 0, NO, 0},
     ENTRY,
     NO,
     200,
     4,
     {D, 4, 4, 0, 100, 200, false}},
    {"silent; disconnected, no count",
     {C, 100, 0, NO, 0},
     ENTRY,
     NO,
     200,
     NO,
     {D, NO, 0, 0, 100, 200, false}},
    {"silent; absent",
     {C, 100, 0, NO, 0},
     ABSENT,
     NO,
     NO,
     NO,
     {D, NO, 0, 0, 100, 250, false}},

    /* Disconnected, its last connection known. */
    {"gone; none",
     {D, 100, 200, 150, 100},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 150, 100, 100, 200, false}},
    {"gone; later, higher count",
     {D, 100, 200, 150, 100},
     ENTRY,
     201,
     NO,
     400,
     {C, 550, 550, 150, 201, 0, true}},
    {"gone; later, lower count",
     {D, 100, 200, 150, 100},
     ENTRY,
     201,
     NO,
     4,
     {C, 154, 154, 150, 201, 0, true}},
    {"gone; later, no count",
     {D, 100, 200, 150, 100},
     ENTRY,
     201,
     NO,
     NO,
     {C, 150, 150, 150, 201, 0, true}},
    {"gone; same, higher",
     {D, 100, 200, 150, 100},
     ENTRY,
     100,
     NO,
     51,
     {C, 151, 151, 100, 100, 0, false}},
    {"gone; same, lower",
     {D, 100, 200, 150, 100},
     ENTRY,
     100,
     NO,
     20,
     {C, 150, 150, 0, 100, 0, true}},
    {"gone; same, no count",
     {D, 100, 200, 150, 100},
     ENTRY,
     100,
     NO,
     NO,
     {C, 150, 150, 100, 100, 0, false}},
    {"gone; earlier, higher",
     {D, 100, 200, 150, 100},
     ENTRY,
     90,
     NO,
     51,
     {C, 150, 150, 0, 90, 0, true}},
    {"gone; disconnected, higher",
     {D, 100, 200, 150, 100},
     ENTRY,
     NO,
     210,
     51,
     {D, 151, 151, 100, 100, 210, false}},
    {"gone; disconnected, lower",
     {D, 100, 200, 150, 100},
     ENTRY,
     NO,
     210,
     20,
     {D, 150, 150, 100, 100, 210, false}},
    {"gone; disconnected, no count",
     {D, 100, 200, 150, 100},
     ENTRY,
     NO,
     200,
     NO,
     {D, 150, 150, 100, 100, 200, false}},
    {"gone; absent",
     {D, 100, 200, 150, 100},
     ABSENT,
     NO,
     NO,
     NO,
     {D, 150, 150, 100, 100, 200, false}},

    /* Disconnected, only when is known. */
    {"gone only; later, count",
     {D, 0, 200, 150, 0},
     ENTRY,
     201,
     NO,
     400,
     {C, 550, 550, 150, 201, 0, true}},
    {"gone only; later, no count",
     {D, 0, 200, 150, 0},
     ENTRY,
     201,
     NO,
     NO,
     {C, 150, 150, 150, 201, 0, true}},
    {"gone only, silent; later, count",
     {D, 0, 200, NO, 0},
     ENTRY,
     201,
     NO,
     4,
     {C, 4, 4, 0, 201, 0, false}},
    {"gone only, silent; later, no count",
     {D, 0, 200, NO, 0},
     ENTRY,
     201,
     NO,
     NO,
     {C, 0, 0, 0, 201, 0, false}},
    {"gone only; same, higher",
     {D, 0, 200, 150, 0},
     ENTRY,
     200,
     NO,
     151,
     {C, 151, 151, 0, 200, 0, false}},
    {"gone only; earlier, lower",
     {D, 0, 200, 150, 0},
     ENTRY,
     199,
     NO,
     20,
     {C, 150, 150, 0, 199, 0, true}},
    {"gone only; earlier, no count",
     {D, 0, 200, 150, 0},
     ENTRY,
     199,
     NO,
     NO,
     {C, 150, 150, 0, 199, 0, false}},
    {"gone only, silent; earlier, count",
     {D, 0, 200, NO, 0},
     ENTRY,
     199,
     NO,
     1000000,
     {C, 1000000, 1000000, 0, 199, 0, false}},
    {"gone only, silent; earlier, no count",
     {D, 0, 200, NO, 0},
     ENTRY,
     199,
     NO,
     NO,
     {C, NO, 0, 0, 199, 0, false}},
    {"gone only; disconnected, higher",
     {D, 0, 200, 150, 0},
     ENTRY,
     NO,
     200,
     151,
     {D, 151, 151, 0, 0, 200, false}},
    {"gone only; disconnected, lower",
     {D, 0, 200, 150, 0},
     ENTRY,
     NO,
     210,
     20,
     {D, 150, 150, 0, 0, 210, false}},
    {"gone only, silent; disconnected, count",
     {D, 0, 200, NO, 0},
     ENTRY,
     NO,
     210,
     20,
     {D, 20, 20, 0, 0, 210, false}},
    {"gone only; absent",
     {D, 0, 200, 150, 0},
     ABSENT,
     NO,
     NO,
     NO,
     {D, 150, 150, 0, 0, 200, false}},
    {"gone only; none",
     {D, 0, 200, 150, 0},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 150, 0, 0, 200, false}},

    /* Absent without a Date: it may have been connected all along. */
    {"no time; later, count",
     {D, 0, 0, NO, 0},
     ENTRY,
     201,
     NO,
     1000000,
     {C, 1000000, 1000000, 0, 201, 0, false}},
    {"no time; later, no count",
     {D, 0, 0, NO, 0},
     ENTRY,
     201,
     NO,
     NO,
     {C, 0, 0, 0, 201, 0, false}},
    {"no time; disconnected, count",
     {D, 0, 0, NO, 0},
     ENTRY,
     NO,
     200,
     20,
     {D, 20, 20, 0, 0, 200, false}},
    {"no time; absent",
     {D, 0, 0, NO, 0},
     ABSENT,
     NO,
     NO,
     NO,
     {D, NO, 0, 0, 0, 250, false}},

    /* From the state file of a clean stop. */
    {"file; later, lower count",
     {U, 100, 0, 150, 100},
     ENTRY,
     201,
     NO,
     4,
     {C, 154, 154, 150, 201, 0, true}},
    {"file; later, no count",
     {U, 100, 0, 150, 100},
     ENTRY,
     201,
     NO,
     NO,
     {C, 150, 150, 150, 201, 0, true}},
    {"file; same, higher",
     {U, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     60,
     {C, 160, 160, 100, 100, 0, false}},
    {"file; same, lower",
     {U, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     20,
     {C, 150, 150, 0, 100, 0, true}},
    {"file; same, no count",
     {U, 100, 0, 150, 100},
     ENTRY,
     100,
     NO,
     NO,
     {C, 150, 150, 100, 100, 0, false}},
    {"file; earlier, higher",
     {U, 100, 0, 150, 100},
     ENTRY,
     90,
     NO,
     60,
     {C, 150, 150, 0, 90, 0, true}},
    {"file; disconnected, higher",
     {U, 100, 0, 150, 100},
     ENTRY,
     NO,
     200,
     60,
     {D, 160, 160, 100, 100, 200, false}},
    {"file; disconnected, lower",
     {U, 100, 0, 150, 100},
     ENTRY,
     NO,
     200,
     20,
     {D, 150, 150, 100, 100, 200, false}},
    {"file; absent",
     {U, 100, 0, 150, 100},
     ABSENT,
     NO,
     NO,
     NO,
     {D, 150, 150, 100, 100, 250, false}},
    {"file; none",
     {U, 100, 0, 150, 100},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 150, 100, 100, 0, false}},
    {"file, gone; later, count",
     {U, 0, 200, 150, 0},
     ENTRY,
     201,
     NO,
     4,
     {C, 154, 154, 150, 201, 0, true}},
    {"file, gone; earlier, higher",
     {U, 0, 200, 150, 0},
     ENTRY,
     199,
     NO,
     160,
     {C, 160, 160, 0, 199, 0, false}},
    {"file of a gateway that was never proved; count",
     {U, 0, 0, NO, 0},
     ENTRY,
     100,
     NO,
     1000000,
     {C, 1000000, 1000000, 0, 100, 0, false}},

    /* From the state file of a run that was killed: only the offset. */
    {"killed; later, count",
     {U, 100, 0, NO, 100},
     ENTRY,
     201,
     NO,
     400,
     {C, 400, 400, 0, 201, 0, true}},
    {"killed; later, no count",
     {U, 100, 0, NO, 100},
     ENTRY,
     201,
     NO,
     NO,
     {C, 0, 0, 0, 201, 0, true}},
    {"killed; same, count",
     {U, 100, 0, NO, 100},
     ENTRY,
     100,
     NO,
     60,
     {C, 160, 160, 100, 100, 0, false}},
    {"killed; same, no count",
     {U, 100, 0, NO, 100},
     ENTRY,
     100,
     NO,
     NO,
     {C, NO, 0, 100, 100, 0, false}},
    {"killed; earlier, count",
     {U, 100, 0, NO, 100},
     ENTRY,
     90,
     NO,
     60,
     {C, 160, 160, 100, 90, 0, true}},
    {"killed; disconnected, count",
     {U, 100, 0, NO, 100},
     ENTRY,
     NO,
     200,
     30,
     {D, NO, 0, 100, 100, 200, false}},
    {"killed, no offset; disconnected, count",
     {U, 100, 0, NO, 0},
     ENTRY,
     NO,
     200,
     30,
     {D, 30, 30, 0, 100, 200, false}},
    {"killed; disconnected, no count",
     {U, 100, 0, NO, 100},
     ENTRY,
     NO,
     200,
     NO,
     {D, NO, 0, 100, 100, 200, false}},
    {"killed; absent",
     {U, 100, 0, NO, 100},
     ABSENT,
     NO,
     NO,
     NO,
     {D, NO, 0, 100, 100, 250, false}},
    {"killed; none",
     {U, 100, 0, NO, 100},
     NONE,
     NO,
     NO,
     NO,
     {U, NO, 0, 100, 100, 0, false}},

    /* Both times, as servers before 3.17.2 sent them: the later decides. */
    {"both, gone later; later, count",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     210,
     4,
     {D, 154, 154, 150, 201, 210, true}},
    {"both, gone later; later, no count",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     210,
     NO,
     {D, 150, 150, 150, 201, 210, true}},
    {"both, gone later; silent, later",
     {C, 100, 0, NO, 0},
     ENTRY,
     201,
     210,
     4,
     {D, 4, 4, 0, 201, 210, false}},
    {"both, gone later; same, higher",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     200,
     60,
     {D, 160, 160, 100, 100, 200, false}},
    {"both, gone later; same, lower",
     {C, 100, 0, 150, 100},
     ENTRY,
     100,
     200,
     20,
     {D, 150, 150, 100, 100, 200, false}},
    {"both, gone later; killed, same",
     {U, 100, 0, NO, 100},
     ENTRY,
     100,
     200,
     60,
     {D, 160, 160, 100, 100, 200, false}},
    {"both, gone earlier; later",
     {C, 100, 0, 150, 100},
     ENTRY,
     201,
     200,
     4,
     {C, 154, 154, 150, 201, 0, true}},
    {"both, equal; nothing known",
     {U, 0, 0, NO, 0},
     ENTRY,
     200,
     200,
     4,
     {D, 4, 4, 0, 200, 200, false}},
};

static void check(const char *name, const char *what, int64_t got,
                  int64_t expected) {
  if (got != expected)
    fail_msg("%s: %s is %lld, not %lld", name, what, (long long)got,
             (long long)expected);
}

static void walks_every_cell(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
    const struct cell *cell = &cells[i];
    struct ttn_gateway gateway = {
        .shown = (uint8_t)cell->known.shown,
        .reported = cell->known.value != NO ? UP : 0,
        .connected_at = AT(cell->known.at),
        .disconnected_at = AT(cell->known.gone),
        .value = {cell->known.value != NO ? (uint64_t)cell->known.value : 0},
        .offset = {cell->known.offset},
    };
    struct ttn_gateway before = gateway;
    struct ttn_stats stats = entry(cell->at, cell->gone, cell->count, NO, NO);
    struct ttn_outcome outcome = learn(
        &gateway, cell->proof, cell->proof == ENTRY ? &stats : NULL, AT(250));

    check(cell->name, "state", outcome.state, cell->expected.state);
    check(cell->name, "the report", uplinks(outcome), cell->expected.out);
    check(cell->name, "value", (int64_t)gateway.value[0],
          (int64_t)cell->expected.value);
    check(cell->name, "offset", gateway.offset[0], cell->expected.offset);
    check(cell->name, "connected_at", gateway.connected_at,
          AT(cell->expected.at));
    check(cell->name, "disconnected_at", gateway.disconnected_at,
          AT(cell->expected.gone));
    check(cell->name, "offset_moved", outcome.offset_moved,
          cell->expected.moved);
    ttn_gateway_free(&gateway, &ttn_env_system);
    if (cell->proof == NONE)
      assert_memory_equal(&gateway, &before, sizeof gateway);
    else
      check(cell->name, "shown", gateway.shown, cell->expected.state);
  }
}

/* Kinds go each their own way. */
static void keeps_kinds_apart(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  struct ttn_stats stats = entry(100, NO, 50, 7, NO);
  struct ttn_outcome outcome = learn(&gateway, TTN_PROOF_ENTRY, &stats, 0);
  assert_int_equal(outcome.counts, UP | DOWN);
  assert_int_equal(outcome.value[TTN_UPLINK], 50);
  assert_int_equal(outcome.value[TTN_DOWNLINK], 7);

  /* Idle uplinks, fewer downlinks, first acknowledgements. */
  stats = entry(100, NO, NO, 5, 2);
  outcome = learn(&gateway, TTN_PROOF_ENTRY, &stats, 0);
  assert_int_equal(outcome.counts, ALL);
  assert_int_equal(outcome.value[TTN_UPLINK], 50);
  assert_int_equal(outcome.value[TTN_DOWNLINK], 7);
  assert_int_equal(outcome.value[TTN_TX_ACK], 2);
  assert_true(outcome.offset_moved);
  assert_true(ttn_gateway_has_offset(&gateway));

  stats = entry(200, NO, 1, 1, NO);
  outcome = learn(&gateway, TTN_PROOF_ENTRY, &stats, 0);
  assert_int_equal(outcome.value[TTN_UPLINK], 51);
  assert_int_equal(outcome.value[TTN_DOWNLINK], 8);
  assert_int_equal(outcome.value[TTN_TX_ACK], 2);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* No number goes out that no answer said. */
static void reports_a_new_connection_at_once(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  assert_int_equal(uplinks(absent(&gateway, AT(250))), NO);
  assert_int_equal(uplinks(connected(&gateway, 260, 3)), 3);
  assert_int_equal(uplinks(learn(&gateway, TTN_PROOF_NONE, NULL, 0)), NO);
  assert_int_equal(uplinks(connected(&gateway, 260, 5)), 5);
  assert_int_equal(uplinks(connected(&gateway, 300, 4)), 9);
  /* The end may be that of the connection before, at another server. */
  assert_int_equal(uplinks(disconnected(&gateway, 310, 6)), NO);
  assert_int_equal(gateway.shown, TTN_CONNECTED);
  assert_int_equal(uplinks(disconnected(&gateway, 310, 6)), 11);

  /* An absent field of a new connection is 0, and the count follows. */
  ttn_gateway_free(&gateway, &ttn_env_system);
  gateway = (struct ttn_gateway){0};
  absent(&gateway, AT(250));
  assert_int_equal(uplinks(connected(&gateway, 260, NO)), 0);
  assert_int_equal(uplinks(connected(&gateway, 260, 3)), 3);

  /* After a kill the offset was the old connection's. */
  ttn_gateway_free(&gateway, &ttn_env_system);
  gateway = (struct ttn_gateway){.connected_at = AT(100), .offset = {1000}};
  struct ttn_outcome outcome = connected(&gateway, 260, 3);
  assert_int_equal(uplinks(outcome), 3);
  assert_true(outcome.offset_moved);
  assert_false(ttn_gateway_has_offset(&gateway));
  assert_int_equal(uplinks(connected(&gateway, 300, 2)), 5);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* A lookup lost at start: no million of uplinks out of nowhere. */
static void sees_through_a_lost_lookup(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  absent(&gateway, AT(250));
  assert_int_equal(gateway.disconnected_at, AT(250));
  absent(&gateway, AT(310)); /* the first one counts */
  assert_int_equal(gateway.disconnected_at, AT(250));
  assert_int_equal(uplinks(connected(&gateway, 100, 1000000)), 1000000);
  assert_int_equal(gateway.disconnected_at, 0);
  /* And one in the middle. */
  assert_int_equal(uplinks(absent(&gateway, AT(370))), 1000000);
  assert_int_equal(uplinks(connected(&gateway, 100, 1000004)), 1000004);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* Since a restart only the end of the last connection was shown, and meanwhile
 * one began at another cluster, which was not asked. */
static void finds_what_began_before_a_restart(void **state) {
  (void)state;
  struct ttn_gateway gateway = {
      .reported = UP, .connected_at = AT(100), .value = {70}, .offset = {49}};
  struct ttn_stats old = entry(NO, 200, 21, NO, NO);
  struct ttn_stats found = entry(300, NO, 119, NO, NO);
  assert_int_equal(uplinks(learn(&gateway, TTN_PROOF_ENTRY, &old, AT(400))),
                   70);
  assert_int_equal(uplinks(learn(&gateway, TTN_PROOF_ENTRY, &found, AT(460))),
                   189);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* Registered at one cluster, which keeps the entry of a connection it had, and
 * connected to another since. */
static void passes_over_an_earlier_connection(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  struct ttn_stats past = entry(NO, 180, 50, NO, NO);
  struct ttn_stats own = entry(NO, 210, 12, NO, NO);
  connected(&gateway, 200, 10);
  assert_false(ttn_gateway_is_end(&gateway, &past));
  assert_true(ttn_gateway_is_end(&gateway, &own));
  struct ttn_outcome outcome = learn(&gateway, TTN_PROOF_ENTRY, &past, AT(250));
  assert_int_equal(outcome.state, TTN_DISCONNECTED);
  assert_int_equal(uplinks(outcome), 10);
  assert_int_equal(gateway.disconnected_at, AT(250));
  assert_int_equal(uplinks(connected(&gateway, 260, 4)), 14);

  /* Nothing known, it may be of any time; but twice the same one is fine. */
  ttn_gateway_free(&gateway, &ttn_env_system);
  gateway = (struct ttn_gateway){0};
  assert_false(ttn_gateway_is_end(&gateway, &own));
  learn(&gateway, TTN_PROOF_ENTRY, &own, AT(250));
  assert_true(ttn_gateway_is_end(&gateway, &own));
  assert_false(ttn_gateway_is_end(&gateway, &past));
  /* The other cluster forgot the later one, and the earlier comes up. */
  assert_int_equal(uplinks(learn(&gateway, TTN_PROOF_ENTRY, &past, AT(280))),
                   12);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

static void goes_on_after_idling(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  connected(&gateway, 100, 42);
  assert_int_equal(uplinks(connected(&gateway, 100, NO)), 42);
  assert_int_equal(uplinks(learn(&gateway, TTN_PROOF_NONE, NULL, 0)), NO);
  assert_int_equal(uplinks(connected(&gateway, 100, 43)), 43);
  /* On a new connection the 0 of the absent field is a known count. */
  assert_int_equal(uplinks(connected(&gateway, 200, NO)), 43);
  assert_int_equal(uplinks(connected(&gateway, 200, NO)), 43);
  assert_int_equal(uplinks(connected(&gateway, 200, 2)), 45);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* The same offset belongs to a new connection: a file that says the old one
 * would have the new one's count added once more after a kill. */
static void writes_a_moved_connection(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  connected(&gateway, 100, 42);
  assert_true(connected(&gateway, 200, NO).offset_moved);
  assert_false(connected(&gateway, 200, NO).offset_moved);
  struct ttn_outcome outcome = connected(&gateway, 300, 5);
  assert_int_equal(uplinks(outcome), 47);
  assert_true(outcome.offset_moved);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

/* An entry with sub-bands, used so much. */
static uint16_t bands_of(struct ttn_gateway *gateway, int64_t at, int64_t gone,
                         const double *used, size_t n) {
  struct ttn_band bands[TTN_BANDS_MAX] = {{0}};
  struct ttn_stats stats = entry(at, gone, 1, NO, NO);
  for (size_t i = 0; i < n; i++)
    bands[i] = (struct ttn_band){868000000 + i, 868000000 + i, 1, used[i]};
  stats.bands = bands;
  stats.n_bands = n;
  return learn(gateway, TTN_PROOF_ENTRY, &stats, 0).bands;
}

static void remembers_used_bands(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  const double idle[3] = {0, 0, 0}, second[3] = {0, 1e-9, 0},
               third[3] = {0, 0, 0.5};
  double last[TTN_BANDS_MAX] = {0};
  assert_int_equal(bands_of(&gateway, 100, NO, idle, 3), 0);
  assert_int_equal(bands_of(&gateway, 100, NO, second, 3), 2);
  /* Unused again, after a reconnect, and in an answer without any. */
  assert_int_equal(bands_of(&gateway, 100, NO, idle, 3), 2);
  assert_int_equal(bands_of(&gateway, 200, NO, third, 3), 6);
  assert_int_equal(bands_of(&gateway, 200, NO, NULL, 0), 6);
  /* Soon after a reconnect the first such answer is in doubt. */
  assert_int_equal(bands_of(&gateway, NO, 300, NULL, 0), 0);
  assert_int_equal(bands_of(&gateway, NO, 300, NULL, 0), 6);
  assert_int_equal(absent(&gateway, AT(400)).bands, 6);
  /* Many: the last ones share a bit. */
  last[TTN_BANDS_MAX - 1] = 0.5;
  assert_int_equal(bands_of(&gateway, 500, NO, last, TTN_BANDS_MAX),
                   6 | 1 << 15);
  /* What is not believed is not remembered, and nothing is known after a
   * restart. */
  ttn_gateway_free(&gateway, &ttn_env_system);
  gateway = (struct ttn_gateway){0};
  const char *why = NULL;
  const struct ttn_band used = {868000000, 868600000, 1, 0.5};
  struct ttn_stats odd = entry(NO, NO, 1, NO, NO);
  odd.bands = &used;
  odd.n_bands = 1;
  ttn_gateway_learn(&ttn_env_system, &gateway, TTN_PROOF_ENTRY, &odd, 0, &why);
  assert_non_null(why);
  assert_int_equal(bands_of(&gateway, 600, NO, idle, 3), 0);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

static void disbelieves(struct ttn_stats stats, int64_t date,
                        const char *reason) {
  struct ttn_gateway gateway = {0}, before;
  const char *why = NULL;
  connected(&gateway, 100, 42);
  connected(&gateway, 200, 8);
  before = gateway;
  struct ttn_outcome outcome = ttn_gateway_learn(
      &ttn_env_system, &gateway, TTN_PROOF_ENTRY, &stats, date, &why);
  assert_non_null(why);
  assert_non_null(strstr(why, reason));
  assert_int_equal(outcome.state, TTN_UNKNOWN);
  assert_int_equal(outcome.counts, 0);
  assert_false(outcome.offset_moved);
  assert_memory_equal(&gateway, &before, sizeof gateway);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

static void disbelieves_the_impossible(void **state) {
  (void)state;
  disbelieves(entry(NO, NO, 5, NO, NO), 0, "neither");
  disbelieves(entry(0, NO, 5, NO, NO), 0, "neither"); /* Go's zero time */
  disbelieves(entry(0, 0, 5, NO, NO), 0, "neither");
  disbelieves(entry(250 + 3601, NO, 5, NO, NO), AT(250), "an hour");
  disbelieves(entry(200, NO, INT64_MAX - 41, NO, NO), AT(250), "2^63");
  disbelieves(entry(NO, 250, INT64_MAX - 41, NO, NO), AT(250), "2^63");
  disbelieves(entry(300, NO, INT64_MAX - 49, NO, NO), AT(310), "2^63");
}

static void believes_the_edge(void **state) {
  (void)state;
  struct ttn_gateway gateway = {0};
  struct ttn_stats stats = entry(250 + 3600, NO, INT64_MAX, 0, NO);
  struct ttn_outcome outcome =
      learn(&gateway, TTN_PROOF_ENTRY, &stats, AT(250));
  assert_int_equal(outcome.value[TTN_UPLINK], INT64_MAX);
  assert_int_equal(outcome.counts, UP | DOWN);
  /* A future connected_at without a Date to hold it against. */
  ttn_gateway_free(&gateway, &ttn_env_system);
  gateway = (struct ttn_gateway){0};
  stats = entry(9000000000, NO, 9007199254740993, NO, NO);
  outcome = learn(&gateway, TTN_PROOF_ENTRY, &stats, 0);
  assert_int_equal(outcome.value[TTN_UPLINK], 9007199254740993);
  gateway = (struct ttn_gateway){.offset = {INT64_MAX}};
  const char *why = NULL;
  stats = entry(100, NO, 2, NO, NO);
  outcome = ttn_gateway_learn(&ttn_env_system, &gateway, TTN_PROOF_ENTRY,
                              &stats, 0, &why);
  assert_int_equal(outcome.state, TTN_UNKNOWN);
  assert_non_null(why);
  ttn_gateway_free(&gateway, &ttn_env_system);
}

static void names_states(void **state) {
  (void)state;
  assert_string_equal(ttn_state_name(TTN_UNKNOWN), "unknown");
  assert_string_equal(ttn_state_name(TTN_CONNECTED), "connected");
  assert_string_equal(ttn_state_name(TTN_DISCONNECTED), "disconnected");
  assert_string_equal(ttn_state_name((enum ttn_state)7), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(walks_every_cell),
      cmocka_unit_test(keeps_kinds_apart),
      cmocka_unit_test(reports_a_new_connection_at_once),
      cmocka_unit_test(sees_through_a_lost_lookup),
      cmocka_unit_test(finds_what_began_before_a_restart),
      cmocka_unit_test(passes_over_an_earlier_connection),
      cmocka_unit_test(goes_on_after_idling),
      cmocka_unit_test(writes_a_moved_connection),
      cmocka_unit_test(remembers_used_bands),
      cmocka_unit_test(disbelieves_the_impossible),
      cmocka_unit_test(believes_the_edge),
      cmocka_unit_test(names_states),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
