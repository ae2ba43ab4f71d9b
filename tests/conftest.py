"""What holds for all tests: examples that are made slowly on a busy machine are no fault; long files begin first."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from unsilo.storage import reserve

settings.register_profile("unsilo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unsilo")

_HERE = Path(__file__).parent
_FIRST = (
    "acceptance/test_kill.py", "acceptance/test_demo.py", "acceptance", "browser", "integration", "proof",
    "conformance", "oracle",
)  # fmt: skip
"""Files and folders with the longest first: one that began last would keep a single process busy at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first; within a file and among the others the order stays."""
    items.sort(key=lambda item: _place(item.path.relative_to(_HERE).as_posix()))


def _place(path: str) -> int:
    return next((n for n, first in enumerate(_FIRST) if path == first or path.startswith(f"{first}/")), len(_FIRST))


@pytest.fixture(scope="session", autouse=True)
def _small_reserves() -> None:
    """Let the nodes that tests make in this process keep some kilobytes for a full disk, not megabytes each."""
    reserve.SHARE_OF_DISK = 1_000_000
