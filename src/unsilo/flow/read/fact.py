"""One stored statement about a person, with where it came from and how it stands today."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from unsilo.flow.read.describe import concept_keys
from unsilo.flow.read.sections import kind_of
from unsilo.flow.read.words import NO_TIME, When, when
from unsilo.kernel import Issue, Json

__all__ = [
    "GONE",
    "STANDING",
    "Fact",
    "Mark",
    "Source",
    "ended",
    "happened",
    "mark_of",
    "named_sources",
    "part_of",
    "void",
]


class Source(msgspec.Struct, frozen=True):
    """Where facts come from: `key` is stable, `name` for people, `short` for a narrow column, `place` for a tint."""

    key: str
    name: str
    short: str
    place: int = 5


class Mark(NamedTuple):
    """How a statement stands when that is not the ordinary way: a word, a shape, and a tone for the eye."""

    word: str
    shape: str
    tone: str


STANDING: dict[str, Mark] = {
    "preliminary": Mark("Preliminary", "◔", "soft"),
    "registered": Mark("Registered, no result yet", "○", "soft"),
    "partial": Mark("Partial", "◑", "soft"),
    "corrected": Mark("Corrected", "✎", "note"),
    "amended": Mark("Amended", "✎", "note"),
    "appended": Mark("Added to", "✎", "note"),
    "cancelled": Mark("Cancelled", "⊘", "void"),
    "revoked": Mark("Cancelled", "⊘", "void"),
    "nullified": Mark("Withdrawn", "⊘", "void"),
    "entered-in-error": Mark("Entered in error", "⊘", "void"),
    "not-done": Mark("Not done", "⊘", "void"),
    "refuted": Mark("Refuted", "⊘", "void"),
    "unconfirmed": Mark("Unconfirmed", "◔", "soft"),
    "provisional": Mark("Provisional", "◔", "soft"),
    "differential": Mark("Differential", "◔", "soft"),
    "superseded": Mark("Superseded", "⊘", "void"),
    "noshow": Mark("Did not attend", "⊘", "void"),
}
"""Status codes of FHIR R4 (observation-status, condition-ver-status, event-status and others) that need saying."""

FORBIDDEN = Mark("Not to be done", "⊘", "void")
"""Of a request that says `doNotPerform`: refused, or advised against."""

GONE = Mark("No longer sent", "⇢", "note")


class Fact(msgspec.Struct):
    """One resource of one source. `updated` is µs of the last change here; `gone` is µs since it is no longer sent.

    `memo` keeps what was worked out from the resource; facts of the same version may share it.
    """

    type: str
    id: str
    version: int
    updated: int
    source: str
    resource: Json
    gone: int = 0
    new: bool = False
    doubts: tuple[Issue, ...] = ()
    """Why it can hardly be true; see `doubtful`."""
    memo: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def ref(self) -> str:
        """Return `Type/id`."""
        return f"{self.type}/{self.id}"

    @property
    def when(self) -> When:
        """Return when it happened; see `happened`."""
        found = self.memo.get("when")
        if found is None:
            found = self.memo["when"] = happened(self.resource)
        return found

    @property
    def end(self) -> When:
        """Return when it ended; see `ended`."""
        found = self.memo.get("end")
        if found is None:
            found = self.memo["end"] = ended(self.resource)
        return found

    @property
    def keys(self) -> list[str]:
        """Return what it is about, for comparing; see `concept_keys`."""
        found = self.memo.get("keys")
        if found is None:
            found = self.memo["keys"] = concept_keys(self.resource)
        return found

    @property
    def kind(self) -> str:
        """Return the lane it lies in; see `kind_of`."""
        found = self.memo.get("kind")
        if found is None:
            found = self.memo["kind"] = kind_of(self.resource)
        return found

    @property
    def part(self) -> str:
        """Return the sender's number of the part of its report that it speaks of; see `part_of`."""
        if "part" not in self.memo:
            self.memo["part"] = part_of(self.resource)
        return str(self.memo["part"])

    @property
    def standing(self) -> Mark | None:
        """Return how the statement itself stands, when that is not the ordinary way."""
        if "mark" not in self.memo:
            self.memo["mark"] = _standing(self.resource)
        return self.memo["mark"]  # type: ignore[no-any-return]


