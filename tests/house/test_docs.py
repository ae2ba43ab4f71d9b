"""The documentation tells the truth: what it names exists, and what exists is named."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
FILE = re.compile(r"`((?:src/|docs/|tests/|bench/|tools/|[a-z_]+/)[\w./-]+\.(?:py|csv|toml|md|sql|html|css|js))`")
TARGET = re.compile(r"`make ([a-z-]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_files_exist(page: Path) -> None:
    """Every relative link, file name and make target on a page exists."""
    text = page.read_text("utf-8")
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    bases = (ROOT, ROOT / "src" / "unsilo", ROOT / "src")
    missing += [name for name in FILE.findall(text) if not any((base / name).exists() for base in bases)]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    missing += [f"make {t}" for t in TARGET.findall(text) if t not in targets]
    assert missing == []


def test_every_room_is_described() -> None:
    """The architecture page has a row for every room."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = [p.parent.name for p in (ROOT / "src" / "unsilo").glob("*/__init__.py")]
    assert [r for r in rooms if f"`{r}`" not in page] == []


def test_every_room_of_the_use_cases_is_named() -> None:
    """The architecture page names each folder of `flow`, and the unit tests have no folder that it has not."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {p.parent.name for p in (ROOT / "src" / "unsilo" / "flow").glob("*/__init__.py")}
    assert [r for r in sorted(rooms) if f"`{r}`" not in page] == []
    tested = {p.parent.name for p in (ROOT / "tests" / "unit" / "flow").glob("*/test_*.py")}
    assert tested - rooms == set()


def test_every_dependency_has_its_reason() -> None:
    """Each run-time dependency stands in the decision that says why."""
    page = (ROOT / "docs" / "decisions" / "0004-dependencies.md").read_text("utf-8")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = [re.split(r"[<>=;\s\[]", d)[0] for d in declared]
    assert [n for n in names if n not in page] == []


def commands(app: object, prefix: str = "") -> list[str]:
    """List every command of a typer application, subcommands with their parent."""
    from typer.main import get_command

    found: list[str] = []
    stack = [(get_command(app), prefix)]  # type: ignore[arg-type]
    while stack:
        node, path = stack.pop()
        children = getattr(node, "commands", None)
        if children is None:
            found.append(path.strip())
        else:
            stack += [(child, f"{path} {name}") for name, child in children.items() if not child.hidden]
    return sorted(found)


def test_every_command_is_documented() -> None:
    """The command reference names every command."""
    from unsilo.cli.main import app

    page = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    assert [c for c in commands(app) if f"unsilo {c}" not in page] == []


def test_every_setting_is_documented() -> None:
    """The settings reference names every field of Settings, and of every table within."""
    from unsilo.config import settings

    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    own = [o for o in vars(settings).values() if getattr(o, "__module__", "") == settings.__name__]
    tables = [o for o in own if isinstance(o, type) and issubclass(o, msgspec.Struct)]
    fields = [f.name for table in tables for f in msgspec.structs.fields(table)]
    assert len(tables) > 10
    assert [f for f in fields if f"`{f}`" not in page and f"[{f}]" not in page and f".{f}`" not in page] == []


def test_changelog_knows_this_version() -> None:
    """The changelog has an entry for the version of the package."""
    from unsilo import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_hazard_names_a_test_that_exists() -> None:
    """Each row of the hazard log cites tests, and each cited test stands in the tree."""
    rows = [r for r in (ROOT / "docs" / "safety.md").read_text("utf-8").splitlines() if re.match(r"\| H\d+", r)]
    assert len(rows) >= 15
    for row in rows:
        cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert cited, row
        for file, name in cited:
            assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_examples_of_settings_are_valid(page: Path, tmp_path: Path) -> None:
    """Every TOML example of settings on a page is read without an error, apart from files that only its site has."""
    from unsilo.config import load

    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.S)):
        keys = tomllib.loads(block).keys()
        if not keys & {"data", "feeds", "mllp"} or ("mllp" in keys and "feeds" not in keys):
            continue
        file = tmp_path / f"{number}.toml"
        file.write_text(block, "utf-8")
        errors = [i.text for i in load(file, {}).issues if i.severity == "error"]
        assert [e for e in errors if "there is no f" not in e] == []
