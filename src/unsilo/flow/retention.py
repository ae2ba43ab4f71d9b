"""Removes the original bytes of whole past days where a feed's setting says so; hash, keys and lineage stay."""

from datetime import UTC, datetime, timedelta

from unsilo.config import Settings
from unsilo.kernel import Issue, clock
from unsilo.storage import AuditRow, Store, drop_day, droppable

__all__ = ["enforce"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WAIT = 60.0


def _days(store: Store, before: datetime) -> list[datetime]:
    """Return the past days of which bytes are kept, the oldest first."""
    days = [datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC) for day in store.days()]
    return [day for day in days if day < before]


def enforce(store: Store, settings: Settings, *, now: int = 0) -> list[Issue]:
    """Remove what every feed's `retention_days` allows; return why a day could not be removed.

    A day is removed when it ended more than so many days ago; what of it is queued, held or dead stays until that is
    over. Each removal is audited.
    """
    present = _EPOCH + timedelta(microseconds=now or clock.now())
    issues: list[Issue] = []
    for feed in settings.feeds.values():
        if not feed.retention_days:
            continue
        for day in _days(store, present - timedelta(days=feed.retention_days + 1)):
            number = int(day.strftime("%Y%m%d"))
            if not droppable(store, number, feed.name):
                continue
            found = drop_day(store, number, feed.name, at=now)
            issues += found
            refused = any(issue.severity == "error" for issue in found)
            if not refused:
                what = f"bytes of feed {feed.name} of {day:%Y-%m-%d}"
                reason = f"retention of {feed.retention_days} days"
                store.audit(AuditRow("unsilo", "remove", 0, what, "", reason)).result(_WAIT)
    return issues
