"""The option that writes the expected outputs anew instead of comparing with them."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden` (seen when this folder is named: `pytest tests/golden --update-golden`)."""
    parser.addoption("--update-golden", action="store_true", help="write the expected outputs anew; then read the diff")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether to write instead of compare."""
    return bool(request.config.getoption("--update-golden", default=False))
