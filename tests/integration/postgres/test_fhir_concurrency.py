"""Many FHIR clients at once with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/test_fhir_write_concurrency.py")
