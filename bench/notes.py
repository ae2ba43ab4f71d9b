"""Notes: how fast text is read, how much of it the dictionary takes, and C-CDA narrative against its coded entries."""

import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unsilo.config import Feed
from unsilo.flow.convert.bundle import convert_bytes
from unsilo.flow.notes.texts import texts
from unsilo.kernel import json
from unsilo.notes import Dictionary, Fact, read
from unsilo.notes.shipped import shipped_dictionary
from unsilo.notes.tables import rows
from unsilo.notes.tokens import tokens
from unsilo.terminology import shipped

Json = dict[str, Any]
_ENTRIES = {
    "Condition": ("problem", ("11450-4", "75310-3", "11348-0", "29308-4", "46241-6", "51848-0")),
    "MedicationRequest": ("medication", ("10160-0", "10183-2", "42346-7")),
    "MedicationStatement": ("medication", ("10160-0", "10183-2", "42346-7")),
    "AllergyIntolerance": ("allergy", ("48765-2",)),
}
"""Coded entry -> kind of fact, and the sections whose narrative states it."""


def note(draw: random.Random) -> str:
    """Return a made-up note of about 3 kB, of the room's terms and of words that mean nothing to it."""
    terms = [term for row in rows("problems") for term in row["terms"].split(";")]
    drugs = [term for row in rows("drugs") for term in row["terms"].split(";") if term]
    filler = "the patient was seen in clinic today and feels about the same as before without other news".split()
    out = []
    for heading in ("HPI", "PMH", "FAMILY HISTORY", "MEDICATIONS", "EXAM", "ASSESSMENT", "PLAN"):
        out.append(f"{heading}:")
        for _ in range(6):
            words = [draw.choice(filler) for _ in range(draw.randrange(6, 14))]
            words.insert(3, draw.choice(["denies", "with", "possible", "no", "history of"]) + " " + draw.choice(terms))
            words.append(f"{draw.choice(drugs)} {draw.choice((5, 10, 20))} mg daily")
            out.append(" ".join(words).capitalize() + ".")
    out.append("BP 132/84 HR 76 Temp 98.6 F SpO2 97% K 4.4 Cr 1.1 A1c 7.2%")
    return "\n".join(out)


def speed(dictionary: Dictionary) -> None:
    """Print kB a second of CPU on made-up notes, and on text that is made to be slow."""
    draw = random.Random(7)
    plain = [note(draw) for _ in range(200)]
    slow = ["HTN DM CAD MI RA MS " * 150, "no fever, possible gout " * 130, "mother had " * 270]
    for name, sample in (("notes", plain), ("only abbreviations, rules, relatives", slow * 10)):
        best = 0.0
        for _ in range(3):
            start = time.process_time()
            facts = sum(len(read(text, dictionary).facts) for text in sample)
            best = max(best, sum(len(text) for text in sample) / (time.process_time() - start))
        print(f"{name}: {best / 1000:,.0f} kB/s of CPU, {facts} facts in {sum(map(len, sample)) // 1000} kB")


def documents() -> Iterator[tuple[Json, list[Json]]]:
    """Yield each document of the corpus as its Composition and the resources of its Bundle."""
    folder = Path(os.environ.get("UNSILO_CORPORA", ""), "ehr-ccda")
    if not folder.is_dir():
        print("narrative: UNSILO_CORPORA names no folder that holds ehr-ccda")
        return
    for path in sorted(each for each in folder.rglob("*") if each.suffix.lower() == ".xml"):
        bundle = json.decode(convert_bytes(path.name, path.read_bytes(), Feed("ccda", "ccda")).bundle or b"{}")
        found = [entry["resource"] for entry in bundle.get("entry", ())]
        for resource_ in found:
            if resource_["resourceType"] == "Composition":
                yield resource_, found


def words(text: str) -> set[str]:
    """Return the words of a name as terms are compared."""
    return {token.form for token in tokens(text) if token.form and len(token.form) > 1}


