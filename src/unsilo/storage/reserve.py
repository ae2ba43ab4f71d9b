"""Keeps a file of room on the disk, given up slice by slice when it is full, so that reads can still be recorded."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from unsilo.storage.faults import is_full, is_storage_fault

__all__ = ["FULL", "Reserve"]

FULL = "the disk is full: nothing is taken until there is room again; what is stored can be read"
"""What is said while it is so."""
SHARE_OF_DISK = 10
"""A disk of less than ten times the reserve keeps a smaller one: a tenth of it."""
_SLICES = 8
_MARGIN = 4
"""Room beyond the reserve, as its fourth part, that must be there before anything is taken again."""
_LOOK_SECONDS = 0.5
_SEEK_SECONDS = 30.0
_BLOCK = 4096
_NOTHING = 128 * 1024
"""Room on the disk below which any fault of a file is taken for a full disk: SQLite cannot always say so."""


class Reserve:
    """Allocated bytes in the data folder, used by the writer's thread only; `full` may be read by any thread.

    `release` is called when a write found no room: one slice goes to the logs and the audit trail, and from then on
    the writer refuses everything but what people do and look at. Only slices, since others write to this disk too.
    `mend` makes the reserve whole as soon as there is room for it and a margin, which ends that state. With a size of
    0 there is none, and it is never `full`; None is for a process that only looks in beside the node.
    """

    def __init__(self, directory: Path, size: int | None) -> None:
        self._directory = directory
        self.path = directory / "reserve"
        self.full = False
        self._looked = 0.0
        self._size = 0
        self._whole = True
        if not size:
            if size == 0:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            return
        self._size = min(size, shutil.disk_usage(directory).total // SHARE_OF_DISK) // _BLOCK * _BLOCK
        self._whole = self.held >= self._size
        self.full = self.path.exists() and not self._whole  # given up before the last stop
        self.mend()

    @property
    def held(self) -> int:
        """Bytes that the reserve has now."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def patience(self) -> float | None:
        """Seconds after which `mend` has to be called; None when the reserve is whole."""
        if self._whole:
            return None
        return _LOOK_SECONDS if self.full else _SEEK_SECONDS

    def release(self, error: BaseException) -> bool:
        """Give up one slice when an error says that the disk is full; False when it does not, or nothing is left."""
        if not self._size or not (is_full(error) or (is_storage_fault(error) and self._free() < _NOTHING)):
            return False
        self.full, self._whole, self._looked = True, False, time.monotonic()
        held = self.held
        if not held:
            return False
        left = max(0, held - max(self._size // _SLICES, _BLOCK))
        with suppress(OSError):
            os.truncate(self.path, left)
        return self.held < held

    def _free(self) -> int:
        return shutil.disk_usage(self._directory).free

    def mend(self) -> None:
        """Make the reserve whole when there is room for it and the margin; looks twice a second at most."""
        now = time.monotonic()
        if self._whole or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        held = self.held
        margin = self._size // _MARGIN
        try:
            if self._free() < self._size - held + margin:
                return
            self._allocate(held, margin)
        except OSError:  # a quota may say no where the disk has room
            with suppress(OSError):
                if self.full:
                    os.truncate(self.path, held)
                else:
                    self.path.unlink(missing_ok=True)
            return
        self.full, self._whole = False, True

    def _allocate(self, held: int, margin: int) -> None:
        """Fill the file up; the margin is asked for too and given back, since free room may be another's by a quota."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            whole = self._size + margin
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, held, whole - held)
            else:
                for at in range(held, whole, 1 << 20):
                    os.pwrite(handle, bytes(min(1 << 20, whole - at)), at)
            os.ftruncate(handle, self._size)
        finally:
            os.close(handle)
