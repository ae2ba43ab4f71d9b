"""Quantities in other units, as on SQLite."""

from pathlib import Path

from tests.integration.search.test_fhir_search_units import (  # noqa: F401 # tests of the store that is given
    former,
    is_of_now,
    test_units,
    test_units_without_end,
    test_very_many_units,
)
from unsilo.storage import open_store


def test_a_store_of_a_former_version(database: str, tmp_path: Path) -> None:
    """Its keys are made anew when it is opened, and none of the former ones stays."""
    with open_store(tmp_path / "s", database=database) as store:
        former(store)
    with open_store(tmp_path / "s", database=database) as store:
        is_of_now(store)
