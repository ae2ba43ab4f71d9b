"""Static embeddings from a folder that the test makes: read, compared, refused when wrong, never decisive alone."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from unsilo.terminology.suggest import Item, Suggester, load_embeddings
from unsilo.terminology.suggest.embedding import alike

PIECES = {"[PAD]": 0, "[UNK]": 1, "sugar": 2, "glucose": 3, "in": 4, "blood": 5, "pot": 6, "##assium": 7, "zorblin": 8}
ROWS = [(0, 0, 0), (9, 9, 9), (1, 0.1, 0), (1, 0, 0), (0, 0, 0.1), (0.2, 0, 0.3), (0, 1, 0), (0, 1, 0), (0, 1, 0.1)]


def made(
    folder: Path, *, pieces: Any = None, rows: Any = None, kind: str = "F32", shape: Any = None, header: Any = None
) -> Path:
    """Write a model folder; what is given replaces what belongs there."""
    folder.mkdir(parents=True, exist_ok=True)
    own = ROWS if rows is None else rows
    content = b"".join(struct.pack("<3f" if kind != "F16" else "<3e", *row) for row in own)
    said = {"embeddings": {"dtype": kind, "shape": shape or [len(own), 3], "data_offsets": [0, len(content)]}}
    text = json.dumps(said if header is None else header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + content)
    model = {"type": "WordPiece", "unk_token": "[UNK]", "vocab": PIECES} if pieces is None else pieces
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    return folder


@pytest.mark.parametrize("kind", ["F32", "F16"])
def test_texts_that_mean_the_same_have_one_direction(tmp_path: Path, kind: str) -> None:
    """A word in pieces counts as its pieces; unknown words say nothing; length is 1."""
    model = load_embeddings(made(tmp_path / "tiny", kind=kind)).value
    assert model is not None
    sugar, glucose, potassium = (model.vector(text) for text in ("Sugar", "glucose", "POTASSIUM"))
    assert sugar is not None
    assert glucose is not None
    assert potassium is not None
    assert alike(sugar, glucose) > 0.99
    assert alike(glucose, potassium) < 0.1
    assert alike(sugar, sugar) == pytest.approx(1)
    assert model.vector("quux") is None
    assert model.vector("") is None
    assert model.name == "tiny"


def test_a_candidate_by_meaning_joins_with_its_reason_and_is_never_automatic(tmp_path: Path) -> None:
    """A made-up word that shares nothing with potassium: the model brings it, for a person to look at."""
    targets = {"1-1": "Potassium", "2-2": "Glucose in blood"}
    item = Item("Z", "Zorblin", "", "", "Laboratory")
    (alone,) = Suggester(targets).suggest(item)
    assert alone.decision == "abstain"
    found = Suggester(targets, embeddings=load_embeddings(made(tmp_path / "tiny")).value).suggest(item)
    assert found[0].code == "1-1"
    assert found[0].reason.startswith("similar in meaning by model tiny (")
    assert {row.decision for row in found} == {"review"}


def test_what_words_find_stays_as_it_was(tmp_path: Path) -> None:
    """Embeddings add; they change no suggestion that words found."""
    targets = {"1-1": "Potassium", "2-2": "Glucose in blood", "3-3": "Chloride"}
    item = Item("GLU", "Glucose blood", "", "", "Laboratory")
    plain = Suggester(targets).suggest(item)[0]
    meant = Suggester(targets, embeddings=load_embeddings(made(tmp_path / "m")).value).suggest(item)[0]
    assert (plain.code, plain.decision) == (meant.code, meant.decision)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "I64"}, "I64"),
        ({"shape": [3, 3]}, "no row for some pieces"),
        ({"shape": [9, 2]}, "not as long"),
        ({"shape": [9, 0]}, "too wide"),
        ({"shape": [9, 10**9]}, "too wide"),
        ({"header": {}}, "no single table"),
        ({"header": {"a": 1}}, "no single table"),
        ({"header": []}, "no single table"),
        ({"header": {"a": {"dtype": "F32", "shape": [9, 3], "data_offsets": [-108, 0]}}}, "not as long"),
        ({"header": {"a": {"dtype": "F32", "shape": ["x", 3], "data_offsets": [0, 108]}}}, "no single table"),
        ({"pieces": {"type": "Unigram", "vocab": []}}, "Unigram"),
        ({"pieces": {"type": "WordPiece", "vocab": {"a": -1}}}, "numbered wrongly"),
        ({"pieces": {"type": "WordPiece", "vocab": {}}}, "empty"),
        ({"pieces": []}, "no tokenizer"),
        ({"pieces": {"type": "WordPiece", "vocab": {"a": 99}}}, "no row for some pieces"),
    ],
)
def test_a_wrong_model_is_told_with_its_file(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """No value, and an Issue that names the file."""
    found = load_embeddings(made(tmp_path, **wrong))
    assert found.value is None
    assert said in found.issues[0].text
    assert str(tmp_path) in found.issues[0].where.path


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 8, b"\xff" * 64, b"\x05" + b"\x00" * 7 + b"[[[[["])
def test_damaged_weights_are_told(tmp_path: Path, content: bytes) -> None:
    """Lengths that lie are not believed."""
    (made(tmp_path) / "model.safetensors").write_bytes(content)
    assert load_embeddings(tmp_path).issues


def test_missing_files_are_named(tmp_path: Path) -> None:
    """An empty folder says what belongs there."""
    assert "tokenizer.json" in load_embeddings(tmp_path).issues[0].where.path


def test_values_that_are_no_numbers_say_nothing(tmp_path: Path) -> None:
    """NaN and infinity in the table never reach a score."""
    rows = [*ROWS[:3], (float("nan"), 0, 0), (float("inf"), 0, 0), *ROWS[5:]]
    model = load_embeddings(made(tmp_path, rows=rows)).value
    assert model is not None
    assert model.vector("glucose") is None
    assert model.vector("in") is None
