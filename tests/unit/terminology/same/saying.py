"""Statements for the tests of sameness, written short."""

from __future__ import annotations

from typing import Any

from unsilo.terminology.same import Meaning, Reader, verdict

__all__ = ["CVX", "ICD9", "ICD10", "NDC", "RXNORM", "SNOMED", "UNII", "coded", "meant", "told"]

SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
NDC = "http://hl7.org/fhir/sid/ndc"
UNII = "http://fdasis.nlm.nih.gov"

PLAIN = Reader()


def coded(*codes: tuple[str, str, str] | tuple[str, str], text: str = "") -> dict[str, Any]:
    """Return a CodeableConcept of (system, code, display) and a text."""
    names = ("system", "code", "display")
    return {"coding": [dict(zip(names, one, strict=False)) for one in codes]} | ({"text": text} if text else {})


def meant(domain: str, said: str | dict[str, Any], reader: Reader = PLAIN, **more: Any) -> Meaning:
    """Return the meaning of a text or concept."""
    return reader.meaning(domain, {"text": said} if isinstance(said, str) else said, **more)


def told(domain: str, one: str | dict[str, Any], other: str | dict[str, Any], reader: Reader = PLAIN) -> str:
    """Return `outcome rule` of two statements, `-` where nothing is known; the same in both directions."""
    a, b = meant(domain, one, reader), meant(domain, other, reader)
    found, back = verdict(a, b), verdict(b, a)
    assert (found and found.outcome) == (back and back.outcome)
    return f"{found.outcome} {found.rule}" if found is not None else "-"
