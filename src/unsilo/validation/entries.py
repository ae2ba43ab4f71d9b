"""The entries of a Bundle, found as references mean them (FHIR R4 bundle.html#references)."""

from __future__ import annotations

import re
from typing import NamedTuple

from unsilo.kernel import Json

__all__ = ["RELATIVE", "REST", "Entries", "Entry"]

REST = re.compile(
    r"(https?://.*/)([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?", re.ASCII
)
RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?", re.ASCII)


class Entry(NamedTuple):
    """One entry: its place in the list, its address and its resource."""

    n: int
    url: str
    resource: Json

    @property
    def identity(self) -> tuple[str, str]:
        """Type and id as they are said."""
        return str(self.resource.get("resourceType", "")), str(self.resource.get("id", ""))

    @property
    def version(self) -> str:
        """The version that the resource says it is."""
        meta = self.resource.get("meta")
        return str(meta.get("versionId", "")) if type(meta) is dict else ""


class Entries:
    """The entries of a Bundle that hold a resource, found by address and by identity."""

    def __init__(self, bundle: Json) -> None:
        self.all: list[Entry] = []
        self._by_url: dict[str, list[Entry]] = {}
        self._by_identity: dict[tuple[str, str], list[Entry]] = {}
        self._bases: dict[int, str] = {}
        for n, entry in enumerate(bundle.get("entry") or ()):
            if type(entry) is dict and type(entry.get("resource")) is dict:
                url = entry.get("fullUrl")
                made = Entry(n, url if type(url) is str else "", entry["resource"])
                self.all.append(made)
                self._by_url.setdefault(made.url, []).append(made)
                self._by_identity.setdefault(made.identity, []).append(made)
                # A server's address counts only for what says by its id that it is there.
                own = made.url if "id" in made.resource or not made.url.startswith("http") else "-"
                self._bases[id(made.resource)] = own

    def base_of(self, resource: Json) -> str:
        """Return the address from which an entry's references go on; `-` when there is none."""
        return self._bases.get(id(resource), "")

    def find(self, reference: str, base: str) -> list[Entry]:
        """Return the entries that a reference from an entry at address `base` means (bundle.html#references)."""
        address, _, version = reference.partition("/_history/")
        relative = RELATIVE.fullmatch(reference)
        found: list[Entry] = []
        if relative is not None:
            rest = REST.fullmatch(base)
            if rest is not None:
                address = f"{rest[1]}{address}"
            elif base.startswith("urn:") or not base:
                named = self._by_identity.get((relative[1], relative[2]))
                found = named or self._by_url.get(f"urn:uuid:{relative[2]}", [])
        found = found or self._by_url.get(address, [])
        return [entry for entry in found if entry.version == version] if version else found
