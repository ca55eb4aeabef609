#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Location: where gateways are, by their antennas in the list or by their own GPS, whichever was told last."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402

EACH = {"Interval": 10, "DiscoveryInterval": 0, "Location": True}
TOWER = (51.5, -7.25, 80)
CAR = (48.125, 11.5, 520.5)


def antennas(place):
    """As a list has them: 0 is left out, and the first one has no place."""
    members = {name: value for name, value in zip(("latitude", "longitude", "altitude"), place) if value}
    return [{"gain": 2}, {"location": dict(members, source="SOURCE_REGISTRY")}]


def own(place):
    return [dict(zip(("latitude", "longitude", "altitude"), place), source="SOURCE_GPS")]


def place_of(poll, gateway):
    found = tuple(poll.values.get(("ttn", gateway, "gauge", name)) for name in ("latitude", "longitude", "altitude"))
    return None if found == (None,) * 3 else found


def requests(stack):
    """The queries of lists, and the masks of batches."""
    rows = stack.requests()
    return ([row["query"] for row in rows if row["kind"] == "list"],
            [row["mask"] for row in rows if row["kind"] == "batch"])


def test_off():
    """By default no place is asked for, and none is reported"""
    with Scratch() as scratch, Standin() as stack:
        stack.record()
        stack.register("tower", antennas=antennas(TOWER))
        stack.connect("tower", status=True)
        for options in ({}, {"Location": False}):
            with Drive(scratch, **options, **stack.options(scratch)) as drive:
                poll = drive.poll()
                tap.equal((poll.connected("tower"), place_of(poll, "tower")), (1, None))
                tap.equal("antenna" in str(requests(stack)), False)


def test_registered():
    """The first antenna's place, in every poll, whatever the gateway's state; none where the list has none"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("tower", antennas=antennas(TOWER))
        stack.register("null-meridian", antennas=antennas((5.5, 0, 0)))
        stack.register("nowhere", antennas=antennas((0, 0, 100)))
        stack.register("bare")
        stack.connect("tower")
        stack.disconnect("tower")
        stack.record()
        with Drive(scratch, **dict(EACH, DiscoveryInterval=3600), **stack.options(scratch)) as drive:
            for number in range(3):
                poll = drive.poll()
                tap.equal([place_of(poll, one) for one in ("tower", "null-meridian", "nowhere", "bare")],
                          [TOWER, (5.5, 0, 0), None, None])
                drive.later(10)
            tap.equal(len(requests(stack)[0]), 1, "lists")
            tap.matches("field_mask=name,gateway_server_address,antennas&", requests(stack)[0][0])
            tap.equal("last_status.antenna_locations" in requests(stack)[1][0], True)
            # Unknown, but not gone from where it stands.
            stack.fault({"status": 503}, {"kind": "batch"})
            poll = drive.poll()
            tap.equal((poll.connected("tower"), place_of(poll, "tower")), (None, TOWER))
            stack.unfault()
            drive.later(10)
            stack.delete_key("user")
            tap.equal(place_of(drive.poll(), "tower"), None, "with a refused key")


def test_the_later_one():
    """A gateway's own place counts from its status on, that of the list again once it is edited"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("car", antennas=antennas(TOWER))
        stack.connect("car", protocol="mqtt")
        with Drive(scratch, **EACH, **stack.options(scratch)) as drive:
            def now(what):
                stack.advance(60)
                drive.later(10)
                poll = drive.poll()
                tap.equal((poll.connected("car") is None, poll.lines("warning", "error")), (False, []), what)
                return place_of(poll, "car")
            tap.equal(now("without a status"), TOWER)
            stack.status("car", antenna_locations=own(CAR))
            tap.equal(now("own"), CAR)
            stack.edit("car", antennas=antennas((1, 2, 3)))
            tap.equal(now("edited"), (1, 2, 3))
            stack.status("car", antenna_locations=own(TOWER))
            tap.equal(now("own again"), TOWER)
            for bad in (None, [], own((0, 0, 0)), own((0, 0, 50)), own((91, 2, 3)), own((1, 181, 3)), [{}],
                        [{"latitude": "1", "longitude": 2}]):
                stack.status("car", antenna_locations=bad)
                tap.equal(now(bad), TOWER, "with %s" % bad)
            stack.status("car", antenna_locations=own((0, 0, 0)) + own(CAR))
            tap.equal(now("of two"), CAR)
            stack.edit("car", antennas=[])
            tap.equal(now("no longer in the list"), CAR)
            stack.disconnect("car")
            tap.equal(now("disconnected"), CAR)


def test_only_its_own():
    """A gateway without a place in the list, whose status has one; also by single GETs"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("car")
        stack.connect("car", status={"antenna_locations": own(CAR)}, protocol="mqtt")
        stack.advance(60)
        for batch in (True, False):
            stack.cluster(1, batch=batch)
            with Drive(scratch, **EACH, **stack.options(scratch)) as drive:
                tap.equal(place_of(drive.poll(), "car"), CAR)


def test_old_server():
    """One that does not know the path in a mask: the list's place is reported"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("car", antennas=antennas(TOWER))
        stack.connect("car", status={"antenna_locations": own(CAR)}, protocol="mqtt")
        stack.cluster(1, unknown_paths=["last_status.antenna_locations"])
        stack.advance(60)
        with Drive(scratch, **EACH, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal((poll.connected("car"), place_of(poll, "car")), (1, TOWER))
            tap.matches("antenna_locations", str(poll.lines()))


def test_scope():
    """All gateways of a stack, as an admin's search has them"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("bobs", owner="bob", antennas=antennas(TOWER))
        with Drive(scratch, Scope='"all"', **EACH, **stack.options(scratch, "admin-status")) as drive:
            tap.equal(place_of(drive.poll(), "bobs"), TOWER)


if __name__ == "__main__":
    tap.run(globals())
