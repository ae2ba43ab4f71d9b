"""Who gives a number, in words: what a person reads in place of the identifier of an assigning authority."""

from collections.abc import Mapping

from unsilo.config import Feed
from unsilo.flow.read.banner import BY_SYSTEM

__all__ = ["authority_names"]


def authority_names(feeds: Mapping[str, Feed]) -> dict[str, str]:
    """Return system -> words: a known national number, the organisation whose own it is, else the feeds' name for it.

    An authority that two organisations call their own has the name by which a feed knows it, or none.
    """
    owners: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for feed in feeds.values():
        if feed.default_authority:
            owners.setdefault(feed.default_authority, set()).add(feed.organisation or feed.name)
        for name, system in feed.authorities.items():
            names.setdefault(system, name)
    names |= {system: next(iter(them)) for system, them in owners.items() if len(them) == 1}
    return names | BY_SYSTEM
