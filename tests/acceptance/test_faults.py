"""Disk faults under load: nothing that is not durable is acknowledged, reads go on, and the node goes on by itself."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench import faults


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_failed_writes_and_fsyncs_lose_nothing(tmp_path: Path) -> None:
    """EIO and ENOSPC in writes and fsyncs of each file of the store: nothing lost, doubled or stuck, reads go on."""
    found = faults.Outcome()
    faults.inject(found, tmp_path, [2])
    assert found.injected > 0
    assert found.good, found


@pytest.mark.slow
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """While the disk is full nothing is acknowledged and every read is answered; with room again all is taken."""
    found = faults.Outcome()
    faults.full_disk(found, tmp_path)
    if found.full_disk.startswith("not tried"):
        pytest.skip(found.full_disk)
    assert found.good, found
