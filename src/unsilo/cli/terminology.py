"""The commands `terminology ...`: import releases, list what is here, and ask it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, has_store, settings_of, store_of
from unsilo.cli.output import FAILED, NOT_NOW, OK, WRONG, fail, issues, progress, say, say_json, several, table
from unsilo.cli.paths import needs_paths

if TYPE_CHECKING:
    from unsilo.config import Settings
    from unsilo.flow.terminology.library import Shelves
    from unsilo.flow.terminology.releases import Imported
    from unsilo.terminology import Terminology

__all__ = ["app"]

app = typer.Typer(help="Code systems, value sets and maps.", no_args_is_help=True)

SystemArgument = Annotated[
    str, typer.Argument(metavar="SYSTEM", help="Address, or snomed, loinc, rxnorm, icd10cm, ...")
]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE")]
VersionOption = Annotated[str, typer.Option("--version", metavar="VERSION", help="Version of the system.")]


def _open(config: Path | None, data: Path | None) -> "tuple[Terminology, Shelves]":
    from unsilo.flow.terminology.library import Shelves
    from unsilo.terminology import Terminology

    shelves = Shelves(settings_of(config, data).data / "terminology")
    issues(shelves.faults)
    return Terminology(shelves, shelves.generation), shelves


def _of(terminology: "Terminology", name: str, version: str = "") -> str:
    """Return the address of a system that is here; exits with 3 when it is not."""
    from unsilo.terminology.names import address

    url = address(name)
    if terminology.system(url, version) is None:
        fail(NOT_NOW, f"the code system {url} {version}".rstrip() + " is not here", "unsilo terminology list")
    return url


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Zip, folder, .tgz or file of a release.")],
    url: Annotated[str, typer.Option("--url", metavar="ADDRESS", help="Of which system a table is.")] = "",
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="Where the release does not say it.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Title of a table.")] = "",
    source: Annotated[str, typer.Option("--source", metavar="ADDRESS", help="System that a map leads from.")] = "",
    target: Annotated[str, typer.Option("--target", metavar="ADDRESS", help="System that a map leads to.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a release of SNOMED CT, LOINC, RxNorm, ICD-10, CVX or UNII, FHIR resources or a package, or a CSV table.

    A node that is running uses it within a second. Exit status 1 when a part could not be imported: the former
    version of it stays in use.
    """
    from unsilo.flow.terminology.releases import Said, import_release
    from unsilo.terminology.names import address

    needs_paths([path])
    _, shelves = _open(config, data)
    settings = settings_of(config, data)
    said = Said(address(url) if url else "", version, name, source and address(source), target and address(target))
    with progress(None, "import", quiet=as_json) as shown:

        def told(text: str) -> None:
            if shown is not None:
                shown.update(shown.task_ids[0], description=f"import {text}")

        try:
            found, noted = import_release(shelves, path, said, told)
        except OSError as fault:
            fail(NOT_NOW, f"{fault.filename or path}: {fault.strerror or fault}")
    _governed(settings, found)
    issues(noted)
    failed = any(issue.severity in ("error", "fatal") for issue in noted)
    if as_json:
        say_json(found)
    else:
        for each in found:
            _report(each)
    raise SystemExit(FAILED if failed or not found else OK)


def _governed(settings: "Settings", found: "list[Imported]") -> None:
    """Add what the change touches of the decisions in the store, where there is one."""
    from unsilo.flow.maps.decisions import Maps
    from unsilo.flow.terminology.releases import governed

    gone = [each for each in found if each.changes is not None and each.changes.gone]
    if not gone or not has_store(settings):
        return
    with store_of(settings) as store:
        entries = Maps(store, settings).entries("published")
    for each in gone:
        if each.changes is not None:
            each.maps += governed(entries, each.entry.edition.url, each.changes.gone)


def _report(each: "Imported") -> None:
    entry = each.entry
    named = entry.edition.url or entry.edition.name
    codes, terms = several(entry.edition.count, "concept"), several(entry.terms, "term")
    say(f"{named} {entry.edition.version}: {codes}, {terms}, pairs of the hierarchy: {entry.pairs}, "
        f"rows of maps: {entry.maps}, resources: {len(entry.kinds)}")  # fmt: skip
    if each.changes is not None:
        told = ", ".join(f"{count} {what}" for what, count in each.changes.counts.items())
        say(f"  against {each.former or 'the former one'}: {told}")
        for what, rows in each.changes.samples.items():
            for code, text in rows[:5]:
                say(f"    {what} {code} {text}")
    for one in each.maps:
        gone = ", ".join(one.codes[:5])
        say(f"  {one.rows} rows of {one.url or one.name} lead from or to codes that are gone: {gone}")


