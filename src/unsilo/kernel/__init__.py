"""Ids, clock, Issue, Result, Envelope, Lineage, lossless JSON and limits: the words all other rooms share."""

from unsilo.kernel.envelope import Envelope, seal
from unsilo.kernel.ids import content_id, content_ids, fresh_id, hash64
from unsilo.kernel.issue import CATEGORIES, Issue, Where, worst
from unsilo.kernel.json import Json
from unsilo.kernel.limits import Limits
from unsilo.kernel.lineage import Lineage, Locator, Row
from unsilo.kernel.result import Result

__all__ = [
    "CATEGORIES", "Envelope", "Issue", "Json", "Limits", "Lineage", "Locator", "Result", "Row", "Where",
    "content_id", "content_ids", "fresh_id", "hash64", "seal", "worst",
]  # fmt: skip
