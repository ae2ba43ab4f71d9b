"""FHIR JSON in: resources pass as they came, under ids of ours, with references closed and the source of every leaf."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from unsilo.fhir.dates import range_of
from unsilo.fhir.leaves import at, leaves, pointer
from unsilo.kernel import Envelope, Issue, Json, Locator, Row, Where, content_id
from unsilo.kernel.clock import instant
from unsilo.mapping.fhir_json.check import findings
from unsilo.mapping.fhir_json.collect import Part, parts
from unsilo.mapping.fhir_json.naming import Closed, Names, close
from unsilo.mapping.fhir_json.types import CARRIERS, R4_TYPES
from unsilo.mapping.model import Action, Entry, Mapped, Site

__all__ = ["FhirMap", "open_map"]

_VERSION = "1"
"""Grows when the same bytes would give another result."""
_RANKS = {
    "registered": 0, "preliminary": 1, "partial": 1, "final": 2, "amended": 3, "corrected": 3, "appended": 3,
    "cancelled": 4, "entered-in-error": 4,
}  # fmt: skip
_RANKED = frozenset(("Observation", "DiagnosticReport"))
_TIMES = (
    "effectiveDateTime", "effectiveInstant", "issued", "date", "recordedDate", "authoredOn", "recorded",
    "occurrenceDateTime", "performedDateTime",
)  # fmt: skip
"""Where the time of a resource stands when its server says no lastUpdated, in order."""
_OURS = ("versionId", "lastUpdated")
"""Elements of `meta` that our own server says."""
_OWN = ("id", "meta", "resourceType")
_MOST_ISSUES = 200


def open_map(site: Site, cache: Path | None = None) -> FhirMap:  # noqa: ARG001 - the signature of all formats
    """Return the intake of FHIR JSON for a site."""
    return FhirMap(site)


class FhirMap:
    """FHIR JSON of one feed."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of this intake's version and the site's settings."""
        return sha256(f"fhir_json {_VERSION} ".encode() + msgspec.json.encode(self.site)).hexdigest()

    def run(self, tree: Json, envelope: Envelope) -> Mapped:
        """Take in a Bundle of any type or a single resource. Never raises for content; bad resources are Issues."""
        return _Intake(self.site, envelope, self.digest).run(tree)


