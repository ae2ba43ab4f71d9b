"""What single values cannot show: that zones, networks, ports, files and routes fit together."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from unsilo.config.exchange import problems
from unsilo.config.settings import FORMATS, Feed, Settings, Tls

__all__ = ["Problem", "check"]

Problem = tuple[tuple[str, ...], str, str]
"""Path of the setting, what is wrong, what to do."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_LISTS = ("AL1", "PRB", "DG1", "IN1")


def check(settings: Settings) -> list[Problem]:
    """Return every problem of the settings as a whole."""
    found = [*_node(settings)]
    for feed in settings.feeds.values():
        found += _feed(feed)
    found += _ports(settings)
    found += problems(settings.golden, settings.ihe, settings.destinations, settings.feeds)
    for number, listener in enumerate(settings.mllp):
        path = ("mllp", str(number))
        found += _tls(listener.tls, (*path, "tls"))
        found += _networks(listener.allow, (*path, "allow"))
        names = [(route.feed, (*path, "routes", str(i), "feed")) for i, route in enumerate(listener.routes)]
        for name, where in [*names, (listener.feed, (*path, "feed"))]:
            if name and name not in settings.feeds:
                found.append((where, f"there is no feed {name!r}", f"add [feeds.{name}]"))
    return found


def _node(settings: Settings) -> Iterator[Problem]:
    for name, least, most in (
        ("port", 0, 65535), ("workers", 0, 256), ("readers", 1, 64), ("in_flight", 1, 100_000),
        ("message_seconds", 1, 3600), ("session_hours", 1, 24 * 30), ("group_ms", 0, 1000),
        ("reserve_mb", 0, 1024 * 1024),
    ):  # fmt: skip
        value = getattr(settings, name)
        if not least <= value <= most:
            yield (name,), f"{value} is out of range", f"{least} to {most}"
    for name, least, most in (
        ("limit_bytes", 1024, 1 << 30), ("limit_entries", 1, 1_000_000), ("body_seconds", 1, 3600),
        ("keep_alive_seconds", 1, 3600), ("most_waiting", 1, 1_000_000),
    ):  # fmt: skip
        value = getattr(settings.http, name)
        if not least <= value <= most:
            yield ("http", name), f"{value} is out of range", f"{least} to {most}"
    yield from _networks(settings.bulk.import_networks, ("bulk", "import_networks"))
    if settings.database and not settings.database.startswith(("postgresql://", "postgres://")):
        yield ("database",), "not the address of a database", "postgresql://USER:PASSWORD@HOST/NAME, or empty for files"
    yield from _tls(settings.tls, ("tls",))
    if settings.maps.embeddings and not Path(settings.maps.embeddings).is_dir():
        yield ("maps", "embeddings"), "not a folder", "one with tokenizer.json and model.safetensors, or empty"


def _feed(feed: Feed) -> Iterator[Problem]:
    path = ("feeds", feed.name)
    if not _NAME.match(feed.name):
        yield path, "not a name for a feed", "lower-case letters, digits, - and _, 64 at most"
    if feed.format not in FORMATS:
        yield (*path, "format"), f"{feed.format!r} is not a format", "one of " + ", ".join(FORMATS)
    if not 0 <= feed.port <= 65535:
        yield (*path, "port"), f"{feed.port} is not a port", "1 to 65535, 0 for none"
    if feed.transport == "folder" and not feed.folder:
        yield (*path, "folder"), "a folder feed needs its folder", 'add folder = "..."'
    if feed.limit_bytes < 1024:
        yield (*path, "limit_bytes"), "smaller than any message", "1024 or more"
    for name in ("rhythm_seconds", "retention_days"):
        if getattr(feed, name) < 0:
            yield (*path, name), "less than nothing", "0 for none"
    for name in ("idle_seconds", "frame_seconds"):
        if getattr(feed, name) < 1:
            yield (*path, name), "at least one second", ""
    try:
        ZoneInfo(feed.zone)
    except (ValueError, OSError, KeyError):
        yield (*path, "zone"), f"{feed.zone!r} is not a time zone", "an IANA name such as Europe/Berlin"
    if feed.overlay and not Path(feed.overlay).is_file():
        yield (*path, "overlay"), f"there is no file {feed.overlay}", ""
    if feed.packages and not Path(feed.packages).is_dir():
        yield (*path, "packages"), f"there is no folder {feed.packages}", ""
    for name in feed.lists:
        if name not in _LISTS:
            yield (*path, "lists", name), "not a list segment", "one of " + ", ".join(_LISTS)
    yield from _tls(feed.tls, (*path, "tls"))
    yield from _networks(feed.allow, (*path, "allow"))


def _tls(tls: Tls, path: tuple[str, ...]) -> Iterator[Problem]:
    if bool(tls.certificate) != bool(tls.key):
        yield path, "certificate and key belong together", "give both PEM files, or none"
    if tls.client_ca and not tls.certificate:
        yield (*path, "client_ca"), "client certificates need TLS", "give certificate and key too"
    for name in ("certificate", "key", "client_ca"):
        file = getattr(tls, name)
        if file and not Path(file).is_file():
            yield (*path, name), f"there is no file {file}", ""


def _networks(networks: list[str], path: tuple[str, ...]) -> Iterator[Problem]:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield path, f"{network!r} is not a network", "an address or a network such as 10.1.0.0/16"


def _ports(settings: Settings) -> Iterator[Problem]:
    seen: dict[int, str] = {settings.port: "the web server"} if settings.port else {}
    named = [(("mllp", str(i), "port"), item.port, f"mllp {i}") for i, item in enumerate(settings.mllp)]
    named += [
        (("feeds", feed.name, "port"), feed.port, f"feed {feed.name}")
        for feed in settings.feeds.values()
        if feed.transport == "mllp" and feed.port
    ]
    for path, port, name in named:
        if port in seen:
            yield path, f"port {port} is taken by {seen[port]}", "give each listener its own port"
        seen[port] = name
