"""What a drafting process makes of a transaction: its entries read and its resources ready for the writer."""

import msgspec

from unsilo.fhir import codec
from unsilo.flow.fhir.checks import draft, whole
from unsilo.flow.fhir.entries import Entry, read
from unsilo.flow.fhir.links import conditionals, resolved, targets_of
from unsilo.flow.fhir.outcome import RefusedError, Written
from unsilo.flow.process import Draft
from unsilo.kernel import Limits

__all__ = ["Ahead", "ahead"]


class Ahead(msgspec.Struct, array_like=True, gc=False):
    """A transaction that only writes and has no condition: entries without their resources, drafts by place."""

    entries: list[Entry]
    pieces: dict[int, Draft]


def ahead(content: bytes, limits: Limits, most: int) -> Ahead | None:
    """Read a Bundle of at most `most` entries and draft what it writes; None for all that needs more than its bytes.

    That is whatever is refused (who asks reads it again, and says why), what reads, patches or has a condition, and
    any other Bundle.
    """
    bundle = codec.decode(content, limits).value
    if bundle is None:
        return None
    try:
        listed = read(bundle)
    except RefusedError:
        return None
    entries = [entry for entry in listed if entry is not None and not entry.query and entry.patch is None]
    if not 0 < len(entries) == len(listed) <= most:
        return None
    if (b"?" in content or b"\\u003" in content) and any(conditionals(entry.resource) for entry in entries):
        return None
    pieces = _drafts(entries)
    if pieces is None:
        return None
    for entry in entries:
        entry.resource, entry.full_url = {}, ""  # the writer needs neither
    return Ahead(entries, pieces)


def _drafts(entries: list[Entry]) -> dict[int, Draft] | None:
    targets: dict[str, str] = {}
    for entry in entries:
        targets.update(targets_of(entry.full_url, entry.type, entry.id))
    pieces = {}
    for entry in entries:
        if entry.method == "DELETE":
            continue
        made = draft(entry.type, resolved(entry.resource, targets), entry.id)
        if isinstance(made, Written) or whole(entry.type, entry.resource) is not None:
            return None
        pieces[entry.place] = made
    return pieces
