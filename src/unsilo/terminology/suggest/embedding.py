"""Meaning as vectors: a port, and static embeddings read from a model's folder, for candidates that share no word."""

from __future__ import annotations

import json
import mmap
import re
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import fsum, sqrt
from operator import mul
from pathlib import Path
from typing import Any, Protocol

from unsilo.kernel.issue import Issue, Where
from unsilo.kernel.result import Result
from unsilo.terminology.words import fold

__all__ = ["Embeddings", "StaticEmbeddings", "Vector", "alike", "load_embeddings"]

Vector = Sequence[float]

_LARGEST_HEADER = 1 << 20
_LARGEST_VOCABULARY = 1_000_000
_LARGEST_TOKENIZER = 64 << 20
_WIDEST = 4096
_LONGEST_WORD = 100
_MOST_WORDS = 64
_SIZES = {"F32": ("f", 4), "F16": ("e", 2)}
_WORD = re.compile(r"[^\W_]+|[^\w\s]")


class Embeddings(Protocol):
    """Gives texts a direction; texts that mean much the same have nearly the same one."""

    name: str

    def vector(self, text: str) -> Vector | None:
        """Return a vector of length 1, None for a text that the model knows nothing of."""


def alike(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors of length 1."""
    return fsum(map(mul, one, other))


class StaticEmbeddings:
    """One vector a word piece; a text is the mean of its pieces. The file is mapped, not read. Thread-safe."""

    def __init__(self, name: str, pieces: Mapping[str, int], content: Any, start: int, kind: str, width: int) -> None:
        self.name, self._pieces, self._content = name, pieces, content
        self._start, self._width = start, width
        letter, size = _SIZES[kind]
        self._row = struct.Struct(f"<{width}{letter}")
        self._size = size * width
        self.vector = lru_cache(65_536)(self._vector)  # type: ignore[method-assign]

    def vector(self, text: str) -> Vector | None:  # pragma: no cover - replaced by the remembered one
        """Return a vector of length 1, None where no piece of the text is known."""
        return self._vector(text)

    def _vector(self, text: str) -> Vector | None:
        numbers = [number for word in _WORD.findall(fold(text))[:_MOST_WORDS] for number in self._split(word)]
        if not numbers:
            return None
        rows = [self._row.unpack_from(self._content, self._start + number * self._size) for number in numbers]
        total = [fsum(column) for column in zip(*rows, strict=True)]
        length = sqrt(fsum(value * value for value in total))
        # A length that is no number comes from a file with such values: it says nothing.
        return tuple(value / length for value in total) if 0 < length < float("inf") else None

    def _split(self, word: str) -> list[int]:
        """Return the numbers of a word's longest pieces from the left (WordPiece); none when one is not known."""
        found: list[int] = []
        at, word = 0, word[:_LONGEST_WORD]
        while at < len(word):
            for end in range(len(word), at, -1):
                number = self._pieces.get(("##" if at else "") + word[at:end])
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                return []
        return found


def _wrong(path: Path, text: str, hint: str = "") -> Result[StaticEmbeddings]:
    return Result(None, [Issue("error", "value", text, Where(str(path)), hint, "suggest.embeddings")])


def load_embeddings(folder: Path) -> Result[StaticEmbeddings]:
    """Read a model of static embeddings: a table of floats in `model.safetensors`, WordPiece in `tokenizer.json`.

    No value and an Issue that names the file for whatever is missing, of another kind or larger than its bounds.
    """
    tokenizer, weights = folder / "tokenizer.json", folder / "model.safetensors"
    for path in (tokenizer, weights):
        if not path.is_file():
            return _wrong(path, "The file is not there.", "A model folder has tokenizer.json and model.safetensors.")
    pieces = _pieces(tokenizer)
    if isinstance(pieces, str):
        return _wrong(tokenizer, pieces, "Models of static embeddings with a WordPiece vocabulary are read.")
    with weights.open("rb") as file:
        if weights.stat().st_size < 8:
            return _wrong(weights, "The file is too short.")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    table = _table(content, max(pieces.values(), default=0))
    if isinstance(table, str):
        return _wrong(weights, table)
    start, kind, width = table
    return Result(StaticEmbeddings(folder.name, pieces, content, start, kind, width), [])


def _pieces(path: Path) -> dict[str, int] | str:
    if path.stat().st_size > _LARGEST_TOKENIZER:
        return "The vocabulary is too large."
    try:
        said = json.loads(path.read_bytes())
        model = said["model"]
        kind, pieces = model.get("type", "WordPiece"), model["vocab"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "The file is no tokenizer in JSON."
    if kind != "WordPiece" or not isinstance(pieces, dict):
        return f"A tokenizer of the kind {str(kind)[:40]} is not read."
    special = {"[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", str(model.get("unk_token"))}
    found = {piece: number for piece, number in pieces.items() if isinstance(number, int) and piece not in special}
    if not found or len(found) > _LARGEST_VOCABULARY or min(found.values()) < 0:
        return "The vocabulary is empty, too large, or numbered wrongly."
    return found


def _table(content: Any, highest: int) -> tuple[int, str, int] | str:
    """Return (start, kind, width) of the only table of floats that has a row for each piece."""
    size = int.from_bytes(content[:8], "little")
    if not 0 < size <= _LARGEST_HEADER or size + 8 > len(content):
        return "The header is longer than the file or than its bound."
    try:
        header = json.loads(content[8 : 8 + size])
        tables = [part for name, part in header.items() if name != "__metadata__" and len(part["shape"]) == 2]
        (table,) = tables
        (rows, width), (first, last), kind = table["shape"], table["data_offsets"], table["dtype"]
        numbers = [int(number) for number in (rows, width, first, last)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "The header names no single table of vectors."
    rows, width, first, last = numbers
    if kind not in _SIZES:
        return f"Vectors of the kind {str(kind)[:20]} are not read; F32 and F16 are."
    if not 0 < width <= _WIDEST or rows <= highest:
        return "The table has no row for some pieces of the vocabulary, or is too wide."
    if first < 0 or last - first != rows * width * _SIZES[kind][1] or 8 + size + last > len(content):
        return "The table is not as long as its header says."
    return 8 + size + first, kind, width
