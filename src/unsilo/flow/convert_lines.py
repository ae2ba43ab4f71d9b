"""Converts files in which every line is a message of its own (JSON lines): one Bundle a file, as for batch files."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from unsilo.config import Feed
from unsilo.fhir import bundle, codec, merge
from unsilo.flow.convert import Conversion, Summary, convert_bytes, inputs
from unsilo.kernel import Issue, Json, Where, json

__all__ = ["convert_line_files", "convert_lines"]


def convert_lines(source: str, content: bytes, feed: Feed, at: int = 0) -> Conversion:
    """Convert each line that is not blank; later versions of a resource go over earlier ones.

    A line that gives nothing is an Issue `convert.line` with its number, and does not stop the others.
    """
    resources: dict[tuple[str, str], Json] = {}
    issues: list[Issue] = []
    unconsumed, used = 0, ""
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        done = convert_bytes(source, line, feed, at)
        used, unconsumed = used or done.format, unconsumed + done.unconsumed
        issues += [_at_line(number, issue) for issue in done.issues]
        if done.bundle is None:
            text = "nothing in this line could be understood"
            issues.append(Issue("error", "incomplete", text, Where(f"line {number}"), rule="convert.line"))
            continue
        for _index, _url, resource in bundle.entries(json.decode(done.bundle)):
            key = (resource["resourceType"], resource["id"])
            old = resources.get(key)
            resources[key] = resource if old is None else merge.merge(old, resource).resource
    if not resources:
        return Conversion(source, used, None, 0, issues, unconsumed)
    content = codec.encode(bundle.collection(list(resources.values())))
    return Conversion(source, used, content, len(resources), issues, unconsumed)


def _at_line(number: int, issue: Issue) -> Issue:
    where = Where(f"line {number} {issue.where.path}".strip(), issue.where.span)
    return msgspec.structs.replace(issue, where=where)


def convert_line_files(
    paths: Iterable[Path], out: Path, feed: Feed, told: Callable[[Conversion], None] | None = None, at: int = 0
) -> Summary:
    """Convert files and folders line by line into `out`, named and counted as `convert_files` does.

    An input with a bad line has its Bundle of the others and counts as failed. OSError when `out` cannot be written.
    """
    summary = Summary()
    for file, name in inputs(paths):
        try:
            content = file.read_bytes()
        except OSError as fault:
            issue = Issue("error", "not-found", f"cannot be read: {fault.strerror}", rule="convert.read")
            done = Conversion(str(name), feed.format, None, 0, [issue], 0)
        else:
            done = convert_lines(str(name), content, feed, at)
        if done.bundle is not None:
            target = out / f"{name}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(done.bundle + b"\n")
            done.target = str(target)
        summary.add(done)
        bad = [issue for issue in done.issues if issue.rule == "convert.line"]
        if bad and done.bundle is not None:
            summary.failed.append((str(name), f"{len(bad)} lines, first {bad[0].where.path}"))
        if told is not None:
            told(done)
    return summary
