"""Which standard code a local code means: candidates with a calibrated probability and their reasons in words."""

from unsilo.terminology.suggest.chooser import Chooser, choose
from unsilo.terminology.suggest.embedding import Embeddings, load_embeddings
from unsilo.terminology.suggest.engine import Suggester, Suggestion
from unsilo.terminology.suggest.item import Item
from unsilo.terminology.suggest.model import Model, load_model
from unsilo.terminology.suggest.target import Target, read_target

__all__ = [
    "Chooser", "Embeddings", "Item", "Model", "Suggester", "Suggestion", "Target", "choose", "load_embeddings",
    "load_model", "read_target",
]  # fmt: skip
