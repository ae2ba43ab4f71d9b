"""Runs one target for a while: seeds first, then mutations; a crash or a slow input is saved and told once."""

import faulthandler
import sys
from collections.abc import Callable, Hashable, Iterable
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic, process_time
from traceback import extract_tb

import msgspec

from tests.fuzz.mutate import mutate

__all__ = ["SLOW", "Crash", "Report", "run", "shrink"]

SLOW = 2.0
"""Seconds of CPU that one input may take."""

STUCK = 60
"""Seconds after which an input that does not come back ends the process with a traceback."""

_POOL = 500


class Crash(msgspec.Struct):
    """One way in which a target failed, with the first input that showed it."""

    what: str
    content: bytes
    path: str = ""


class Report(msgspec.Struct):
    """What a run did: inputs tried, inputs kept because they behaved in a new way, crashes."""

    name: str
    executions: int
    behaviours: int
    crashes: list[Crash]


def run(
    name: str,
    call: Callable[[bytes], Hashable],
    seeds: Iterable[bytes],
    words: list[bytes],
    *,
    seconds: float,
    seed: int = 1,
    folder: Path | None = None,
    most: int = 10,
) -> Report:
    """Fuzz `call` for `seconds`, from the same random `seed` always the same way; stop early after `most` crashes."""
    draw = Random(f"{name}:{seed}")
    pool = list(seeds)
    known: set[Hashable] = set()
    crashes: dict[str, Crash] = {}
    executions = 0
    deadline = monotonic() + seconds
    waiting = list(pool)
    while (waiting or monotonic() < deadline) and len(crashes) < most:
        content = waiting.pop() if waiting else mutate(draw.choice(pool), pool, words, draw)
        executions += 1
        behaviour, what = _once(call, content)
        if what:
            same = what.split(": ")[0]  # one fault shows itself with many details
            if same not in crashes:
                crashes[same] = Crash(what, content, _save(folder, name, content))
        elif behaviour not in known:
            known.add(behaviour)
            if len(pool) < _POOL:
                pool.append(content)
    return Report(name, executions, len(known), list(crashes.values()))


def shrink(call: Callable[[bytes], Hashable], content: bytes) -> bytes:
    """Return a smaller input that fails at the same place, by leaving out pieces for as long as it still does."""
    same = _once(call, content)[1].split(": ")[0]
    size = max(len(content) // 2, 1)
    while same and size:
        at = 0
        while at < len(content):
            smaller = content[:at] + content[at + size :]
            if _once(call, smaller)[1].split(": ")[0] == same:
                content = smaller
            else:
                at += size
        size //= 2
    return content


def _once(call: Callable[[bytes], Hashable], content: bytes) -> tuple[Hashable, str]:
    start = process_time()
    faulthandler.dump_traceback_later(STUCK, exit=True, file=sys.__stderr__)
    try:
        behaviour = call(content)
    except (Exception, RecursionError) as error:  # noqa: BLE001 - any exception at all is what is looked for
        frames = extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return None, f"{type(error).__name__} at {place}: {str(error)[:120]!r}" if frames else type(error).__name__
    finally:
        faulthandler.cancel_dump_traceback_later()
    spent = process_time() - start
    return behaviour, f"slow: {spent:.0f} s of CPU" if spent > SLOW else ""


def _save(folder: Path | None, name: str, content: bytes) -> str:
    if folder is None:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{sha256(content).hexdigest()[:12]}.bin"
    path.write_bytes(content)
    return str(path)
