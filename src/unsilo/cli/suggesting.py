"""The command `suggest`: which standard codes the local codes of a file mean, without a store."""

from pathlib import Path
from typing import Annotated

import typer

from unsilo.cli.node import JsonOption
from unsilo.cli.output import NOT_NOW, WRONG, fail, issues, say, say_json, several

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

    for path in (file, targets):
        if not path.is_file():
            fail(WRONG, f"there is no file {path}")
    if out.is_dir() or not out.absolute().parent.is_dir():
        fail(WRONG, f"{out} cannot be a file", "its folder must be there")
    if out.resolve() in (file.resolve(), targets.resolve()):
        fail(WRONG, f"{out} is a file that is read")
    try:
        choosing = ChoosingProgram(chooser) if chooser else None
        done = suggest_file(file, targets, out, top=top, embeddings=embeddings, chooser=choosing)
    except ValueError as fault:
        fail(WRONG, f"--chooser: {fault}")
    except OSError as fault:
        fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    issues(done.issues)
    if done.value is None:
        raise SystemExit(WRONG)
    if as_json:
        say_json(done.value)
        return
    found = done.value
    say(
        f"{several(found.items, 'local code')} among {several(found.targets, 'code')}: {found.automatic} certain, "
        f"{found.review} for review, {found.abstained} without a code"
    )
