"""Which column of a person file is which: the headings that are known, and what else they are called."""

import re

from unsilo.identity import COLUMNS
from unsilo.kernel import Issue, Where

__all__ = ["RECORD_ID", "TRUTH", "columns_of"]

RECORD_ID, TRUTH = "record_id", "truth"
_ALSO_CALLED = {
    "record_id": "id rec_id recordid unique_id uniqueid row_id",
    "given_name": "first_name firstname first forename forenames given given_names fname name_first",
    "family_name": "last_name lastname last surname family lname name_last sur_name",
    "birth_date": "dob date_of_birth birthdate birthday birth date_birth born_on",
    "sex": "gender administrative_gender",
    "ssn": "social_security_number soc_sec_id social_security ssn4 last4_ssn national_id",
    "mrn": "medical_record_number record_number",
    "phone": "telephone phone_number telephone_number tel mobile cell",
    "email": "email_address e_mail mail",
    "street": "address street_address address_line address_line_1 address_line1 address_1 address1 addr",
    "city": "town suburb place",
    "state": "province region",
    "postal_code": "zip zipcode zip_code postcode post_code postal",
}
"""Other headings of a column, by its name; where two of a file would be one column, the first is read."""
_WANTED = {other: name for name, others in _ALSO_CALLED.items() for other in others.split()}
_BETWEEN = re.compile(r"[\s.\-/]+")


def columns_of(header: list[str]) -> tuple[dict[str, int], list[Issue], list[Issue]]:
    """Return the place of each known column, notes on headings that were taken for others or not read, and errors.

    Headings count without case, and spaces, points and hyphens in them as underscores.
    """
    names = [_BETWEEN.sub("_", cell.strip().casefold()) for cell in header]
    known = (RECORD_ID, *COLUMNS)
    found = {name: names.index(name) for name in known if name in names}
    faults = [_fault("the column stands twice in the header", name, "twice") for name in found if names.count(name) > 1]
    notes: list[Issue] = []
    passed: list[str] = []
    for at, name in enumerate(names):
        wanted = _WANTED.get(name, "")
        if wanted and wanted not in found:
            found[wanted] = at
            text = f"the column {header[at].strip()} is read as {wanted}"
            notes.append(Issue("information", "structure", text, Where("row 1"), rule="match.called"))
        elif name not in (*known, TRUTH, ""):
            passed.append(header[at].strip()[:40])
    if passed:
        more = f" and {len(passed) - 10} more" if len(passed) > 10 else ""
        text = f"columns that are not read: {', '.join(passed[:10])}{more}"
        hint = f"known: {', '.join(known)}"
        notes.append(Issue("information", "structure", text, Where("row 1"), hint, "match.passed"))
    hint = f"known: {', '.join(known)}"
    if RECORD_ID not in found:
        faults.append(_fault("the header has no column record_id", RECORD_ID, "header", hint))
    elif len(found) == 1:
        faults.append(_fault("the header has no column of a person", "", "header", hint))
    return found, notes, faults


def _fault(text: str, column: str, rule: str, hint: str = "") -> Issue:
    path = f"row 1, column {column}" if column else "row 1"
    return Issue("error", "structure", text, Where(path), hint, f"match.{rule}")
