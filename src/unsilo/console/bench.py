"""The test bench: paste a message, see everything that would become of it, store nothing."""

from typing import Any

from starlette.responses import Response

from unsilo.config import FORMATS, Feed
from unsilo.console.gate import Asked
from unsilo.console.render import home_zone, page
from unsilo.flow.convert.bundle import detect
from unsilo.flow.read.provenance import excerpt
from unsilo.flow.testbench import bench
from unsilo.kernel import json

__all__ = ["bench_page"]

_MOST = 1_000_000


def bench_page(asked: Asked) -> Response:
    """Show the form and, when something was pasted, the outcome. The content is neither stored nor logged."""
    typed = str(asked.form.get("content") or "")[:_MOST]
    chosen = asked.field("feed")
    feeds = asked.service.settings.feeds
    values: dict[str, Any] = {
        "title": "Test bench",
        "typed": typed,
        "feed": chosen,
        "feeds": sorted(feeds),
        "formats": FORMATS,
    }
    zone = home_zone(asked.service.settings)
    if not typed.strip():
        return page("bench.html", asked.view, zone=zone, **values, result=None)
    fmt = detect(typed.encode("utf-8", "replace")) or "hl7v2"
    feed = asked.service.live(chosen)
    if feed is None or feed.format != fmt:
        feed = Feed("bench", fmt, zone=str(zone))
    content = typed.encode("utf-8", "replace")
    if fmt == "hl7v2":
        # A browser sends CRLF for every line of a form; HL7 v2 ends segments with CR (2.5.1 section 2.5.4).
        content = content.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    asked.audit("test bench", what=f"{len(content)} bytes of {fmt}, nothing stored")
    result = bench(feed, content)
    spans = [span for _, _, span in result.unconsumed if span is not None]
    return page(
        "bench.html", asked.view, zone=zone, **values, result=result, used=feed.name, format=FORMATS.get(fmt, fmt),
        excerpt=excerpt(content, "utf-8", spans, window=40_000), unread={path for path, _, _ in result.unconsumed},
        ack=result.ack.decode("utf-8", "replace").replace("\r", "\n"),
        bodies=[json.encode(made.resource).decode() for made in result.resources],
    )  # fmt: skip
