"""The command `match`: which rows of a file are one person, without a store."""

from pathlib import Path
from typing import Annotated

import typer

from unsilo.cli.node import JsonOption
from unsilo.cli.output import NOT_NOW, WRONG, fail, given, progress, say, say_json, several
from unsilo.cli.paths import needs_files, needs_place

__all__ = ["match"]


def match(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header; the column record_id is needed.")],
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="Written: record_id,person_id.")],
    review: Annotated[
        Path | None, typer.Option("--review", metavar="CSV", help="Written: left,right,probability.")
    ] = None,
    error: Annotated[float, typer.Option("--error", help="Share of the links that may be expected wrong.")] = 0.001,
    link_at: Annotated[
        float | None, typer.Option("--link-at", help="Probability from which rows are linked, instead of --error.")
    ] = None,
    review_at: Annotated[float, typer.Option("--review-at", help="Probability from which pairs are for review.")] = 0.2,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="CSV", help="Read: left,right,same; answers that calibrate and are kept to."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Cluster person rows into persons; uncertain pairs are left for review.

    Exit status 2 when the file is wrong: each error is told with row and column, and nothing is written.
    """
    from unsilo.flow.persons.match import LEAST, match_file

    if not 0 < review_at <= (link_at or LEAST) < 1 or not 0 < error < 1:
        fail(
            WRONG,
            "the probabilities do not fit",
            f"0 < --review-at <= --link-at < 1 (without it {LEAST}), 0 < --error < 1",
        )
    needs_files(file, labels)
    needs_place(out, review, beside=(file, labels))
    with progress(None, "match", quiet=as_json) as shown:

        def told(name: str, number: int, total: int) -> None:
            if shown is not None:
                shown.update(shown.task_ids[0], description=f"match by {name}", completed=number, total=total)

        try:
            done = match_file(
                file, out, review, link_at=link_at, review_at=review_at, error=error, labels=labels, told=told
            )
        except OSError as fault:
            fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    found = given(done)
    if as_json:
        say_json(found)
        return
    say(
        f"{several(found.rows, 'row')} {'is' if found.rows == 1 else 'are'} {several(found.persons, 'person')}, "
        f"{several(found.review, 'pair')} for review "
        f"({several(found.compared, 'pair')} compared, linked from {found.link_at:.3f})"
    )
