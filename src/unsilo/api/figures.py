"""The node's figures in the Prometheus text format, and the counting of HTTP requests by route pattern."""

import os
import resource
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unsilo import __version__
from unsilo.flow.service import Service
from unsilo.kernel import clock

__all__ = ["METRICS", "Counting", "Requests", "exposition"]

Sample = tuple[dict[str, str], float]

METRICS: dict[str, tuple[str, str]] = {
    "unsilo_build_info": ("gauge", "Version of the program; always 1."),
    "unsilo_ready": ("gauge", "1 when the node can take messages."),
    "unsilo_start_time_seconds": ("gauge", "When the node started, seconds since 1970."),
    "unsilo_messages": ("gauge", "Messages in the journal by feed and state."),
    "unsilo_messages_received_total": ("counter", "Messages made durable, by feed, without resends."),
    "unsilo_messages_resent_total": ("counter", "Resends of the same bytes, acknowledged from the record, by feed."),
    "unsilo_message_bytes_total": ("counter", "Bytes received by feed, before compression."),
    "unsilo_last_message_timestamp_seconds": ("gauge", "When a feed last received something, seconds since 1970."),
    "unsilo_message_seconds": ("summary", "From receipt to commit, by feed, over the last two days."),
    "unsilo_doubts": ("gauge", "What messages hold that can hardly be true, by feed and rule."),
    "unsilo_shape_alarms": ("gauge", "Alarms about what a feed sends that nobody has taken note of, by feed."),
    "unsilo_messages_queued": ("gauge", "Messages that wait to be processed."),
    "unsilo_messages_dead": ("gauge", "Dead letters: messages that could not be processed."),
    "unsilo_messages_held": ("gauge", "Messages held back behind a dead letter of the same key."),
    "unsilo_workers": ("gauge", "Worker processes that run at most."),
    "unsilo_writer_waiting": ("gauge", "Receipts and jobs that wait for the writer."),
    "unsilo_deliveries": ("gauge", "Notifications by destination and state (waiting, sent, dead, dropped)."),
    "unsilo_delivery_waiting_seconds": ("gauge", "Age of the oldest notification that waits, by destination."),
    "unsilo_resources": ("gauge", "Live resources by type."),
    "unsilo_persons": ("gauge", "Persons."),
    "unsilo_store_bytes": ("gauge", "Size of the store on disk: database, its log, journal."),
    "unsilo_http_requests_total": ("counter", "HTTP requests by route pattern, method and status."),
    "unsilo_http_request_seconds": ("histogram", "Duration of HTTP requests by route pattern."),
    "process_resident_memory_bytes": ("gauge", "Memory of the server process."),
    "process_cpu_seconds_total": ("counter", "CPU time of the server process."),
}
"""Every metric: its type and what it says."""

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Requests:
    """Counts requests in memory; patterns, never addresses, so that no patient id becomes a label."""

    def __init__(self) -> None:
        self.count: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)

    def note(self, pattern: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known = method if method in _METHODS else "other"
        self.count[pattern, known, status] += 1
        self._buckets[pattern][bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[pattern] += seconds

    def lines(self) -> Iterator[str]:
        """Yield the samples of the duration histogram."""
        name = "unsilo_http_request_seconds"
        for pattern, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, n in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += n
                yield _line(f"{name}_bucket", {"route": pattern, "le": bound}, total)
            yield _line(f"{name}_sum", {"route": pattern}, self._seconds[pattern])
            yield _line(f"{name}_count", {"route": pattern}, total)


class Counting:
    """ASGI middleware that counts HTTP requests by the pattern of their route; `/fhir` counts its own."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app = app
        self.requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note pattern, status and duration; a request without an answer counts as 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        scope["unsilo.requests"] = self.requests

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            pattern = scope.get("state", {}).get("pattern") or getattr(scope.get("route"), "path", "") or "unknown"
            self.requests.note(pattern, scope["method"], status, time.perf_counter() - began)


def _line(name: str, labels: dict[str, str], value: float) -> str:
    escaped = (
        (key, text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for key, text in labels.items()
    )
    inside = ",".join(f'{key}="{text}"' for key, text in escaped)
    number = f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _block(name: str, samples: Iterable[Sample]) -> Iterator[str]:
    kind, text = METRICS[name]
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _line(name, labels, value)


def _alarms(service: Service, feeds: list[str]) -> list[tuple[str, int]]:
    """Return the open alarms of every feed, also of those that have none."""
    counts = service.store.shape_alarm_counts()
    return [(feed, counts.get(feed, 0)) for feed in sorted({*service.settings.feeds, *feeds})]


def _sizes(service: Service) -> list[Sample]:
    folder = service.settings.data
    sizes: dict[str, float] = {"database": 0, "log": 0, "journal": 0}
    places = {"database": [folder / "unsilo.db"], "log": [folder / "unsilo.db-wal"]}
    places["journal"] = list((folder / "journal").glob("*"))
    for part, paths in places.items():
        for path in paths:
            try:
                sizes[part] += path.stat().st_size
            except OSError:
                continue  # a log file comes and goes
    return [({"part": part}, size) for part, size in sizes.items()]


def _memory() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def exposition(service: Service, requests: Requests) -> str:
    """Return all figures (Prometheus text format 0.0.4)."""
    store = service.store
    feeds, counts = store.feeds(), store.counts()
    receipts, jobs = store.waiting()
    sent = store.delivery_counts()
    usage = time.process_time()
    single: dict[str, list[Sample]] = {
        "unsilo_build_info": [({"version": __version__}, 1)],
        "unsilo_ready": [({}, 0 if service.not_ready() else 1)],
        "unsilo_start_time_seconds": [({}, service.started_at / 1e6)],
        "unsilo_messages": [({"feed": f.feed, "state": s}, n) for f in feeds for s, n in sorted(f.states.items())],
        "unsilo_messages_received_total": [({"feed": f.feed}, f.messages) for f in feeds],
        "unsilo_messages_resent_total": [({"feed": f.feed}, f.resent) for f in feeds],
        "unsilo_message_bytes_total": [({"feed": f.feed}, f.bytes) for f in feeds],
        "unsilo_last_message_timestamp_seconds": [({"feed": f.feed}, f.last_received / 1e6) for f in feeds],
        "unsilo_message_seconds": [
            ({"feed": f.feed, "quantile": q}, value / 1e6)
            for f in feeds
            for q, value in zip(("0.5", "0.95", "0.99"), f.latency, strict=True)
        ],
        "unsilo_doubts": [({"feed": f.feed, "rule": r}, n) for f in feeds for r, n in sorted(f.doubts.items())],
        "unsilo_shape_alarms": [({"feed": feed}, n) for feed, n in _alarms(service, [f.feed for f in feeds])],
        "unsilo_messages_queued": [({}, counts.messages.get("queued", 0))],
        "unsilo_messages_dead": [({}, counts.messages.get("dead", 0))],
        "unsilo_messages_held": [({}, counts.messages.get("held", 0))],
        "unsilo_workers": [({}, service.settings.worker_count)],
        "unsilo_writer_waiting": [({"kind": "receipts"}, receipts), ({"kind": "jobs"}, jobs)],
        "unsilo_deliveries": [({"destination": d, "state": s}, n) for (d, s), (n, _) in sent.items()],
        "unsilo_delivery_waiting_seconds": [
            ({"destination": d}, max(0.0, (clock.now() - oldest) / 1e6))
            for (d, s), (_, oldest) in sent.items()
            if s == "waiting"
        ],
        "unsilo_resources": [({"type": kind}, n) for kind, n in sorted(counts.resources.items())],
        "unsilo_persons": [({}, counts.persons)],
        "unsilo_store_bytes": _sizes(service),
        "unsilo_http_requests_total": [
            ({"route": route, "method": method, "status": str(status)}, n)
            for (route, method, status), n in sorted(requests.count.items())
        ],
        "process_resident_memory_bytes": [({}, _memory())],
        "process_cpu_seconds_total": [({}, usage)],
    }
    lines = [line for name, samples in single.items() for line in _block(name, samples)]
    lines += [*_block("unsilo_http_request_seconds", []), *requests.lines()]
    return "\n".join(lines) + "\n"
