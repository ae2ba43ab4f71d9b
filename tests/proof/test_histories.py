"""Nothing that was acknowledged is lost, nothing is half done, whoever looks and whenever the server dies."""

from pathlib import Path

import pytest

from tests.proof.histories import run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_histories_with_kills(tmp_path: Path) -> None:
    """Eight clients, three kills; `make proof` kills more often."""
    found = run(3, 5, tmp_path)
    assert found.wrong == []
    assert found.kills == 3
    assert len(found.kept) > 50
    assert min(found.done.values()) > 0