class _Intake:
    """The reading of one document."""

    def __init__(self, site: Site, envelope: Envelope, digest: str) -> None:
        self.site, self.envelope, self.digest = site, envelope, digest
        self.organisation = site.organisation or site.feed or envelope.feed
        self.names = Names(self.organisation)
        self.issues: list[Issue] = []
        self.cited: set[str] = set()
        self.actions: list[Action] = []

    def run(self, tree: Json) -> Mapped:
        """Return all entries, the Provenance last."""
        good: list[tuple[Part, frozenset[str], str, str, str]] = []
        for part in parts(tree):
            if part.method == "DELETE" and not isinstance(part.resource, dict):
                self._delete(part)
            elif (drop := self._fits(part)) is not None:
                good.append((part, drop, *self.names.learn(part)))
        made = self._one_each([(row[0], self._entry(*row)) for row in good])
        if made:
            made.append(self._provenance(tree, made))
        rest: list[tuple[Locator, str, str]] = [(p, p, str(v)) for p, v in _valued(tree) if p not in self.cited]
        return Mapped(made, self.actions, rest, self.issues, self.digest)

    def _one_each(self, made: list[tuple[Part, Entry]]) -> list[Entry]:
        """Keep one entry for each resource: equal ones are one, of different versions the newest stands."""
        chosen: dict[tuple[str, str], tuple[Part, Entry]] = {}
        for part, entry in sorted(made, key=lambda m: m[1].clock):
            key = (entry.resource["resourceType"], entry.resource["id"])
            before = chosen.get(key)
            if before is not None and before[1].resource == entry.resource:
                before[1].rows.extend(entry.rows)
                continue
            if before is not None:
                text = f"this {key[0]} is in the bundle several times with different content; the newest is kept"
                hint = "the others are read in the original"
                self.issue("warning", "conflict", text, before[0].pointer, "fhir.version", hint)
            chosen[key] = (part, entry)
        entries = [entry for _, entry in chosen.values()]
        self.cited.update(r.source for e in entries for r in e.rows if isinstance(r.source, str))
        return entries

    def issue(self, severity: Any, code: Any, text: str, place: str, rule: str, hint: str = "") -> None:
        """Note an Issue at a JSON pointer."""
        if len(self.issues) < _MOST_ISSUES:
            self.issues.append(Issue(severity, code, text, Where(place), hint, rule))

    def _delete(self, part: Part) -> None:
        kind, _, ident = part.request.partition("/")
        if kind not in R4_TYPES or not ident or "?" in part.request:
            self.issue("warning", "not-supported", "this delete names no resource", part.entry, "fhir.delete")
            return
        place = f"{part.entry}/request/url"
        self.cited |= {place, f"{part.entry}/request/method"}
        retired = f"{kind}/{self.names.foreign(kind, ident)}"
        self.actions.append(Action("delete", self.envelope.received_at, place, retired=retired))

    def _fits(self, part: Part) -> frozenset[str] | None:
        """Return the paths of elements that must be left out of a resource, or None when it cannot be kept at all."""
        resource = part.resource
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str):
            self.issue("error", "structure", "this is no FHIR resource", part.pointer, "fhir.type")
            return None
        if kind not in R4_TYPES:
            self.issue("error", "not-supported", f"{kind[:60]!r} is no type of R4", part.pointer, "fhir.type")
            return None
        if kind in CARRIERS:
            text = f"a {kind} is no record of its own; it is left out"
            self.issue("information", "informational", text, part.pointer, "fhir.carrier")
            return None
        fit = True
        drop: set[str] = set()
        for finding in findings(resource):
            place = part.pointer + pointer(finding.path)
            severity = "error" if finding.fatal else "warning"
            code = "structure" if finding.fatal else "required" if finding.rule == "fhir.required" else "value"
            fit = fit and not finding.fatal
            if finding.drop:
                drop.add(finding.path)
            self.issue(severity, code, f"{kind}: {finding.text}", place, finding.rule)
        if not fit:
            text = f"this {kind} is not shaped as R4 says and is left out"
            hint = "correct it at the source and send it again"
            self.issue("error", "structure", text, part.pointer, "fhir.invalid", hint)
            return None
        return frozenset(drop)

    def _entry(self, part: Part, drop: frozenset[str], ident: str, foreign: str, place: str) -> Entry:
        """One resource as it came, under our id."""
        source: Json = part.resource
        kind = source["resourceType"]
        closed = Closed({}, {})
        body: Json = close({k: v for k, v in source.items() if k not in _OWN}, self.names, closed, drop)
        for path, text in closed.lost.items():
            where = part.pointer + pointer(path)
            hint = "send what it refers to in the same bundle, or refer by type and id"
            self.issue("warning", "not-found", f"{kind}: {text[:80]!r} leads nowhere", where, "fhir.reference", hint)
        rows = [Row("id", "fhir.id", place or None)]
        if part.url and place != f"{part.entry}/fullUrl":
            rows.append(Row("id", "fhir.id", f"{part.entry}/fullUrl"))
        meta = self._meta(source, part, drop, foreign, place, rows)
        kept = _sources(body, source, drop)
        for path, _ in leaves(body):
            sent = closed.logical.get(path)
            rule = "fhir.reference" if sent or path.endswith("reference") else "fhir.json"
            rows.append(Row(path, rule, part.pointer + pointer(sent or kept.get(path, path))))
        self.cited.add(f"{part.pointer}/resourceType")
        inner = source.get("contained")
        self.cited.update(f"{part.pointer}/contained/{i}/resourceType" for i in range(len(inner) if inner else 0))
        status = source.get("status")
        rank = _RANKS.get(status, 0) if kind in _RANKED and isinstance(status, str) else 0
        result: Json = {"resourceType": kind, "id": ident, **({"meta": meta} if meta else {}), **body}
        return Entry(result, rows, self._clock(source, part), rank)

    def _meta(self, source: Json, part: Part, drop: frozenset[str], foreign: str, place: str, rows: list[Row]) -> Json:
        """The sender's `meta` without what our server says itself; the foreign id is kept as a tag."""
        sent = source.get("meta")
        meta: Json = {}
        if isinstance(sent, dict):
            meta = {k: v for k, v in sent.items() if k not in _OURS and f"meta.{k}" not in drop}
        rows += [Row(f"meta.{p}", "fhir.json", f"{part.pointer}/meta{pointer(p)}") for p, _ in leaves(meta)]
        if foreign and place:
            tags = list(meta.get("tag") or ())
            at = f"meta.tag[{len(tags)}]"
            rows += [Row(f"{at}.system", "fhir.id.kept", None), Row(f"{at}.code", "fhir.id.kept", place)]
            system = f"urn:unsilo:{_name(self.organisation)}:id"
            meta = {**meta, "tag": [*tags, {"system": system, "code": foreign}]}
        return meta

    def _clock(self, source: Json, part: Part) -> int:
        """When the resource became so: lastUpdated, else its own time, in microseconds; 0 when it says none."""
        meta = source.get("meta")
        updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
        if isinstance(updated, str) and (found := range_of(updated)):
            self.cited.add(f"{part.pointer}/meta/lastUpdated")
            return found[0]
        for name in _TIMES:
            text = source.get(name)
            if isinstance(text, str) and (found := range_of(text)):
                return found[0]
        return 0

    def _provenance(self, tree: Json, made: Iterable[Entry]) -> Entry:
        """Who sent it, when, from which bytes, by which version of this intake."""
        envelope = self.envelope
        targets = list(dict.fromkeys(f"{e.resource['resourceType']}/{e.resource['id']}" for e in made))
        body: Json = {"resourceType": "Provenance", "id": content_id("Provenance", envelope.id)}
        rows = [Row("id", "provenance.id", None)]
        body["target"] = [{"reference": t} for t in targets]
        rows += [Row(f"target[{n}].reference", "provenance.target", None) for n in range(len(targets))]
        stamp = tree.get("timestamp")
        if isinstance(stamp, str) and len(stamp) >= 20 and range_of(stamp):
            body["occurredDateTime"] = stamp
            rows.append(Row("occurredDateTime", "provenance.occurred", "/timestamp"))
            self.cited.add("/timestamp")
        body["recorded"] = instant(envelope.received_at)
        role = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
        agent = {"type": {"coding": [{"system": role, "code": "author"}]}, "who": {"display": self.organisation}}
        body["agent"] = [agent]
        what: Json = {"reference": f"Binary/{envelope.id}"}
        ident = tree.get("identifier")
        value = ident.get("value") if isinstance(ident, dict) else tree.get("id")
        if isinstance(value, str) and value and tree.get("resourceType") == "Bundle":
            what["identifier"] = {"value": value}
            place = "/identifier/value" if isinstance(ident, dict) else "/id"
            rows.append(Row("entity[0].what.identifier.value", "provenance.control", place))
            self.cited.add(place)
        body["entity"] = [{"role": "source", "what": what}]
        said = (("urn:unsilo:sha256", envelope.sha256), ("urn:unsilo:map-digest", self.digest))
        body["extension"] = [{"url": url, "valueString": text} for url, text in said]
        known = {r.path for r in rows}
        rows += [Row(p, "provenance.fixed", None) for p, _ in leaves(body) if p not in known]
        return Entry(body, rows)


