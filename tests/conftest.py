"""What holds for all tests: examples that are made slowly on a busy machine are no fault."""

import pytest
from hypothesis import HealthCheck, settings

from unsilo.storage import reserve

settings.register_profile("unsilo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unsilo")


@pytest.fixture(scope="session", autouse=True)
def _small_reserves() -> None:
    """Let the nodes that tests make in this process keep some kilobytes for a full disk, not megabytes each."""
    reserve.SHARE_OF_DISK = 1_000_000
