"""Published decisions at work: the standard coding is added beside the local one, with a lineage row that names it."""

from collections.abc import Iterable

import msgspec

from unsilo.kernel import Json, Row
from unsilo.terminology.maps.elements import codings, unit_of
from unsilo.terminology.maps.entry import APPLIED, Entry

__all__ = ["NOTHING", "Rule", "Snapshot", "add_codings", "rules_of", "snapshot"]


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """What of an entry is needed at work; `name` is its id and version."""

    element: str
    system: str
    code: str
    feed: str
    unit: str
    target_system: str
    target_code: str
    target_display: str
    name: str


class Snapshot(msgspec.Struct, frozen=True):
    """All rules of one moment, by system and code; `version` is the number of the last event that it knows."""

    version: int = 0
    rules: dict[str, list[Rule]] = {}

    def of(self, element: str, system: str, code: str, feed: str, unit: str) -> list[Rule]:
        """Return the rules for a coding: those of its own feed and unit come before those for all."""
        found = [
            rule
            for rule in self.rules.get(f"{system}|{code}", ())
            if rule.element == element and rule.feed in ("", feed) and rule.unit in ("", unit)
        ]
        best = max(((bool(rule.feed), bool(rule.unit)) for rule in found), default=None)
        return [rule for rule in found if (bool(rule.feed), bool(rule.unit)) == best]


NOTHING = Snapshot()


def rules_of(entry: Entry) -> Rule | None:
    """Return the rule of an entry that is in use and says something true of a fact, else None."""
    if entry.state != "published" or entry.relationship not in APPLIED:
        return None
    return Rule(
        entry.element, entry.system, entry.code, entry.feed, entry.unit, entry.target_system, entry.target_code,
        entry.target_display, f"map:{entry.id}@{entry.version}",
    )  # fmt: skip


def snapshot(version: int, entries: Iterable[Entry]) -> Snapshot:
    """Make the rules of all published entries."""
    found: dict[str, list[Rule]] = {}
    for entry in entries:
        rule = rules_of(entry)
        if rule is not None:
            found.setdefault(f"{rule.system}|{rule.code}", []).append(rule)
    return Snapshot(version, found)


def add_codings(resource: Json, rows: list[Row], feed: str, known: Snapshot) -> int:
    """Add the standard codings that the rules say, with a lineage row each; return how many were added.

    Nothing is replaced or removed, and a system that the concept already has a coding of gets no second one.
    """
    element, found = codings(resource)
    if element is None or not found:
        return 0
    unit = unit_of(resource)
    have = {str(coding.get("system") or "") for coding in found}
    added = 0
    for place, coding in enumerate(list(found)):
        system, code = str(coding.get("system") or ""), str(coding.get("code") or "")
        for rule in known.of(element.path, system, code, feed, unit):
            if rule.target_system in have:
                continue
            have.add(rule.target_system)
            new = {"system": rule.target_system, "code": rule.target_code}
            if rule.target_display:
                new["display"] = rule.target_display
            at = f"{element.name}.coding[{len(found)}]"
            source = next((row.source for row in rows if row.path == f"{element.name}.coding[{place}].code"), None)
            rows.extend(Row(f"{at}.{name}", rule.name, source) for name in new)
            found.append(new)
            added += 1
    return added
