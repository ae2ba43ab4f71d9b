"""The `unsilo` commands: thin shells over `flow`."""


def main() -> None:
    """Run the command line."""
    from unsilo.cli.output import spoken

    with spoken():
        from unsilo.cli.main import app

        app()
