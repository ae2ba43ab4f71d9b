"""Compartments: by which search parameters a resource belongs to a patient, encounter, practitioner, device (R4)."""

from __future__ import annotations

from functools import cache

import msgspec

from unsilo.spec.definitions import capsule

__all__ = ["compartment", "compartments"]


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    raw = capsule("server").raw("compartments") or b"{}"
    return msgspec.json.decode(raw, type=dict[str, dict[str, list[str]]])


def compartments() -> tuple[str, ...]:
    """Name the compartments that R4 defines."""
    return tuple(_tables())


def compartment(name: str) -> dict[str, list[str]]:
    """Map resource types of the compartment `name` to the codes of the search parameters that make membership.

    Types that are never members are left out. The parameter `{def}` stands for the focus resource itself. An unknown
    compartment has no members. Not to be changed by the caller.
    """
    return _tables().get(name, {})
