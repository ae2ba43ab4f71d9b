"""Disputing a record: a clinician says that it does not belong to this person, and the stewards look at it."""

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked, origin_of
from unsilo.console.people import frame, unknown
from unsilo.console.records import line_of, load_of
from unsilo.console.render import Notice, page
from unsilo.flow.decide.dispute import dispute

__all__ = ["change", "dispute_page"]


def dispute_page(asked: Asked, notice: Notice | None = None) -> Response:
    """Ask why a record does not belong to this person."""
    loaded = load_of(asked)
    patient = (asked.field("patient") or asked.request.query_params.get("patient", "")).removeprefix("Patient/")
    record = next((one for one in loaded.records if one.patient_id == patient), None) if loaded is not None else None
    if loaded is None or record is None or record.resource is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"dispute of Patient/{patient}")
    return page(
        "dispute.html", asked.view, **frame(asked, loaded), notice=notice, patient=patient,
        record=line_of(asked, patient, record.resource),
    )  # fmt: skip


def change(asked: Asked) -> Response:
    """Send the record to the queue, then show the source records."""
    row = asked.service.store.person(asked.request.path_params["uid"])
    patient = asked.field("patient").removeprefix("Patient/")
    if row is None or patient not in row.patients:
        return unknown(asked)
    done = dispute(asked.service, patient, asked.user.name, asked.field("reason"), origin_of(asked.request))
    if done.value is None:
        return dispute_page(asked, Notice("; ".join(issue.text for issue in done.issues), "bad"))
    return RedirectResponse(f"/people/{quote(row.uid)}/records", 303)
