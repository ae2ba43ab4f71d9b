"""Commands that look after a node: `status`, `verify`, `backup`, `restore`, `config check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, settings_of, store_of
from unsilo.cli.output import FAILED, NOT_NOW, OK, fail, human, issues, progress, say, say_json, several, table

if TYPE_CHECKING:
    from unsilo.config import Settings

__all__ = ["backup", "config_check", "restore", "status", "verify"]


def status(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what the node holds and how its feeds are: the figures that the console and the metrics show."""
    from unsilo.flow.status import status as state_of
    from unsilo.kernel import clock

    settings = settings_of(config, data)
    with store_of(settings) as store:
        found = state_of(store, settings)
    if as_json:
        say_json(found)
        return
    resources = several(sum(found.resources.values()), "resource")
    say(f"{several(found.messages_in, 'message')} in, {several(found.persons, 'person')}, {resources}")
    merged, conflicts = several(found.merged, "merged duplicate"), several(found.conflicts, "conflict")
    say(f"{merged}, {conflicts}, {several(found.dead_letters, 'dead letter')}")
    say("")
    table(
        ("feed", "state", "messages", "today", "queued", "held", "dead", "resent", "alarms", "size", "last message"),
        [
            (
                feed.name, feed.state, str(feed.messages), str(feed.today), str(feed.queued), str(feed.held),
                str(feed.dead), str(feed.resent), str(feed.alarms),
                human(feed.bytes),
                clock.instant(feed.last_received) if feed.last_received else "never",
            )
            for feed in found.feeds
        ],
    )  # fmt: skip


def verify(
    data: DataOption = None,
    config: ConfigOption = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not read and hash the bytes of every message.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the store against itself: files, indexes, versions, links, figures, bytes against hashes.

    Exit status 1 when something is wrong.
    """
    from unsilo.storage import StoreDamagedError
    from unsilo.storage import verify as verify_files

    settings = settings_of(config, data)
    try:
        with store_of(settings) as store, progress(None, "verify", quiet=as_json):
            found = store.verify(contents=not fast)
    except StoreDamagedError:
        found = verify_files(settings.data, contents=not fast)
    if as_json:
        say_json({"sound": not found, "issues": found})
    else:
        issues(found)
        say(f"{several(len(found), 'fault')} found" if found else "the store is sound")
    raise SystemExit(FAILED if found else OK)


def _in_files(settings: "Settings") -> None:
    """Fail when the store is in a database, which has tools of its own to be copied."""
    if settings.database:
        fail(NOT_NOW, "the store is in a PostgreSQL database", "copy it with pg_dump, bring it back with pg_restore")


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Empty or new folder for the copy.")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the store, which may be written meanwhile, with the hash of every file."""
    from unsilo.storage import backup as copy

    settings = settings_of(config, data)
    _in_files(settings)
    try:
        with progress(None, "backup", quiet=as_json):
            manifest = copy(settings.data, target)
    except FileExistsError as fault:
        fail(NOT_NOW, str(fault), "name an empty or new folder")
    except FileNotFoundError as fault:
        fail(NOT_NOW, str(fault))
    except OSError as fault:
        fail(NOT_NOW, f"{target} cannot be written: {fault.strerror or fault}")
    if as_json:
        say_json(manifest)
    else:
        say(f"{several(len(manifest.files), 'file')} copied to {target}, up to message {manifest.last_message}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder that `backup` wrote.")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a backup back into an empty or new folder and verify it. Exit status 1 when it is not sound."""
    from unsilo.storage import restore as bring_back

    settings = settings_of(config, data)
    _in_files(settings)
    try:
        with progress(None, "restore", quiet=as_json):
            found = bring_back(source, settings.data)
    except OSError as fault:
        fail(NOT_NOW, f"{settings.data} cannot be written: {fault.strerror or fault}")
    if as_json:
        say_json({"sound": not found, "issues": found})
    else:
        issues(found)
        say(f"restored to {settings.data}, the store is sound" if not found else "not restored")
    raise SystemExit(FAILED if found else OK)


def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings file (TOML).")], as_json: JsonOption = False
) -> None:
    """Check a settings file, and say every error with its line. Exit status 2 when there are errors."""
    import os

    from unsilo.config import load

    result = load(file, os.environ)
    if as_json:
        say_json({"ok": result.value is not None, "issues": result.issues})
    else:
        issues(result.issues)
        if result.value is not None:
            settings = result.value
            say(f"{file} is good: {len(settings.feeds)} feeds, {len(settings.listeners)} MLLP listeners")
    raise SystemExit(OK if result.value is not None else 2)
