"""Published overlays, what each feed sends, and the alarms about it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from unsilo.storage.connect import Readers
from unsilo.storage.packing import clean
from unsilo.storage.statements import load
from unsilo.storage.tx_work import Tx

__all__ = [
    "OverlayVersion", "ShapeAlarm", "WorkbenchReads", "end_alarm", "put_alarm", "put_overlay", "put_shape",
    "read_shape",
]  # fmt: skip

_SQL = load("workbench")


class OverlayVersion(NamedTuple):
    """One version of a feed's overlay: `n` orders all, `version` counts from 1 in its feed, `at` is microseconds."""

    n: int
    feed: str
    version: int
    at: int
    actor: str
    reason: str
    sha256: str
    content: bytes


class ShapeAlarm(NamedTuple):
    """One alarm: `kind` is `new` or `gone`, `what` a key of the profile, `message` an example, `detail` the figures.

    Open while `ended` is 0; then `actor` is who took note of it, or `flow` when it came to an end by itself.
    """

    n: int
    feed: str
    kind: str
    what: str
    at: int
    message: str
    detail: str
    ended: int
    actor: str
    reason: str


def _version(row: Any) -> OverlayVersion:
    made: Callable[..., OverlayVersion] = OverlayVersion
    return made(*row[:7], bytes(row[7]))


class WorkbenchReads:
    """The part of the store that concerns overlays and shapes."""

    _readers: Readers

    def overlay_top(self) -> int:
        """Return the number of the last version of any feed, 0 before the first."""
        return int(self._readers.row(_SQL["overlay_top"])[0])

    def overlays(self) -> list[OverlayVersion]:
        """Return the version in use of every feed that has one."""
        return [_version(row) for row in self._readers.rows(_SQL["overlay_current"])]

    def overlay_history(self, feed: str) -> list[OverlayVersion]:
        """Return every version of a feed's overlay, the newest first."""
        return [_version(row) for row in self._readers.rows(_SQL["overlay_history"], (feed,))]

    def overlay_version(self, feed: str, version: int) -> OverlayVersion | None:
        """Return one version."""
        row = self._readers.row(_SQL["overlay_version"], (feed, version))
        return None if row is None else _version(row)

    def overlays_of(self, sha256: str) -> list[OverlayVersion]:
        """Return the versions with this content, the newest first."""
        return [_version(row) for row in self._readers.rows(_SQL["overlay_by_sha256"], (sha256,))]

    def shape(self, feed: str) -> tuple[int, bytes] | None:
        """Return when a feed's profile was last written, and the profile."""
        row = self._readers.row(_SQL["shape"], (feed,))
        return None if row is None else (int(row[0]), bytes(row[1]))

    def shape_alarms(self, feed: str = "", limit: int = 200) -> list[ShapeAlarm]:
        """Return alarms of a feed (of all without), the open ones first, then the newest."""
        return [ShapeAlarm(*row) for row in self._readers.rows(_SQL["alarms"], (feed, feed, limit))]

    def shape_alarm(self, n: int) -> ShapeAlarm | None:
        """Return one alarm."""
        row = self._readers.row(_SQL["alarm"], (n,))
        return None if row is None else ShapeAlarm(*row)

    def shape_alarm_counts(self) -> dict[str, int]:
        """Return how many alarms are open, by feed."""
        return dict(self._readers.rows(_SQL["alarm_counts"]))


def put_overlay(tx: Tx, feed: str, base: int, content: bytes, sha256: str, actor: str, at: int, reason: str) -> int:
    """Write the next version of a feed's overlay and return its number; 0 when `base` is no longer the last one."""
    if int(tx.row(_SQL["overlay_last"], (feed,))[0]) != base:
        return 0
    tx.run(_SQL["overlay_put"], (feed, base + 1, at, clean(actor), clean(reason), sha256, content))
    return base + 1


def read_shape(tx: Tx, feed: str) -> bytes | None:
    """Return a feed's profile as this transaction sees it."""
    row = tx.row(_SQL["shape"], (feed,))
    return None if row is None else bytes(row[1])


def put_shape(tx: Tx, feed: str, profile: bytes, at: int) -> None:
    """Write a feed's profile."""
    tx.run(_SQL["shape_put"], (feed, at, profile))


def put_alarm(tx: Tx, feed: str, kind: str, what: str, message: str, detail: str, at: int) -> bool:
    """Open an alarm unless the same one is open; tell whether it was."""
    if tx.row(_SQL["alarm_open"], (feed, kind, clean(what))) is not None:
        return False
    tx.run(_SQL["alarm_put"], (feed, kind, clean(what), at, message, clean(detail), 0, "", ""))
    return True


def end_alarm(tx: Tx, feed: str, kind: str, what: str, at: int, actor: str, reason: str) -> int:
    """Close an alarm that is open; return its number, 0 when there is none."""
    row = tx.row(_SQL["alarm_open"], (feed, kind, clean(what)))
    if row is None:
        return 0
    tx.run(_SQL["alarm_end"], (at, clean(actor), clean(reason), row[0]))
    return int(row[0])
