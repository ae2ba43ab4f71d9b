"""The commands `map ...`: a site's overlay tested, compared over messages, and what of messages and tables it uses."""

from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, settings_of, store_of, trace, who
from unsilo.cli.output import FAILED, NOT_NOW, OK, WRONG, fail, issues, progress, say, say_json, several, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unsilo.config import Feed
    from unsilo.flow.overlays.coverage import Coverage
    from unsilo.flow.overlays.difference import Difference
    from unsilo.flow.overlays.trial import Trial
    from unsilo.kernel import Envelope, Result

__all__ = ["FeedArgument", "ReasonOption", "app", "named_feed"]

OnOption = Annotated[str, typer.Option("--on", metavar="FEED|DIR", help="Messages of a feed's journal, or files.")]
LastOption = Annotated[int, typer.Option("--last", min=1, help="Messages at most, the newest.")]
SinceOption = Annotated[str, typer.Option("--since", metavar="INSTANT", help="Only messages received from then on.")]
AsOption = Annotated[str, typer.Option("--feed", help="For files: read them as this feed.")]
ValuesOption = Annotated[bool, typer.Option("--values", help="Show values of messages, which are of patients.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0 for one a core.")]
_SHOWN = 40

app = typer.Typer(
    help="The mapping of a feed: what a site lays over the tables (overlays), and what feeds send.",
    no_args_is_help=True,
)


def named_feed(name: str, config: Path | None, data: Path | None = None) -> "Feed":
    """Return a feed of the settings; exits with 2 when there is none of the name."""
    settings = settings_of(config, data)
    feed = settings.feeds.get(name)
    if feed is None:
        fail(WRONG, f"there is no feed {name} in the settings", f"there are {', '.join(sorted(settings.feeds))}")
    return feed


