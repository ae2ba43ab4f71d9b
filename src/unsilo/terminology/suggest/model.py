"""The weights of the reranker and of its calibration, read from a versioned data file."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from math import exp

import msgspec

__all__ = ["CALIBRATION", "Model", "load_model", "sigmoid"]

CALIBRATION = (
    "bias", "share of the first", "lead over the second", "label covered", "name covered", "same words",
    "specimen agrees", "unit fits", "contradicted", "method not said", "candidates alike",
)  # fmt: skip


class Model(msgspec.Struct, frozen=True):
    """Weights by feature name, and the two thresholds on the calibrated probability."""

    version: str
    trained_on: str
    rank: dict[str, float]
    calibration: dict[str, float]
    automatic: float
    abstain: float

    def score(self, names: Sequence[str], values: Sequence[float]) -> float:
        """Return the weighted sum of a candidate's features."""
        rank = self.rank
        return sum(rank[name] * value for name, value in zip(names, values, strict=True) if value)


def sigmoid(value: float) -> float:
    """Return the logistic function, safe for any argument."""
    return 1 / (1 + exp(-value)) if value > -60 else 0.0


@cache
def load_model() -> Model:
    """The model that ships with this version."""
    return msgspec.json.decode(files(__package__).joinpath("model.json").read_bytes(), type=Model)
