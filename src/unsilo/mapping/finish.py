"""From drafts to entries: identity, one resource a thing, closed references, policies and the message's Provenance."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Row
from unsilo.mapping.identity import merge_into
from unsilo.mapping.model import Draft, Entry
from unsilo.mapping.plan import Join, Listed, join
from unsilo.mapping.provenance import Said, provenance
from unsilo.mapping.runtime import sourced
from unsilo.mapping.seal import settle_all

__all__ = ["Said", "finish"]


def finish(run: Any, facts: Said) -> list[Entry]:
    """Return the entries of a run, its Provenance last."""
    kept = [draft for draft in run.drafts if draft.told is not None or sourced(draft.rows, 0)]
    run.alive = set(map(id, kept))
    if run.site.default_authority:
        for draft in kept:
            if draft.type == "Patient":
                _default_authority(draft, run.site.default_authority)
    settle_all(run, kept)
    unique = _unique(kept)
    for draft in kept:
        if draft.links and draft.clock is None and not (_sealed(draft) and run.close(draft)):
            _link(run, draft)
    settle = run.program.identities.settle
    for reference in run.refs:
        target = reference["reference"]
        if isinstance(target, Draft):
            while target.into is not None:
                target = target.into
            reference["reference"] = target.ref or settle(run, target)
    policies = run.program.policies
    entries = []
    for draft in unique.values():
        if draft.clock is not None:
            entries.append(Entry(draft.body, draft.rows, draft.clock, draft.told.seal.rank))
            continue
        clock, rank = policies.complete(run, draft)
        entries.append(Entry(draft.body, draft.rows, clock, rank, list(draft.cleared)))
    entries.append(provenance(run, list(unique), facts))
    return entries


def _unique(kept: list[Draft]) -> dict[str, Draft]:
    """The resources by reference; those of the same id become one."""
    unique: dict[str, Draft] = {}
    for draft in kept:
        first = unique.setdefault(draft.ref, draft)
        if first is not draft:
            merge_into(first, draft)
    return unique


def _sealed(draft: Draft) -> bool:
    """True when all that a resource says is what its form knows of it, its end included."""
    return not draft.mixed and draft.told is not None and draft.told.seal is not None


def _link(run: Any, origin: Draft) -> None:
    """Make the references of a resource to what stands in variables near by."""
    draft = origin
    while draft.into is not None:
        draft = draft.into
    body = draft.body
    ready = None if origin.merged else run.references(origin)
    if ready is not None and ready.names.isdisjoint(body):
        for name, many, ref in ready.items:
            body[name] = [{"reference": ref}] if many else {"reference": ref}
        draft.rows += ready.rows
        return
    alive = run.alive
    lists: dict[Join, Listed] = {}
    for made, known in origin.links:
        if known is not None and known.into is None and made in lists and id(known) in alive and known is not draft:
            lists[made].add(made, known.ref)
            continue
        name = made.name
        if made.simple and not made.many and name in body:
            continue
        target = known if known is not None else run.target(origin, made.names)
        if target is None or id(target) not in alive:
            continue
        while target.into is not None:
            target = target.into
        if target is draft:
            continue
        if origin.merged or not (made.simple and made.many):
            join(run, draft, made, target.ref)
            continue
        listed = next((one for one in lists.values() if one.name == name), None) or Listed(draft, name)
        lists[made] = listed
        listed.add(made, target.ref)


def _default_authority(draft: Draft, system: str) -> None:
    """A patient's number that names no authority is of the feed's default one; other kinds of number are left alone."""
    for index, item in enumerate(draft.body.get("identifier") or ()):
        kinds = {coding.get("code") for coding in item.get("type", {}).get("coding", ())}
        if "value" in item and "system" not in item and not kinds - {"MR", "PI", "PT"}:
            item["system"] = system
            draft.mixed = True
            draft.rows.append(Row(f"identifier[{index}].system", "site.default_authority", None))
