"""Which feed a message of a shared MLLP port belongs to, by the patterns over its header."""

from fnmatch import fnmatchcase

from unsilo.config import Feed, Listener, Route

__all__ = ["feed_of", "header_fields"]


def header_fields(content: bytes) -> dict[str, str]:
    """Return the routing fields of MSH (3, 4, 5, 6 first components; 9 as `ADT^A08`); empty when there is no MSH."""
    head = content.lstrip(b"\r\n")[:2048]
    at = head.find(b"MSH") if head[:3] in (b"FHS", b"BHS") else 0
    if at < 0 or head[at : at + 3] != b"MSH" or len(head) < at + 8:
        return {}
    line = head[at:].replace(b"\n", b"\r").split(b"\r", 1)[0].decode("latin-1")
    fields = line.split(line[3])
    component = fields[1][:1] or "^"

    def field(number: int) -> str:
        return fields[number - 1] if number <= len(fields) else ""

    return {
        "sending_application": field(3).split(component)[0],
        "sending_facility": field(4).split(component)[0],
        "receiving_application": field(5).split(component)[0],
        "receiving_facility": field(6).split(component)[0],
        "type": "^".join(field(9).split(component)[:2]),
    }


def _fits(route: Route, fields: dict[str, str]) -> bool:
    return all(fnmatchcase(value, getattr(route, name)) for name, value in fields.items())


def feed_of(listener: Listener, feeds: dict[str, Feed], content: bytes) -> Feed | None:
    """Return the feed of the first route that fits, else the listener's own; None when nothing takes the message."""
    if listener.routes:
        fields = header_fields(content)
        if fields:
            for route in listener.routes:
                if _fits(route, fields):
                    return feeds.get(route.feed)
    return feeds.get(listener.feed)
