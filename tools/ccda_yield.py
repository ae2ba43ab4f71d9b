"""How much of clinical documents becomes resources: entries and resources by section, over folders of documents.

python tools/ccda_yield.py FOLDER...        (default: c-cda-examples and ehr-ccda of UNSILO_CORPORA)
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Site, load

CLINICAL = frozenset(
    "AllergyIntolerance Condition MedicationRequest DiagnosticReport Observation Immunization Procedure Encounter Goal "
    "ServiceRequest FamilyMemberHistory MedicationAdministration Coverage CareTeam Device DeviceUseStatement "
    "DeviceRequest ImagingStudy DocumentReference".split()
)


class Yield:
    """Counts by section code: documents with it, entries in it, and those of which a resource was made."""

    def __init__(self) -> None:
        self.sections: Counter[str] = Counter()
        self.entries: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.titles: dict[str, str] = {}
        self.types: Counter[str] = Counter()
        self.refused: list[str] = []
        self.documents = 0
        self.values = self.unused = 0

    def add(self, path: Path, site: Site) -> None:
        """Map one document and count."""
        content = path.read_bytes()
        parsed = ccda.parse(content)
        if parsed.value is None:
            self.refused.append(f"{path.name}: {parsed.issues[-1].text}")
            return
        self.documents += 1
        mapped = load("ccda", site).run(parsed.value, seal("yield", "ccda", content, 0))
        self.types.update(e.resource["resourceType"] for e in mapped.entries)
        self.values += sum(1 for _ in ccda.valued(parsed.value))
        self.unused += len(mapped.unconsumed)
        cited = {
            str(row.source)
            for entry in mapped.entries
            if entry.resource["resourceType"] in CLINICAL
            for row in entry.rows
            if row.source
        }
        for section in parsed.value.root.iter():
            if section.name != "section":
                continue
            code, title = section.first("code"), section.first("title")
            key = (code.get("code") if code is not None else None) or "none"
            self.titles.setdefault(key, " ".join("".join(title.texts() if title is not None else []).split())[:40])
            self.sections[key] += 1
            for entry in section.by.get("entry", ()):
                place = entry.path or next((child.path for child in entry.kids), "")
                self.entries[key] += 1
                self.made[key] += any(source.startswith(place + "/") for source in cited) if place else 0

    def report(self) -> str:
        """Return the table as text."""
        lines = [f"{self.documents} documents, {len(self.refused)} refused", *(f"  refused {r}" for r in self.refused)]
        lines.append(f"{'section':<12}{'title':<42}{'sections':>9}{'entries':>9}{'read':>7}{'share':>7}")
        for key, count in self.entries.most_common(25):
            share = f"{self.made[key] / count:.2f}" if count else "-"
            row = f"{key:<12}{self.titles[key]:<42}{self.sections[key]:>9}{count:>9}{self.made[key]:>7}{share:>7}"
            lines.append(row)
        lines.append("resources: " + ", ".join(f"{kind} {count}" for kind, count in self.types.most_common()))
        lines.append(f"valued: {self.values}, listed as not consumed: {self.unused}")
        return "\n".join(lines)


def main(folders: list[str]) -> int:
    """Count over all XML files of the folders."""
    root = os.environ.get("UNSILO_CORPORA")
    if not folders and not root:
        sys.stderr.write("Name folders of documents, or set UNSILO_CORPORA.\n")
        return 2
    chosen = [Path(f) for f in folders] or [Path(str(root), name) for name in ("c-cda-examples", "ehr-ccda")]
    counted = Yield()
    for folder in chosen:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".xml"):
            counted.add(path, Site(feed="yield", organisation="yield"))
    sys.stdout.write(counted.report() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
