"""What FHIR adds to the language (FHIR R4 fhirpath.html, 2.9.5)."""

from typing import Final

from lxml import etree

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import Item, Items, kind, resource_kind
from unsilo.fhir.path.navigate import StepRun, extensions, placed_member
from unsilo.fhir.path.registry import Build, TruthStep, eager_truth, special, special_truth, system, text
from unsilo.fhir.path.resolving import resolved
from unsilo.fhir.path.tree import Call
from unsilo.spec.model import types

__all__: list[str] = []

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"


@special("extension", 1)
def _extension(build: Build, call: Call, site: Site) -> StepRun:
    asked = build.items(call.arguments[0])
    below = kind("Extension")
    if build.placed:
        step = placed_member("extension")

        def placed(state: State, items: Items) -> Items:
            url = text(site, asked(state))
            return [item for item in step(state, items) if item[0].get("url") == url]

        return placed

    def run(state: State, items: Items) -> Items:
        url = text(site, asked(state))
        out: Items = []
        if url is None:
            return out
        for item in items:
            holder = extensions(item)
            found = holder.get("extension") if type(holder) is dict else None
            if type(found) is list:
                out += [(each, below, None) for each in found if type(each) is dict and each.get("url") == url]
        return out

    return run


@special_truth("hasExtension", 1)
def _has_extension(build: Build, call: Call, site: Site) -> TruthStep:
    """No function of the standard, but R4's own SearchParameter `item-subject` uses it."""
    asked = build.items(call.arguments[0])

    def run(state: State, items: Items) -> bool:
        url = text(site, asked(state))
        found = [each for item in items if type(h := extensions(item)) is dict for each in h.get("extension") or ()]
        return any(type(each) is dict and each.get("url") == url for each in found)

    return run


@eager_truth("hasValue")
def _has_value(site: Site, items: Items, arguments: list[Items]) -> bool:
    return len(items) == 1 and items[0][1].primitive and items[0][0] is not None


@special("getValue")
def _get_value(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        if len(items) != 1 or not items[0][1].primitive or items[0][0] is None:
            return []
        return system(plain(items[0]))

    return run


@special("resolve")
def _resolve(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        out: Items = []
        for item in items:
            state.spend(1)
            value = item[0]
            reference = value.get("reference") if type(value) is dict else value
            found = resolved(state, reference) if isinstance(reference, str) else None
            if found is not None:
                out.append((found, resource_kind(found), None))
        return out

    return run


@special_truth("memberOf", 1)
def _member_of(build: Build, call: Call, site: Site) -> TruthStep:
    asked = build.items(call.arguments[0])

    def run(state: State, items: Items) -> bool | None:
        item, url = site.one(items), text(site, asked(state))
        port = state.context.member_of
        return None if item is None or url is None or port is None else port(item[0], url)

    return run


def _subsuming(name: str, turned: bool) -> None:
    def decide(build: Build, call: Call, site: Site) -> TruthStep:
        asked = build.items(call.arguments[0])

        def run(state: State, items: Items) -> bool | None:
            one, other = site.one(items), site.one(asked(state))
            port = state.context.subsumes
            if one is None or other is None:
                return None
            first, second = (other[0], one[0]) if turned else (one[0], other[0])
            if first == second:
                return True
            return None if port is None else port(first, second)

        return run

    special_truth(name, 1)(decide)


_subsuming("subsumes", False)
_subsuming("subsumedBy", True)


def _by_type(item: Item, url: str, site: Site) -> bool:
    """Judge a base definition by the type alone; which is all that can be said without a validator."""
    name = url.partition("|")[0].removeprefix(_BASE)
    if not url.startswith(_BASE) or not types.kind(name):
        site.fail("this profile is not known")
    return name in item[1].ancestors


@special_truth("conformsTo", 1)
def _conforms_to(build: Build, call: Call, site: Site) -> TruthStep:
    asked = build.items(call.arguments[0])

    def run(state: State, items: Items) -> bool | None:
        item, url = site.one(items), text(site, asked(state))
        if item is None or url is None:
            return None
        port = state.context.conforms_to
        answer = None if port is None else port(item[0], url)
        return _by_type(item, url, site) if answer is None else answer

    return run


@special("checkModifiers", 0, 64)
def _check_modifiers(build: Build, call: Call, site: Site) -> StepRun:
    runs = [build.items(node) for node in call.arguments]

    def run(state: State, items: Items) -> Items:
        known = {text(site, each(state)) for each in runs}
        for item in items:
            holder = extensions(item)
            found = holder.get("modifierExtension") if type(holder) is dict else None
            for each in found if type(found) is list else ():
                if type(each) is dict and each.get("url") not in known:
                    site.fail("there is a modifier extension that is not understood")
        return items

    return run


@special("slice", 2)
def _slice(build: Build, call: Call, site: Site) -> StepRun:
    profile, name = (build.items(node) for node in call.arguments)

    def run(state: State, items: Items) -> Items:
        port, url, said = state.context.slices, text(site, profile(state)), text(site, name(state))
        if port is None:
            site.fail("slices are known to a validator only")
        return [] if url is None or said is None else [item for item in items if port(item[0], url, said)]

    return run


@special("elementDefinition")
def _element_definition(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        site.fail("element definitions are known to a validator only")

    return run


_ELEMENTS: Final = frozenset(
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img "
    "li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var".split()
)
_ATTRIBUTES: Final = frozenset(
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset "
    "cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel "
    "rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width".split()
)
_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def _safe(markup: str) -> bool:
    """Whether a narrative has allowed elements and attributes only, and something to read (txt-1, txt-2)."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return False
    if root.tag != f"{_XHTML}div" or root.getroottree().docinfo.doctype:
        return False
    for node in root.iter():
        if not isinstance(node.tag, str):
            continue
        if node.tag.removeprefix(_XHTML) not in _ELEMENTS or not node.tag.startswith(_XHTML):
            return False
        for name, value in node.attrib.items():
            if str(name) not in _ATTRIBUTES and name != _XML_LANG:
                return False
            if str(value).strip().lower().startswith(("javascript:", "vbscript:", "data:text/html")):
                return False
    return bool("".join(root.itertext()).strip()) or root.find(f".//{_XHTML}img") is not None


@eager_truth("htmlChecks")
def _html_checks(site: Site, items: Items, arguments: list[Items]) -> bool | None:
    item = site.one(items)
    return _safe(item[0]) if item is not None and item[1].name == "xhtml" and isinstance(item[0], str) else None
