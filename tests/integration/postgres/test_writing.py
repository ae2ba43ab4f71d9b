"""FHIR writes, transactions, posted parameters and many clients at once, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

_FIXTURES = ("tests/unit/flow/fhir/conftest.py",)
for _name in ("write", "transaction", "posted_parameters", "records"):
    borrow(globals(), f"tests/unit/flow/fhir/test_{_name}.py", fixtures=_FIXTURES)
borrow(globals(), "tests/integration/test_fhir_write_concurrency.py")
