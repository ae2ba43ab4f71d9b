"""What the knowledge of maps asks of a store."""

from typing import Protocol

from unsilo.terminology.maps.entry import Entry, Event

__all__ = ["MapStore"]


class MapStore(Protocol):
    """Decisions and their history, as a store keeps them."""

    def map_version(self) -> int:
        """Return the number of the last event, 0 before the first."""

    def map_entries(self) -> list[Entry]:
        """Return every entry as it is now."""

    def map_events(self, id_: str) -> list[Event]:
        """Return the moves of an entry, the oldest first."""
