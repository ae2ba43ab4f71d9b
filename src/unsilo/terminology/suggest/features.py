"""What speaks for and against a candidate: the words in common and the axes that agree or contradict."""

from typing import NamedTuple

from unsilo.terminology.suggest.index import Index
from unsilo.terminology.suggest.item import Local
from unsilo.terminology.suggest.tables import fits, usual_specimens, words
from unsilo.terminology.suggest.target import Target

__all__ = ["FEATURES", "Pair", "compare"]

FEATURES = (
    "label covered", "name covered", "same words", "raw words", "first word", "same specimen",
    "specimen of the family", "general specimen", "no specimen", "other specimen", "usual specimen",
    "unit fits", "unit contradicts", "number or presence", "mark fits", "no method", "method said",
    "ordinary method", "method not said", "method missing", "challenge", "same time", "other time",
    "no unit but share", "no unit but number", "quotient agrees", "quotient differs", "panel", "age",
)  # fmt: skip
_FLUIDS = frozenset({
    "peritoneal", "pleural", "pericardial", "synovial", "amniotic", "csf", "dialysis", "gastric", "bile", "stool",
    "fluid", "respiratory", "wound",
})  # fmt: skip
_BROAD = frozenset({"blood", "urine", "bone marrow", "nasopharynx", "genital"})
"""What senders call a whole family by; who says serum does not mean whole blood."""
_NO_CHALLENGE = frozenset({"random", "baseline"})
_LIQUID = _FLUIDS - {"stool", "respiratory", "wound"}


class Pair(NamedTuple):
    """A candidate compared: the values of `FEATURES`, whether unit and specimen are consistent, and reasons."""

    values: tuple[float, ...]
    consistent: bool
    contradicted: bool
    reasons: tuple[str, ...]


def _usual(local: Local, target: Target) -> float:
    """Return how usual the code's specimen is for the item's category; serum or plasma where that says nothing."""
    category = local.item.category.casefold()
    for key, wanted in usual_specimens():
        if key in category:
            return float(target.system in wanted)
    return {"serum or plasma": 1.0, "blood": 0.5}.get(target.system, 0.0)


def _specimen(local: Local, target: Target, reasons: list[str]) -> tuple[list[float], bool, bool]:
    same = family = general = absent = other = usual = 0.0
    if not target.family:
        absent = 1.0
    elif not local.family or local.family == "any":
        usual = _usual(local, target)
        general = 1.0 if target.family in ("any", "fluid") else 0.0
    elif target.system == local.system:
        same = 1.0
        usual = _usual(local, target) if local.family == "blood" else 0.0
        reasons.append(f"the specimen is {target.system}")
    elif target.family == local.family:
        family = 1.0 if local.system in _BROAD else 0.5
        usual = _usual(local, target)
        reasons.append(f"{target.system} is a specimen of {local.family}")
    elif target.family == "any" or (target.family == "fluid" and local.family in _FLUIDS):
        general = 1.0 if (target.family == "fluid") == (local.family in _LIQUID) else 0.7
        reasons.append(f"the code is for any {target.system}")
    elif local.family == "fluid" and target.family in _FLUIDS:
        general = 0.5
        reasons.append(f"the specimen may be {target.system}")
    elif {target.family, local.family} == {"blood", "marrow"} and target.system.startswith("blood or"):
        family = 1.0
    else:
        other = 1.0
        reasons.append(f"the specimen is {local.system}, not {target.system or 'that of the code'}")
    return [same, family, general, absent, other, usual], bool(same or family), bool(other)


