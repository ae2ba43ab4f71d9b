"""The time zone of a message's times: what MSH-7 says holds for all (v2.8.2 section 2.14.9.7)."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from functools import lru_cache

from unsilo.formats.hl7v2.dtm import read
from unsilo.formats.hl7v2.message import Message

__all__ = ["MOST_OFFSET", "zone_of_message"]

MOST_OFFSET = timedelta(hours=14)
"""No place on earth is further from UTC."""

_QUARTER = timedelta(minutes=15)


def zone_of_message(message: Message, zone: tzinfo) -> tzinfo:
    """Return the zone of times that come without one.

    A zone that somebody chose for the feed holds, since it knows of summer time, and of senders whose engine writes
    MSH-7 alone in another zone. Where it is UTC, as nobody chose, MSH-7's offset holds; not one that no place has.
    """
    if str(zone) != "UTC":
        return zone
    return _zone_of(message.header.get(7, 0, 1), zone)


@lru_cache(maxsize=1024)
def _zone_of(text: str, zone: tzinfo) -> tzinfo:
    """The zone that a time says, where a place has it, else the other one."""
    sent = read(text, zone)
    offset = sent.start.utcoffset() if sent and sent.zoned else None
    if not offset or abs(offset) > MOST_OFFSET or offset % _QUARTER:
        return zone
    return timezone(offset)
