"""Where a fragment belongs in a clinical document: an empty frame is put around it (CDA R2, section 4)."""

from typing import Final

from lxml import etree

from unsilo.formats.ccda.names import V3, label

__all__ = ["has_place", "place"]

_HEADER: Final = frozenset(
    "recordTarget author dataEnterer informant custodian informationRecipient legalAuthenticator authenticator "
    "participant inFulfillmentOf documentationOf relatedDocument authorization componentOf code title effectiveTime "
    "confidentialityCode id setId versionNumber languageCode templateId".split()
)
_BODY: Final = ("component", "structuredBody", "component", "section")
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_HEADER, ()),
    "structuredBody": _BODY[:1],
    "nonXMLBody": _BODY[:1],
    "section": _BODY[:3],
    "text": _BODY,
    "entry": _BODY,
    **dict.fromkeys(
        ("act", "observation", "organizer", "substanceAdministration", "procedure", "encounter", "supply",
         "observationMedia", "regionOfInterest"),
        (*_BODY, "entry"),
    ),
    "entryRelationship": (*_BODY, "entry", "act"),
    "reference": (*_BODY, "entry", "act"),
    "performer": (*_BODY, "entry", "act"),
    "precondition": (*_BODY, "entry", "act"),
    "criterion": (*_BODY, "entry", "act", "precondition"),
    "sdtc:signatureText": ("legalAuthenticator",),
    "referenceRange": (*_BODY, "entry", "observation"),
    "value": (*_BODY, "entry", "observation"),
    "participantRole": ("participant",),
    "associatedEntity": ("participant",),
    "patientRole": ("recordTarget",),
    "patient": ("recordTarget", "patientRole"),
    "assignedAuthor": ("author",),
    "assignedCustodian": ("custodian",),
    "assignedEntity": ("documentationOf", "serviceEvent", "performer"),
    "serviceEvent": ("documentationOf",),
    "encompassingEncounter": ("componentOf",),
    "encounterParticipant": ("componentOf", "encompassingEncounter"),
    "consumable": (*_BODY, "entry", "substanceAdministration"),
    "manufacturedProduct": (*_BODY, "entry", "substanceAdministration", "consumable"),
    "specimen": (*_BODY, "entry", "organizer"),
    "relatedSubject": (*_BODY, "entry", "organizer", "subject"),
    "subject": (*_BODY, "entry", "organizer"),
    "externalDocument": (*_BODY, "entry", "act", "reference"),
    "addr": ("recordTarget", "patientRole"),
    "telecom": ("recordTarget", "patientRole"),
    "name": ("recordTarget", "patientRole", "patient"),
}  # fmt: skip
"""Element name -> the path of elements from the document to its parent."""


def _component(node: etree._Element) -> tuple[str, ...]:
    """Return the parent's path of a `component`, which exists at four levels of a document."""
    names = {label(str(c.tag)) for c in node if isinstance(c.tag, str)}
    if names & {"structuredBody", "nonXMLBody"}:
        return ()
    return _BODY[:2] if "section" in names else (*_BODY, "entry", "organizer")


def has_place(name: str) -> bool:
    """Tell whether an element that stands alone belongs somewhere in a clinical document."""
    return name == "component" or (name in _PLACES and name not in ("name", "text", "value", "title", "code", "id"))


def place(tops: list[etree._Element]) -> tuple[etree._Element, bool]:
    """Return an empty ClinicalDocument that holds the elements where they belong, and whether any found a place.

    The elements move into the frame and stay the same objects; elements without a known place stay outside the tree,
    so that they are listed as not understood.
    """
    root = etree.Element(f"{{{V3}}}ClinicalDocument", nsmap={None: V3})
    shared: dict[tuple[str, ...], etree._Element] = {(): root}
    placed = False
    for top in tops:
        name = label(str(top.tag))
        path = _component(top) if name == "component" else _PLACES.get(name)
        if name == "ClinicalDocument" and not placed:
            return top, True
        if path is None:
            continue
        for end in range(1, len(path) + 1):
            step = path[:end]
            if step not in shared:
                shared[step] = etree.SubElement(shared[step[:-1]], f"{{{V3}}}{step[-1]}")
        shared[path].append(top)
        placed = True
    return root, placed
