"""Makes the parts of the oracle importable, whose world and questions the proofs use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "oracle"))
