"""An overlay written in TOML."""

from __future__ import annotations

import re
import tomllib

from unsilo.mapping.overlay.content import KEYS, Overlay, OverlayError, overlay_of

__all__ = ["read_toml"]

_LINE = re.compile(r"\(at line (\d+)")
_TABLE = re.compile(r"""\s*\[{1,2}\s*(\w+)(?:\s*\.\s*(?:"([^"]*)"|'([^']*)'|([\w-]+)))?\s*\]{1,2}""")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")


def read_toml(text: str) -> Overlay:
    """Read TOML; OverlayError with the line of the fault."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        raise OverlayError(str(error), int(found[1]) if found else 0) from None
    return overlay_of(raw, _lines(text))


def _lines(text: str) -> dict[str, int]:
    """Find where things stand; the parser does not say. What is written in an unusual way is left without a line."""
    lines: dict[str, int] = {}
    table, count, dropping = "", 0, False
    for number, line in enumerate(text.splitlines(), 1):
        if (found := _TABLE.match(line)) is not None:
            table, name, dropping = found[1], found[2] or found[3] or found[4] or "", False
            lines.setdefault(f"top:{table}", number)
            if table == "add":
                lines[f"add:{count}"] = number
                count += 1
            elif name:
                lines[f"row:{name}"] = number
            continue
        key = _KEY.match(line)
        name = (key[1] or key[2] or key[3] or "") if key else ""
        if key and not table:
            lines.setdefault(f"top:{name}", number)
            dropping = name == KEYS[0]
        elif key and table == "systems":
            lines[f"systems:{name}"] = number
        if dropping:
            for one in _QUOTED.finditer(line):
                lines.setdefault(f"drop:{one[1] or one[2]}", number)
            dropping = "]" not in line
    return lines
