"""The `unsilo` command: every command is a thin shell over `flow`, loaded when it is used."""

import os
from collections.abc import Callable
from typing import Annotated

import typer

from unsilo.cli import (
    accounts,
    conversion,
    identity,
    journal,
    maps,
    matching,
    notes,
    path,
    population,
    running,
    shapes,
    suggesting,
    terminology,
    upkeep,
    validation,
)

__all__ = ["app"]

app = typer.Typer(
    name="unsilo",
    help="Frees healthcare data: HL7 v2, C-CDA and FHIR in, correct FHIR R4 with lineage, one person's timeline out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_Command = Callable[..., None]


def _group(says: str) -> typer.Typer:
    return typer.Typer(help=says, no_args_is_help=True)


def _version(wanted: bool) -> None:
    if wanted:
        from unsilo import __version__

        typer.echo(f"unsilo {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Exit status: 0 done, 1 some of the work failed, 2 wrong command line or settings, 3 not possible now."""
    # Stores, backups and Bundles hold patients' data: only the account that runs the command may read what it writes.
    os.umask(os.umask(0o077) | 0o077)


_NODE, _FILES = "A node", "Files, without a node"
_MEANING, _ACCESS = "What messages mean, and whose they are", "Users, programs and settings"
"""Headings of the help under which the commands stand."""

_COMMANDS: tuple[tuple[str, str, _Command], ...] = (
    (_NODE, "demo", running.demo),
    (_NODE, "serve", running.serve),
    (_NODE, "ingest", journal.ingest),
    (_NODE, "send", journal.send),
    (_NODE, "messages", journal.messages),
    (_NODE, "replay", journal.replay),
    (_NODE, "import", population.import_),
    (_NODE, "export", population.export),
    (_NODE, "status", upkeep.status),
    (_NODE, "verify", upkeep.verify),
    (_NODE, "backup", upkeep.backup),
    (_NODE, "restore", upkeep.restore),
    (_FILES, "convert", conversion.convert),
    (_FILES, "validate", validation.validate),
    (_FILES, "fhirpath", path.fhirpath),
    (_FILES, "notes", notes.notes),
    (_FILES, "match", matching.match),
    (_FILES, "suggest", suggesting.suggest),
)

_GROUPS: tuple[tuple[str, str, typer.Typer, dict[str, _Command]], ...] = (
    (_MEANING, "map", shapes.app, {}),
    (_MEANING, "maps", _group("Local codes and the decisions about them."), {
        "queue": maps.queue, "list": maps.listing, "history": maps.history, "preview": maps.preview,
        "propose": maps.propose, "approve": maps.approve, "refuse": maps.refuse, "publish": maps.publish,
        "deprecate": maps.deprecate, "undo": maps.undo, "accept": maps.accept, "import": maps.import_,
        "export": maps.export,
    }),
    (_MEANING, "terminology", terminology.app, {}),
    (_MEANING, "identity", identity.app, {}),
    (_ACCESS, "user", _group("Named users of the console."), {
        "add": accounts.user_add, "list": accounts.user_list, "link": accounts.user_link,
        "disable": accounts.user_disable,
    }),
    (_ACCESS, "token", _group("Static tokens of programs."), {
        "add": accounts.token_add, "list": accounts.token_list, "revoke": accounts.token_revoke,
    }),
    (_ACCESS, "config", _group("The settings."), {"check": upkeep.config_check}),
)  # fmt: skip
"""Commands of two words; a group without any here names its own in its file."""

for _panel, _name, _command in _COMMANDS:
    app.command(_name, rich_help_panel=_panel)(_command)
for _panel, _name, _app, _commands in _GROUPS:
    app.add_typer(_app, name=_name, rich_help_panel=_panel)
    for _word, _command in _commands.items():
        _app.command(_word)(_command)
