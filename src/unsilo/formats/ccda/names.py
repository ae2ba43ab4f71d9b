"""The namespaces of CDA R2 documents, their usual misspellings, and how names are written in locators."""

import re
from functools import lru_cache
from typing import Final

__all__ = ["SDTC", "V3", "XML", "XSI", "is_slip", "label", "prefix_of"]

V3: Final = "urn:hl7-org:v3"
SDTC: Final = "urn:hl7-org:sdtc"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XML: Final = "http://www.w3.org/XML/1998/namespace"
_PREFIX: Final = {V3: "", SDTC: "sdtc:", XSI: "xsi:", XML: "xml:", "": ""}
_V3_SLIP: Final = re.compile(r"(urn:|https?://)?(www\.)?[hn][l1]7[\w.-]*[:/]v3/?(/cda)?/?")
_LONGEST: Final = 200


@lru_cache(maxsize=256)
def prefix_of(namespace: str) -> str | None:
    """Return the prefix of a namespace in locators; None for one that is not of clinical documents.

    Misspelt ones (other case, spaces, `http://www.hl7.org/v3`, an XMLSchema that lacks `-instance`) are taken as meant.
    """
    known = _PREFIX.get(namespace)
    if known is not None:
        return known
    bare = namespace.strip().lower()[:_LONGEST]
    if bare.endswith(("sdtc", "sdtc/")):
        return "sdtc:"
    if "w3.org" in bare and "xmlschema" in bare:
        return "xsi:"
    return "" if _V3_SLIP.fullmatch(bare) else None


def is_slip(namespace: str) -> bool:
    """Tell whether a namespace is a misspelling of one of a clinical document's."""
    return namespace not in _PREFIX and prefix_of(namespace) is not None


@lru_cache(maxsize=4096)
def label(tag: str) -> str:
    """Return the name a locator uses: `{urn:hl7-org:v3}code` is `code`, `{urn:hl7-org:sdtc}raceCode` `sdtc:raceCode`.

    Names of other namespaces keep the `{namespace}name` form.
    """
    namespace, closed, local = tag.rpartition("}")
    prefix = prefix_of(namespace[1:] if closed else "")
    return tag if prefix is None else prefix + local
