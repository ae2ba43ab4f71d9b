"""The rows of what concerns the identity of persons: IHE's operations, merging, the golden record."""

from unsilo.api import golden, matching, merging, pix
from unsilo.api.interaction import Interaction

__all__ = ["INSTANTIATES", "ROWS"]

_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_OWN = "urn:unsilo:OperationDefinition:"
_PIXM = "https://profiles.ihe.net/ITI/PIXm/"
_PDQM = "https://profiles.ihe.net/ITI/PDQm/"

INSTANTIATES = (
    _PIXM + "CapabilityStatement/IHE.PIXm.Manager",
    _PDQM + "CapabilityStatement/IHE.PDQm.PatientDemographicsSupplier",
)
"""Statements of IHE's actors that this server fulfils; the table of requirements is docs/reference/ihe.md."""

ROWS: tuple[Interaction, ...] = (
    Interaction("POST", "Patient/$match", "$match", "read", matching.match, _DEFINITION + "Patient-match"),
    Interaction("GET", "Patient/$ihe-pix", "$ihe-pix", "read", pix.pix, _PIXM + "OperationDefinition/IHE.PIXm.pix"),
    Interaction("POST", "Patient/$ihe-pix", "$ihe-pix", "read", pix.pix, _PIXM + "OperationDefinition/IHE.PIXm.pix"),
    Interaction("POST", "Patient/$merge", "$merge", "write", merging.merge, _DEFINITION + "Patient-merge"),
    Interaction("POST", "Patient/$unmerge", "$unmerge", "write", merging.unmerge, _OWN + "Patient-unmerge"),
    Interaction("GET", "Patient/[id]/$golden", "$golden", "read", golden.golden, _OWN + "Patient-golden"),
    Interaction("POST", "Patient/[id]/$golden", "$golden", "read", golden.golden, _OWN + "Patient-golden"),
)
