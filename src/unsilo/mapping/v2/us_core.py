"""Race and ethnicity of PID as US Core has them: one extension each, with all its categories, details and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from unsilo.kernel import Json, Row
from unsilo.mapping.v2.run import DELETE, V2Run

__all__ = ["US_CORE"]

Place = tuple[int, int, int, int, int]

_CDC = "urn:oid:2.16.840.1.113883.6.238"
_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_RACES = frozenset({"1002-5", "2028-9", "2054-5", "2076-8", "2106-3"})
_ETHNICITIES = frozenset({"2135-2", "2186-5"})
_OTHER_RACE = "2131-1"
"""The one code of CDC's that HL7 table 0005 has beside the five categories."""


class _Code(NamedTuple):
    """A coding of a CWE: code and words with their components, and the name of the coding system."""

    code: str
    comp: int
    words: str
    system: str


def _codes(run: V2Run, text: str) -> Iterator[_Code]:
    """The two codings of a CWE: components 1 to 3, and 4 to 6."""
    texts = [run.clean(part)[0] for part in text.split(run.S)] + [""] * 6
    for first in (0, 3):
        if texts[first]:
            yield _Code(texts[first], first + 1, texts[first + 1], texts[first + 2])


def _told(run: V2Run, at: Place, categories: frozenset[str]) -> tuple[list[tuple[str, int, _Code]], list[int]]:
    """What the repetitions of a field say: (part of the extension, repetition, code), and which of them say something.

    A category is one by its code, whatever the sender calls its table; a detail only by the name of CDC's code system.
    """
    fields = run.tree.segments[at[0]].fields
    found: list[tuple[str, int, _Code]] = []
    reps: list[int] = []
    for rep, text in enumerate(fields[at[1]].split(run.P)):
        for one in _codes(run, text) if text and text != DELETE else ():
            detailed = run.program.system_of[one.system] == _CDC or (one.code == _OTHER_RACE and categories is _RACES)
            part = "ombCategory" if one.code in categories else "detailed" if detailed else ""
            if part and all(one.code != other.code for _, _, other in found):
                found.append((part, rep, one))
                reps += [rep] if rep not in reps else []
    return found, reps


def _extension(
    run: V2Run, at: Place, path: str, rule: str, rows: list[Row], name: str, categories: frozenset[str]
) -> Json | None:
    found, reps = _told(run, at, categories)
    if categories is _ETHNICITIES and sum(part == "ombCategory" for part, _, _ in found) > 1:
        return None  # of the two that exclude one another neither is chosen
    parts: list[Json] = []
    for part, rep, one in found:
        here = f"{path}.extension[{len(parts)}]"
        coding = {"system": _CDC, "code": one.code}
        rows += [Row(f"{here}.url", rule, None), Row(f"{here}.valueCoding.system", rule, None)]
        rows.append(Row(f"{here}.valueCoding.code", rule, (at[0], at[1], rep, one.comp, 0)))
        if one.words:
            coding["display"] = one.words
            rows.append(Row(f"{here}.valueCoding.display", rule, (at[0], at[1], rep, one.comp + 1, 0)))
        parts.append({"url": part, "valueCoding": coding})
    words = [_words(run, at, rep) for rep in reps]
    if not words:
        return None
    here = f"{path}.extension[{len(parts)}]"
    rows += [Row(f"{path}.url", rule, None), Row(f"{here}.url", rule, None)]
    rows += [
        Row(f"{here}.valueString", rule, (at[0], at[1], rep, comp, 0))
        for rep, (_, comp) in zip(reps, words, strict=True)
    ]
    text = ", ".join(dict.fromkeys(text for text, _ in words))
    return {"url": f"{_URL}{name}", "extension": [*parts, {"url": "text", "valueString": text}]}


def _words(run: V2Run, at: Place, rep: int) -> tuple[str, int]:
    """The words of a repetition: its original text, else those beside a code, else the code, with the component."""
    texts = [run.clean(part)[0] for part in run.tree.segments[at[0]].fields[at[1]].split(run.P)[rep].split(run.S)]
    return next((texts[comp - 1], comp) for comp in (9, 2, 5, 1, 4) if comp <= len(texts) and texts[comp - 1])


def race(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """All of PID-10 as the US Core race extension; None where no code of CDC's is in it."""
    del node
    return _extension(run, at, path, rule, rows, "race", _RACES)


def ethnicity(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The same of PID-22 for ethnicity; None also where two of its codes contradict each other."""
    del node
    return _extension(run, at, path, rule, rows, "ethnicity", _ETHNICITIES)


US_CORE: dict[str, Any] = {"race": race, "ethnicity": ethnicity}
