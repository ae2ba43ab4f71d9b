"""Load the maps of a format for a site."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

from unsilo.kernel import Envelope
from unsilo.mapping.model import Mapped, Site
from unsilo.mapping.tables import layered, standard

__all__ = ["CompiledMap", "load"]


class CompiledMap(Protocol):
    """What `load` returns: `run` maps one parsed tree of the format; `digest` names all that it depends on."""

    @property
    def digest(self) -> str:
        """SHA-256 of tables, overlay and settings, hexadecimal."""

    def run(self, tree: Any, envelope: Envelope) -> Mapped:
        """Map one message, document or resource. Never raises for content."""


def load(fmt: str, site: Site, cache: Path | None = None) -> CompiledMap:
    """Return the maps of `hl7v2`, `ccda` or `fhir` for a site.

    Compiled code is kept in `cache` (else UNSILO_CACHE, else the user's cache folder). Faults of the overlay are
    Issues of every message mapped (`mapping.overlay`, `mapping.table`). ValueError for an unknown format.
    """
    return _load(fmt, msgspec.json.encode(site), cache)


@lru_cache(maxsize=64)
def _load(fmt: str, settings: bytes, cache: Path | None) -> CompiledMap:
    site = msgspec.json.decode(settings, type=Site)
    openers: dict[str, Callable[[Site, Path | None], CompiledMap]] = {"hl7v2": _v2, "ccda": _ccda, "fhir": _fhir}
    if fmt not in openers:
        raise ValueError(f"format {fmt!r} has no maps; there are {', '.join(sorted(openers))}")
    return openers[fmt](site, cache)


def _v2(site: Site, cache: Path | None) -> CompiledMap:
    from unsilo.mapping.compile.v2 import V2Writer
    from unsilo.mapping.program import Program
    from unsilo.mapping.v2.engine import V2Map, reading
    from unsilo.mapping.v2.functions import FUNCTIONS

    tables = layered(standard("v2"), site.overlay, site.systems)
    assert tables.value is not None  # noqa: S101 - layering always gives tables, faults are Issues
    program = Program(tables.value, site, V2Writer, FUNCTIONS, cache, reading)

    def of_zone(zone: str) -> V2Map:
        found: Any = load("hl7v2", msgspec.structs.replace(site, zone=zone), cache)
        return cast(V2Map, found)

    return V2Map(program, tables.issues, of_zone)


def _ccda(site: Site, cache: Path | None) -> CompiledMap:
    opened: CompiledMap = import_module("unsilo.mapping.ccda").open_map(site, cache)
    return opened


def _fhir(site: Site, cache: Path | None) -> CompiledMap:
    opened: CompiledMap = import_module("unsilo.mapping.fhir_json").open_map(site, cache)
    return opened
