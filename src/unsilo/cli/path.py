"""The command `fhirpath`: an expression over a file, or many from a file of lines."""

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unsilo.cli.output import FAILED, WRONG, fail, issues

if TYPE_CHECKING:
    from unsilo.fhir.path import Context
    from unsilo.kernel import Json

__all__ = ["fhirpath"]


class _UnreadableError(Exception):
    """A line or a file cannot be read; the text says why."""


def fhirpath(
    expression: Annotated[str, typer.Argument(metavar="EXPRESSION", help="FHIRPath (N1 with FHIR R4).")] = "",
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A resource, JSON or XML; - for input.")] = None,
    batch: Annotated[
        Path | None,
        typer.Option("--batch", metavar="LINES", help='Lines {"id","expression","file"} instead; - for input.'),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Unknown elements are empty, `as` filters several items.")
    ] = False,
) -> None:
    """Evaluate FHIRPath on a resource and print the result, a JSON array.

    With --batch each line is answered by a line {"id","result"} or {"id","error"}; an error is an answer, so the
    exit status is 0 when all lines were answered, and 2 when LINES cannot be read.
    """
    if batch is not None:
        if expression or file is not None:
            fail(WRONG, "--batch takes no expression and no file", "they stand in its lines")
        _batch(batch, lenient)
        return
    if not expression or file is None:
        fail(WRONG, "an expression and a file are needed", "or --batch LINES.jsonl")
    _single(expression, file, lenient)


def _single(expression: str, file: Path, lenient: bool) -> None:
    from unsilo.fhir.path import PathError
    from unsilo.fhir.path.answering import answer, read
    from unsilo.flow.evaluate import surroundings

    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as fault:
        fail(WRONG, f"{file} cannot be read: {fault.strerror or fault}")
    document = read(content)
    if document.value is None:
        issues(document.issues)
        raise SystemExit(FAILED)
    try:
        found = answer(expression, document.value, surroundings(_traced), lenient=lenient)
    except PathError as fault:
        sys.stderr.write(f"unsilo: {fault}\n")
        raise SystemExit(FAILED) from None
    _print(found)


def _traced(name: str, values: list[Any]) -> None:
    from unsilo.fhir.path.answering import shown

    sys.stderr.write(f"{name}: {_json([shown(value) for value in values]).decode()}\n")


def _json(value: Any) -> bytes:
    import msgspec

    try:
        return msgspec.json.Encoder(decimal_format="number").encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which an expression may cut out of a text
        import json

        return json.dumps(value, default=float).encode()


def _print(value: Any) -> None:
    sys.stdout.buffer.write(_json(value) + b"\n")
    sys.stdout.buffer.flush()


def _batch(lines: Path, lenient: bool) -> None:
    """Answer every line; what is wrong with a line is its answer, so the exit status is 0."""
    from unsilo.flow.evaluate import surroundings

    context = surroundings()
    if str(lines) == "-":
        for reply in _replies(sys.stdin.buffer, Path(), context, lenient):
            _print(reply)
        return
    try:
        opened = lines.open("rb")
    except OSError as fault:
        fail(WRONG, f"{lines} cannot be read: {fault.strerror or fault}")
    with opened as source:
        for reply in _replies(source, lines.parent, context, lenient):
            _print(reply)


def _replies(source: Any, folder: Path, context: "Context", lenient: bool) -> Iterator[dict[str, Any]]:
    from unsilo.fhir.path import PathError
    from unsilo.fhir.path.answering import answer

    @lru_cache(maxsize=32)
    def load(name: str) -> "Json":
        return _load(folder, name)

    for number, line in enumerate(source, 1):
        text = line.removeprefix(BOM_UTF8) if number == 1 else line
        if not text.strip():
            continue
        name: Any = number
        try:
            asked = _asked(text)
            name = asked.get("id", number)
            file = asked.get("file")
            document = load(file) if isinstance(file, str) and file else None
            expression = asked.get("expression")
            if not isinstance(expression, str):
                raise _UnreadableError('the line has no "expression"')
            reply = {"id": name, "result": answer(expression, document, context, lenient=lenient)}
        except (_UnreadableError, PathError) as fault:
            reply = {"id": name, "error": str(fault)}
        yield reply


def _asked(line: bytes) -> dict[str, Any]:
    from unsilo.kernel import json

    try:
        asked = json.decode(line)
    except (ValueError, RecursionError):
        raise _UnreadableError("the line is no JSON") from None
    if not isinstance(asked, dict):
        raise _UnreadableError("the line is no JSON object")
    return asked


def _load(folder: Path, name: str) -> "Json":
    from unsilo.fhir.path.answering import read

    try:
        beside = folder / name
        content = (beside if beside.exists() else Path(name)).read_bytes()
    except (OSError, ValueError) as fault:
        raise _UnreadableError(f"{name} cannot be read: {getattr(fault, 'strerror', None) or fault}") from None
    document = read(content)
    if document.value is None:
        raise _UnreadableError(f"{name}: {document.issues[0].text}")
    return document.value
