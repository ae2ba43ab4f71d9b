"""The node's state in figures: what `unsilo status`, the metrics and the demo's summary say."""

import msgspec

from unsilo.config import Settings
from unsilo.flow.service import Service
from unsilo.kernel import Issue, clock
from unsilo.storage import AuditRow, FeedFigures, Store

__all__ = ["FeedStatus", "Status", "conflicts", "feed_statuses", "status"]

_MOST_REVIEWS = 20_000


class FeedStatus(msgspec.Struct):
    """One feed now: `state` is `never`, `alive`, `silent` (longer than its rhythm), `stopped` or `errors`."""

    name: str
    format: str
    organisation: str
    transport: str
    state: str
    why: str
    last_received: int
    messages: int
    today: int
    bytes: int
    queued: int
    held: int
    dead: int
    resent: int
    rhythm_seconds: int
    latency: tuple[int, int, int]
    last_hour: list[tuple[int, int, int, int]]
    doubtful: int = 0
    """What its messages hold that can hardly be true."""
    doubts: dict[str, int] = {}
    """The same by rule."""
    alarms: int = 0
    """Alarms about its shape that nobody has taken note of."""


class Status(msgspec.Struct):
    """The whole node; times in microseconds since 1970."""

    version: str
    started: int
    ready: bool
    problems: list[str]
    messages: dict[str, int]
    messages_in: int
    persons: int
    merged: int
    conflicts: int
    resources: dict[str, int]
    dead_letters: int
    feeds: list[FeedStatus]
    issues: list[Issue] = []


def feed_statuses(store: Store, settings: Settings, broken: dict[str, str] | None = None) -> list[FeedStatus]:
    """Return every configured feed, and every one that ever received something, in order of name."""
    now = clock.now()
    figures = {figure.feed: figure for figure in store.feeds()}
    alarms = store.shape_alarm_counts()
    result: list[FeedStatus] = []
    for name in sorted({*figures, *settings.feeds}):
        feed = settings.feeds.get(name)
        figure = figures.get(name) or FeedFigures(name, 0, 0, 0, 0, {}, 0, [], (0, 0, 0))
        rhythm = feed.rhythm_seconds if feed is not None else 0
        state, why = _state(figure, rhythm, now)
        if feed is None:
            state, why = "stopped", "it is no longer configured"
        elif broken and name in broken:
            state, why = "stopped", f"its map cannot be compiled: {broken[name]}"
        result.append(
            FeedStatus(
                name=name, format=feed.format if feed else "", organisation=feed.organisation if feed else "",
                transport=feed.transport if feed else "", state=state, why=why, last_received=figure.last_received,
                messages=figure.messages, today=figure.today, bytes=figure.bytes,
                queued=figure.states.get("queued", 0), held=figure.states.get("held", 0),
                dead=figure.states.get("dead", 0), resent=figure.resent, rhythm_seconds=rhythm,
                latency=figure.latency, last_hour=figure.last_hour, doubtful=sum(figure.doubts.values()),
                doubts=dict(sorted(figure.doubts.items())), alarms=alarms.get(name, 0),
            )
        )  # fmt: skip
    return result


def _state(figure: FeedFigures, rhythm: int, now: int) -> tuple[str, str]:
    if not figure.last_received:
        return "never", "nothing has been received yet"
    silence = (now - figure.last_received) // 1_000_000
    if rhythm and silence > rhythm:
        return "silent", f"silent for {silence} seconds; {rhythm} are normal"
    if figure.states.get("dead"):
        dead = figure.states["dead"]
        return "errors", "1 dead letter waits" if dead == 1 else f"{dead} dead letters wait"
    return "alive", ""


def conflicts(store: Store) -> list[AuditRow]:
    """Return what the matcher left for a data steward, each pair of records once, the newest first."""
    found: dict[str, AuditRow] = {}
    for row in store.audit_rows(action="review", limit=_MOST_REVIEWS):
        found.setdefault(row.what, row)
    return list(found.values())


def status(store: Store, settings: Settings, *, service: Service | None = None) -> Status:
    """Return the figures; `messages_in` counts messages, not the batch files that they came in."""
    from unsilo import __version__

    counts = store.counts()
    running = service is not None
    return Status(
        version=__version__,
        started=service.started_at if service is not None else 0,
        ready=running and not service.not_ready() if service is not None else False,
        problems=service.not_ready() if service is not None else [],
        messages=dict(sorted(counts.messages.items())),
        messages_in=sum(n for state, n in counts.messages.items() if state != "batch"),
        persons=counts.persons,
        merged=counts.merged,
        conflicts=len(conflicts(store)),
        resources=dict(sorted(counts.resources.items())),
        dead_letters=counts.messages.get("dead", 0),
        feeds=feed_statuses(store, settings, service.dispatcher.broken if service is not None else None),
    )
