"""RTF 1.9 to plain text: the words a report's author wrote, without layout; hostile input costs linear time."""

import re

__all__ = ["is_rtf", "rtf_text"]

_TOKEN = re.compile(r"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\")
_SKIPPED = frozenset(
    "fonttbl colortbl stylesheet info pict object header footer headerl headerr footerl footerr themedata datastore "
    "generator listtable listoverridetable rsidtbl xmlnstbl latentstyles fldinst bkmkstart bkmkend nonshppict "
    "mmathPr filetbl revtbl template operator author comment".split()
)
_SIGNS = {
    "par": "\n", "line": "\n", "sect": "\n\n", "page": "\n\n", "row": "\n", "cell": "\t", "tab": "\t",
    "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_ESCAPED = {"~": "\u00a0", "_": "-", "-": "", "\n": "\n", "\r": "\n"}


def is_rtf(text: str) -> bool:
    """Return True when the text begins as RTF does."""
    return text.lstrip()[:5] == "{\\rtf"


def rtf_text(text: str, *, limit: int = 2_000_000) -> str:
    """Return the readable text of an RTF document; at most `limit` characters, unknown control words are skipped."""
    out: list[str] = []
    size = 0
    stack: list[tuple[bool, int]] = []
    skip, width, pending = False, 1, 0
    codepage = "cp1252"
    starting = False
    for match in _TOKEN.finditer(text):
        word, value, byte, escaped, brace, plain = match.groups()
        if brace == "{":
            stack.append((skip, width))
            starting = True
            continue
        if brace == "}":
            skip, width = stack.pop() if stack else (False, 1)
            continue
        opening, starting = starting, False
        if word:
            if word == "ansicpg" and value and value.isdigit():
                codepage = _codepage(value)
            elif opening and word in _SKIPPED:
                skip = True
            elif word == "uc":
                width = max(0, min(8, int(value or 1)))
            elif word == "u" and value and not skip:
                out.append(_character(int(value)))
                pending = width
            elif word == "bin":
                skip = True
            elif word in _SIGNS and not skip:
                out.append(_SIGNS[word])
            continue
        if escaped == "*":
            skip = True
            continue
        piece = plain or ""
        if byte:
            piece = bytes([int(byte, 16)]).decode(codepage, "replace")
        elif escaped:
            piece = _ESCAPED.get(escaped, escaped if escaped in "\\{}" else "")
        if pending and piece:
            taken = min(pending, len(piece))
            piece, pending = piece[taken:], pending - taken
        if piece and not skip:
            out.append(piece)
            size += len(piece)
            if size > limit:
                break
    lines = [line.rstrip() for line in "".join(out).split("\n")]
    return "\n".join(lines).strip("\n")


def _character(value: int) -> str:
    value = value + 65536 if value < 0 else value
    return chr(value) if value < 0xD800 or 0xDFFF < value < 0x110000 else "\ufffd"


def _codepage(number: str) -> str:
    name = f"cp{number[:5]}"
    try:
        b"".decode(name)
    except LookupError:
        return "cp1252"
    return name
