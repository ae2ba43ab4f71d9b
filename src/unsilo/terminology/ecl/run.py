"""What the parts of an evaluation have of it."""

from __future__ import annotations

from typing import Protocol

from unsilo.terminology.ecl.peg import Node
from unsilo.terminology.ports import CodeSystem

__all__ = ["Run"]


class Run(Protocol):
    """One evaluation over a code system."""

    system: CodeSystem

    def spend(self, at: int = 0) -> None:
        """Stop when it takes too long."""

    def sub(self, node: Node) -> int:
        """Return the set of a `sub`."""

    def expression(self, node: Node) -> int:
        """Return the set of an `expression`."""
