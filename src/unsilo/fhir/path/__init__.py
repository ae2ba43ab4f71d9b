"""FHIRPath N1 with the additions of FHIR R4: expressions compiled to closures."""

from unsilo.fhir.path.context import BUDGET, Context, Place
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import Item, Items
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.resolving import by_type
from unsilo.fhir.path.run import Path, compile_once, compile_path
from unsilo.fhir.path.temporal import Date, DateTime, Time

__all__ = [
    "BUDGET", "Context", "Date", "DateTime", "Item", "Items", "Path", "PathError", "Place", "Quantity", "Time",
    "by_type", "compile_once", "compile_path",
]  # fmt: skip