def _sources(body: Json, source: Json, drop: frozenset[str]) -> dict[str, str]:
    """Return where leaves of lists stood before items were left out of them: path now -> path as sent."""
    moved: dict[str, str] = {}
    for path in {d.rpartition("[")[0] for d in drop if d.endswith("]")}:
        before, after = at(source, path), at(body, path)
        if isinstance(before, list) and isinstance(after, list):
            stayed = [i for i in range(len(before)) if f"{path}[{i}]" not in drop]
            for now, then in enumerate(stayed):
                here, there = f"{path}[{now}]", f"{path}[{then}]"
                moved |= {p: there + p[len(here) :] for p, _ in leaves(after[now], here)}
    return moved


def _name(text: str) -> str:
    return "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in text).strip("-").lower()


def _valued(tree: Json) -> Iterable[tuple[str, Any]]:
    """Every leaf of the document with its JSON pointer, `resourceType` too."""
    stack: list[tuple[str, Any]] = [("", tree)]
    while stack:
        place, node = stack.pop()
        if isinstance(node, dict):
            for key, value in reversed(node.items()):
                stack.append((f"{place}/{key.replace('~', '~0').replace('/', '~1')}", value))
        elif isinstance(node, list):
            stack.extend((f"{place}/{index}", node[index]) for index in range(len(node) - 1, -1, -1))
        elif node is not None and node != "":
            yield place, node
