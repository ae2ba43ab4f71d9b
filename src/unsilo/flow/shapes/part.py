"""The words of shapes: parts of messages that are counted as they are, and the keys that they stand for."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

__all__ = ["ALL", "LONGEST", "Form", "Key", "Part"]

ALL = "message"
"""The key that every message counts for."""
LONGEST = 32
"""Characters of a code; what is longer is no code of a small vocabulary."""

Part = tuple[Hashable, ...]
"""What of a message is counted: equal parts stand for equal keys, so most messages only raise a number."""


class Key(NamedTuple):
    """Something that a feed may send, how often a part holds it, and of what it is a share."""

    name: str
    parent: str
    times: int = 1


class Form(NamedTuple):
    """How messages of a format are counted: `parts` of a tree, and the keys of each part."""

    parts: Callable[[Any], list[Part]]
    keys: Callable[[Part], Iterator[Key]]
