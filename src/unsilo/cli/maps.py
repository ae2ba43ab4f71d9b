"""The commands `maps ...`: local codes without a standard one, decisions about them, files, and what they touch."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, needs_store, node, settings_of, trace, who
from unsilo.cli.output import FAILED, NOT_NOW, WRONG, fail, issues, say, say_json, several, table
from unsilo.cli.paths import needs_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unsilo.flow.service import Service
    from unsilo.kernel import Result
    from unsilo.terminology.maps import Entry

__all__ = ["accept", "decide", "export", "history", "import_", "listing", "preview", "propose", "queue"]

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of decisions, as `unsilo maps list` says.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]
FeedOption = Annotated[str, typer.Option("--feed", help="Only of, or for, this feed.")]
LaterOption = Annotated[
    bool, typer.Option("--no-replay", help="Decide only; what is stored follows when it is replayed.")
]


def _settings(config: Path | None, data: Path | None) -> Any:
    return needs_store(settings_of(config, data))


@contextmanager
def _decision(id_: str, what: str, config: Path | None, data: Path | None) -> "Iterator[tuple[Service, Entry]]":
    """Open the node at a decision, leaving a trace of what is looked at; exits with 2 when there is none."""
    with node(_settings(config, data)) as service:
        trace(service.store, "read maps", f"{what} of {id_}")
        entry = service.maps.entry(id_)
        if entry is None:
            fail(WRONG, f"there is no decision {id_}")
        yield service, entry


def _done(result: "Result[list[Entry]]", as_json: bool) -> "list[Entry]":
    issues(result.issues)
    if result.value is None:
        raise SystemExit(FAILED)
    if as_json:
        say_json(result.value)
    else:
        for entry in result.value:
            say(f"{entry.id} {entry.state}: {entry.code} is {entry.target_code} {entry.target_display}".rstrip())
    return result.value


def _replay(service: "Service", entries: "list[Entry]", reason: str) -> None:
    from unsilo.flow.decide.map_effect import replay_after

    run = replay_after(service, entries, who(), reason or "a decision about a code")
    if run is not None:
        run.join()
        say(f"{several(run.sent, 'message')} sent on to be processed again")


def queue(
    feed: FeedOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Codes at most.")] = 50,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List local codes without a standard one, by number of facts times clinical risk."""
    from unsilo.flow.maps.queue import queue as found

    with node(_settings(config, data)) as service:
        trace(service.store, "read maps", "queue of local codes")
        rows = found(service.store, feed=feed, limit=limit)
        if as_json:
            say_json(rows)
            return
        table(
            ("element", "system", "code", "label", "units", "facts", "feeds"),
            [
                (r.element, r.system, r.code, r.label, ", ".join(r.units), str(r.facts), ", ".join(r.feeds))
                for r in rows
            ],
        )


