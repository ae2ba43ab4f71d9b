"""What a drafting process makes of a transaction: its entries read and its resources ready for the writer."""

import msgspec

from unsilo.fhir import codec
from unsilo.flow.drafted import Drafted, Gathering
from unsilo.flow.fhir.checks import draft, whole
from unsilo.flow.fhir.entries import Entry, read
from unsilo.flow.fhir.links import conditionals, resolved, targets_of, unmet
from unsilo.flow.fhir.outcome import RefusedError, Written
from unsilo.flow.process import Draft
from unsilo.kernel import Limits
from unsilo.validation.form import Form

__all__ = ["Ahead", "ahead"]


class Ahead(msgspec.Struct, array_like=True, gc=False):
    """A transaction that only writes and has no condition: entries without their resources, and what is drafted.

    `places` are the places in the Bundle of the resources of `held`; `creates` says that it only writes resources,
    with no word about versions, so that nothing has to be looked at when all of them are new.
    """

    entries: list[Entry]
    held: Drafted
    places: list[int]
    creates: bool

    def drafts(self) -> dict[int, Draft]:
        """Return the resources by their places in the Bundle; the texts of their codes are with the sheet."""
        return dict(zip(self.places, self.held.drafts(), strict=True))


def ahead(content: bytes, limits: Limits, most: int, form: Form | None = None) -> Ahead | None:
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
    held, places = Gathering(), [entry.place for entry in entries if entry.method != "DELETE"]
    if not _gather(entries, held, form):
        return None
    for entry in entries:
        entry.resource, entry.full_url = {}, ""  # the writer needs neither
    creates = all(
        entry.method != "DELETE" and entry.if_match is None and entry.if_none_match is None for entry in entries
    )
    return Ahead(entries, held.drafted(), places, creates)


def _gather(entries: list[Entry], held: Gathering, form: Form | None) -> bool:
    """Draft what is written; False when something is refused."""
    targets: dict[str, str] = {}
    for entry in entries:
        targets.update(targets_of(entry.full_url, entry.type, entry.id))
    for entry in entries:
        if entry.method == "DELETE":
            continue
        if form is not None and not form.fits(entry.resource):
            return False
        linked = resolved(entry.resource, targets)
        made = draft(entry.type, linked, entry.id)
        if isinstance(made, Written) or whole(entry.type, entry.resource) is not None:
            return False
        if b'"urn:' in made.body and any(unmet(linked, entry.type)):
            return False
        if not held.add(made):
            return False
    return True
