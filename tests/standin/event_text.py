"""The text of events: one line of a stream, and what several kinds of data in it have in common."""

import base64
import random

from clock import stamp
from errors import dumps, spaced

# An operation on more messages than this at once tells only of so many.
TOLD_AT_ONCE = 1000
_TYPE = "type.googleapis.com/ttn.lorawan.v3."
_VALUE = "type.googleapis.com/google.protobuf.Value"
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(at):
    """26 letters and digits: 48 bits of milliseconds, then 80 random ones."""
    number = (at // 1_000_000) << 80 | random.getrandbits(80)
    return "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))


def line(name, at, identifiers, data=None, correlations=None, rights=None):
    """One line of a stream. identifiers and data: JSON."""
    parts = ['"name":"%s","time":"%s","identifiers":%s' % (name, stamp(at), identifiers)]
    if data is not None:
        parts.append('"data":' + data)
    if correlations:
        parts.append('"correlation_ids":' + dumps(correlations))
    parts.append('"origin":"vm"')
    if rights:
        parts.append('"visibility":' + dumps({"rights": rights}))
    parts.append('"unique_id":"%s"' % ulid(at))
    return '{"result":{%s}}' % ",".join(parts)


def value(content):
    return '{"@type":"%s","value":%s}' % (_VALUE, spaced(content))


def typed(kind, text):
    """A message with its type before its fields; text: an object in JSON."""
    return '{"@type":"%s%s"%s' % (_TYPE, kind, text.replace("{", ",", 1) if text != "{}" else "}")


def message(parts):
    """An object of pairs (name, JSON)."""
    return "{%s}" % ",".join('"%s":%s' % pair for pair in parts)


def without_zeros(fields):
    """As the stack leaves them out: numbers that are 0, and texts that are empty."""
    return {name: content for name, content in fields.items() if content not in (0, "")}


def base64_of(data):
    return base64.b64encode(data).decode()
