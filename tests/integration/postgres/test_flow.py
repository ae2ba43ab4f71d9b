"""Messages from their bytes to records, persons, dead letters and replays, with the store on PostgreSQL."""

import sys
from pathlib import Path

import pytest

from tests.integration.postgres.borrowed import borrow

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))  # these tests share `flow_node`

pytestmark = pytest.mark.usefixtures("databases")

for _name in ("dispatch", "maps", "people", "records"):
    borrow(globals(), f"tests/integration/flow/test_{_name}.py")
borrow(globals(), "tests/unit/flow/test_commit.py")
