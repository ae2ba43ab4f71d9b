"""Bounds on foreign input, each a number a feed or the operator may set."""

import msgspec

__all__ = ["DEFAULT", "Limits"]


class Limits(msgspec.Struct, frozen=True):
    """The largest input that is looked at; beyond them an Issue `too-long` or `too-costly` is the answer."""

    message_bytes: int = 16 * 1024 * 1024
    segments: int = 100_000
    fields: int = 1_000_000
    json_depth: int = 100
    xml_depth: int = 200
    issues: int = 100


DEFAULT = Limits()
