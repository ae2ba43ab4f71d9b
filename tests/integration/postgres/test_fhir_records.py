"""Reads of whole records over FHIR with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/unit/flow/fhir/test_records.py", fixtures=["tests/unit/flow/fhir/conftest.py"])
