"""The queue of local codes without a standard one: how often, from which feed, with examples and suggestions."""

from collections.abc import Mapping

import msgspec

from unsilo.flow.read.words import quantity
from unsilo.kernel import Json, json
from unsilo.storage import CodeCount, Store
from unsilo.terminology import Terminology
from unsilo.terminology.maps import ELEMENTS, Element, Entry, LocalCode, is_standard, local_codes
from unsilo.terminology.maps.elements import category_of
from unsilo.terminology.maps.same_quantity import displays
from unsilo.terminology.suggest import Embeddings, Item, Suggester, Suggestion
from unsilo.terminology.suggest.engine import remembered_key
from unsilo.terminology.suggest.item import read_item

__all__ = [
    "Example",
    "Unmapped",
    "described",
    "equal_strings",
    "find_unmapped",
    "queue",
    "suggestions",
    "unmapped_by_feed",
]

_EXAMPLES = 4
_LONGEST = 60
_CANDIDATES = 60
_LEAST = 0.005
"""Chance below which a further suggestion is not shown."""
_LOINC = "http://loinc.org"


class Example(msgspec.Struct):
    """One resource with the code: what it says in words."""

    ref: str
    value: str
    when: str


class Unmapped(msgspec.Struct):
    """A local code without a standard one, of all feeds that send it.

    `rank` is the number of facts times the clinical risk of the element. `units` are those of the examples.
    `pending` are decisions about it that are not in use yet.
    """

    element: str
    system: str
    code: str
    label: str
    units: list[str]
    specimen: str
    category: str
    facts: int
    feeds: dict[str, int]
    examples: list[Example]
    rank: int
    counted: CodeCount
    pending: list[Entry] = []
    published: list[Entry] = []

    @property
    def key(self) -> str:
        """Return what addresses it in a page."""
        return f"{self.element}|{self.system}|{self.code}"

    def item(self, unit: str = "") -> Item:
        """Return what suggestions are asked for."""
        return Item(self.code, self.label, self.specimen, unit or next(iter(self.units), ""), self.category)


def _value(resource: Json) -> str:
    measured = resource.get("valueQuantity")
    if isinstance(measured, dict):
        return quantity(measured)
    text = str(resource.get("valueString") or "")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rsplit(' ', 1)[0]} …"


def _seen(store: Store, element: Element, counted: CodeCount) -> tuple[list[LocalCode], list[Example], Json]:
    """Return the examples of a code that have no standard one, as codes and in words, and one resource."""
    found: list[LocalCode] = []
    shown: list[Example] = []
    last: Json = {}
    ids = store.code_examples(counted, _EXAMPLES)
    for stored in store.read_many([(element.type, id_) for id_ in ids]).values():
        resource = json.decode(stored.body) if stored.body else {}
        for local in local_codes(resource):
            if local.system == counted.system:
                found.append(local)
                last = resource
                when = str(resource.get("effectiveDateTime") or resource.get("recordedDate") or "")[:10]
                shown.append(Example(f"{element.type}/{stored.id}", _value(resource), when))
    return found, shown, last


def described(store: Store, element: Element, counted: CodeCount) -> Unmapped | None:
    """Return a local code with examples and decisions; None when its newest facts have a standard code each."""
    return _unmapped(store, element, counted, store.map_entries())


def equal_strings(store: Store, one: Unmapped) -> list[Unmapped]:
    """Return the other open codes with the same name and units in the same element."""
    name = " ".join(one.label.casefold().split())
    return [
        each
        for each in queue(store, limit=1000)
        if name and each.element == one.element and (each.system, each.code) != (one.system, one.code)
        and " ".join(each.label.casefold().split()) == name and each.units == one.units
    ]  # fmt: skip


def _unmapped(store: Store, element: Element, counted: CodeCount, known: list[Entry]) -> Unmapped | None:
    found, shown, resource = _seen(store, element, counted)
    if not found:
        return None
    local = max(found, key=lambda each: len(each.label))
    own = [e for e in known if (e.element, e.system, e.code) == (element.path, local.system, local.code)]
    feeds = store.code_feeds(counted)
    units = sorted({each.unit for each in found if each.unit})
    return Unmapped(
        element.path, local.system, local.code, local.label, units, local.specimen, category_of(element, resource),
        counted.facts, feeds, shown, counted.facts * element.risk, counted,
        [e for e in own if e.state in ("proposed", "approved")], [e for e in own if e.state == "published"],
    )  # fmt: skip


def queue(store: Store, *, feed: str = "", limit: int = 100) -> list[Unmapped]:
    """Return the local codes without a standard one, by number of facts and clinical risk, at most `limit`."""
    counted = [
        (element, each)
        for element in ELEMENTS.values()
        for each in store.code_counts(element.type, element.parameter)
        if not is_standard(each.system)
    ]
    counted.sort(key=lambda pair: (-pair[1].facts * pair[0].risk, pair[0].path, pair[1].key))
    known = store.map_entries()
    found: list[Unmapped] = []
    for element, each in counted:
        if len(found) >= limit:
            break
        one = _unmapped(store, element, each, known)
        if one is not None and feed in ("", *one.feeds):
            found.append(one)
    return found


def find_unmapped(store: Store, element: str, system: str, code: str) -> CodeCount | None:
    """Return how often a local code stands in an element, whether or not it has a standard one; None for nowhere."""
    known = next((each for each in ELEMENTS.values() if each.path == element), None)
    return None if known is None else store.code_count(known.type, known.parameter, system, code)


def unmapped_by_feed(store: Store) -> dict[str, tuple[int, int]]:
    """Return by feed how many local codes have no standard one, and on how many facts they stand."""
    found: dict[str, tuple[int, int]] = {}
    for one in queue(store, limit=1000):
        for feed, facts in one.feeds.items():
            codes, all_facts = found.get(feed, (0, 0))
            found[feed] = codes + 1, all_facts + facts
    return found


def _targets(terminology: Terminology, system: str, item: Item) -> dict[str, str]:
    asked = dict.fromkeys((*read_item(item).words, *item.label.split()))
    found = {hit.code: hit.display for hit in terminology.candidates(" ".join(asked), system, _CANDIDATES)}
    return found | displays() if system == _LOINC else found


def suggestions(
    terminology: Terminology,
    element: Element,
    item: Item,
    remembered: Mapping[str, Entry],
    top: int = 5,
    embeddings: Embeddings | None = None,
) -> list[Suggestion]:
    """Return the codes that the terminologies of this node have for a local code; remembered decisions come first.

    `remembered` has published entries by `system|code` of the local code; another feed's decision counts as one.
    `embeddings` add what is alike in meaning.
    """
    targets = _targets(terminology, element.system, item)
    known = {}
    for entry in remembered.values():
        if (
            entry.element == element.path
            and entry.label.casefold() == item.label.casefold()
            and entry.unit in ("", item.unit)
        ):
            known[remembered_key(item)] = entry.target_code
            targets.setdefault(entry.target_code, entry.target_display)
    found = Suggester(targets, remembered=known, embeddings=embeddings).suggest(item, top)
    return [each for each in found if each.rank == 1 or each.score >= _LEAST]
