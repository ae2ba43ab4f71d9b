"""Every interaction that this server has, in the order of the standard (FHIR R4 http.html)."""

from unsilo.api import describing, originals, reading, records, searching
from unsilo.api.interaction import Interaction

__all__ = ["INTERACTIONS"]

_PATIENT = "http://hl7.org/fhir/OperationDefinition/Patient-"
_SUMMARY = "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"

INTERACTIONS: tuple[Interaction, ...] = (
    Interaction("GET", "metadata", "capabilities", "", describing.capabilities),
    Interaction("GET", "openapi.json", "openapi", "", describing.description, raw=True),
    Interaction("GET", "[type]/[id]", "read", "read", reading.read),
    Interaction("GET", "Binary/[id]", "read", "read", originals.read, raw=True),
    Interaction("GET", "[type]/[id]/_history/[vid]", "vread", "read", reading.vread),
    Interaction("GET", "Binary/[id]/_history/[vid]", "vread", "read", originals.vread, raw=True),
    Interaction("GET", "[type]/[id]/_history", "history-instance", "read", reading.history),
    Interaction("GET", "[type]/_history", "history-type", "read", reading.history),
    Interaction("GET", "_history", "history-system", "read", reading.history),
    Interaction("GET", "Patient/[id]/$everything", "$everything", "read", records.everything, _PATIENT + "everything"),
    Interaction("GET", "Patient/[id]/$summary", "$summary", "read", records.summary, _SUMMARY),
    Interaction("GET", "[type]", "search-type", "read", searching.search),
    Interaction("POST", "[type]/_search", "search-type", "read", searching.search),
)
