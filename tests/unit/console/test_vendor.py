"""Third-party files are the very files that VENDOR.toml names."""

import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

import unsilo.console

SHIPPED = Path(unsilo.console.__file__).parent / "static" / "vendor"
TEST_ONLY = Path(__file__).parents[2] / "browser" / "vendor"


@pytest.mark.parametrize("folder", [SHIPPED, TEST_ONLY], ids=["shipped", "test-only"])
def test_every_vendored_file_is_listed_and_unchanged(folder: Path) -> None:
    """Each file has its recorded hash, each package its licence text, and no other file lies there."""
    packages = tomllib.loads((folder / "VENDOR.toml").read_text("utf-8"))["package"]
    listed = {name: entry["sha256"] for package in packages for name, entry in package["files"].items()}
    found = {p.name: sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name != "VENDOR.toml"}
    assert found == listed
    for package in packages:
        assert package["licence_file"] in listed
        assert package["integrity"].startswith("sha512-")


def test_no_copyleft_file_is_shipped() -> None:
    """Only permissive licences travel with the wheel."""
    packages = tomllib.loads((SHIPPED / "VENDOR.toml").read_text("utf-8"))["package"]
    assert {package["licence"] for package in packages} <= {"0BSD", "MIT", "BSD-3-Clause", "Apache-2.0", "ISC"}
