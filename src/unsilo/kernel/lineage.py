"""Lineage: which place of which source, by which rule, each element of a resource came from."""

from typing import NamedTuple

import msgspec

__all__ = ["Lineage", "Locator", "Row"]

Locator = tuple[int, ...] | str | None
"""A place in a source tree, resolved to bytes by the format's room when somebody looks.

HL7 v2: `(segment, field, repetition, component, subcomponent)`, segment and repetition from 0, the others as the
standard numbers them, 0 meaning the whole. XML: an absolute path such as `/ClinicalDocument/recordTarget[1]/@typeCode`.
JSON: a JSON pointer. None: the rule alone made the element (a fixed value, a computed id).
"""


class Row(NamedTuple):
    """One element: `path` within the resource (`name[0].family`), `rule` (a table row's id), `source`."""

    path: str
    rule: str
    source: Locator


class Lineage(msgspec.Struct, array_like=True):
    """What one envelope, read with the mapping of `digest`, gave to one version of a resource."""

    envelope: str
    digest: str
    rows: list[Row]