def listing(
    state: Annotated[str, typer.Option("--state", help="proposed, approved, published, refused, deprecated.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List decisions, the last moved first."""
    from unsilo.terminology.maps.entry import STATES

    if state and state not in STATES:
        fail(WRONG, f"there is no state {state}", ", ".join(STATES))
    with node(_settings(config, data)) as service:
        trace(service.store, "read maps", "decisions about codes")
        found = service.maps.entries(state)
        if as_json:
            say_json(found)
            return
        columns = ("id", "state", "code", "unit", "feed", "target", "display", "author", "reviewer")
        table(
            columns,
            [
                (e.id, e.state, e.code, e.unit, e.feed, e.target_code, e.target_display, e.author, e.reviewer)
                for e in found
            ],
        )


def history(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every move of a decision."""
    from unsilo.kernel import clock

    with _decision(id_, "history", config, data) as (service, _):
        found = service.maps.history(id_)
        if as_json:
            say_json(found)
            return
        table(
            ("when", "who", "what", "state", "version", "reason"),
            [(clock.instant(e.at), e.actor, e.action, e.entry.state, str(e.entry.version), e.reason) for e in found],
        )


def preview(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a decision touches: facts by feed, and the messages that are replayed for it."""
    from unsilo.flow.decide.map_effect import effect

    with _decision(id_, "effect", config, data) as (service, entry):
        found = effect(service, entry)
        if as_json:
            say_json(found)
            return
        feeds = ", ".join(f"{name} {count}" for name, count in found.feeds.items())
        say(f"{several(found.facts, 'fact')} ({feeds or 'none'}), {several(len(found.messages), 'message')} to replay")


def propose(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The local code.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The standard code.")],
    system: Annotated[str, typer.Option("--system", help="Code system of the local code.")] = "",
    target_system: Annotated[str, typer.Option("--target-system", help="LOINC for Observations, when not said.")] = "",
    element: Annotated[str, typer.Option("--element", help="Where the code stands.")] = "Observation.code",
    display: Annotated[str, typer.Option("--display", help="Name of the standard code.")] = "",
    unit: Annotated[str, typer.Option("--unit", help="Holds for this unit only.")] = "",
    relationship: Annotated[str, typer.Option("--relationship", help="R4 concept-map-equivalence.")] = "equivalent",
    feed: FeedOption = "",
    reason: ReasonOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a standard code for a local one."""
    from unsilo.terminology.maps import ELEMENTS, Entry

    known = next((each for each in ELEMENTS.values() if each.path == element), None)
    if known is None:
        fail(WRONG, f"{element} is no element", ", ".join(each.path for each in ELEMENTS.values()))
    with node(_settings(config, data)) as service:
        wanted = target_system or known.system
        name = display or service.terminology.display(wanted, target)
        entry = Entry(
            "", element, system, code, wanted, target, name, feed=feed, unit=unit, relationship=relationship
        )  # fmt: skip
        _done(service.maps.propose([entry], who(), reason), as_json)


def decide(action: str, ids: list[str], reason: str, later: bool, data: Path | None, config: Path | None) -> None:
    """Move decisions, and replay what they touch where they are in use from now on, or no longer."""
    matters = action in ("publish", "deprecate", "undo") and not later
    with node(_settings(config, data), working=matters) as service:
        if action == "undo":
            for id_ in ids:
                entries = _done(service.maps.undo(id_, who(), reason), False)
                if matters:
                    _replay(service, entries, reason)
        else:
            entries = _done(service.maps.act(ids, action, who(), reason), False)
            if matters:
                _replay(service, entries, reason)
        if matters:
            _wait(service)


def _wait(service: "Service") -> None:
    import time

    while not service.dispatcher.idle:
        time.sleep(0.05)


def accept(
    reason: ReasonOption = "",
    later: LaterOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put into use what is certain without a person, where the setting maps.automatic allows it."""
    from unsilo.flow.decide.map_automatic import accept as accepting
    from unsilo.flow.decide.map_automatic import sampled

    with node(_settings(config, data), working=not later) as service:
        done = accepting(service, reason)
        issues(done.issues)
        if done.value is None:
            raise SystemExit(WRONG)
        if as_json:
            say_json(done.value)
        else:
            for entry in done.value.entries:
                mark = " (to be looked at)" if sampled(service, entry) else ""
                say(f"{entry.id} {entry.code} is {entry.target_code} {entry.target_display}{mark}")
            say(f"{len(done.value.entries)} decided, {done.value.left} left to people")
        if done.value.entries and not later:
            _replay(service, done.value.entries, reason)
            _wait(service)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (ours or Usagi's) or a ConceptMap in JSON.")],
    element: Annotated[str, typer.Option("--element", help="Where the codes stand.")] = "Observation.code",
    system: Annotated[str, typer.Option("--system", help="Code system of the local codes.")] = "",
    target_system: Annotated[str, typer.Option("--target-system", help="Code system of the standard codes.")] = "",
    feed: FeedOption = "",
    reason: ReasonOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose all that a file says, or nothing of it; each fault is told with its row."""
    from unsilo.flow.decide.map_files import import_file

    needs_files(file)
    with node(_settings(config, data)) as service:
        done = import_file(
            service, file.read_bytes(), who(), reason or f"file {file.name}", element=element, system=system,
            target_system=target_system, feed=feed,
        )  # fmt: skip
        issues(done.issues)
        if done.value is None:
            raise SystemExit(WRONG)
        if as_json:
            say_json(done.value)
            return
        say(f"{len(done.value)} decisions proposed")


def export(
    form: Annotated[str, typer.Option("--format", help="csv, fhir or usagi.")] = "csv",
    state: Annotated[str, typer.Option("--state", help="Only decisions of this state.")] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Instead of standard output.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Write decisions as CSV, as FHIR ConceptMaps, or as Usagi saves them."""
    from unsilo.flow.decide.map_files import export as exported
    from unsilo.terminology.maps.files import FORMATS

    if form not in FORMATS:
        fail(WRONG, f"there is no format {form}", ", ".join(FORMATS))
    with node(_settings(config, data)) as service:
        trace(service.store, "read maps", f"decisions about codes as {form}")
        content = exported(service, form, state)
    if out is None:
        sys.stdout.write(content.decode())
        return
    try:
        out.write_bytes(content)
    except OSError as fault:
        fail(NOT_NOW, f"{out}: {fault.strerror or fault}")


def _moving(action: str, says: str) -> Any:
    def command(
        ids: IdsArgument,
        reason: ReasonOption = "",
        later: LaterOption = False,
        data: DataOption = None,
        config: ConfigOption = None,
    ) -> None:
        decide(action, ids, reason, later, data, config)

    command.__doc__ = says
    return command


approve = _moving("approve", "Approve proposals; a second person where the setting maps.second_person asks for one.")
refuse = _moving("refuse", "Refuse proposals.")
publish = _moving("publish", "Put approved decisions into use, and replay what they touch.")
deprecate = _moving("deprecate", "Take decisions out of use, and replay what they touched.")
undo = _moving("undo", "Make decisions what they were before their last move, and replay what they touch.")
