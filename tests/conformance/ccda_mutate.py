"""Other documents of the same shape: dates moved, codes swapped, units, numbers and names changed, by a seed."""

import random
import re
from xml.etree import ElementTree

from tests.conformance.ccda_facts import V3, read

_TIMES = frozenset(("effectiveTime", "low", "high", "center", "time", "birthTime"))
_UNITS = ("mg/dL", "mmol/L", "g/L", "kg", "cm", "%", "mm[Hg]", "ug", "{tbl}")
_CODED = (
    f".//{V3}playingEntity/{V3}code",
    f".//{V3}manufacturedMaterial/{V3}code",
    f".//{V3}entry/{V3}procedure/{V3}code",
    f".//{V3}entry/{V3}encounter/{V3}code",
    f".//{V3}entry/{V3}organizer/{V3}component/{V3}observation/{V3}code",
    f".//{V3}entry/{V3}organizer/{V3}component/{V3}observation/{V3}value",
)


def mutate(content: bytes, seed: int) -> bytes:
    """Return a document that differs in all that it says and in nothing of how it says it."""
    chance = random.Random(seed)
    root = read(content)
    years = chance.randint(1, 9)
    for path in _CODED:
        for node in root.iterfind(path):
            for said in (node, *node.iterfind(f"{V3}translation")):
                if said.get("code"):
                    said.set("code", f"{said.get('code', '')[::-1].strip('-.')}{chance.randint(10, 99)}")
    for node in root.iter():
        name = str(node.tag).removeprefix(V3)
        value = node.get("value") or ""
        if name in _TIMES and re.match(r"(19|20)\d\d", value):
            node.set("value", f"{int(value[:4]) - years:04}{value[4:]}")
        elif name == "value" and re.fullmatch(r"\d{1,4}(\.\d{1,3})?", value):
            node.set("value", f"{chance.randint(1, 999)}.{chance.randint(1, 9)}" if "." in value else value + "1")
            if node.get("unit"):
                node.set("unit", chance.choice(_UNITS))
        elif name in ("family", "given") and node.text and node.text.strip():
            node.text = node.text.strip()[::-1].capitalize()
    return ElementTree.tostring(root, encoding="utf-8")
