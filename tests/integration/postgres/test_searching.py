"""Searches over a random hospital give on PostgreSQL what a reading of every row gives."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/search/test_fhir_search_meaning.py")
