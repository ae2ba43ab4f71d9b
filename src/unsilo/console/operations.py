"""Feeds at a glance: state, rhythm, rates, latency, and what waits or failed."""

from typing import Any

from starlette.responses import Response

from unsilo.console.gate import Asked
from unsilo.console.render import home_zone, page
from unsilo.flow.status import FeedStatus, status
from unsilo.kernel import clock

__all__ = ["feeds_page"]

_STATES: dict[str, tuple[str, str]] = {
    "alive": ("Receiving", "good"), "silent": ("Silent", "bad"), "errors": ("Has errors", "warn"),
    "stopped": ("Stopped", "bad"), "never": ("Nothing yet", "idle"),
}  # fmt: skip
_MINUTE = 60_000_000


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}" if seconds % size == 0 else f"{seconds / size:.1f} {unit}"
    return f"{seconds} s"


def _latency(microseconds: int) -> str:
    if not microseconds:
        return ""
    return f"{microseconds / 1000:.0f} ms" if microseconds < 1_000_000 else f"{microseconds / 1e6:.1f} s"


def _row(feed: FeedStatus, now: int) -> dict[str, Any]:
    minutes = {m: received for m, received, _, _ in feed.last_hour}
    first = now // _MINUTE - 59
    rates = [minutes.get(first + n, 0) for n in range(60)]
    word, tone = _STATES.get(feed.state, (feed.state, "idle"))
    return {
        "feed": feed, "word": word, "tone": tone, "rates": rates, "hour": sum(rates),
        "failed": sum(f for _, _, _, f in feed.last_hour),
        "rhythm": _span(feed.rhythm_seconds) if feed.rhythm_seconds else "",
        "p50": _latency(feed.latency[0]), "p95": _latency(feed.latency[1]),
    }  # fmt: skip


def feeds_page(asked: Asked) -> Response:
    """Show every feed; those that need somebody come first."""
    found = status(asked.service.store, asked.service.settings, service=asked.service)
    now = clock.now()
    order = {"bad": 0, "warn": 1, "good": 2, "idle": 3}
    rows = sorted((_row(f, now) for f in found.feeds), key=lambda r: (order[r["tone"]], r["feed"].name))
    return page(
        "feeds.html", asked.view, zone=home_zone(asked.service.settings), title="Feeds", rows=rows, node=found,
        may_messages=asked.may("message.read"), uncoded=asked.service.maps.uncoded(), may_maps=asked.may("map.read"),
        may_overlays=asked.may("overlay.read"), configured=asked.service.settings.feeds,
    )  # fmt: skip
