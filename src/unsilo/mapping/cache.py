"""Compiled maps on disk, named by the SHA-256 of what they were made from; bounded, and never needed."""

from __future__ import annotations

import marshal
import os
import sys
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from types import CodeType

__all__ = ["Cache", "engine_digest"]

_MOST_FILES = 2000
_ENGINE = (
    "compile/source.py",
    "compile/leaves.py",
    "compile/writer.py",
    "compile/v2_reading.py",
    "compile/v2_conditions.py",
    "compile/v2.py",
    "compile/shape.py",
    "ccda/writer.py",
    "compile/terms.py",
    "condition.py",
    "sources.py",
    "paths.py",
)


@lru_cache(maxsize=1)
def engine_digest() -> str:
    """The SHA-256 of the compiler's own source and the Python that runs it."""
    root = resources.files("unsilo.mapping")
    texts = [(root / name).read_bytes() for name in _ENGINE if (root / name).is_file()]
    return sha256(b"\x1f".join([sys.version.encode(), *texts])).hexdigest()


class Cache:
    """A folder of compiled maps (`directory`, else UNSILO_CACHE, else the user's cache folder).

    Only files that belong to this user and that nobody else may write are read. Trouble with the folder is no error:
    the map is compiled again.
    """

    def __init__(self, directory: Path | None = None) -> None:
        named = os.environ.get("UNSILO_CACHE")
        default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unsilo"
        self.directory = (directory or (Path(named) if named else default)) / "maps"

    def get(self, key: str) -> CodeType | None:
        """Return the code object kept under a key."""
        path = self.directory / key
        try:
            state = path.stat()
            if state.st_mode & 0o022 or (hasattr(os, "getuid") and state.st_uid != os.getuid()):
                return None
            content = path.read_bytes()
            if sha256(content[32:]).digest() != content[:32]:
                return None
            code = marshal.loads(content[32:])  # noqa: S302 - own files only, checked above
        except (OSError, ValueError, EOFError, TypeError):
            return None
        return code if isinstance(code, CodeType) else None

    def put(self, key: str, code: CodeType) -> None:
        """Keep a code object; the oldest files go when there are too many."""
        content = marshal.dumps(code)
        temporary = self.directory / f"{key}.{os.getpid()}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(sha256(content).digest() + content)
            temporary.replace(self.directory / key)
            self._bound()
        except OSError:
            return

    def _bound(self) -> None:
        files = list(self.directory.iterdir())
        if len(files) > _MOST_FILES:
            for path in sorted(files, key=lambda p: p.stat().st_mtime)[: len(files) - _MOST_FILES // 2]:
                path.unlink(missing_ok=True)
