"""Further definitions: FHIR packages from a `.tgz` or a folder, beside R4's own."""

from unsilo.spec.packages.archive import Bounds, PackageError
from unsilo.spec.packages.package import Package, read_package, read_packages

__all__ = ["Bounds", "Package", "PackageError", "read_package", "read_packages"]
