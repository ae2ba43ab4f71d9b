"""A node that is killed at random, or loses its power, has everything that it acknowledged, once."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench import kill, power


@pytest.mark.slow
def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """SIGKILL at random under load, twenty times: nothing acknowledged lost, nothing twice, ready again each time."""
    found = kill.run(20, 7, tmp_path, longest=0.35)
    assert found.kills == 20
    assert found.acknowledged > 100
    assert (found.lost, found.doubled, found.unprocessed, found.issues) == (0, 0, 0, [])
    assert len(found.ready) >= found.kills


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_lost_power_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Copies that hold only what was fsynced by a random moment have every acknowledged message and are sound."""
    found = power.run(6, 100, 7, tmp_path)
    assert found.cuts == 6
    assert found.checked > 100
    assert (found.lost, found.issues) == (0, [])
