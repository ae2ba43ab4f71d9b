"""Read an overlay in the form that its first words show."""

from __future__ import annotations

import re
from collections.abc import Callable

from unsilo.kernel import Issue, Result, Where
from unsilo.mapping.overlay.content import Overlay, OverlayError
from unsilo.mapping.overlay.csv_form import read_csv
from unsilo.mapping.overlay.toml_form import read_toml
from unsilo.mapping.overlay.yaml_form import read_yaml

__all__ = ["FORMS", "form_of", "read_overlay"]

FORMS: dict[str, Callable[[str], Overlay]] = {"toml": read_toml, "yaml": read_yaml, "csv": read_csv}
"""How overlays are written, and what reads each."""
_MOST = 4 * 1024 * 1024
_YAML = re.compile(r"""(---|%YAML|\{|["']?\w+["']?\s*:(\s|$))""")
_CSV = re.compile(r"op\s*,")


def form_of(text: str) -> str:
    """Return `csv` (a header that begins with `op`), `yaml` (`key:` comes first) or `toml`."""
    for line in text.splitlines():
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        if _CSV.match(said):
            return "csv"
        return "yaml" if _YAML.match(said) else "toml"
    return "toml"


def read_overlay(text: bytes) -> Result[Overlay]:
    """Read an overlay; never raises: one that cannot be read is an Issue with its line, and no value.

    TOML, YAML 1.1 (without anchors, aliases and tags; every plain scalar is text, so `NO` stays `NO`) or CSV.
    """
    if not text.strip():
        return Result(Overlay())
    try:
        if len(text) > _MOST:
            raise OverlayError(f"longer than {_MOST} bytes")
        said = text.decode("utf-8-sig")
        return Result(FORMS[form_of(said)](said))
    except UnicodeDecodeError as error:
        return _unreadable("not UTF-8", text.count(b"\n", 0, error.start) + 1)
    except OverlayError as error:
        return _unreadable(str(error), error.line)
    except RecursionError:
        return _unreadable("it nests too deep", 0)


def _unreadable(text: str, line: int) -> Result[Overlay]:
    place = f"overlay, line {line}" if line else "overlay"
    said = f"the overlay cannot be read: {text}"
    return Result(None, [Issue("error", "structure", said, Where(place), "", "mapping.overlay")])
