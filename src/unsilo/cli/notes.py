"""The command `notes`: free text read for facts, one JSON object a fact."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from unsilo.cli.output import FAILED, OK, WRONG, fail, issues
from unsilo.cli.paths import needs_files

__all__ = ["notes"]


def notes(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Text, RTF or HTML files; - for standard input.")],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="A node's data folder, for its terminologies.")
    ] = None,
) -> None:
    """Read free text for facts: one JSON object a fact, with its place, codes, what is said of it, and the rules.

    The last line of each file says how much of it was read. Exit status 1 when a file is not text, such as a PDF.
    """
    from unsilo.flow.notes.files import dictionary_for, facts_in, note_of

    needs_files(*(Path(name) for name in files if name != "-"))
    if data is not None and not data.is_dir():
        fail(WRONG, f"there is no folder {data}")
    dictionary = dictionary_for(data)
    status = OK
    for name in files:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        note = note_of(name, content)
        issues(note.issues)
        if note.value is None:
            status = FAILED
            continue
        for line in facts_in(name, content, note.value, dictionary):
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
    raise SystemExit(status)
