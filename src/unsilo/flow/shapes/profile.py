"""The profile of a feed: how often it sent what, and when something new or gone is worth an alarm."""

import math
from collections.abc import Iterable

import msgspec

from unsilo.flow.shapes.part import ALL
from unsilo.flow.shapes.watch import Delta

__all__ = ["Alarm", "Change", "Line", "Profile", "decode", "encode", "learn", "part_of", "share"]

LEARNT = 200
"""Times that something must have been sent before what is new in it is worth a word."""
RARE = 0.02
"""Share of things seen only once from which novelties are usual (Good and Turing: the chance that the next one is new
is about the share of those seen once), so that one more is not worth a word."""
OFTEN = 0.8
"""Least share, at the lower end of its interval, of what counts as always sent."""
MISSED = 50
"""Times in a row that it must be missing at least."""
CHANCE = 1e-9
"""Most chance of so long a gap if nothing had changed."""
_Z = 2.576
AGAIN = 3
"""How much longer a gap must be than the longest one after which it came again: bursts of others are learnt."""
_HALF = 20_000
"""Messages after which all counts are halved: what was long ago fades."""
_MOST = 6_000
"""Keys of a profile; further ones are not remembered, and no alarm is given for them."""


class Line(msgspec.Struct, array_like=True):
    """One key: its parent, how often it came, how often the parent had come when it last came, whether it is gone (an
    alarm was given for that), and the longest gap, in times of the parent, after which it came again.
    """

    parent: str
    count: float
    at: float
    gone: bool = False
    gap: float = 0.0


Profile = dict[str, Line]
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(dict[str, Line]).decode


class Alarm(msgspec.Struct):
    """`kind` is `new` or `gone`; `detail` says the figures, `message` an example of what is new."""

    kind: str
    what: str
    detail: str
    message: str = ""


class Change(msgspec.Struct):
    """What a delta brought about: alarms to open, and keys whose `gone` is over."""

    alarms: list[Alarm] = []
    back: list[str] = []


def share(count: float, of: float) -> float:
    """Return the lower end of the 99 % interval of a share (Wilson 1927); 0 when there is nothing."""
    if of <= 0:
        return 0.0
    p = min(1.0, count / of)
    z2 = _Z * _Z / of
    return (p + z2 / 2 - _Z * math.sqrt(p * (1 - p) / of + z2 / of / 4)) / (1 + z2)


def learn(profile: Profile, delta: Delta) -> Change:
    """Take a delta into a profile, which is changed, and return what is worth a word."""
    before = {key: line.count for key, line in profile.items()}
    change = Change([], [])
    fresh = [key for key in delta.counts if key not in profile]
    for key, (count, parent) in delta.counts.items():
        line = profile.get(key)
        if line is None:
            if len(profile) >= _MOST:
                continue
            line = profile[key] = Line(parent, 0.0, 0.0)
        line.count += count
        if line.parent in before and line.at:
            line.gap = max(line.gap, before[line.parent] - line.at)
        if line.gone:
            line.gone = False
            change.back.append(key)
    for key in delta.counts:
        line = profile.get(key)
        if line is not None:
            line.at = _total(profile, line)
    change.alarms += _new(profile, before, fresh, delta)
    change.alarms += _gone(profile, delta)
    if profile.get(ALL, Line("", 0.0, 0.0)).count >= _HALF:
        for line in profile.values():
            line.count /= 2
            line.at /= 2
            line.gap /= 2
    return change


def part_of(profile: Profile, line: Line) -> float | None:
    """Return how often a key came of the times that its parent did; None for one without a parent."""
    total = _total(profile, line)
    return min(1.0, line.count / total) if total else None


def _total(profile: Profile, line: Line) -> float:
    parent = profile.get(line.parent)
    return parent.count if parent is not None else 0.0


def _new(profile: Profile, before: dict[str, float], fresh: list[str], delta: Delta) -> Iterable[Alarm]:
    """Yield what was never there, the topmost of each: of a new segment not its fields too."""
    once: dict[str, int] = {}
    if any(before.get(delta.counts[key][1], 0.0) >= LEARNT for key in fresh):
        for key, line in profile.items():
            if before.get(key, 0.0) and line.count < 2:
                once[line.parent] = once.get(line.parent, 0) + 1
    for key in fresh:
        parent = delta.counts[key][1]
        times = before.get(parent, 0.0)
        if key not in profile or not parent or times < LEARNT or once.get(parent, 0) / times > RARE:
            continue
        detail = f"never in {times:.0f} times of {said(parent)} before"
        yield Alarm("new", key, detail, delta.first.get(key, ""))


def _gone(profile: Profile, delta: Delta) -> Iterable[Alarm]:
    """Yield what was always there and is missing for so long that it is no chance."""
    for key, line in profile.items():
        if line.gone or not line.parent or line.parent not in delta.counts or key in delta.counts:
            continue
        total = _total(profile, line)
        missing = total - line.at
        least = share(line.count, line.at)
        chance = math.log(CHANCE) / math.log(1 - least + 1e-12)
        if line.at < LEARNT or least < OFTEN or missing < max(MISSED, chance, AGAIN * line.gap):
            continue
        line.gone = True
        if profile[line.parent].gone:
            continue
        detail = (
            f"in {line.count / line.at:.1%} of {line.at:.0f} times of {said(line.parent)}, then not in {missing:.0f}"
        )
        yield Alarm("gone", key, detail)


def said(key: str) -> str:
    """Return a key as people read it."""
    return "messages" if key == ALL else key
