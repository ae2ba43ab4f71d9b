"""Run the tests of a folder: messages with what is expected of them beside them, under the folder's overlay."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from unsilo.config import Feed, load
from unsilo.fhir import bundle, codec, merge
from unsilo.fhir.leaves import leaves
from unsilo.flow.convert.bundle import detect
from unsilo.flow.overlays.coverage import coverage
from unsilo.flow.overlays.expect import Expectation, held, read_expectations
from unsilo.flow.overlays.messages import BESIDE
from unsilo.flow.overlays.run import Run, map_file, opened
from unsilo.kernel import Issue, Json, Result, Where
from unsilo.mapping.faults import faults
from unsilo.mapping.model import Site

__all__ = ["OVERLAYS", "Check", "Trial", "folder_feed", "overlay_file", "run_tests"]

OVERLAYS = ("overlay.yaml", "overlay.yml", "overlay.toml", "overlay.csv")
"""The files of a folder that are taken for its overlay, the first that is there."""
SETTINGS = "feed.toml"
_LINES, _BUNDLE = BESIDE
_OUTSIDE = ("Provenance", "Binary", "OperationOutcome")
"""Types that an expected Bundle says nothing of: they carry digests of the tables, which an upgrade changes."""
_MOST_DIFFERENCES = 20


class Check(msgspec.Struct):
    """One expectation and what became of it; `found` is empty when it holds. `line` 0: a whole Bundle was compared."""

    file: str
    line: int
    text: str
    found: str = ""

    @property
    def passed(self) -> bool:
        """True when it holds."""
        return not self.found


class Trial(msgspec.Struct):
    """What the tests of a folder gave. `unhit` are the overlay's own rows that no message of the tests came to."""

    folder: str
    format: str
    overlay: str
    overlay_sha256: str
    digest: str
    messages: int
    checks: list[Check]
    faults: list[Issue]
    unhit: list[str]

    @property
    def failed(self) -> int:
        """How many expectations do not hold."""
        return sum(not check.passed for check in self.checks)

    @property
    def good(self) -> bool:
        """True when there are tests, all hold, and the overlay has no error."""
        wrong = any(issue.severity in ("error", "fatal") for issue in self.faults)
        return bool(self.checks) and not self.failed and not wrong


def overlay_file(folder: Path) -> Path | None:
    """Return the overlay of a folder, None when there is none."""
    return next((folder / name for name in OVERLAYS if (folder / name).is_file()), None)


def folder_feed(folder: Path) -> Result[Feed]:
    """Return the feed that a folder is about: the one of its `feed.toml`, else one with all defaults, its format open.

    The overlay of the folder is its overlay unless `feed.toml` names another.
    """
    file, own = folder / SETTINGS, overlay_file(folder)
    if not file.is_file():
        return Result(Feed("test", "", overlay=str(own) if own else ""))
    loaded = load(file)
    if loaded.value is None:
        return Result(None, loaded.issues)
    named = list(tomllib.loads(file.read_text("utf-8")).get("feeds", {}))
    if len(named) != 1:
        text = f"one feed is needed here, there are {len(named)}"
        return Result(None, [Issue("error", "value", text, Where(str(file)), "write one [feeds.NAME]", "map.test")])
    feed = loaded.value.feeds[named[0]]
    if not feed.overlay and own is not None:
        feed = msgspec.structs.replace(feed, overlay=str(own))
    return Result(feed, loaded.issues)


