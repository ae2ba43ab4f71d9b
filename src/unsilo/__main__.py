"""`python -m unsilo` is the `unsilo` command."""

from unsilo.cli import main

if __name__ == "__main__":
    main()
