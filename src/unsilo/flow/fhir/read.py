"""Single resources as a client may see them: the current version, or a former one (FHIR R4 3.1.0.2, 3.1.0.3)."""

import re
from typing import Protocol

from unsilo.policy.predicate import Predicate
from unsilo.storage import Stored

__all__ = ["Reads", "current", "version"]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class Reads(Protocol):
    """What is asked of the store; every method takes the predicate first."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version, of state 1 when deleted; None when there is none or it is hidden."""

    def version(self, predicate: Predicate, type_: str, id_: str, version: int) -> Stored | None:
        """Return one version."""


def current(reads: Reads, predicate: Predicate, type_: str, id_: str) -> Stored | None:
    """Return the current version, of state 1 when it was deleted; None for what is not there or not to be seen."""
    return reads.read(predicate, type_, id_) if _ID.fullmatch(id_) else None


def version(reads: Reads, predicate: Predicate, type_: str, id_: str, number: str) -> Stored | None:
    """Return one version; None for what is no version number of this server."""
    if not _ID.fullmatch(id_) or not _VERSION.fullmatch(number):
        return None
    return reads.version(predicate, type_, id_, int(number))