@app.command("list")
def list_(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every version of every code system that is here; HL7's own small systems are always there."""
    terminology, shelves = _open(config, data)
    editions = terminology.systems()
    kept = [each for each in shelves.library.shelved() if not each.edition.url]
    if as_json:
        say_json({"systems": editions, "collections": kept})
        return
    rows = [(e.name, e.url, e.version.rpartition("/")[2], str(e.count), e.content) for e in editions]
    rows += [(e.edition.name, f"{len(e.kinds)} resources", e.edition.version, str(e.maps), "maps") for e in kept]
    table(("name", "system", "version", "concepts", "content"), rows)


@app.command("prepare")
def prepare(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Build what comes with the product now, so that nobody waits for it later; a few seconds, once a data folder."""
    _, shelves = _open(config, data)
    built = shelves.prepare()
    if as_json:
        say_json({"built": built})
        return
    say(f"built: {', '.join(built)}" if built else "everything is built already")


@app.command("remove")
def remove(system: SystemArgument, version: CodeArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """Take an imported version out of use and delete its file."""
    from unsilo.terminology.names import address

    _, shelves = _open(config, data)
    if not shelves.library.remove(address(system), version):
        fail(WRONG, f"there is no version {version} of {address(system)}", "unsilo terminology list")
    say("removed")


@app.command("lookup")
def lookup(
    system: SystemArgument, code: CodeArgument, version: VersionOption = "", data: DataOption = None,
    config: ConfigOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show all that is known of a code. Exit status 1 when there is no such code."""
    terminology, _ = _open(config, data)
    found = terminology.lookup(_of(terminology, system, version), code, version)
    if found is None:
        fail(FAILED, f"{code} is no code of {system}")
    if as_json:
        say_json(found)
        return
    say(f"{found.code}  {found.display}{'' if found.active else '  (inactive)'}")
    if found.definition:
        say(f"  {found.definition}")
    rows: list[tuple[str, Any]] = [(f"term {d.use}".strip(), d.term) for d in found.designations]
    rows += [(name, value) for name, value, _ in found.properties]
    rows += [("parent", f"{c}  {terminology.display(found.system, c)}") for c in found.parents]
    rows += [("child", f"{c}  {terminology.display(found.system, c)}") for c in found.children[:50]]
    rows += [(how.lower(), f"{c}  {terminology.display(found.system, c)}") for how, c in found.successors]
    for name, value in rows:
        say(f"  {name}: {value}")


@app.command("search")
def search(
    system: SystemArgument, text: Annotated[str, typer.Argument(metavar="TEXT")],
    within: Annotated[str, typer.Option("--within", metavar="CODE", help="Only this code and what is below it.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 20, data: DataOption = None,
    config: ConfigOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Find codes by the words of their terms; a word may be only begun. Exit status 1 when nothing is found."""
    terminology, _ = _open(config, data)
    found = terminology.search(text, _of(terminology, system), limit, within or None)
    if as_json:
        say_json(found)
        raise SystemExit(OK if found else FAILED)
    table(("code", "display", "term"), [(h.code, h.display, "" if h.term == h.display else h.term) for h in found])
    if not found:
        fail(FAILED, f"no code of {system} that is here has these words", "unsilo terminology list says what is here")


@app.command("expand")
def expand(
    value_set: Annotated[str, typer.Argument(metavar="VALUESET", help="Address, or a file with a ValueSet.")],
    text: Annotated[str, typer.Option("--filter", metavar="TEXT", help="Words of a term.")] = "",
    count: Annotated[int, typer.Option("--count", min=0, max=50_000)] = 100,
    offset: Annotated[int, typer.Option("--offset", min=0)] = 0,
    active: Annotated[bool, typer.Option("--active", help="Leave inactive codes out.")] = False,
    data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """List the codes of a value set, also of an implicit one such as http://snomed.info/sct?fhir_vs=ecl/<< 73211009."""
    from unsilo.kernel import json
    from unsilo.terminology import TerminologyError

    terminology, _ = _open(config, data)
    asked: Any = value_set
    if Path(value_set).is_file():
        try:
            asked = json.decode(Path(value_set).read_bytes())
        except ValueError as fault:
            fail(WRONG, f"{value_set} is not JSON: {fault}")
    try:
        page = terminology.page(asked, text=text, offset=offset, count=count, active=active)
    except TerminologyError as error:
        issues([error.issue])
        raise SystemExit(FAILED) from None
    if as_json:
        say_json(page)
        return
    table(("system", "code", "display"), [(m.system, m.code, m.display) for m in page.members])
    say(f"{len(page.members)} of {page.total if page.total is not None else 'many'}")


@app.command("translate")
def translate(
    system: SystemArgument, code: CodeArgument,
    target: Annotated[str, typer.Option("--target", metavar="SYSTEM", help="Only to this system.")] = "",
    reverse: Annotated[bool, typer.Option("--reverse", help="What leads to the code.")] = False,
    data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show where maps lead from a code. Exit status 1 when none does."""
    from unsilo.terminology.names import address

    terminology, _ = _open(config, data)
    found = terminology.translate(address(system), code, target and address(target), reverse=reverse)
    if as_json:
        say_json(found)
    else:
        table(("equivalence", "system", "code", "display", "map"), [
            (t.equivalence, t.system, t.code, t.display or terminology.display(t.system, t.code), t.map_url)
            for t in found
        ])  # fmt: skip
    if not found and not as_json:
        fail(FAILED, f"no map that is here leads {'to' if reverse else 'from'} {code} of {address(system)}")
    raise SystemExit(OK if found else FAILED)


@app.command("subsumes")
def subsumes(
    system: SystemArgument, one: Annotated[str, typer.Argument(metavar="CODE")],
    other: Annotated[str, typer.Argument(metavar="CODE")], data: DataOption = None, config: ConfigOption = None,
) -> None:  # fmt: skip
    """Say how the first code stands to the second: equivalent, subsumes, subsumed-by or not-subsumed."""
    terminology, _ = _open(config, data)
    found = terminology.subsumes(_of(terminology, system), one, other)
    if not found:
        fail(FAILED, f"{one} or {other} is no code of {system}")
    say(found)
