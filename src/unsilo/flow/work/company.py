"""Lets messages that are ready for the store wait a moment for others, so that they share a commit and its pages."""

from unsilo.flow.work.item import Item

__all__ = ["ENOUGH", "PATIENCE", "Company"]

ENOUGH = 64
"""Messages that are handed over together: of more, each further one saves next to nothing."""
PATIENCE = 0.25
"""Seconds that the first of them waits at most, behind a backlog that takes longer than that in any case."""
_COMING = 4
"""Messages at hand of the workers from which on others are sure to come soon: a backlog stands."""


class Company:
    """What is ready and not handed over yet; times are of a clock that only goes on, in seconds.

    A message alone changes a hundred and fifty pages of the store, one of fifty some twenty. So where a backlog stands
    nothing is handed over one by one; where none does, and where a sender waits for the end, nothing waits.
    """

    def __init__(self) -> None:
        self._ready: list[Item] = []
        self._since = 0.0
        self._hurried = False

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, item: Item, now: float, *, awaited: bool) -> None:
        """Add a message; `awaited` tells that somebody waits for its end."""
        if not self._ready:
            self._since = now
        self._ready.append(item)
        self._hurried |= awaited

    def take(self, coming: int, now: float) -> list[Item]:
        """Return what is to be handed over now, `ENOUGH` at most; `coming` is how many the workers have at hand."""
        ready = self._ready
        waits = coming >= _COMING and len(ready) < ENOUGH and not self._hurried
        if waits and now - self._since < PATIENCE:
            return []
        self._ready = ready[ENOUGH:]
        self._hurried = self._hurried and bool(self._ready)
        return ready[:ENOUGH]

    def patience(self, now: float, longest: float) -> float:
        """Return the seconds until what waits has waited long enough, `longest` at most."""
        return min(longest, max(0.0, self._since + PATIENCE - now)) if self._ready else longest
