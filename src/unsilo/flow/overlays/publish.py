"""The overlays in use: publish one with who and why, read its history, go back to a former one."""

from __future__ import annotations

import threading
import time
from hashlib import sha256
from pathlib import Path

from unsilo.config import Feed, Settings
from unsilo.flow.live_feed import NONE, Published, live
from unsilo.flow.overlays.run import site_with
from unsilo.kernel import Issue, Result, clock, content_id, json
from unsilo.kernel.issue import Code
from unsilo.mapping.faults import faults
from unsilo.mapping.provenance import OVERLAY_URL
from unsilo.storage import AuditRow, OverlayVersion, Store, Tx, put_overlay
from unsilo.storage.faults import is_storage_fault

__all__ = ["Overlays", "file_text"]

_WAIT = 10.0
_FRESH = 1.0
"""Seconds after which what another process published is looked for."""


def file_text(feed: Feed) -> bytes:
    """Return the overlay that the settings of a feed name, empty when they name none or it cannot be read."""
    try:
        return Path(feed.overlay).read_bytes() if feed.overlay else b""
    except OSError:
        return b""


class Overlays:
    """The published overlays of a node; once one was published for a feed, the file of its settings is not used."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self._lock = threading.Lock()
        self._known = NONE
        self._looked = 0.0

    def current(self) -> Published:
        """Return the overlays in use, at most a second old."""
        now = time.monotonic()
        if now - self._looked > _FRESH or not self._looked:
            with self._lock:
                try:
                    number = self.store.overlay_top()
                    if number != self._known.number:
                        rows = self.store.overlays()
                        self._known = Published(number, {row.feed: (row.version, row.content) for row in rows})
                except Exception as fault:
                    if not is_storage_fault(fault):  # while the store is away, what was known holds
                        raise
                self._looked = now
        return self._known

    def forget(self) -> None:
        """Look at the store again the next time."""
        self._looked = 0.0

    def live(self, name: str) -> Feed | None:
        """Return a configured feed as it is mapped now."""
        feed = self.settings.feeds.get(name)
        return None if feed is None else live(feed, self.current())

    def text(self, name: str) -> tuple[int, bytes]:
        """Return version and text of the overlay in use; version 0 is the file of the settings, or nothing."""
        found = self.current().overlays.get(name)
        feed = self.settings.feeds.get(name)
        return found if found is not None else (0, file_text(feed) if feed is not None else b"")

    def history(self, name: str) -> list[OverlayVersion]:
        """Return every published version, the newest first."""
        return self.store.overlay_history(name)

    def check(self, name: str, text: bytes) -> list[Issue]:
        """Return all that is wrong with a text as the overlay of a feed, each with its line."""
        feed = self.settings.feeds.get(name)
        if feed is None:
            return [_wrong("not-found", f"there is no feed {name}")]
        return faults(feed.format, site_with(feed, text))

    def publish(self, name: str, text: bytes, actor: str, reason: str, base: int | None = None) -> Result[int]:
        """Put a text into use and return its version; workers take it with their next message, without a restart.

        Refused: a text with errors, one that is in use already, no reason, and when `base` is no longer the version in
        use, since somebody else has published in the meantime. An empty text takes the overlay away.
        """
        if not reason.strip():
            return Result(None, [_wrong("required", "say why it is published")])
        found = self.check(name, text)
        if any(issue.severity in ("error", "fatal") for issue in found):
            return Result(None, found)
        self.forget()
        version, now = self.text(name)
        if base is not None and base != version:
            return Result(None, [_wrong("conflict", f"version {version} was published in the meantime")])
        if text == now:
            return Result(None, [_wrong("duplicate", "this text is in use already")])
        digest, at = sha256(text).hexdigest(), clock.now()

        def job(tx: Tx) -> int:
            made = put_overlay(tx, name, version, text, digest, actor, at, reason)
            if made:
                what = f"overlay of {name}, version {made}, {digest[:12]}"
                tx.audit(AuditRow(actor, "publish overlay", 0, what, "", reason, 0, at=at))
            return made

        made = self.store.submit(job, 1).result(_WAIT)
        self.forget()
        if not made:
            return Result(None, [_wrong("conflict", "another version was published in the meantime")])
        return Result(made, found)

    def back_to(self, name: str, version: int, actor: str, reason: str) -> Result[int]:
        """Publish a former version again, as a version of its own; version 0 is the file of the settings."""
        feed = self.settings.feeds.get(name)
        former = self.store.overlay_version(name, version) if version else None
        if feed is None or (version and former is None):
            return Result(None, [_wrong("not-found", f"there is no version {version} of the overlay of {name}")])
        text = former.content if former is not None else file_text(feed)
        return self.publish(name, text, actor, reason)

    def used(self, feed: str, message: str) -> tuple[str, OverlayVersion | None]:
        """Return the SHA-256 of the overlay that a message was last mapped with ("" for none), and the version that it
        is among those published for its feed; None for a file of the settings.
        """
        provenance = self.store.read("Provenance", content_id("Provenance", message))
        body = json.decode(provenance.body) if provenance is not None else {}
        extensions = body.get("extension", []) if isinstance(body, dict) else []
        digest = next((str(each["valueString"]) for each in extensions if each.get("url") == OVERLAY_URL), "")
        found = (each for each in self.store.overlays_of(digest) if each.feed == feed) if digest else iter(())
        return digest, next(found, None)

    def named(self, digest: str) -> list[OverlayVersion]:
        """Return the versions that have a SHA-256, as Provenance names it."""
        return self.store.overlays_of(digest)


def _wrong(code: Code, text: str) -> Issue:
    return Issue("error", code, text, rule="overlays.publish")
