"""Code systems whose codes are told by their form, because nobody can list them."""

from __future__ import annotations

import re
from collections.abc import Callable

from unsilo.units import canonical

__all__ = ["GRAMMARS"]

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-[A-Za-z0-9]{2,8})*", re.ASCII)
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;.*)?", re.ASCII)

GRAMMARS: dict[str, Callable[[str], bool]] = {
    "http://unitsofmeasure.org": lambda code: canonical(code) is not None,
    "urn:ietf:bcp:13": lambda code: _MIME.fullmatch(code) is not None,
    "urn:ietf:bcp:47": lambda code: _LANGUAGE.fullmatch(code) is not None,
}
"""Whether a text is a code, by system."""
