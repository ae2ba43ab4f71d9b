"""Quantities in other units, as on SQLite."""

from tests.integration.search.test_fhir_search_units import (  # noqa: F401 # tests of the store that is given
    test_units,
    test_very_many_units,
)
