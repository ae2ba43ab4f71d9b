"""A feed with the overlay that was published for it, which takes the place of the one its settings name."""

import msgspec

from unsilo.config import Feed

__all__ = ["NONE", "LiveFeed", "Published", "live"]


class LiveFeed(Feed, frozen=True):
    """A configured feed; `text` is the overlay in use, `version` its number in the feed."""

    text: bytes = b""
    version: int = 0


class Published(msgspec.Struct, frozen=True, array_like=True):
    """The overlays in use: feed to (version, text). `number` grows with every publication."""

    number: int
    overlays: dict[str, tuple[int, bytes]]


NONE = Published(0, {})


def live(feed: Feed, published: Published) -> Feed:
    """Return a feed as it is to be mapped now: itself, while nothing was published for it."""
    found = published.overlays.get(feed.name)
    if found is None:
        return feed
    fields = {field.name: getattr(feed, field.name) for field in msgspec.structs.fields(Feed)}
    return LiveFeed(**fields, version=found[0], text=found[1])