@app.command("test")
def run_folder(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Overlay, feed.toml and tests.")],
    feed: Annotated[str, typer.Option("--feed", help="Test under the settings of this feed instead.")] = "",
    update: Annotated[bool, typer.Option("--update", help="Write the expected Bundles anew; then read them.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the tests of an overlay: each message beside its NAME.expect (FHIRPath) or NAME.bundle.json.

    Exit status 1 when an expectation does not hold, the overlay has an error, or there are no tests.
    """
    import msgspec

    from unsilo.flow.overlays.trial import folder_feed, overlay_file, run_tests

    if not folder.is_dir():
        fail(WRONG, f"there is no folder {folder}")
    if feed:
        own = overlay_file(folder)
        chosen = named_feed(feed, config)
        chosen = msgspec.structs.replace(chosen, overlay=str(own)) if own is not None else chosen
    else:
        found = folder_feed(folder)
        issues(found.issues)
        if found.value is None:
            raise SystemExit(WRONG)
        chosen = found.value
    try:
        trial = run_tests(folder, chosen, update=update)
    except (OSError, UnicodeDecodeError) as fault:
        fail(NOT_NOW, f"a file cannot be read or written: {fault}")
    if as_json:
        say_json(trial)
    else:
        _show(trial)
    raise SystemExit(OK if trial.good else FAILED)


def _show(trial: "Trial") -> None:
    issues(trial.faults)
    for check in trial.checks:
        place = f"{check.file}:{check.line}" if check.line else check.file
        if check.passed:
            say(f"ok    {place}: {check.text}")
        else:
            say(f"FAILS {place}: {check.text}")
            say(f"      {check.found}")
    for key in trial.unhit:
        say(f"note  no test comes to the row {key}")
    version = f", overlay {trial.overlay_sha256[:12]}" if trial.overlay_sha256 else ", no overlay"
    good = len(trial.checks) - trial.failed
    say(f"{good} of {len(trial.checks)} hold, {several(trial.messages, 'message')} ({trial.format}{version})")


@contextmanager
def _messages(
    on: str, as_feed: str, last: int, since: str, config: Path | None, data: Path | None, what: str
) -> "Iterator[tuple[Feed, Iterator[Envelope]]]":
    """Open the messages that `--on` names: of a feed's journal (which leaves an audit row), else of files."""
    from unsilo.flow.convert.bundle import detect
    from unsilo.flow.convert.inputs import inputs
    from unsilo.flow.overlays.messages import filed, journaled
    from unsilo.kernel import clock

    settings = settings_of(config, data)
    if on in settings.feeds:
        from unsilo.flow.overlays.publish import Overlays

        begin = 0
        if since:
            try:
                begin = clock.from_instant(since)
            except ValueError:
                fail(WRONG, f"{since} is no instant", "such as 2026-01-31T00:00:00Z")
        with store_of(settings) as store:
            trace(store, "read messages", f"{what} on feed {on}")
            yield Overlays(store, settings).live(on) or settings.feeds[on], journaled(store, on, last, begin)
        return
    path = Path(on)
    if not path.exists():
        fail(WRONG, f"there is neither a feed nor a folder {on}", f"feeds: {', '.join(sorted(settings.feeds))}")
    feed = named_feed(as_feed, config, data) if as_feed else None
    if feed is None:
        from unsilo.config import Feed

        first = next(iter(inputs([path])), None)
        fmt = detect(first[0].read_bytes()) if first is not None else ""
        feed = Feed("files", fmt or "hl7v2")
    yield feed, islice(filed([path], feed), last)


def overlay_text(named: str, feed: "Feed", data: Path | None, config: Path | None) -> bytes:
    """Return the overlay that an argument names: a file, a folder's own, `none`, `published`, or a version: `v3`."""
    from unsilo.flow.overlays.publish import Overlays
    from unsilo.flow.overlays.trial import overlay_file

    if named == "none":
        return b""
    path = Path(named)
    file = overlay_file(path) if path.is_dir() else path
    if file is not None and file.is_file():
        return file.read_bytes()
    text: bytes | None = None
    version = named.removeprefix("v")
    if named == "published" or (named != version and version.isascii() and version.isdigit()):
        settings = settings_of(config, data)
        with store_of(settings) as store:
            former = store.overlay_version(feed.name, int(version)) if named != "published" else None
            text = Overlays(store, settings).text(feed.name)[1] if named == "published" else None
            text = former.content if former is not None else text
    if text is None:
        fail(WRONG, f"there is no overlay {named}", "a file, a folder with one, none, published, or a version: v3")
    return text


def _sound(fmt: str, named: str, text: bytes) -> None:
    """Print the faults of an overlay; exits with 2 when one is an error."""
    from unsilo.mapping.faults import faults
    from unsilo.mapping.model import Site

    found = faults(fmt, Site(overlay=text))
    issues(found)
    if any(issue.severity in ("error", "fatal") for issue in found):
        fail(WRONG, f"the overlay {named} has errors")


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Overlay: a file, none, published, v3.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same.")],
    on: OnOption,
    feed: AsOption = "",
    last: LastOption = 1000,
    since: SinceOption = "",
    values: ValuesOption = False,
    workers: WorkersOption = 0,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what another overlay changes in a feed's messages, by resource type and element. Nothing is stored."""
    from unsilo.flow.overlays.difference import difference

    with _messages(on, feed, last, since, config, data, "map diff") as (chosen, found):
        texts = overlay_text(old, chosen, data, config), overlay_text(new, chosen, data, config)
        for named, text in zip((old, new), texts, strict=True):
            _sound(chosen.format, named, text)
        with progress(None, "diff", quiet=as_json) as shown:
            made = difference(
                found, chosen, *texts, values=values, workers=workers,
                told=lambda n: shown.advance(shown.task_ids[0], n) if shown is not None else None,
            )  # fmt: skip
    if as_json:
        say_json(made)
    else:
        _show_difference(made)


def _show_difference(made: "Difference") -> None:
    say(
        f"{made.changed} of {several(made.messages, 'message')} would change"
        + (f", {made.broken} broken" * bool(made.broken))
    )
    for group in made.groups:
        where = f"{several(group.resources, 'resource')} of {several(group.messages, 'message')}"
        say(f"{group.type} {group.path}: {group.kind} in {where}")
        for each in group.examples:
            values = f": {each.old or '(nothing)'} -> {each.new or '(nothing)'}" if each.old or each.new else ""
            say(f"    message {each.message} {each.resource}{values}")
    for name, fields in (("now read", made.read), ("no longer read", made.unread)):
        if fields:
            say(f"{name}: " + ", ".join(f"{path} ({count})" for path, count in fields.items()))
    for rule, count in made.issues.items():
        say(f"Issues {rule}: {count:+d}")


@app.command("coverage")
def coverage(
    feed: Annotated[str, typer.Option("--feed", help="Only this feed; with --on DIR: read the files as this.")] = "",
    on: Annotated[str, typer.Option("--on", metavar="DIR", help="Files instead of the journal.")] = "",
    last: LastOption = 1000,
    since: SinceOption = "",
    values: ValuesOption = False,
    rows: Annotated[bool, typer.Option("--rows", help="Name every row that was not hit, not the overlay's only.")] = (
        False
    ),
    workers: WorkersOption = 0,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show by feed which rows of the tables its messages hit, and which valued fields nothing consumes."""
    from unsilo.flow.overlays.coverage import coverage as covered

    settings = settings_of(config, data)
    names = [on] if on else [feed] if feed else sorted(settings.feeds)
    done = []
    for name in names:
        as_feed = feed if on else ""
        with (
            _messages(name, as_feed, last, since, config, data, "map coverage") as (chosen, found),
            progress(None, name, quiet=as_json) as shown,
        ):
            step = shown
            done.append(
                covered(
                    found, chosen, values=values, workers=workers,
                    told=lambda n, step=step: step.advance(step.task_ids[0], n) if step is not None else None,  # type: ignore[misc]
                )
            )  # fmt: skip
    done = [each for each in done if each.messages or feed or on]
    if as_json:
        say_json(done)
        return
    for each in done:
        _show_coverage(each, rows)


def _show_coverage(found: "Coverage", rows: bool) -> None:
    broken = f", {found.broken} could not be read" if found.broken else ""
    say(f"{found.feed} ({found.format}): {several(found.messages, 'message')}{broken}, {found.fields} places consumed")
    say(f"  {several(len(found.rows), 'row')} hit in {len(found.by_map)} maps")
    for key in found.own_missed:
        say(f"  the overlay's row {key}: not hit")
    if rows:
        for name, missed in found.missed.items():
            hit, total = found.by_map[name]
            say(f"  {name}: {hit} of {several(total, 'row')} hit; not {', '.join(missed)}")
    for each in found.unmapped:
        shown = f": {'; '.join(each.shown)}" if each.shown else ""
        say(f"  codes without a map in {each.path}: {each.values} in {several(each.messages, 'message')}{shown}")
    numbering = [each.path for each in found.unread if each.counts]
    lost = [each for each in found.unread if not each.counts]
    if numbering:
        say(f"  numbers of segments and names of data types: {', '.join(sorted(numbering))}")
    if not lost:
        say("  every other valued field was consumed")
        return
    head = ("valued and never consumed", "values", "messages", "in message", "such as")
    table(
        head[: 4 + bool(lost[0].shown)],
        [
            (
                each.path,
                str(each.values),
                str(each.messages),
                each.examples[0],
                *([", ".join(each.shown)] * bool(each.shown)),
            )
            for each in lost[:_SHOWN]
        ],
    )
    if len(lost) > _SHOWN:
        say(f"  and {len(lost) - _SHOWN} more fields (--json has all)")


FeedArgument = Annotated[str, typer.Argument(metavar="FEED", help="A feed of the settings.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]


def _published(made: "Result[int]", feed: str) -> None:
    issues(made.issues)
    if made.value is None:
        raise SystemExit(FAILED)
    say(f"version {made.value} is in use for {feed}; what is stored already follows when it is replayed")


@app.command("publish")
def publish(
    feed: FeedArgument,
    overlay: Annotated[str, typer.Argument(metavar="OVERLAY", help="A file, a folder with one, or none.")],
    reason: ReasonOption,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Put an overlay into use for a feed, with who and why; a running node takes it without a restart.

    Refused when it has an error. From then on the file of the feed's settings is not used.
    """
    from unsilo.flow.overlays.publish import Overlays

    chosen = named_feed(feed, config, data)
    settings = settings_of(config, data)
    text = overlay_text(overlay, chosen, data, config)
    with store_of(settings) as store:
        _published(Overlays(store, settings).publish(feed, text, who(), reason), feed)


@app.command("back")
def back(
    feed: FeedArgument,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="A former version; 0: the settings' file.")],
    reason: ReasonOption,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Publish a former version of a feed's overlay again, as a version of its own."""
    from unsilo.flow.overlays.publish import Overlays

    named_feed(feed, config, data)
    settings = settings_of(config, data)
    with store_of(settings) as store:
        _published(Overlays(store, settings).back_to(feed, version, who(), reason), feed)


@app.command("history")
def history(
    feed: FeedArgument,
    version: Annotated[int, typer.Option("--version", min=0, help="Print the text of this version.")] = 0,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the published versions of a feed's overlay, the newest first, with who, when and why."""
    from unsilo.kernel import clock

    named_feed(feed, config, data)
    with store_of(settings_of(config, data)) as store:
        found = store.overlay_history(feed)
    if version:
        text = next((each.content for each in found if each.version == version), None)
        if text is None:
            fail(WRONG, f"there is no version {version} for {feed}")
        say(text.decode("utf-8", "replace").rstrip("\n"))
        return
    if as_json:
        say_json([{**each._asdict(), "content": each.content.decode("utf-8", "replace")} for each in found])
        return
    table(
        ("version", "when", "who", "sha256", "bytes", "why"),
        [
            (
                str(each.version),
                clock.instant(each.at),
                each.actor,
                each.sha256[:12],
                str(len(each.content)),
                each.reason,
            )
            for each in found
        ],
    )
