"""A service over an empty store, and short ways to write to it."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unsilo.config import Fhir, Settings
from unsilo.config.settings import Validation
from unsilo.flow.fhir.outcome import Caller, Written
from unsilo.flow.service import Service
from unsilo.kernel import json
from unsilo.policy import EVERYTHING, Allow, Predicate

WAIT = 20
ALL = Caller("tester", "test", Predicate())
TAG = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


@contextmanager
def node(folder: Path, *, validation: Any = "off", **fhir: Any) -> Iterator[Service]:
    """A service whose workers do not run."""
    service = Service(Settings(data=folder, fhir=Fhir(**fhir), validation=Validation(on_write=validation)))
    service.reindexing.start()
    try:
        yield service
    finally:
        service.reindexing.stop()
        service.store.close()


def caller(allow: Allow = EVERYTHING, name: str = "tester") -> Caller:
    """Somebody with a predicate."""
    return Caller(name, "test", Predicate(allow=allow))


def got(future: "Future[Written]") -> Written:
    """The end of a write."""
    return future.result(WAIT)


def body(written: Written) -> dict[str, Any]:
    """The stored JSON of a write."""
    assert written.body is not None
    found: dict[str, Any] = json.decode(written.body)
    return found


def patient(mrn: str = "1", family: str = "Doe", **more: Any) -> dict[str, Any]:
    """A Patient."""
    made: dict[str, Any] = {"resourceType": "Patient", **more, "name": [{"family": family}]}
    return {**made, "identifier": [{"system": "urn:mrn", "value": mrn}]}


def observation(subject: str = "Patient/p", value: int = 1, **more: Any) -> dict[str, Any]:
    """An Observation."""
    return {
        "resourceType": "Observation", **more, "status": "final", "subject": {"reference": subject},
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}, "valueInteger": value,
    }  # fmt: skip


def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: Any) -> dict[str, Any]:
    """A Bundle entry."""
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def bundle(*entries: Any) -> dict[str, Any]:
    """A transaction."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
