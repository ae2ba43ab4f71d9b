"""Hierarchies of places, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/search/test_fhir_search_hierarchy.py")
