"""Value sets that are defined by their address alone, written out as ValueSets (FHIR R4 snomedct.html, loinc.html)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from unsilo.kernel import Json

__all__ = ["LOINC", "SNOMED", "UCUM", "implicit"]

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
_SCT = re.compile(r"http://snomed\.info/(?:sct|xsct)(/\d+(?:/version/\d{8})?)?\?fhir_vs(?:=(.*))?", re.DOTALL)
_REFSETS = "900000000000455006"


def _set(url: str, include: Json) -> Json:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def _filter(name: str, op: str, value: str) -> Json:
    return {"property": name, "op": op, "value": value}


def _snomed(url: str, edition: str, query: str | None) -> Json | None:
    include: Json = {"system": SNOMED}
    if edition:
        include["version"] = SNOMED + edition
    if not query:
        return _set(url, include)
    kind, _, value = query.partition("/")
    if kind == "isa" and value:
        include["filter"] = [_filter("concept", "is-a", value)]
    elif kind == "refset" and value:
        include["filter"] = [_filter("concept", "in", value)]
    elif kind == "refset":
        include["filter"] = [_filter("constraint", "=", f"< {_REFSETS}")]
    elif kind == "ecl":
        include["filter"] = [_filter("constraint", "=", unquote(value))]
    else:
        return None
    return _set(url, include)


def implicit(url: str) -> Json | None:
    """Return the ValueSet that an address defines; None when it defines none."""
    found = _SCT.fullmatch(url)
    if found is not None:
        return _snomed(url, found[1] or "", found[2])
    if url == LOINC + "/vs":
        return _set(url, {"system": LOINC})
    if url.startswith(LOINC + "/vs/LL"):
        return _set(url, {"system": LOINC, "filter": [_filter("concept", "in", url.rpartition("/")[2])]})
    if url.startswith(LOINC + "/vs/LP"):
        return _set(url, {"system": LOINC, "filter": [_filter("ancestor", "=", url.rpartition("/")[2])]})
    if url == UCUM + "/vs":
        return _set(url, {"system": UCUM})
    return None