_PART = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid"


def part_of(resource: Json) -> str:
    """Return the sub-identifier of a result (HL7 v2 OBX-4): two with one code are of two units of blood, two organisms.

    Nothing where none was sent.
    """
    for extension in resource.get("extension") or ():
        if extension.get("url") == _PART:
            inside = extension.get("extension") or ()
            return next((str(one["valueString"]) for one in inside if "valueString" in one), "")
    return ""


_MOMENTS = (
    "effectiveDateTime", "effectiveInstant", "occurrenceDateTime", "performedDateTime", "onsetDateTime", "start",
    "authoredOn", "whenHandedOver", "whenPrepared", "dateAsserted", "recordedDate", "date", "issued", "created",
    "recorded", "sent",
)  # fmt: skip
_PERIODS = ("period", "effectivePeriod", "performedPeriod", "onsetPeriod", "occurrencePeriod", "context")
_ENDS = ("abatementDateTime", "end")


@lru_cache(maxsize=4096)
def _said(elements: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    """Return which of a resource's elements are periods, moments, and ends: resources have few different shapes."""
    return (
        [name for name in _PERIODS if name in elements], [name for name in _MOMENTS if name in elements],
        [name for name in _ENDS if name in elements],
    )  # fmt: skip


def happened(resource: Json) -> When:
    """Return when the thing happened or, failing that, when it was written down, as precise as stated."""
    periods, moments, _ = _said(tuple(resource))
    for name in periods:
        period = resource[name]
        if isinstance(period, dict):
            moment = when(period.get("start") or (period.get("period") or {}).get("start") or period.get("end"))
            if moment.precision:
                return moment
    for name in moments:
        moment = when(resource[name])
        if moment.precision:
            return moment
    return NO_TIME


def ended(resource: Json) -> When:
    """Return when it ended, or NO_TIME when no end is stated."""
    periods, _, ends = _said(tuple(resource))
    for name in periods:
        period = resource[name]
        if isinstance(period, dict) and period.get("end"):
            return when(period["end"])
    for name in ends:
        if moment := resource[name]:
            return when(moment)
    return NO_TIME


def named_sources(names: Iterable[tuple[str, str]]) -> dict[str, Source]:
    """Return a Source for each (key, name), with letters that tell them apart: `NH`, `CL`, then `NH2`."""
    found: dict[str, Source] = {}
    taken: set[str] = set()
    for place, (key, name) in enumerate(names):
        words = [w for w in name.replace("-", " ").replace("_", " ").split() if w[0].isalnum()]
        letters = "".join(w[0] for w in words[:3]) if len(words) > 1 else (words[0][:2] if words else "?")
        short = letters.upper()
        count = 2
        while short in taken:
            short = f"{letters.upper()}{count}"
            count += 1
        taken.add(short)
        found[key] = Source(key, name, short, place % 6)
    return found


def _codes(concept: Any) -> Iterable[str]:
    if isinstance(concept, dict):
        for coding in concept.get("coding") or ():
            yield str(coding.get("code", ""))


_ORDER = {"void": 0, "note": 1, "soft": 2}


def _standing(resource: Json) -> Mark | None:
    status = resource.get("status")
    found = STANDING.get(status) if isinstance(status, str) else None
    if resource.get("doNotPerform") is True and (found is None or found.tone != "void"):
        found = FORBIDDEN
    for code in _codes(resource["verificationStatus"]) if "verificationStatus" in resource else ():
        other = STANDING.get(code)
        if other is not None and (found is None or _ORDER[other.tone] < _ORDER[found.tone]):
            found = other
    return found


def mark_of(fact: Fact) -> Mark | None:
    """Return what must be said beside the fact: withdrawn before no longer sent before unconfirmed; None if nothing."""
    found = fact.standing
    return GONE if fact.gone and (found is None or found.tone == "soft") else found


def void(fact: Fact) -> bool:
    """Return True when the statement was withdrawn, so that it must not be read as true."""
    mark = fact.standing
    return mark is not None and mark.tone == "void" and mark.word not in ("Not done", "Did not attend")
