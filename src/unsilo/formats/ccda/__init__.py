"""CDA R2 and C-CDA documents: safe XML, locators with byte spans, business keys."""

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.keys import Keys, keys
from unsilo.formats.ccda.locate import span
from unsilo.formats.ccda.names import SDTC, V3, XSI, label
from unsilo.formats.ccda.parse import parse
from unsilo.formats.ccda.valued import valued

__all__ = ["SDTC", "V3", "XSI", "Document", "Keys", "keys", "label", "parse", "span", "valued"]
