"""A small bench for tests: text to mapped message, with the standard tables or with rows of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unsilo.formats import hl7v2
from unsilo.kernel import Json, Locator, seal
from unsilo.mapping import Entry, Mapped, Site, load
from unsilo.mapping.compile.v2 import V2Writer
from unsilo.mapping.program import Program
from unsilo.mapping.tables import layered, read_tables
from unsilo.mapping.v2.engine import V2Map, reading
from unsilo.mapping.v2.functions import FUNCTIONS

AT = 1_700_000_000_000_000
MSH = "MSH|^~\\&|APP|HOSP|X|Y|20240102030405+0000||%s|M1|P|2.5.1"
MESSAGES = "id,map,at,when,make,as,use,link,back\nm.pid,*,PID,,Patient,pt,PID[Patient],,\n"
STRUCTURES = "structure,path,repeat\nADT_A01,MSH,1\nADT_A01,PID,1\n"


def parsed(lines: str | bytes) -> tuple[hl7v2.Message, bytes]:
    """Parse segments written one a line."""
    content = lines if isinstance(lines, bytes) else lines.replace("\n", "\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    return message, content


def mapped(event: str, body: str, cache: Path | None = None, **site: Any) -> Mapped:
    """Map a message of the standard tables."""
    message, content = parsed(MSH % event + "\n" + body)
    envelope = seal("lab", "hl7v2", content, AT)
    return load("hl7v2", Site(feed="lab", **site), cache).run(message, envelope)


def compiled(maps: str, messages: str = "", structures: str = "", cache: Path | None = None, **files: str) -> V2Map:
    """Compile tables given as CSV lines without their header; extra files by name (`resources`, `vocabularies`)."""
    head = "id,map,source,when,target,type,vocab,const\n"
    named = {
        f"{kind}.csv" if kind in ("resources", "systems", "events") else f"{kind}/t.csv": t for kind, t in files.items()
    }
    layers = read_tables(
        "v2",
        {
            "maps/t.csv": head + maps,
            "messages/t.csv": messages or MESSAGES,
            "structures/t.csv": structures or STRUCTURES,
            **named,
        },
    )
    tables = layered(layers, b"", {}).value
    assert tables is not None

    def of_zone(zone: str) -> V2Map:
        return V2Map(Program(tables, Site(feed="lab", zone=zone), V2Writer, FUNCTIONS, cache, reading), [], of_zone)

    return of_zone("UTC")


def run(engine: V2Map, body: str, event: str = "ADT^A01^ADT_A01") -> Mapped:
    """Map a message by tables of the test's own."""
    message, content = parsed(MSH % event + "\n" + body)
    return engine.run(message, seal("lab", "hl7v2", content, AT))


def only(result: Mapped, kind: str) -> Entry:
    """The one entry of a resource type."""
    found = [entry for entry in result.entries if entry.resource["resourceType"] == kind]
    assert len(found) == 1, [entry.resource for entry in found]
    return found[0]


def bodies(result: Mapped, kind: str) -> list[Json]:
    """All resources of a type."""
    return [entry.resource for entry in result.entries if entry.resource["resourceType"] == kind]


def sources(entry: Entry, path: str) -> list[Locator]:
    """Where an element came from."""
    return [row.source for row in entry.rows if row.path == path]
