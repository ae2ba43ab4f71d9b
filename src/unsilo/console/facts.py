"""Where one fact came from: the sentence, the steps, the original bytes; and the download of an original."""

from typing import Any

import msgspec
from starlette.responses import Response

from unsilo.console.gate import Asked, whole
from unsilo.console.people import frame, unknown
from unsilo.console.render import HEADERS, KIND_WORDS, page
from unsilo.fhir.leaves import at
from unsilo.flow.process import State, decode, orphan
from unsilo.flow.read.describe import particulars, title, value_text
from unsilo.flow.read.doubtful import mark_doubts
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.flags import range_of
from unsilo.flow.read.grouping import Group, group
from unsilo.flow.read.load import Loaded, fact_of, load
from unsilo.flow.read.provenance import Leaf, Origin, as_sent, chief_paths, excerpt, hex_lines, leaves_of, sentence
from unsilo.flow.read.results import by_test
from unsilo.flow.read.steps import Step, steps
from unsilo.flow.read.words import number
from unsilo.flow.trees import place_of
from unsilo.kernel import Json, Lineage, Locator, clock, json
from unsilo.storage import Stored
from unsilo.terminology.same import Reader

__all__ = ["fact_page", "original"]


def _owner(resource: Json, kind: str, id_: str) -> str:
    if kind == "Patient":
        return id_
    reference = resource.get("subject") or resource.get("patient") or resource.get("beneficiary") or {}
    for actor in resource.get("participant") or ():
        found = (actor.get("actor") or {}).get("reference", "") if isinstance(actor, dict) else ""
        if found.startswith("Patient/") and not reference:
            reference = {"reference": found}
    return str(reference.get("reference") or "").removeprefix("Patient/")


def _find(asked: Asked, loaded: Loaded) -> tuple[Stored, Fact] | None:
    """Return the asked version of a fact, only when it is about this person."""
    params = asked.request.path_params
    kind, id_ = params["type"], params["id"]
    wanted = whole(asked.request, "version") or None
    stored = asked.service.store.read(kind, id_, wanted)
    if stored is None:
        return None
    body = json.decode(stored.body) if stored.body else {}
    known = next((f for f in [*loaded.facts, *loaded.patients] if f.ref == f"{kind}/{id_}"), None)
    if known is None and _owner(body, kind, id_) not in {r.patient_id for r in loaded.records}:
        return None
    message = asked.service.store.message(stored.mid)
    feed = message.feed if message is not None else ""
    gone = known.gone if known is not None else 0
    fact = fact_of(stored, feed, gone=gone, looked=loaded.looked, core=(body, {}))
    # The version that is looked at stands among the person's facts as if it were the current one.
    others = [each for each in loaded.facts if each is not known]
    mark_doubts(loaded.patients, [*others, fact] if kind != "Patient" else others, clock.now())
    return stored, fact if kind != "Patient" or known is None else msgspec.structs.replace(fact, doubts=known.doubts)


def _origin(asked: Asked, part: Lineage) -> Origin:
    store = asked.service.store
    row = store.message(part.envelope)
    if row is None:
        return Origin(part.envelope, "", "", 0, "", None, {}, "", "", part.digest)
    envelope = None if row.removed_on else store.envelope(part.envelope)
    return Origin(
        row.id, row.feed, row.format, row.received, row.sha256, envelope.content if envelope else None,
        envelope.headers if envelope else {}, row.type, row.control_id, part.digest, row.removed_on,
    )  # fmt: skip


class _Trees:
    """Parses each original once, to say where a locator points."""

    def __init__(self, asked: Asked, origins: list[Origin]) -> None:
        self.origins = origins
        self.trees: list[Any] = []
        for origin in origins:
            self.trees.append(self._tree(asked, origin))

    def _tree(self, asked: Asked, origin: Origin) -> Any:
        if origin.content is None:
            return None
        envelope = asked.service.store.envelope(origin.envelope)
        if envelope is None:
            return None
        decoded = decode(State(envelope, asked.service.feed(origin.feed) or orphan(envelope)))
        return decoded.value.tree if decoded.value is not None else None

    def place(self, number_: int, locator: Locator) -> tuple[str, tuple[int, int] | None]:
        """Return path and byte range of a locator in the original of that number."""
        origin, tree = self.origins[number_], self.trees[number_]
        if tree is None or origin.content is None:
            return _plain(locator), None
        return place_of(origin.format, tree, origin.content, locator)

    def codec(self, number_: int) -> str:
        """Return the Python codec of an original."""
        return str(getattr(self.trees[number_], "charset", "") or "utf-8")


def _plain(locator: Locator) -> str:
    return locator if isinstance(locator, str) else ".".join(str(n) for n in locator or ())


def _value(resource: Json) -> Any:
    def say(path: str) -> str:
        found = at(resource, path)
        if path.endswith(".data") and isinstance(found, str) and len(found) > 80:
            return f"{len(found)} characters of base64"
        return number(found) if not isinstance(found, dict | list) and found is not None else ""

    return say


