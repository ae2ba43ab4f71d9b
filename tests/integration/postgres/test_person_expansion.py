"""Searches over persons while they are linked and unlinked, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/search/test_person_expansion.py")
