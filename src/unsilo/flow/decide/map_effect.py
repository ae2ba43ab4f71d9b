"""What a decision touches before it is made, and the replay that makes it true of what is stored already."""

import msgspec

from unsilo.flow import replay
from unsilo.flow.maps.queue import find_unmapped
from unsilo.flow.service import Service
from unsilo.terminology.maps import Entry

__all__ = ["Effect", "effect", "replay_after"]


class Effect(msgspec.Struct):
    """How many facts a decision touches, by feed, and the messages that are replayed for it, the oldest first."""

    facts: int
    feeds: dict[str, int]
    messages: list[str]


def effect(service: Service, entry: Entry) -> Effect:
    """Count what a decision touches now: facts with its local code, in its feed."""
    counted = find_unmapped(service.store, entry.element, entry.system, entry.code)
    if counted is None:
        return Effect(0, {}, [])
    feeds = {n: c for n, c in service.store.code_feeds(counted).items() if entry.feed in ("", n)}
    messages = [id_ for id_, feed in service.store.code_messages(counted) if feed in feeds]
    return Effect(sum(feeds.values()), feeds, messages)


def replay_after(service: Service, entries: list[Entry], actor: str, reason: str) -> replay.Run | None:
    """Replay the messages that the decisions touch, so that what is stored says what is decided; None without any."""
    service.maps.forget()
    messages: dict[str, None] = {}
    for entry in entries:
        messages.update(dict.fromkeys(effect(service, entry).messages))
    return replay.run(service, list(messages), actor, reason, rate=200.0) if messages else None
