"""A service for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.flow.fhir.node import node
from unsilo.flow.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service with the settings as they are by default."""
    with node(tmp_path / "store") as made:
        yield made
