"""The shape of the tree: short files, a sentence for every module, no words that hide a responsibility."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for p in (ROOT / "src").rglob("*.py") if "generated" not in p.parts)
FORBIDDEN = re.compile(r"(^|_)(utils?|helpers?|managers?|common|misc)(_|$)")


def lines(path: Path) -> int:
    """Count the lines of a file."""
    return len(path.read_text("utf-8").splitlines())


def test_files_stay_small() -> None:
    """Median under 150 lines, 400 at the ninetieth percentile, 800 at most."""
    sizes = sorted(lines(p) for p in SOURCES)
    assert statistics.median(sizes) <= 150
    assert sizes[int(len(sizes) * 0.9)] <= 400
    too_long = {str(p.relative_to(ROOT)): lines(p) for p in SOURCES if lines(p) > 800}
    assert not too_long


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_module_says_what_it_is_for(path: Path) -> None:
    """Every module begins with a docstring and has a name of the domain."""
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{path} has no docstring"
    assert not FORBIDDEN.search(path.stem), f"{path.stem} does not say what is in it"


def test_tests_mirror_the_rooms() -> None:
    """Every room of the package has unit tests of its own."""
    rooms = {p.name for p in (ROOT / "src" / "unsilo").iterdir() if (p / "__init__.py").exists()}
    tested = {p.name for p in (ROOT / "tests" / "unit").iterdir() if any(p.rglob("test_*.py"))}
    assert rooms - tested == set()


def test_each_test_says_its_behaviour() -> None:
    """Every test function has a docstring."""
    silent = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            if is_test and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert silent == []


def test_no_registry_host_is_named() -> None:
    """No file names a package registry's address."""
    host = re.compile(r"(pypi|pythonhosted|npmjs|debian)\.(org|com)", re.I)
    folders = ("requirements", ".ci", "docs", "tools", "src", "tests", "bench")
    files = [
        p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in ("", ".txt", ".md", ".py", ".toml", ".csv")
    ]
    files += [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("*.md")]
    found = [str(p) for p in files if p.is_file() and p != Path(__file__) and host.search(p.read_text("utf-8"))]
    assert found == []
