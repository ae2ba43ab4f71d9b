"""The `unsilo` command: every command is a thin shell over `flow`, loaded when it is used."""

import os
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
_user = typer.Typer(help="Named users of the console.", no_args_is_help=True)
_token = typer.Typer(help="Static tokens of programs.", no_args_is_help=True)
_maps = typer.Typer(help="Local codes and the decisions about them.", no_args_is_help=True)
_config = typer.Typer(help="The settings.", no_args_is_help=True)


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


app.command("demo")(running.demo)
app.command("serve")(running.serve)
app.command("convert")(conversion.convert)
app.command("fhirpath")(path.fhirpath)
app.command("validate")(validation.validate)
app.command("notes")(notes.notes)
app.command("match")(matching.match)
app.command("suggest")(suggesting.suggest)
app.command("import")(population.import_)
app.command("export")(population.export)
app.command("ingest")(journal.ingest)
app.command("send")(journal.send)
app.command("messages")(journal.messages)
app.command("replay")(journal.replay)
app.command("status")(upkeep.status)
app.command("verify")(upkeep.verify)
app.command("backup")(upkeep.backup)
app.command("restore")(upkeep.restore)
app.add_typer(identity.app, name="identity")
app.add_typer(shapes.app, name="map")
app.add_typer(_user, name="user")
_user.command("add")(accounts.user_add)
_user.command("list")(accounts.user_list)
_user.command("link")(accounts.user_link)
_user.command("disable")(accounts.user_disable)
app.add_typer(_token, name="token")
_token.command("add")(accounts.token_add)
_token.command("list")(accounts.token_list)
_token.command("revoke")(accounts.token_revoke)
app.add_typer(terminology.app, name="terminology")
app.add_typer(_config, name="config")
_config.command("check")(upkeep.config_check)
app.add_typer(_maps, name="maps")
_maps.command("queue")(maps.queue)
_maps.command("list")(maps.listing)
_maps.command("history")(maps.history)
_maps.command("preview")(maps.preview)
_maps.command("propose")(maps.propose)
_maps.command("approve")(maps.approve)
_maps.command("refuse")(maps.refuse)
_maps.command("publish")(maps.publish)
_maps.command("deprecate")(maps.deprecate)
_maps.command("undo")(maps.undo)
_maps.command("accept")(maps.accept)
_maps.command("import")(maps.import_)
_maps.command("export")(maps.export)
