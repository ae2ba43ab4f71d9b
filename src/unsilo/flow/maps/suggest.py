"""Suggest standard codes for the local codes of a CSV file, among the codes of another one."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from unsilo.flow.csv_file import read_csv, write_csv
from unsilo.kernel import Issue, Result, Where
from unsilo.terminology.suggest import Chooser, Embeddings, Item, Suggester, Suggestion, choose, load_embeddings

__all__ = ["ITEM_COLUMNS", "OUT_COLUMNS", "Suggested", "model_of", "read_items", "read_targets", "suggest_file"]

_log = logging.getLogger("unsilo.suggest")

ITEM_COLUMNS = ("local_code", "label", "specimen", "unit", "category")
OUT_COLUMNS = ("local_code", "rank", "code", "score", "decision", "reason")
_TARGET_COLUMNS = ("code", "display")
_ALSO_ITEM = {
    "code": "local_code", "id": "local_code", "itemid": "local_code", "name": "label", "description": "label",
    "display": "label", "fluid": "specimen", "sample": "specimen", "units": "unit", "uom": "unit", "valueuom": "unit",
    "class": "category", "department": "category",
}  # fmt: skip
_ALSO_TARGET = {
    "loinc_num": "code", "concept_code": "code", "long_common_name": "display", "name": "display",
    "concept_name": "display", "label": "display", "description": "display",
}  # fmt: skip
_FORMULA = ("=", "@")


class Suggested(msgspec.Struct, frozen=True):
    """What `suggest_file` did: items and targets read, and the items by decision."""

    items: int
    targets: int
    automatic: int
    review: int
    abstained: int
    issues: list[Issue]


def _told(name: str, issues: list[Issue]) -> list[Issue]:
    """Say in each Issue which of the two files it is about."""
    return [
        msgspec.structs.replace(issue, where=msgspec.structs.replace(issue.where, path=f"{name}: {issue.where.path}"))
        for issue in issues
    ]


def read_items(content: bytes) -> Result[list[Item]]:
    """Read local codes; a row needs a `local_code` or a `label`, every other cell may be empty."""
    read = read_csv(content, ITEM_COLUMNS, ("local_code", "label"), "suggest", _ALSO_ITEM)
    if read.value is None:
        return Result(None, read.issues)
    notes = list(read.issues)
    formulas = [number for number, row in read.value if row["local_code"].startswith(_FORMULA)]
    if formulas:
        text = f"{len(formulas)} local codes begin like a formula, which a spreadsheet would run; the output keeps them"
        notes.append(Issue("warning", "value", text, Where(f"row {formulas[0]}"), rule="suggest.formula"))
    return Result([Item(*(row[name] for name in ITEM_COLUMNS)) for _, row in read.value], notes)


def read_targets(content: bytes) -> Result[dict[str, str]]:
    """Read target codes and their displays; a code without display is its own, of a repeated code the first counts."""
    read = read_csv(content, _TARGET_COLUMNS, ("code",), "suggest", _ALSO_TARGET)
    if read.value is None:
        return Result(None, read.issues)
    notes = list(read.issues)
    targets: dict[str, str] = {}
    for number, row in read.value:
        if not row["code"]:
            notes.append(_warning(number, "the code is empty, the row is passed over", "suggest.target"))
        elif row["code"] in targets and targets[row["code"]] != row["display"]:
            notes.append(_warning(number, "the code stands above with another display, which counts", "suggest.twice"))
        else:
            targets.setdefault(row["code"], row["display"] or row["code"])
    if not targets:
        return Result(None, [*notes, Issue("error", "structure", "no row has a code", rule="suggest.target")])
    return Result(targets, notes[:20])


def _warning(row: int, text: str, rule: str) -> Issue:
    return Issue("warning", "structure", text, Where(f"row {row}"), rule=rule)


def _cells(item: Item, found: list[Suggestion]) -> Iterator[tuple[str, ...]]:
    for one in found:
        yield item.local_code, str(one.rank), one.code, f"{one.score:.4f}", one.decision, one.reason


def model_of(folder: str) -> Embeddings | None:
    """Return the model of static embeddings of a setting; None without one, and, told in the log, for a wrong one."""
    if not folder:
        return None
    found = load_embeddings(Path(folder))
    if found.value is None:
        _log.error("no candidates by meaning: the model cannot be read", extra={"reason": found.issues[0].text})
    return found.value


def suggest_file(
    source: Path, targets: Path, out: Path, *, top: int = 5, embeddings: Path | None = None,
    chooser: Chooser | None = None,
) -> Result[Suggested]:  # fmt: skip
    """Write for each local code at most `top` codes, best first, or one row that abstains.

    `embeddings` is the folder of a model that adds candidates by meaning; `chooser` may put another candidate first
    where a person decides anyway. The value is None when a file has an error; nothing is written then. OSError when a
    file cannot be read or written.
    """
    meaning = load_embeddings(embeddings) if embeddings is not None else None
    if meaning is not None and meaning.value is None:
        return Result(None, meaning.issues)
    items, known = read_items(source.read_bytes()), read_targets(targets.read_bytes())
    issues = [*_told(source.name, items.issues), *_told(targets.name, known.issues)]
    if items.value is None or known.value is None:
        return Result(None, issues)
    asked = Suggester(known.value, embeddings=meaning.value if meaning is not None else None)
    counted: Counter[str] = Counter()

    def rows() -> Iterator[tuple[str, ...]]:
        for item in items.value or ():
            found = asked.suggest(item, top)
            if chooser is not None and found[0].decision == "review":
                chosen = choose(chooser, item, found)
                found = chosen.value or found
                issues.extend(chosen.issues)
            counted[found[0].decision] += 1
            yield from _cells(item, found)

    write_csv(out, OUT_COLUMNS, rows())
    done = Suggested(
        len(items.value), len(known.value), counted["auto"], counted["review"], counted["abstain"], issues
    )  # fmt: skip
    return Result(done, issues)
