"""Texts (FHIRPath N1, 5.6, and the additional functions of its text); patterns run in linear time."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import INTEGER, STRING, Items
from unsilo.fhir.path.lexer import unescape
from unsilo.fhir.path.navigate import StepRun
from unsilo.fhir.path.registry import Build, TruthStep, eager, special, special_truth, system, text, whole
from unsilo.fhir.path.tree import Call

__all__: list[str] = []

_OPTIONS: Final = re2.Options()
_OPTIONS.dot_nl = True  # 5.6.9: single line mode
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 16 << 20
_GROUP: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([0-9]))|\\(.)", re.DOTALL)


def _string(value: str) -> Items:
    return [(value, STRING, None)]


def _with_text(name: str, answer: Callable[[str, str], bool]) -> None:
    """Register a question that a text answers about another text."""

    def decide(build: Build, call: Call, site: Site) -> TruthStep:
        argument = build.items(call.arguments[0])

        def run(state: State, items: Items) -> bool | None:
            ours, theirs = text(site, items), text(site, argument(state))
            return None if ours is None or theirs is None else answer(ours, theirs)

        return run

    special_truth(name, 1)(decide)


_with_text("startsWith", str.startswith)
_with_text("endsWith", str.endswith)
_with_text("contains", lambda ours, theirs: theirs in ours)


def _changed(name: str, change: Callable[[str], Any]) -> None:
    """Register a function of one text to a value."""

    def make(build: Build, call: Call, site: Site) -> StepRun:
        def run(state: State, items: Items) -> Items:
            ours = text(site, items)
            return [] if ours is None else system(change(ours))

        return run

    special(name)(make)


_changed("upper", str.upper)
_changed("lower", str.lower)
_changed("length", len)
_changed("trim", str.strip)


@eager("toChars")
def _to_chars(site: Site, items: Items, arguments: list[Items]) -> Items:
    return [(sign, STRING, None) for sign in text(site, items) or ""]


@eager("indexOf", 1)
def _index_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, theirs = text(site, items), text(site, arguments[0])
    return [] if ours is None or theirs is None else [(ours.find(theirs), INTEGER, None)]


@eager("lastIndexOf", 1)
def _last_index_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, theirs = text(site, items), text(site, arguments[0])
    return [] if ours is None or theirs is None else [(ours.rfind(theirs), INTEGER, None)]


@eager("substring", 1, 2)
def _substring(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, start = text(site, items), whole(site, arguments[0])
    if ours is None or start is None or not 0 <= start < len(ours):
        return []
    length = whole(site, arguments[1]) if len(arguments) > 1 else None
    return _string(ours[start:] if length is None else ours[start : start + max(0, length)])


@eager("replace", 2)
def _replace(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, pattern, other = text(site, items), text(site, arguments[0]), text(site, arguments[1])
    if ours is None or pattern is None or other is None:
        return []
    site.room(len(ours) + ours.count(pattern) * len(other))
    return _string(ours.replace(pattern, other))


@lru_cache(maxsize=1024)
def _pattern(said: str) -> Any:
    """Compile a pattern; None when it is no regular expression that can be matched in linear time."""
    try:
        return re2.compile(said, options=_OPTIONS)
    except re2.error:
        return None


def _compiled(site: Site, said: str) -> Any:
    found = _pattern(said)
    if found is None:
        site.fail("this is no regular expression (lookaround and back references are not supported)")
    return found


def _matching(name: str, *, full: bool) -> None:
    def decide(build: Build, call: Call, site: Site) -> TruthStep:
        argument = build.items(call.arguments[0])

        def run(state: State, items: Items) -> bool | None:
            ours, said = text(site, items), text(site, argument(state))
            if ours is None or said is None:
                return None
            pattern = _compiled(site, said)
            return (pattern.fullmatch(ours) if full else pattern.search(ours)) is not None

        return run

    special_truth(name, 1)(decide)


_matching("matches", full=False)
_matching("matchesFull", full=True)


def _filled(template: str, found: Any) -> str:
    """Put the groups of a match where `$1` and `${name}` stand."""

    def group(place: re.Match[str]) -> str:
        if place[3] is not None:
            return place[3]
        name = place[1] or place[2]
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _GROUP.sub(group, template)


@eager("replaceMatches", 2)
def _replace_matches(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, said, template = text(site, items), text(site, arguments[0]), text(site, arguments[1])
    if ours is None or said is None or template is None:
        return []
    if not said:
        return _string(ours)
    parts: list[str] = []
    end = size = 0
    for found in _compiled(site, said).finditer(ours):
        parts += (ours[end : found.start()], _filled(template, found))
        size += len(parts[-1])
        site.room(len(ours) + size)
        end = found.end()
    return _string("".join((*parts, ours[end:])))


@eager("split", 1)
def _split(site: Site, items: Items, arguments: list[Items]) -> Items:
    ours, cut = text(site, items), text(site, arguments[0])
    if ours is None or cut is None:
        return []
    return [(part, STRING, None) for part in (ours.split(cut) if cut else ours)]


@eager("join", 0, 1)
def _join(site: Site, items: Items, arguments: list[Items]) -> Items:
    between = text(site, arguments[0]) if arguments else ""
    if not items:
        return []
    parts = []
    for item in items:
        value = plain(item)
        if type(value) is not str:
            site.fail(f"a text is expected, not {item[1].said}")
        parts.append(value)
    site.room(sum(map(len, parts)) + len(parts) * len(between or ""))
    return _string((between or "").join(parts))


_ENCODE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
    "hex": binascii.hexlify,
}
_DECODE: Final[dict[str, Callable[[str], bytes]]] = {
    "base64": lambda said: base64.b64decode(said, validate=True),
    "urlbase64": lambda said: base64.b64decode(said, altchars=b"-_", validate=True),
    "hex": binascii.unhexlify,
}
_ESCAPE: Final[dict[str, Callable[[str], str]]] = {
    "html": html.escape,
    "json": lambda said: json.dumps(said, ensure_ascii=False)[1:-1],
}
_UNESCAPE: Final[dict[str, Callable[[str], str]]] = {
    "html": html.unescape,
    "json": unescape,
}


def _coded(site: Site, items: Items, arguments: list[Items], table: dict[str, Any]) -> tuple[str, Any] | None:
    ours, form = text(site, items), text(site, arguments[0])
    if ours is None or form is None:
        return None
    if form not in table:
        site.fail(f"the form is one of {', '.join(table)}")
    return ours, table[form]


@eager("encode", 1)
def _encode(site: Site, items: Items, arguments: list[Items]) -> Items:
    found = _coded(site, items, arguments, _ENCODE)
    return _string(found[1](found[0].encode()).decode("ascii")) if found else []


@eager("decode", 1)
def _decode(site: Site, items: Items, arguments: list[Items]) -> Items:
    found = _coded(site, items, arguments, _DECODE)
    try:
        return _string(found[1](found[0]).decode()) if found else []
    except ValueError:
        site.fail("the text is not encoded in this form, or what is in it is no text")


@eager("escape", 1)
def _escape(site: Site, items: Items, arguments: list[Items]) -> Items:
    found = _coded(site, items, arguments, _ESCAPE)
    return _string(found[1](found[0])) if found else []


@eager("unescape", 1)
def _unescape(site: Site, items: Items, arguments: list[Items]) -> Items:
    found = _coded(site, items, arguments, _UNESCAPE)
    return _string(found[1](found[0])) if found else []
