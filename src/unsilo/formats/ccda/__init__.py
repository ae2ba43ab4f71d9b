"""CDA R2 and C-CDA documents: safe XML, locators with byte spans, business keys."""

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.keys import Keys, keys
from unsilo.formats.ccda.locate import span
from unsilo.formats.ccda.names import SDTC, V3, XSI, label
from unsilo.formats.ccda.node import Node
from unsilo.formats.ccda.parse import parse
from unsilo.formats.ccda.valued import INFRASTRUCTURE, STRUCTURAL, own_text, valued

__all__ = [
    "INFRASTRUCTURE",
    "SDTC",
    "STRUCTURAL",
    "V3",
    "XSI",
    "Document",
    "Keys",
    "Node",
    "keys",
    "label",
    "own_text",
    "parse",
    "span",
    "valued",
]
