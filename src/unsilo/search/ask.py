"""One request while it is read: who asks, by which address the server knows itself, and what was found wrong."""

from typing import Protocol

import msgspec

from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Code

__all__ = ["Ask", "Bounds", "Terminology"]


class Bounds(msgspec.Struct, frozen=True):
    """How much one search may ask for."""

    count: int = 50
    """Matches on a page when nothing is said."""
    most: int = 1000
    """Matches on a page at most; `_count` beyond it is answered with so many."""
    parameters: int = 100
    """Parameters of one request."""
    values: int = 500
    """Alternatives of one parameter, and of all together."""
    depth: int = 6
    """Steps of a chain or of nested `_has`."""
    included: int = 1000
    """Resources that are included with one page."""
    sorts: int = 8
    """Sort keys."""
    name: int = 512
    """Characters of a parameter's name with its modifiers."""
    value: int = 65_536
    """Characters of a parameter's value."""


class Terminology(Protocol):
    """What a search asks of code systems and value sets."""

    def expand(self, value_set: str) -> list[tuple[str, str]] | Issue:
        """Return the (system, code) pairs of a value set, or why it cannot be expanded."""

    def related(self, system: str, code: str, *, below: bool) -> list[tuple[str, str]] | Issue:
        """Return a code and those that it subsumes (`below`) or that subsume it, or why that is not known."""


class Ask:
    """Collects the Issues of one request; `base` is this server's own address, `kin` expands Patients to persons."""

    def __init__(self, base: str = "", *, kin: bool = True, lenient: bool = False) -> None:
        self.base = base.rstrip("/")
        self.kin = kin
        self.lenient = lenient
        self.issues: list[Issue] = []
        self.warnings: list[Issue] = []
        self.uses: set[tuple[str, str]] = set()

    def refuse(self, name: str, text: str, hint: str = "", code: Code = "value", rule: str = "search.value") -> None:
        """Note what is wrong with a parameter; under `lenient` it is left out, and said."""
        shown = name[:64]
        issue = Issue(
            "warning" if self.lenient else "error", code, f"{shown}: {text}", Where(f"http.{shown}"), hint, rule
        )
        (self.warnings if self.lenient else self.issues).append(issue)

    def fatal(self, name: str, text: str, hint: str = "", code: Code = "too-costly", rule: str = "search.much") -> None:
        """Note what no handling makes answerable."""
        self.issues.append(Issue("error", code, f"{name[:64]}: {text}", Where(f"http.{name[:64]}"), hint, rule))
