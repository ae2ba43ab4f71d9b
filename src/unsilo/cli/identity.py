"""The commands `identity`: made-up populations, quality, explanations, training, and the index of a store."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, settings_of, store_of, who
from unsilo.cli.output import NOT_NOW, WRONG, fail, given, issues, progress, say, say_json, several, table
from unsilo.cli.paths import needs_files

if TYPE_CHECKING:
    from unsilo.flow.persons.quality import Figures

__all__ = ["app"]

app = typer.Typer(help="Whose record it is: benchmark, explain, train and rebuild.", no_args_is_help=True)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="Written: one record a row, with its truth.")],
    records: Annotated[int, typer.Option("--records", min=1, help="Rows.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same rows.")] = 1,
    rate: Annotated[list[str] | None, typer.Option("--rate", metavar="NAME=SHARE", help="Change a rate.")] = None,
) -> None:
    """Write a labelled made-up population: households, twins, namesakes, nicknames, slips, moves, gaps."""
    from unsilo.flow.persons.quality import simulate_file

    try:
        with progress(None, "simulate"):
            done = simulate_file(out, records, seed, rate or [])
    except OSError as fault:
        fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    say(f"{several(given(done), 'record')} in {out}, seed {seed}")


def _shown(name: str, figures: "Figures") -> tuple[str, ...]:
    return (
        name, str(figures.true), str(figures.linked), f"{figures.precision:.4f}", f"{figures.recall:.4f}",
        f"{figures.f1:.4f}",
    )  # fmt: skip


@app.command()
def evaluate(
    people: Annotated[Path, typer.Argument(metavar="FILE", help="CSV as `match` reads it, with a column truth.")],
    error: Annotated[float, typer.Option("--error", help="As of `match`.")] = 0.001,
    as_json: JsonOption = False,
) -> None:
    """Match a labelled file and show precision, recall and review by group."""
    from unsilo.flow.persons.quality import evaluate_file

    needs_files(people)
    with tempfile.TemporaryDirectory(prefix="unsilo-") as folder, progress(None, "evaluate", quiet=as_json):
        done = evaluate_file(people, Path(folder) / "links.csv", Path(folder) / "review.csv", error=error)
    found = given(done)
    if as_json:
        say_json(found)
        return
    rows = [_shown("linked automatically", found.automatic), _shown("with review decided", found.decided)]
    rows += [_shown(f"{kind}: {name}", one) for kind, groups in found.groups.items() for name, one in groups.items()]
    table(("pairs", "true", "linked", "precision", "recall", "F1"), rows)
    say(
        f"{several(found.rows, 'row')}, linked from {found.link_at:.3f}; {several(found.review, 'pair')} for review "
        f"({found.review / found.rows:.2%} of the rows), {found.review_right} of them one person"
    )


@app.command()
def explain(
    left: Annotated[str, typer.Argument(metavar="A", help="Id of a source Patient, or a record_id of --file.")],
    right: Annotated[str, typer.Argument(metavar="B")],
    file: Annotated[Path | None, typer.Option("--file", metavar="CSV", help="A file as `match` reads it.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why two records are one person or not: each field's part in bits, and their sum."""
    from unsilo.flow.persons.explain import explain_rows, explain_stored

    if file is not None:
        needs_files(file)
        done = explain_rows(file, left, right)
    else:
        with store_of(settings_of(config, data)) as store:
            done = explain_stored(store, left, right)
    found = given(done)
    if as_json:
        say_json(found)
        return
    table(
        ("field", "says", "bits"),
        [(part.field, part.says, f"{part.weight:+.2f}") for part in found.parts]
        + [("sum", f"probability {found.probability:.4f}", f"{found.score:+.2f}")],
    )
    say(found.sentence)


@app.command()
def train(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="CSV as `match` reads it; without one the store's own records."),
    ] = None,
    *,
    version: Annotated[str, typer.Option("--version", help="Name of the new weights, written on every edge.")],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="CSV", help="Read: left,right,same; answers of people about pairs of FILE."),
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch", help="Let the new weights decide in the store from now on.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn shares and weights, and compare them with those that decide now.

    Answers calibrate them: those of --labels, or what stewards decided in the store. Nothing is switched without
    --switch; the former weights are kept.
    """
    from unsilo.flow.persons.training import compared, source_of_file, source_of_store, switch_model
    from unsilo.flow.persons.training import train as learn

    for path in (file, labels):
        if path is not None and not path.is_file():
            fail(WRONG, f"there is no file {path}")
    if labels is not None and file is None:
        fail(WRONG, "--labels needs a FILE", "without a file the decisions in the store are the labels")
    with store_of(settings_of(config, data)) as store:
        with progress(None, "train", quiet=as_json):
            source = source_of_file(file, labels) if file is not None else source_of_store(store)
            done = learn(source.value, version) if source.value is not None else None
        issues(source.issues + (done.issues if done is not None else []))
        if source.value is None or done is None or done.value is None:
            raise SystemExit(WRONG)
        difference = compared(store, done.value, source.value)
        if switch:
            switch_model(store, done.value, who())
    if as_json:
        say_json(difference)
        return
    table(
        ("weight", "now", "new"),
        [(f"{name} {level}", f"{now:+.2f}", f"{new:+.2f}") for name, level, now, new in difference.weights],
    )
    say(
        f"{several(difference.pairs, 'pair')} compared: {difference.linked_now} linked now, {difference.linked_new} by "
        f"the new weights, {difference.changed} decided otherwise"
    )
    say(f"{version} decides from now on" if switch else "nothing was switched; --switch lets it decide")


@app.command()
def rebuild(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read every Patient anew: what is compared of it and the keys under which it is found. Links stay as they are."""
    from unsilo.flow.persons.rebuild import rebuild as again

    with store_of(settings_of(config, data)) as store, progress(None, "rebuild", quiet=as_json):
        count = again(store)
    if as_json:
        say_json({"records": count})
        return
    say(f"the index holds {several(count, 'record')}")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="Written: one edge a row.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Write every link: patient, person, rule, score, who and when, and the reason."""
    from unsilo.flow.persons.rebuild import export as write

    try:
        with store_of(settings_of(config, data)) as store:
            count = write(store, out)
    except OSError as fault:
        fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    say(f"{count} links in {out}")


@app.command()
def sample(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="CSV", help="Written: left,right,probability,stratum,weight,same (to fill in)."),
    ] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Put the pairs into the review queue; the quality page tells the rates.")
    ] = False,
    count: Annotated[int, typer.Option("--count", min=1, help="Pairs.")] = 100,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw pairs for clerical review, evenly over probabilities, of what is linked and of what is not."""
    from unsilo.flow.persons.rebuild import sample as draw

    if out is None and not queue:
        fail(WRONG, "say where the pairs go", "--out FILE.csv, --queue, or both")
    try:
        with store_of(settings_of(config, data)) as store:
            done = draw(store, out, count, seed, queue=queue)
    except OSError as fault:
        fail(NOT_NOW, f"{fault.filename or out}: {fault.strerror or fault}")
    places = ([str(out)] if out is not None else []) + (["the review queue"] if queue else [])
    say(f"{several(done, 'pair')} in {' and '.join(places)}")