def _property(local: Local, target: Target, reasons: list[str]) -> tuple[list[float], bool, bool]:
    fit = against = numeric = mark = 0.0
    if target.kind and local.kind:
        if target.kind == local.kind:
            found: float | None = 1.0
        elif target.kind == "other" or local.kind in ("ph",):
            found = 0.0
        else:
            found = fits().get((local.kind, target.kind))
        fit = max(0.0, found or 0.0) if found is not None else 0.0
        against = -min(0.0, found) if found is not None else 1.0
        what = f"unit {local.item.unit.strip()}" if local.told else "label"
        if fit >= 0.8:
            reasons.append(f"the {what} fits ({target.kind})")
        elif against >= 0.5:
            reasons.append(f"the {what} says {local.kind}, the code {target.kind}")
    if local.cue and target.kind and local.cue == target.kind:
        mark = 1.0
    if not local.kind and target.kind in ("presence", "nominal", "titer", "susceptibility"):
        numeric = 1.0
    return [fit, against, numeric, mark], fit >= 0.8, against >= 0.5


def _method(local: Local, target: Target, reasons: list[str]) -> list[float]:
    none = said = ordinary = unsaid = missing = 0.0
    if not target.method:
        none = 1.0
        missing = 1.0 if local.methods else 0.0
    elif target.method in local.methods:
        said = 1.0
        reasons.append(f"the method is {target.method_text}")
    elif target.method_ordinary:
        ordinary = 1.0
        missing = 1.0 if local.methods else 0.0
    else:
        unsaid = 1.0
        reasons.append(f"the label says nothing of {target.method_text}")
    return [none, said, ordinary, unsaid, missing]


def compare(index: Index, local: Local, target: Target) -> Pair:
    """Compare an item with a target; the values stand in the order of `FEATURES`."""
    reasons: list[str] = []
    matched: set[str] = set()
    got = 0.0
    every = target.words | target.per
    anywhere = every | target.method_words
    for word in local.words:
        best, which = 0.0, ""
        for other, alike in index.near(word):
            if other in anywhere and alike > best:
                best, which = alike, other
        if which:
            matched.add(which)
            got += best * index.weight[which]
    of_label = index.weigh(local.words)
    covered = min(1.0, got / of_label) if of_label else 0.0
    of_name = index.weigh(every)
    known = index.weigh(matched & every) / of_name if of_name else 0.0
    raw = set(local.raw)
    common = raw & target.plain
    raw_alike = 2 * len(common) / (len(raw) + len(target.plain)) if raw and target.plain else 0.0
    roles = words()
    strong = {
        word for word in local.words if word not in target.weak and (word not in roles or roles[word].role != "weak")
    }
    exact = 1.0 if strong == target.words - target.weak and not target.per else 0.0
    first = 1.0 if target.first in matched else 0.0
    if exact:
        reasons.append(f"the label means {' '.join(sorted(target.words, key=target.display.casefold().find))}")
    elif matched:
        shown = ", ".join(sorted(matched))
        reasons.append(f"in common: {shown}")
    system, system_agrees, system_against = _specimen(local, target, reasons)
    kind, kind_agrees, kind_against = _property(local, target, reasons)
    method = _method(local, target, reasons)
    if target.challenge:
        challenge = float(not target.challenge & local.challenge)
    else:
        challenge = 0.5 if local.challenge - _NO_CHALLENGE else 0.0
    same_time = float(bool(target.hours) and target.hours == local.hours)
    other_time = float(target.hours != local.hours)
    if same_time:
        reasons.append(f"collected over {target.hours} hours")
    agrees = float(bool(target.per) and local.ratio)
    differs = float(
        bool(target.per) != local.ratio and not (local.ratio and target.kind in ("ratio", "fraction", "mass content"))
    )
    panel = float(target.panel and "panel" not in local.words)
    share = float(not local.kind and target.kind in ("fraction", "relative"))
    number = float(not local.kind and target.kind == "number concentration")
    values = (
        covered, known, exact, raw_alike, first, *system, *kind, *method, challenge, same_time, other_time, share,
        number, agrees, differs, panel, target.age,
    )  # fmt: skip
    consistent = (
        (system_agrees or not target.family) and (kind_agrees or not target.kind) and not challenge and not other_time
    )
    return Pair(values, consistent, system_against or kind_against, tuple(reasons))
