"""The settings of the demo's node: one shared MLLP port parted by sender, a watched folder, two feeds by HTTP."""

from pathlib import Path

from unsilo.config import Feed, Listener, Route, Settings
from unsilo.demo.documents import HARBOUR
from unsilo.demo.segments import CITY_LAB, NORTH, ST_BRIGID, Place

__all__ = ["demo_settings"]

_OIDS = {"north": "2.999.1.1", "brigid": "2.999.1.2", "lab": "2.999.1.3"}
_DAY = 86_400


def _authorities(place: Place) -> dict[str, str]:
    return {place.authority: f"urn:oid:{_OIDS[place.key]}", "SSA": "http://hl7.org/fhir/sid/us-ssn"}


def _systems(place: Place) -> dict[str, str]:
    return {"L": f"urn:oid:{_OIDS[place.key]}.7", "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm"}


def demo_settings(data: Path, port: int, mllp: int, workers: int = 0, *, notes: bool = False) -> Settings:
    """Return the settings; the laboratory's folder is `inbox` within `data`; `notes`: the hospitals' notes are read."""
    north = Feed(
        "north", "hl7v2", NORTH.title, "mllp", authorities=_authorities(NORTH), systems=_systems(NORTH),
        default_authority=f"urn:oid:{_OIDS['north']}", lists={"AL1": "snapshot"}, rhythm_seconds=_DAY,
        notes=notes,
    )  # fmt: skip
    brigid = Feed(
        "brigid", "hl7v2", ST_BRIGID.title, "mllp", authorities=_authorities(ST_BRIGID), systems=_systems(ST_BRIGID),
        default_authority=f"urn:oid:{_OIDS['brigid']}", rhythm_seconds=_DAY,
    )  # fmt: skip
    citylab = Feed(
        "citylab", "hl7v2", CITY_LAB.title, "folder", folder=str(data / "inbox"), pattern="*.hl7",
        authorities=_authorities(CITY_LAB), systems=_systems(CITY_LAB), default_authority=f"urn:oid:{_OIDS['lab']}",
    )  # fmt: skip
    ccda = Feed("harbour-ccda", "ccda", "Harbour Clinic", "http", default_authority=f"urn:oid:{HARBOUR}")
    fhir = Feed("harbour-fhir", "fhir", "Harbour Clinic", "http", default_authority=f"urn:oid:{HARBOUR}")
    routes = [
        Route("north", sending_facility=NORTH.facility),
        Route("brigid", sending_facility=ST_BRIGID.facility),
    ]
    return Settings(
        data=data, port=port, workers=workers, mllp=[Listener(mllp, routes=routes)],
        feeds={feed.name: feed for feed in (north, brigid, citylab, ccda, fhir)},
    )  # fmt: skip
