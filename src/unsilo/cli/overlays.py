"""The commands `map ...`: a site's overlay tested, compared over messages, and what of messages and tables it uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, JsonOption, settings_of
from unsilo.cli.output import FAILED, NOT_NOW, OK, WRONG, fail, issues, say, say_json

if TYPE_CHECKING:
    from unsilo.config import Feed
    from unsilo.flow.overlays.trial import Trial

__all__ = ["app"]

app = typer.Typer(help="What a site lays over the mapping tables: test, compare, publish.", no_args_is_help=True)


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
    say(f"{good} of {len(trial.checks)} hold, {trial.messages} messages ({trial.format}{version})")
