"""What a predicate hides stays hidden with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/search/test_fhir_search_predicate.py", ["test_every_alias_of_every_statement"])
