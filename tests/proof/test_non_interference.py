"""What a policy hides changes no answer: two nodes that differ only in it answer alike, byte for byte."""

from pathlib import Path

import pytest

from tests.proof.asking import run
from tests.proof.twins import ELEMENTS, POLICIES, twins
from unsilo.api.policies import Policies
from unsilo.config import Settings


def test_the_proof_can_fail(tmp_path: Path) -> None:
    """Were the policy not kept, the very same requests would tell the two nodes apart."""
    with twins(tmp_path, "labels", 31) as pair:
        for node in (pair.poor, pair.rich):
            node.app.fhir.policies = Policies(Settings())
        assert len(run(pair, 80, 32)) == 10


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_hidden_data_changes_no_answer(tmp_path: Path, policy: str) -> None:
    """Random requests of every kind; `make proof` asks many more."""
    with twins(tmp_path, policy, 31) as pair:
        assert pair.hidden or policy in ELEMENTS
        assert run(pair, 80, 32) == []
