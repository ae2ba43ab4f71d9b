"""The model of a store: weights, shares, how usual names are, thresholds and a version; the reasoned one by default."""

from functools import cache
from math import log2

import msgspec

from unsilo.identity.frequency import Frequencies
from unsilo.identity.score import Scorer, Shares
from unsilo.identity.simulate.tables import census
from unsilo.identity.vocabulary import Weight, weights

__all__ = ["Model", "default", "pack_model", "unpack_model"]

_ROWS = 100_000  # records of a store of which nothing is known yet
_RARE = 0.00002  # share of bearers of a name that the census does not list


class Model(msgspec.Struct, frozen=True):
    """What scores: `weights` are (field, level, m, u) where they are other than `weights.csv`.

    `version` is written on every edge that the model makes; `trained_on` says in words from what it came.
    """

    version: str
    trained_on: str
    frequencies: Frequencies
    shares: Shares = Shares()
    weights: tuple[tuple[str, str, float, float], ...] = ()
    link_at: float = 0.9
    review_at: float = 0.5

    def scorer(self) -> Scorer:
        """Return the scorer of the model."""
        return Scorer(
            self.frequencies, link_at=self.link_at, review_at=self.review_at, shares=self.shares, table=self.table()
        )

    def table(self) -> dict[tuple[str, str], Weight]:
        """Return the whole table of weights."""
        table = dict(weights())
        for field, level, m, u in self.weights:
            if (field, level) in table:
                table[field, level] = table[field, level]._replace(m=m, u=u)
        return table


def _more(field: str, shares: dict[str, float]) -> dict[str, float]:
    m = weights()[field, "exact"].m
    return {name: log2(m / (share + _RARE)) for name, share in shares.items()}


@cache
def default() -> Model:
    """Return the model of `weights.csv`, with names as usual as in the census of the United States."""
    given, family = census()
    frequencies = Frequencies(
        _ROWS,
        {
            "given": _more("given", given), "family": _more("family", family), "city": {}, "birth": {}, "ssn": {},
            "mrn": {}, "phone": {}, "email": {},
        },
        frozenset(given),
    )  # fmt: skip
    return Model("reasoned-4", "shares of slips as studies report them, names of the census", frequencies)


_decoder = msgspec.msgpack.Decoder(Model)


def pack_model(model: Model) -> bytes:
    """Encode a model for the store."""
    return msgspec.msgpack.encode(model)


def unpack_model(content: bytes) -> Model:
    """Decode `pack_model`'s bytes; msgspec.DecodeError when they are something else."""
    return _decoder.decode(content)
