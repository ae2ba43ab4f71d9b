"""Converts files in which every line is a message of its own (JSON lines): one Bundle a file, as for batch files."""

import msgspec

from unsilo.config import Feed
from unsilo.fhir import bundle, codec, merge
from unsilo.flow.convert.bundle import Conversion, convert_bytes
from unsilo.kernel import Issue, Json, Where, json

__all__ = ["convert_lines"]


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
