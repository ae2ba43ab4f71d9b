"""FHIR writes and their conditional forms with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/unit/flow/fhir/test_write.py", fixtures=["tests/unit/flow/fhir/conftest.py"])
