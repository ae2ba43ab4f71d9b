"""The walk of links and unlinks with the store on PostgreSQL, shorter, for each step is a turn of the database."""

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

borrow(globals(), "tests/integration/storage/test_link_steps.py").STEPS = 2000
