"""What reviewers said of pairs of rows, read from a CSV file: left, right, same."""

from collections.abc import Collection
from pathlib import Path

from unsilo.flow.csv_file import read_csv
from unsilo.kernel import Issue, Result, Where

__all__ = ["Answer", "read_answers"]

Answer = tuple[str, str, bool]
_SAID = {
    "same": True, "yes": True, "y": True, "true": True, "1": True, "link": True,
    "apart": False, "no": False, "n": False, "false": False, "0": False, "different": False,
}  # fmt: skip
_WORDS = "same or apart, yes or no, 1 or 0"
_MOST_ISSUES = 20


def read_answers(file: Path, known: Collection[str] | None = None) -> Result[list[Answer]]:
    """Read answers; rows without one (nobody looked yet) are passed over. The value is None when the file is wrong.

    `known` are the ids that there are. A pair that is answered in two ways is an error, as nobody can say which holds.
    OSError when the file cannot be read.
    """
    read = read_csv(file.read_bytes(), ("left", "right", "same"), ("same",), "answers", {"answer": "same"})
    if read.value is None:
        return Result(None, read.issues)
    found: dict[tuple[str, str], bool] = {}
    faults: list[Issue] = []

    def fault(row: int, column: str, text: str, hint: str = "") -> None:
        if len(faults) < _MOST_ISSUES:
            place = Where(f"row {row}, column {column}")
            faults.append(Issue("error", "value", text, place, hint, f"answers.{column}"))

    for row, cells in read.value:
        left, right, word = (cells[name].strip() for name in ("left", "right", "same"))
        if not word:
            continue
        said = _SAID.get(word.casefold())
        if said is None:
            fault(row, "same", f"{word[:40]} is no answer", _WORDS)
            continue
        for column, id_ in (("left", left), ("right", right)):
            if not id_ or (known is not None and id_ not in known):
                fault(row, column, f"there is no record {id_[:80]}")
        pair = min(left, right), max(left, right)
        if left == right:
            fault(row, "right", "a record is always itself")
        elif found.setdefault(pair, said) != said:
            fault(row, "same", "the pair is answered otherwise in a row before")
    if faults:
        return Result(None, [*read.issues, *faults])
    return Result([(left, right, said) for (left, right), said in found.items()], read.issues)