def _pairs(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield every expectation of a folder with the message that it is about."""
    for file in sorted(folder.rglob("*")):
        ending = next((each for each in (_LINES, _BUNDLE) if file.name.endswith(each)), "")
        if not ending or not file.is_file():
            continue
        stem = file.name.removesuffix(ending)
        found = [
            each
            for each in sorted(file.parent.glob("*"))
            if each.is_file() and each.name.partition(".")[0] == stem.partition(".")[0]
            and not each.name.endswith((_LINES, _BUNDLE)) and each.name in (stem, f"{stem}{each.suffix}")
        ]  # fmt: skip
        yield file, found[0] if len(found) == 1 else None


def run_tests(folder: Path, feed: Feed, *, update: bool = False) -> Trial:
    """Run every test below a folder. `update` writes what is made into the expected Bundles instead of comparing.

    OSError when a file cannot be read or written.
    """
    pairs = list(_pairs(folder))
    if not feed.format:
        first = next((message for _, message in pairs if message is not None), None)
        feed = msgspec.structs.replace(feed, format=(detect(first.read_bytes()) if first else "") or "hl7v2")
    text = Path(feed.overlay).read_bytes() if feed.overlay else b""
    maps = opened(feed)
    trial = Trial(
        str(folder), feed.format, feed.overlay, sha256(text).hexdigest() if text else "", maps.digest, 0, [],
        faults(feed.format, Site(overlay=text, systems=feed.systems)), [],
    )  # fmt: skip
    done: dict[Path, list[Run]] = {}
    for file, message in pairs:
        name = str(file.relative_to(folder))
        if message is None:
            trial.checks.append(Check(name, 0, "has its message beside it", f"there is no file {file.stem}.*"))
            continue
        if message not in done:
            done[message] = list(map_file(message.read_bytes(), feed, maps))
        trial.checks += _checked(name, file, done[message], update)
    trial.messages = sum(map(len, done.values()))
    if feed.format in ("hl7v2", "ccda"):
        envelopes = (run.envelope for runs in done.values() for run in runs)
        trial.unhit = coverage(envelopes, feed, workers=1).own_missed
    return trial


def _checked(name: str, file: Path, runs: list[Run], update: bool) -> Iterator[Check]:
    made = _bundle(runs)
    broken = [issue.text for run in runs if run.mapped is None for issue in run.issues[:1]]
    if broken:
        yield Check(name, 0, "can be read", broken[0])
        return
    if file.name.endswith(_LINES):
        expectations = read_expectations(file.read_text("utf-8"))
        if not expectations:
            yield Check(name, 0, "says what is expected", "there is no line in it")
        for each in expectations:
            yield Check(name, each.line, _said(each), held(each, made, runs))
        return
    kept = [entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] not in _OUTSIDE]
    if update:
        file.write_bytes(codec.encode(bundle.collection(kept)) + b"\n")
    decoded = codec.decode(file.read_bytes())
    if decoded.value is None:
        yield Check(name, 0, "is a Bundle", decoded.issues[0].text)
        return
    yield Check(name, 0, "the Bundle is as expected", "; ".join(_differences(decoded.value, kept)))


def _said(each: Expectation) -> str:
    return each.text if each.kind == "expect" else f"{each.kind}: {each.text}"


def _bundle(runs: list[Run]) -> Json:
    resources: dict[tuple[str, str], Json] = {}
    for run in runs:
        for entry in run.mapped.entries if run.mapped is not None else ():
            key = (entry.resource["resourceType"], entry.resource["id"])
            old = resources.get(key)
            resources[key] = entry.resource if old is None else merge.merge(old, entry.resource, entry.cleared).resource
    return bundle.collection(list(resources.values()))


def _differences(expected: Json, made: list[Json]) -> list[str]:
    """Say where resources are missing, too many, or hold something else."""
    wanted: dict[str, Json] = {}
    for entry in expected.get("entry") or ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") not in _OUTSIDE:
            wanted[f"{resource.get('resourceType')}/{resource.get('id')}"] = resource
    found = {f"{one['resourceType']}/{one['id']}": one for one in made}
    said = [f"{name} is missing" for name in wanted if name not in found]
    said += [f"{name} was not expected" for name in found if name not in wanted]
    for name, resource in wanted.items():
        if name in found:
            before, after = dict(leaves(resource)), dict(leaves(found[name]))
            for path in dict.fromkeys((*before, *after)):
                if before.get(path) != after.get(path):
                    said.append(f"{name} {path}: expected {_value(before, path)}, found {_value(after, path)}")
    more = len(said) - _MOST_DIFFERENCES
    return said if more <= 0 else [*said[:_MOST_DIFFERENCES], f"and {more} more"]


def _value(values: dict[str, Any], path: str) -> str:
    return repr(str(values[path])) if path in values else "nothing"
