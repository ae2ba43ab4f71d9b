"""Pages of searches while others write, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/search/test_fhir_search_pages.py", ["test_deepest_chain_and_most_values"])
