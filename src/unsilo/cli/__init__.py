"""The `unsilo` commands: thin shells over `flow`."""


def main() -> None:
    """Run the command line."""
    from unsilo.cli.main import app
    from unsilo.cli.output import spoken

    with spoken():
        app()
