"""A message on its way through the dispatcher, and the keys whose order it keeps."""

import msgspec

from unsilo.flow.process import Processed
from unsilo.kernel import Envelope
from unsilo.storage import Store

__all__ = ["POISON", "Item", "keys_of", "poison_keys"]

POISON = "flow.poison"
"""Rule of the Issue of a message on which the program failed; what follows for its key is held."""


class Item(msgspec.Struct):
    """One message on its way.

    `kind` says how it ends as soon as that is known: `done`, `dead`, `held`, or `poison`. `answer` is what a worker
    made of it, packed as it came, for it may have to wait; `told` what was found here instead.
    """

    mid: int
    id: str
    feed: str
    keys: tuple[str, ...]
    format: str
    content: Envelope | None = None
    faults: int = 0
    answer: msgspec.Raw | None = None
    told: Processed | None = None
    kind: str = ""
    again: bool = False
    """It was processed before: a replay or a release."""


def keys_of(order_key: str) -> tuple[str, ...]:
    """Return the keys whose order a message keeps."""
    return tuple(order_key.split("\n")) if order_key else ()


def poison_keys(store: Store) -> list[tuple[str, int]]:
    """Return the keys that are held back since a former run, with the message that holds them."""
    poison = [row for row in store.search_messages(state="dead", limit=1000) if row.cause.startswith(POISON)]
    # The oldest comes last, so that it is the one that is named for a key.
    poison.sort(key=lambda row: row.mid, reverse=True)
    return [(key, row.mid) for row in poison for key in row.order_key.split("\n") if key]