def names_of(resource_: Json) -> list[str]:
    """Return what a coded entry is called."""
    concept = resource_.get("code") or resource_.get("medicationCodeableConcept") or {}
    return [t for t in [concept.get("text"), *(c.get("display") for c in concept.get("coding") or ())] if t]


def same(fact: Fact, entry: Json) -> bool:
    """Tell whether a fact and a coded entry speak of the same: a shared code, or names whose words are the same."""
    concept = entry.get("code") or entry.get("medicationCodeableConcept") or {}
    codes = {(c.get("system"), c.get("code")) for c in concept.get("coding") or ()}
    if codes & {(system, code) for system, code, _ in fact.coding}:
        return True
    told = [words(fact.text), *(words(display) for _, _, display in fact.coding)]
    for name in names_of(entry):
        said = words(name)
        if any(one and (one <= said or said <= one) for one in told):
            return True
    return False


def narrative(dictionary: Dictionary) -> None:
    """Print precision and recall of the narrative against the coded entries, with the reasons of what differs."""
    entries, missed = Counter[str](), Counter[tuple[str, str]]()
    right, extra = Counter[str](), Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], Counter[str]] = {}
    for composition, resources in documents():
        stated: dict[str, list[Fact]] = {}
        told: dict[str, str] = {}
        for text in texts(composition):
            kind = next((k for k, loincs in _ENTRIES.values() if text.heading.loinc in loincs), "")
            told[kind] = told.get(kind, "") + " " + text.plain.text
            if kind:
                found = read(text.plain, dictionary, text.heading).facts
                stated.setdefault(kind, []).extend(
                    f for f in found if f.kind == kind and not {"neg", "hyp", "poss"} & {s.what for s in f.said}
                )
        coded: dict[str, list[Json]] = {}
        for one in resources:
            if one["resourceType"] in _ENTRIES and names_of(one):
                coded.setdefault(_ENTRIES[one["resourceType"]][0], []).append(one)
        for kind, ones in coded.items():
            for one in ones:
                entries[kind] += 1
                if any(same(fact, one) for fact in stated.get(kind, ())):
                    continue
                known = set().union(*(words(name) for name in names_of(one)))
                share = len(known & words(told.get(kind, ""))) / max(1, len(known))
                reason = "not in the narrative" if share < 0.5 else "term not in the dictionary"
                missed[kind, reason] += 1
                examples.setdefault((kind, reason), Counter())[names_of(one)[0][:50]] += 1
        for kind, facts in stated.items():
            for fact in facts:
                if any(same(fact, one) for one in coded.get(kind, ())):
                    right[kind] += 1
                else:
                    reason = "no entry of that kind" if not coded.get(kind) else "not among the entries"
                    extra[kind, reason] += 1
                    examples.setdefault((kind, reason), Counter())[fact.text[:50]] += 1
    for kind, number in sorted(entries.items()):
        lost = sum(count for (k, _), count in missed.items() if k == kind)
        silent = missed[kind, "not in the narrative"]
        more = sum(count for (k, _), count in extra.items() if k == kind)
        agreed = right[kind] / max(1, right[kind] + more)
        print(
            f"narrative, {kind}: {number} coded entries, {number - lost} read ({(number - lost) / number:.3f}; "
            f"{(number - lost) / max(1, number - silent):.3f} of those the narrative names); "
            f"{right[kind]} facts agree with an entry, {more} have none ({agreed:.3f})"
        )
    for key, counted in sorted(examples.items()):
        most = ", ".join(f"{n} {text}" for text, n in counted.most_common(12))
        print(f"  {key[0]}, {key[1]}: {sum(counted.values())}: {most}")


def main() -> int:
    """Run all three."""
    start = time.process_time()
    dictionary = shipped_dictionary()
    built = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"dictionary: {len(dictionary):,} terms of {len(shipped.heads())} packed releases in {built:.1f} s of CPU, "
        f"{dictionary.size / 1e6:.1f} MB, {peak:.0f} MB at most in the process"
    )
    speed(dictionary)
    narrative(dictionary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
