"""The functions of FHIRPath, one file for each group of the standard; importing them fills the registry."""

from unsilo.fhir.path.functions import (
    additions,
    boundary,
    combining,
    components,
    conversion,
    defining,
    existence,
    filtering,
    math,
    strings,
    subsetting,
    walking,
)

__all__ = [
    "additions", "boundary", "combining", "components", "conversion", "defining", "existence", "filtering", "math",
    "strings", "subsetting", "walking",
]  # fmt: skip
