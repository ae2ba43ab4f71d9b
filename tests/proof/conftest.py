"""Makes importable what the proofs use of others: the oracle's world and questions, the benchmarks' node."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "oracle"), str(Path(__file__).parents[2])]
