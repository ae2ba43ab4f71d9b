"""The numbers that only the writer gives out, and what it remembers between groups of jobs."""

import msgspec

from unsilo.storage.bodies import Dictionary
from unsilo.storage.loading import Staging
from unsilo.storage.pending import Pending
from unsilo.storage.rows import Stored

__all__ = ["STUB", "Counters"]

STUB = 2
"""The state of a row that holds nothing: something refers to it."""

_REMEMBERED = 50_000
_TEXTS = 200_000
_HEADS = 20_000
_SAID_AGAIN = frozenset((
    "Account", "Coverage", "Device", "Encounter", "Endpoint", "Location", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "RelatedPerson",
))  # fmt: skip
"""Types that message after message says again, mostly with nothing new."""


class Counters:
    """The next numbers, which only the writer gives out, and the row numbers that were needed lately.

    `at` is the time (microseconds) of the group, which only grows; `texts` are (parameter, hash) of token texts that
    are known to be in the store; `packers` what new bodies and keys are packed with; `heads` what is current of the
    resources that messages say again and again, without body and keys; `staging` the key rows that a load holds back.
    """

    rid = 0
    mid = 0
    t = 0
    at = 0

    def __init__(self) -> None:
        self.rids: dict[tuple[str, str], int] = {}
        self.texts: set[tuple[int, int]] = set()
        self.packers: dict[str, Dictionary] = {}
        self.heads: dict[tuple[str, str], Stored] = {}
        self.staging: Staging | None = None

    def next_rid(self) -> int:
        """Return a row number that no row has."""
        self.rid += 1
        return self.rid

    def remember(self, group: Pending) -> None:
        """Remember row numbers and texts that are committed; neither ever changes."""
        if len(self.rids) > _REMEMBERED:
            self.rids.clear()
        self.rids.update(group.rids)
        if len(self.texts) > _TEXTS:
            self.texts.clear()
        self.texts |= group.texts
        if len(self.heads) > _HEADS:
            self.heads.clear()
        for key, found in group.current.items():
            if key in self.heads or key[0] in _SAID_AGAIN:
                if found is None or found.state == STUB:
                    self.heads.pop(key, None)
                else:
                    bare = found if found.bare else msgspec.structs.replace(found, body=b"", idx=b"", bare=True)
                    self.heads[key] = bare

    def forget(self) -> None:
        """Forget all: somebody else has written."""
        self.rids.clear()
        self.texts.clear()
        self.heads.clear()
