"""What a policy hides changes no answer, and crowds lose nothing, with the store on PostgreSQL."""

import sys
from pathlib import Path

import pytest

from tests.integration.postgres.borrowed import borrow

pytestmark = pytest.mark.usefixtures("databases")

sys.path[:0] = [str(Path(__file__).parents[2] / "oracle"), str(Path(__file__).parents[3])]
borrow(globals(), "tests/proof/test_non_interference.py")
borrow(globals(), "tests/proof/test_at_once.py")
