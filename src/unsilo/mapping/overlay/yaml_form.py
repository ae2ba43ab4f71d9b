"""An overlay written in YAML: mappings, lists and texts, nothing else of the language."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from unsilo.mapping.overlay.content import Overlay, OverlayError, overlay_of

__all__ = ["read_yaml"]

_DEEPEST = 8
"""Levels of nesting; an overlay has four."""


def read_yaml(text: str) -> Overlay:
    """Read YAML; OverlayError with the line of the fault, also for an anchor, an alias, a tag and a key said twice."""
    yaml: Any = import_module("yaml")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    lines: dict[str, int] = {}
    try:
        raw = _document(yaml.parse(text, Loader=loader), lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "not YAML"
        raise OverlayError(said, mark.line + 1 if mark is not None else 0) from None
    if not isinstance(raw, dict):
        raise OverlayError("there are no keys at its top")
    return overlay_of(raw, lines)


def _document(events: Iterator[Any], lines: dict[str, int]) -> Any:
    """Build the one document of a stream of events; the parser itself never nests, so neither can a hostile text."""
    found: Any = {}
    documents = 0
    for event in events:
        name = type(event).__name__
        if name == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise OverlayError("a second document begins", _line(event))
        elif name not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
            found = _node(event, events, (), lines)
    return found


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _node(event: Any, events: Iterator[Any], path: tuple[str, ...], lines: dict[str, int]) -> Any:
    name = type(event).__name__
    if name == "AliasEvent" or event.anchor is not None:
        raise OverlayError("anchors and aliases are not taken", _line(event))
    if event.tag is not None and not (name == "ScalarEvent" and event.tag == "!"):
        raise OverlayError(f"the tag {event.tag} is not taken", _line(event))
    if len(path) > _DEEPEST:
        raise OverlayError("it nests too deep", _line(event))
    _note(path, _line(event), lines)
    if name == "ScalarEvent":
        plain = event.implicit[0]
        return "" if plain and event.value in ("~", "null") else event.value
    return _mapping(events, path, lines) if name == "MappingStartEvent" else _sequence(events, path, lines)


def _mapping(events: Iterator[Any], path: tuple[str, ...], lines: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        if type(event).__name__ == "MappingEndEvent":
            break
        if type(event).__name__ != "ScalarEvent":
            raise OverlayError("a key is a text", _line(event))
        key = event.value
        if key in found:
            raise OverlayError(f"{key!r} stands here twice", _line(event))
        line = _line(event)
        found[key] = _node(next(events), events, (*path, key), lines)
        _note((*path, key), line, lines)
    return found


def _sequence(events: Iterator[Any], path: tuple[str, ...], lines: dict[str, int]) -> list[Any]:
    found: list[Any] = []
    for event in events:
        if type(event).__name__ == "SequenceEndEvent":
            break
        found.append(_node(event, events, (*path, str(len(found))), lines))
        if path == ("drop",) and isinstance(found[-1], str):
            lines[f"drop:{found[-1]}"] = _line(event)
    return found


def _note(path: tuple[str, ...], line: int, lines: dict[str, int]) -> None:
    """Note where a key or an item stands."""
    if len(path) == 1:
        lines[f"top:{path[0]}"] = line
    elif len(path) == 2:
        lines[f"{'row' if path[0] == 'replace' else path[0]}:{path[1]}"] = line
