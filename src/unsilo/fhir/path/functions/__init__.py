"""The functions of FHIRPath, one file for each group of the standard; importing them fills the registry."""

from unsilo.fhir.path.functions import (
    additions,
    boundary,
    combining,
    conversion,
    existence,
    filtering,
    math,
    strings,
    subsetting,
    walking,
)

__all__ = [
    "additions", "boundary", "combining", "conversion", "existence", "filtering", "math", "strings", "subsetting",
    "walking",
]  # fmt: skip
