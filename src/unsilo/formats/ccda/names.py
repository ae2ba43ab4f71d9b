"""The namespaces of CDA R2 documents and how names are written in locators."""

from functools import lru_cache
from typing import Final

__all__ = ["SDTC", "V3", "XSI", "label"]

V3: Final = "urn:hl7-org:v3"
SDTC: Final = "urn:hl7-org:sdtc"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIX: Final = {V3: "", SDTC: "sdtc:", XSI: "xsi:", "": ""}


@lru_cache(maxsize=4096)
def label(tag: str) -> str:
    """Return the name a locator uses: `{urn:hl7-org:v3}code` is `code`, `{urn:hl7-org:sdtc}raceCode` `sdtc:raceCode`.

    Names of other namespaces keep the `{namespace}name` form.
    """
    namespace, closed, local = tag.rpartition("}")
    prefix = _PREFIX.get(namespace[1:] if closed else "")
    return tag if prefix is None else prefix + local
