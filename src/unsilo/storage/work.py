"""Moves messages between their states: finished, dead, held behind a dead one, queued again."""

import re
import sqlite3
from typing import NamedTuple

import msgspec

from unsilo.kernel import Issue, worst
from unsilo.storage.days import day_of
from unsilo.storage.figures import Figures
from unsilo.storage.names import Names
from unsilo.storage.rows import QueueItem
from unsilo.storage.statements import load, run_rows

__all__ = ["Finish", "cause_of", "is_poison", "move"]

_SQL = load("message")
_NOBODY = 1 << 62


class Finish(NamedTuple):
    """A message goes to a state; `tries` is 1 when a processing ended, 0 when it is only moved.

    `holds` is 1 for a dead letter behind which what has its order key must wait.
    """

    mid: int
    state: str
    at: int
    entries: int
    cause: str
    tries: int
    holds: int = 0


_REFERENCE = re.compile(r"^([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}$")


def cause_of(issues: list[Issue]) -> str:
    """Return the fingerprint of what went wrong: the rule of the worst issue and its path without ordinals.

    Of a path that is a reference (`Patient/a1`) the type alone counts: what went wrong is the same for each of them.
    """
    issue = worst([i for i in issues if i.severity in ("error", "fatal")])
    if issue is None:
        return ""
    path = []
    inside = 0
    for letter in issue.where.path:
        inside += letter == "["
        if not inside:
            path.append(letter)
        inside -= letter == "]" and inside > 0
    where = _REFERENCE.sub(r"\1", "".join(path))
    return f"{issue.rule or issue.code} {where}".strip()[:200]


def is_poison(cause: str) -> bool:
    """Tell the fingerprint of a fault of the program, which holds its key, from that of a message merely wrong."""
    return cause.partition(" ")[0].endswith(".poison")


def _settle_key(
    connection: sqlite3.Connection, names: Names, figures: Figures, feed: int, order_key: str
) -> list[QueueItem]:
    """Hold what stands behind the first poison message of a key, and queue what does not."""
    lowest = connection.execute(_SQL["first_holds"], (feed, order_key)).fetchone()[0]
    first = _NOBODY if lowest is None else int(lowest)
    for _mid, feed_, day, size in connection.execute(_SQL["hold"], (feed, order_key, first)).fetchall():
        figures.count(feed_, day, "queued", size, -1)
        figures.count(feed_, day, "held", size)
    released = []
    for row in connection.execute(_SQL["release"], (feed, order_key, first)).fetchall():
        figures.count(row[1], row[2], "held", row[3], -1)
        figures.count(row[1], row[2], "queued", row[3])
        released.append(QueueItem(row[0], row[4], names.feed_name(row[1]), row[5], row[6], row[7]))
    return sorted(released, key=lambda item: item.mid)


def move(connection: sqlite3.Connection, names: Names, moves: list[Finish]) -> list[QueueItem]:
    """Write state changes in the open transaction with their figures; return what is queued (again) by them.

    A poison message (a dead letter whose cause is `flow.poison`: the program failed on it) holds everything after it
    that has its order key; when it leaves that state, what it held is queued again, oldest first. Other dead letters
    hold nothing: a message of a kind that is not read must not stop the patient's others.
    """
    last: dict[int, Finish] = {}
    for each in moves:
        before = last.get(each.mid)
        last[each.mid] = each if before is None else each._replace(tries=each.tries + before.tries)
    mids = msgspec.json.encode(list(last)).decode()
    figures = Figures()
    settle: set[tuple[int, str]] = set()
    queued: list[int] = []
    for mid, feed, day, state, size, received, order_key, attempts, holds in connection.execute(
        _SQL["before_finish"], (mids,)
    ).fetchall():
        to = last[mid]
        if to.state != state:
            figures.count(feed, day, state, size, -1)
            figures.count(feed, day, to.state, size)
        if order_key and (holds or to.holds):
            settle.add((feed, order_key))
        if to.state == "queued":
            queued.append(mid)
        if to.tries:
            figures.done(feed, to.at, failed=to.state == "dead")
            if attempts == 0:
                figures.latency(feed, day_of(to.at), to.at - received)
    run_rows(connection, _SQL["finish"], [tuple(each) for each in last.values()])
    released: list[QueueItem] = []
    for feed, order_key in sorted(settle):
        released += _settle_key(connection, names, figures, feed, order_key)
    items = {item.mid: item for item in released}
    for mid in queued:
        row = connection.execute(_SQL["item"], (mid,)).fetchone()
        if row is not None:
            items[mid] = QueueItem(*row)
    figures.flush(connection)
    return [items[mid] for mid in sorted(items)]