def _originals(fact: Fact, origins: list[Origin], leaves: list[Leaf], trees: _Trees) -> list[dict[str, Any]]:
    chief = chief_paths(fact.resource)
    found = []
    for place, origin in enumerate(origins):
        own = [leaf for leaf in leaves if leaf.origin == place and leaf.span is not None]
        spans = sorted({leaf.span for leaf in own if leaf.span is not None})
        main = {leaf.span for leaf in own if leaf.path.startswith(chief)}
        spans.sort(key=lambda s: s not in main)
        shown = excerpt(origin.content, trees.codec(place), spans) if origin.content is not None else None
        first = next((s for s in spans if s in main), None)
        found.append({
            "id": origin.envelope, "label": " ".join(p for p in (origin.type, origin.control_id) if p),
            "excerpt": shown, "chief": {n for n, s in enumerate(spans) if s in main}, "sha256": origin.sha256,
            "size": len(origin.content or b""), "removed": origin.removed,
            "hex": hex_lines(origin.content, first) if origin.content is not None and first else [],
        })  # fmt: skip
    return found


def _others(fact: Fact, loaded: Loaded, reader: Reader) -> tuple[list[Fact], Group | None]:
    if fact.type == "Observation":
        for test in by_test(f for f in loaded.facts if f.type == "Observation"):
            for point in test.points:
                if fact.ref in (point.fact.ref, *(c.ref for c in point.copies)):
                    return [f for f in [point.fact, *point.copies, *point.rivals] if f.ref != fact.ref], None
        return [], None
    for item in group((f for f in loaded.facts if f.type == fact.type), reader):
        if any(f.ref == fact.ref for f in item.facts):
            return [f for f in item.facts if f.ref != fact.ref], item
    return [], None


def _versions(asked: Asked, fact: Fact) -> list[dict[str, Any]]:
    rows = []
    for old in asked.service.store.history(fact.type, fact.id):
        body = json.decode(old.body) if old.body else {}
        words = value_text(body) if fact.type == "Observation" else str(body.get("status") or "")
        standing = "Arrived late, never current" if old.late else "Deleted" if old.state == 1 else "Stored"
        rows.append({"number": old.version, "updated": old.updated, "words": words[:200], "standing": standing})
    current = next((r for r in rows if r["standing"] == "Stored"), None)
    if current is not None:
        current["standing"] = "Current"
    return rows


def fact_page(asked: Asked) -> Response:
    """Show one fact's way from the original bytes to here."""
    store = asked.service.store
    kind = asked.request.path_params["type"]
    types = sorted({"AllergyIntolerance", kind} & KIND_WORDS.keys())
    loaded = load(store, asked.service.settings.feeds, asked.request.path_params["uid"], asked.user.id, types=types)
    found = _find(asked, loaded) if loaded is not None else None
    if loaded is None or found is None:
        return unknown(asked)
    stored, fact = found
    lineage = store.lineage(fact.type, fact.id, fact.version)
    origins = [_origin(asked, part) for part in lineage]
    trees = _Trees(asked, origins)
    leaves = leaves_of(lineage, _value(fact.resource), trees.place) if lineage else as_sent(fact.resource)
    values = frame(asked, loaded)
    zone = values["zone"]
    words = " ".join(p for p in (title(fact.resource), value_text(fact.resource) if kind == "Observation" else "") if p)
    names = {o.feed: loaded.sources[o.feed].name if o.feed in loaded.sources else o.feed for o in origins}
    others, thing = _others(fact, loaded, asked.service.same)
    asked.audit("read", person=loaded.person, what=f"{fact.ref} and its originals")
    chain: list[Step] = steps(fact, stored, origins, leaves, loaded.records, names, zone)
    return page(
        "fact.html", asked.view, **values, fact=fact, deleted=stored.state == 1,
        sentences=[sentence(words, o, names[o.feed], zone) for o in origins],
        fact_title=title(fact.resource), value=value_text(fact.resource) if kind == "Observation" else "",
        range=range_of(fact.resource).text, about=particulars(fact.resource), chain=chain,
        originals=_originals(fact, origins, leaves, trees), leaves=leaves, versions=_versions(asked, fact),
        others=others, grounds=thing.grounds if thing else [], near=thing.near if thing else [],
        may_messages=asked.may("message.read"),
        seen=[a for a in store.audit_rows(person=loaded.person, limit=30) if not a.actor.startswith("feed:")],
    )  # fmt: skip


def original(asked: Asked) -> Response:
    """Send the original bytes of a message that a fact of this person came from, as a file and nothing else."""
    store = asked.service.store
    loaded = load(store, asked.service.settings.feeds, asked.request.path_params["uid"], types=[])
    kind, _, id_ = asked.request.query_params.get("of", "").partition("/")
    if loaded is None or not id_:
        return unknown(asked)
    stored = store.read(kind, id_)
    envelope = asked.request.path_params["envelope"]
    body = json.decode(stored.body) if stored is not None and stored.body else {}
    cited = stored is not None and any(
        part.envelope == envelope for old in store.history(kind, id_) for part in store.lineage(kind, id_, old.version)
    )
    if not cited or _owner(body, kind, id_) not in {r.patient_id for r in loaded.records}:
        return unknown(asked)
    content = store.content(envelope)
    if content is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"original {envelope}")
    return download(content, f"{envelope}.txt")


def download(content: bytes, name: str, mime: str = "application/octet-stream") -> Response:
    """Send bytes as a file: never sniffed, never run."""
    headers = HEADERS | {
        "content-disposition": f'attachment; filename="{name}"',
        "content-security-policy": "default-src 'none'; sandbox",
    }  # fmt: skip
    return Response(content, media_type=mime, headers=headers)
