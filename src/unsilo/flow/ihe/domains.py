"""Patient identifier domains: which are known, how HL7 v2 names them, and who has an identifier of one."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from unsilo.config import Feed, Settings
from unsilo.flow.persons.replaced import Identifier, by_identifiers, escaped, replaced_links
from unsilo.kernel import Json, json
from unsilo.mapping.model import Site
from unsilo.mapping.v2.uris import local_uri, universal_uri
from unsilo.policy import Predicate
from unsilo.search import Vocabulary, parse, plan
from unsilo.storage import Stored
from unsilo.storage.plan import Page, Plan

__all__ = ["Reads", "authority", "holders", "identifiers", "is_known", "system_of"]


class Reads(Protocol):
    """What is asked of the store; every plan carries the predicate."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version, None when there is none or it is hidden."""

    def search(self, plan: Plan) -> Page:
        """Run a search."""


def named(settings: Settings) -> frozenset[str]:
    """Return the systems that the settings name: those of feeds and of destinations."""
    feeds = settings.feeds.values()
    found = {system for feed in feeds for system in (*feed.authorities.values(), feed.default_authority) if system}
    return frozenset(found | {system for one in settings.destinations.values() for system in one.domains})


def is_known(reads: Reads, predicate: Predicate, vocabulary: Vocabulary, settings: Settings, system: str) -> bool:
    """Tell whether a domain is recognised: the settings name it, or a Patient that may be seen has a number of it."""
    if not system:
        return False
    if system in named(settings):
        return True
    search, issues = parse("Patient", [("identifier", f"{escaped(system)}|")], vocabulary, kin=False)
    if search is None or issues:
        return False
    made = plan(search, predicate, vocabulary)
    asked = msgspec.structs.replace(made, count=1, sort=(), includes=(), total="none", only_count=False, after=None)
    return bool(reads.search(asked).rows)


def holders(reads: Reads, predicate: Predicate, vocabulary: Vocabulary, identifier: Identifier) -> list[Stored]:
    """Return the live Patients that have an identifier and were not replaced by another (2 of them at most).

    A number that was merged away names nobody any more (ITI-83 2:3.83.4.2.2.5, ITI-104 2:3.104.4.2.3).
    """
    asked = by_identifiers([identifier], predicate, vocabulary)
    if asked is None:
        return []
    rows = reads.search(msgspec.structs.replace(asked, count=20)).rows
    return [row for row in rows if not replaced_links(json.decode(row.body))]


def identifiers(patients: Iterable[Json]) -> list[tuple[Json, Json]]:
    """Return (Patient, Identifier) of records in use: with system and value, not marked as old, each once."""
    found: dict[Identifier, tuple[Json, Json]] = {}
    for patient in patients:
        if replaced_links(patient):
            continue
        items = patient.get("identifier")
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict) or item.get("use") == "old":
                continue
            system, value = item.get("system"), item.get("value")
            if isinstance(system, str) and isinstance(value, str) and system and value:
                found.setdefault((system, value), (patient, item))
    return list(found.values())


# HL7 v2: a domain is an assigning authority (HD)


def _site(feed: Feed) -> Site:
    return Site(
        feed=feed.name, organisation=feed.organisation, authorities=feed.authorities,
        default_authority=feed.default_authority,
    )  # fmt: skip


def system_of(feed: Feed, namespace: str, universal: str, kind: str) -> str:
    """Return the system of an assigning authority as the feed's messages are read; "" for none."""
    known = feed.authorities.get(namespace) or feed.authorities.get(universal)
    if known:
        return known
    return universal_uri(universal, kind) or local_uri(_site(feed), namespace)


def authority(feeds: Sequence[Feed], system: str) -> tuple[str, str, str]:
    """Return namespace, universal id and its type of a system; the first of the feeds that has a name for it gives it.

    All three are filled where anything is known to fill them with (ITI-9 3.9.4.2.2.5).
    """
    names = (name for feed in feeds for name, known in feed.authorities.items() if known == system and "." not in name)
    name = next(names, "")
    if system.startswith("urn:oid:"):
        return name or system[8:], system[8:], "ISO"
    if system.startswith("urn:uuid:"):
        return name or system[9:], system[9:], "UUID"
    if system.startswith("urn:unsilo:"):
        name = name or system.rpartition(":")[2]
    return name or system, system, "URI"


def cx(feeds: Sequence[Feed], identifier: Json) -> list[Any]:
    """Return an Identifier as the components of CX; the authority is a list of its subcomponents."""
    codings = identifier.get("type", {}).get("coding", []) if isinstance(identifier.get("type"), dict) else []
    kind = next((str(item["code"]) for item in codings if isinstance(item, dict) and item.get("code")), "")
    return [identifier["value"], "", "", list(authority(feeds, identifier["system"])), kind]
