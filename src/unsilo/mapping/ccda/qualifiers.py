"""Codes that a document completes by qualifiers (CDA R2 datatype CD): the left of two sides, a severity, a method."""

from __future__ import annotations

from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.walk import path_of

__all__ = ["expression", "qualified_words"]

Rows = list[Row]
_SNOMED: Final = "2.16.840.1.113883.6.96"
_QUALIFIER: Final = path_of("qualifier")
_NAME: Final = path_of("name/@code")
_VALUE: Final = path_of("value/@code")
_WORDS: Final = path_of("value/@displayName")


def expression(_run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """A SNOMED CT code and its qualifiers as one post-coordinated code (FHIR R4, using SNOMED CT): `C:name=value,...`.

    None for another code system, and where a qualifier lacks its name or its value.
    """
    if node.get("codeSystem") != _SNOMED:
        return None
    parts: list[str] = []
    places = [f"{node.path}/@code"]
    for each in _QUALIFIER.all(node):
        name, value = _NAME.first(each), _VALUE.first(each)
        if name is None or value is None:
            return None
        codes = [(found.get("code") or "").strip() for found in (name, value)]
        if not all(code.isdigit() for code in codes):
            return None
        parts.append("=".join(codes))
        places += [f"{found.path}/@code" for found in (name, value)]
    rows.append(Row(f"{path}.system", rule, None))
    rows += [Row(f"{path}.code", rule, place) for place in places]
    return {"system": "http://snomed.info/sct", "code": f"{(node.get('code') or '').strip()}:{','.join(parts)}"}


def qualified_words(_run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The words of a code and of its qualifiers (`Colon, Left`); None where one of them has none."""
    words = [(node.get("displayName") or "").strip()]
    places = [f"{node.path}/@displayName"]
    for each in _QUALIFIER.all(node):
        found = _WORDS.first(each)
        words.append((found.get("displayName") or "").strip() if found is not None else "")
        places.append(f"{found.path}/@displayName" if found is not None else "")
    if not all(words):
        return None
    rows += [Row(path, rule, place) for place in places]
    return ", ".join(words)
