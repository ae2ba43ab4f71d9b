"""A program that chooses among candidates, such as one that asks a language model; named by whoever runs a command."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence

import msgspec

from unsilo.terminology.suggest import Item

__all__ = ["ChoosingProgram"]

_SECONDS = 60.0
_LONGEST = 10_000


class ChoosingProgram:
    """A `Chooser` that starts a command for each item.

    The command reads one JSON object (`item` with the columns of the file, `candidates` as a list of `code` and
    `display`) and writes the code that fits, or nothing. It is started without a shell.
    """

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)
        if not self._command:
            raise ValueError("the command is empty")
        self.name = self._command[0].rpartition("/")[2]

    def choose(self, item: Item, candidates: Sequence[tuple[str, str]]) -> str:
        """Return what the command wrote. OSError or RuntimeError when it cannot run, fails, or takes over a minute."""
        said = {
            "item": msgspec.structs.asdict(item),
            "candidates": [{"code": code, "display": display} for code, display in candidates],
        }
        try:
            done = subprocess.run(  # noqa: S603 - the command of whoever runs this
                self._command, input=json.dumps(said).encode(), capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"no answer in {_SECONDS:.0f} seconds") from None
        if done.returncode:
            raise RuntimeError(f"exit status {done.returncode}")
        return done.stdout[:_LONGEST].decode("utf-8", "replace").strip()
