"""The command `suggest`: which standard codes the local codes of a file mean, without a store."""

from pathlib import Path
from typing import Annotated

import typer

from unsilo.cli.node import JsonOption
from unsilo.cli.output import NOT_NOW, WRONG, fail, given, say, say_json, several
from unsilo.cli.paths import needs_files, needs_place

__all__ = ["suggest"]


def suggest(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with a header: local_code,label,specimen,unit,category.")
    ],
    targets: Annotated[Path, typer.Option("--targets", metavar="CSV", help="CSV with a header: code,display.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="CSV", help="Written: local_code,rank,code,score,decision,reason.")
    ],
    top: Annotated[int, typer.Option("--top", help="Codes for each local code at most.", min=1, max=100)] = 5,
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", metavar="FOLDER", help="Model of static embeddings: finds candidates by meaning."),
    ] = None,
    chooser: Annotated[
        str,
        typer.Option("--chooser", metavar="COMMAND", help="Program that may choose among candidates left for review."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Suggest standard codes with their chance and reasons; what nothing fits is left without a code.

    Exit status 2 when a file is wrong: each error is told with row and column, and nothing is written.
    """
    from unsilo.flow.maps.chooser import ChoosingProgram
    from unsilo.flow.maps.suggest import suggest_file

    needs_files(file, targets)
    needs_place(out, beside=(file, targets))
    try:
        choosing = ChoosingProgram(chooser) if chooser else None
        done = suggest_file(file, targets, out, top=top, embeddings=embeddings, chooser=choosing)
    except ValueError as fault:
        fail(WRONG, f"--chooser: {fault}")
    except OSError as fault:
        fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    found = given(done)
    if as_json:
        say_json(found)
        return
    say(
        f"{several(found.items, 'local code')} among {several(found.targets, 'code')}: {found.automatic} certain, "
        f"{found.review} for review, {found.abstained} without a code"
    )
