"""The step that adds standard codings beside local ones, by the decisions in use; lineage names the decision."""

from unsilo.mapping.model import Mapped
from unsilo.terminology.maps import Snapshot, add_codings

__all__ = ["code_resources"]


def code_resources(mapped: Mapped, feed: str, known: Snapshot) -> int:
    """Add what the decisions say to every resource of a message; return how many codings were added."""
    if not known.rules:
        return 0
    return sum(add_codings(entry.resource, entry.rows, feed, known) for entry in mapped.entries)
