"""How an answer is written: JSON or XML, indented, and which elements of a resource are left out."""

from collections.abc import Callable

import msgspec

from unsilo.api.ask import Ask, Refused
from unsilo.fhir import xml
from unsilo.fhir.subset import Mode, subset, unknown
from unsilo.flow.fhir.shown import resource_bytes
from unsilo.kernel import Issue, Where, json
from unsilo.policy import Predicate, masked
from unsilo.storage import Stored

__all__ = ["GENERAL", "cut", "known", "shown", "shown_as", "written"]

_MODES: dict[str | None, Mode] = {"true": "true", "text": "text", "data": "data"}
_SUMMARIES = ("true", "text", "data", "count", "false")
GENERAL = ("_format", "_pretty", "_summary", "_elements")
"""Parameters of every interaction (FHIR R4 http.html#parameters)."""


def written(ask: Ask, body: bytes) -> bytes:
    """Return JSON bytes in the form that the client asked for."""
    indent = ask.control("_pretty") == "true" if ask.query.find(b"_pretty") >= 0 else False
    if ask.media is not None and ask.media.xml:
        return xml.encode(json.decode(body), pretty=indent)
    return msgspec.json.format(body, indent=2) if indent else body


def known(ask: Ask, *names: str) -> None:
    """Refuse parameters that this interaction does not have, unless the client asked for lenience."""
    if not ask.query or ask.lenient:
        return
    issues = [
        Issue("error", "not-supported", f"{key[:64]}: there is no such parameter here", Where(f"http.{key[:64]}"),
              hint="known: " + ", ".join(sorted({*GENERAL, *names})), rule="http.parameter")
        for key, _ in ask.pairs
        if key not in GENERAL and key not in names
    ]  # fmt: skip
    if issues:
        raise Refused(issues, 400)


def cut(ask: Ask) -> Callable[[bytes], bytes] | None:
    """Return what makes a resource smaller as `_summary` and `_elements` say; None when it stays whole."""
    if ask.query.find(b"_summary") < 0 and ask.query.find(b"_elements") < 0:
        return None
    summary, elements = ask.control("_summary"), ask.control("_elements")
    if summary is not None and summary not in _SUMMARIES:
        text = f"_summary is one of {', '.join(_SUMMARIES)}"
        raise Refused([Issue("error", "value", text, Where("http._summary"), rule="http.value")], 400)
    if summary in _MODES:
        return _smaller(_MODES[summary])
    if elements is not None:
        names = tuple(name.strip() for name in elements.split(",") if name.strip())
        if not names:
            text = "_elements names no element"
            raise Refused([Issue("error", "value", text, Where("http._elements"), rule="http.value")], 400)
        wrong = [] if ask.lenient else unknown(ask.kind or "Resource", names)
        if wrong:
            text = f"_elements: there is no element {wrong[0][:64]!r}"
            raise Refused([Issue("error", "value", text, Where("http._elements"), rule="http.value")], 400)
        return _smaller(names)
    return None


def shown(ask: Ask, predicate: Predicate) -> Callable[[Stored], bytes]:
    """Return what makes the bytes of a stored version as this client may see it and asked for it."""
    if not ask.query and not predicate.elements:
        return resource_bytes
    return _made(cut(ask), predicate)


def shown_as(predicate: Predicate, mode: str | tuple[str, ...]) -> Callable[[Stored], bytes]:
    """Return the same for a search, which has read `_summary` and `_elements` itself; empty for the whole."""
    if not mode:
        return _made(None, predicate)
    return _made(_smaller(_MODES[mode] if isinstance(mode, str) else mode), predicate)


def _made(smaller: Callable[[bytes], bytes] | None, predicate: Predicate) -> Callable[[Stored], bytes]:
    hidden = predicate.elements
    if smaller is None and not hidden:
        return resource_bytes

    def make(row: Stored) -> bytes:
        body = resource_bytes(row)
        if row.type in hidden:
            body = json.encode(masked(json.decode(body), hidden[row.type]))
        return smaller(body) if smaller else body

    return make


def _smaller(mode: Mode | tuple[str, ...]) -> Callable[[bytes], bytes]:
    return lambda body: json.encode(subset(json.decode(body), mode))
