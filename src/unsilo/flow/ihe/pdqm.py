"""Which identifier domains a demographics search wants to see, and a Patient with no others (IHE PDQm, ITI-78)."""

import re
from collections.abc import Callable, Collection, Sequence

from unsilo.fhir.subset import SUBSETTED
from unsilo.kernel import Issue, Json, Where, json
from unsilo.storage import Stored

__all__ = ["domains", "only", "restricted", "unknown"]

_COMMA = re.compile(r"(?<!\\),")
_DOMAIN = re.compile(r"((?:[^|\\]|\\.)+)\|")


def domains(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the systems of `identifier` parameters that name systems only: `urn:a|,urn:b|` (2:3.78.4.1.2.3)."""
    found: dict[str, None] = {}
    for name, value in pairs:
        if name != "identifier":
            continue
        systems = [_DOMAIN.fullmatch(part) for part in _COMMA.split(value)]
        if all(systems):
            found.update({re.sub(r"\\(.)", r"\1", match[1]): None for match in systems if match is not None})
    return tuple(found)


def restricted(patient: Json, systems: Collection[str]) -> Json:
    """Return a Patient without identifiers of other systems, tagged as a part when some are left out (case 2)."""
    held = patient.get("identifier")
    kept = [item for item in held if isinstance(item, dict) and item.get("system") in systems] if held else held
    if kept == held:
        return patient
    made = {**patient, "identifier": kept}
    if not kept:
        del made["identifier"]
    meta = dict(patient.get("meta") or {})
    tags = list(meta.get("tag") or [])
    meta["tag"] = tags if SUBSETTED in tags else [*tags, dict(SUBSETTED)]
    return {**made, "meta": meta}


def only(systems: Collection[str], shown: Callable[[Stored], bytes]) -> Callable[[Stored], bytes]:
    """Return what makes the bytes of a version, of Patients without identifiers of other systems."""

    def make(row: Stored) -> bytes:
        body = shown(row)
        if row.type != "Patient" or b'"identifier"' not in body:
            return body
        return json.encode(restricted(json.decode(body), systems))

    return make


def unknown(systems: Collection[str]) -> list[Issue]:
    """Return what is said of domains that are not recognised, beside the results that there are (case 4)."""
    return [
        Issue("warning", "not-found", f"the domain {system[:200]} is not known", Where("http.identifier"),
              "targetSystem not found", "pdqm.domain")
        for system in systems
    ]  # fmt: skip
