"""IHE's transactions over HTTP, and notifications, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/test_ihe_http.py")
borrow(
    globals(), "tests/integration/exchange/test_notifications.py", fixtures=["tests/integration/exchange/conftest.py"]
)
