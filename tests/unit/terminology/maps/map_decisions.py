"""A decision about a laboratory's glucose, for the tests of maps."""

from unsilo.terminology.maps import Entry, key_of

LOINC = "http://loinc.org"
GLU = Entry("", "Observation.code", "urn:lab", "GLU", LOINC, "2345-7", "Glucose", label="Glucose")


def entry(**changes: object) -> Entry:
    """Return the decision about glucose with something changed, under its id."""
    made = Entry(**{name: getattr(GLU, name) for name in GLU.__struct_fields__} | changes)  # type: ignore[arg-type]
    return Entry(**{name: getattr(made, name) for name in made.__struct_fields__} | {"id": key_of(made)})
