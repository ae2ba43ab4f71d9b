"""Import and export of decisions about local codes: files become proposals, decisions become files."""

from unsilo.fhir import codec, syntax
from unsilo.flow.csv_file import read_csv
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Result
from unsilo.kernel.limits import DEFAULT
from unsilo.terminology.maps import ELEMENTS, Entry
from unsilo.terminology.maps.files import COLUMNS, USAGI, concept_maps, of_concept_map, read_rows, to_csv, to_usagi

__all__ = ["export", "import_file", "read_file"]


def _defaults(element: str, system: str, target_system: str, feed: str) -> Entry:
    known = next((each for each in ELEMENTS.values() if each.path == element), None)
    wanted = target_system or (known.system if known is not None else "")
    return Entry("", element, system, "", wanted, "", feed=feed, origin="import")


def read_file(
    content: bytes, *, element: str = "Observation.code", system: str = "", target_system: str = "", feed: str = ""
) -> Result[list[Entry]]:
    """Read a CSV (ours or Usagi's) or a ConceptMap in JSON; the rest says what a file leaves open."""
    defaults = _defaults(element, system, target_system, feed)
    if content.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{":
        read = syntax.decode(content, DEFAULT)
        return Result(None, read.issues) if read.value is None else of_concept_map(read.value, defaults)
    columns = tuple(name.casefold() for name in (*COLUMNS, *USAGI))
    rows = read_csv(content, columns, ("code", "sourcecode"), "maps.file")
    if rows.value is None:
        return Result(None, rows.issues)
    found = read_rows(rows.value, defaults)
    return Result(found.value, [*rows.issues, *found.issues])


def import_file(service: Service, content: bytes, actor: str, reason: str, **said: str) -> Result[list[Entry]]:
    """Propose everything that a file says, all or nothing; what is decided already stays as it is."""
    read = read_file(content, **said)
    if read.value is None:
        return read
    if not read.value:
        return Result(None, [*read.issues, Issue("error", "structure", "the file has no codes", rule="maps.file")])
    done = service.maps.propose(read.value, actor, reason)
    return Result(done.value, [*read.issues, *done.issues])


def export(service: Service, form: str, state: str = "") -> bytes:
    """Return the decisions of a state (all without) as `csv`, `usagi` or `fhir` (a Bundle of ConceptMaps)."""
    entries = service.maps.entries(state)
    if form == "csv":
        return to_csv(entries).encode()
    if form == "usagi":
        return to_usagi(entries).encode()
    base = f"{service.settings.public_url.rstrip('/') or 'urn:unsilo'}/maps"
    return codec.encode({
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": each} for each in concept_maps(entries, base)],
    })  # fmt: skip
